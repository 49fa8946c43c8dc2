"""One session with one meter: the public association for its counter, then the one that may read.

IS 15959-2: the invocation counter of a ciphered association is readable through the public client; the utility
client opens with HLS (mechanism 5, GMAC, or 2, by a secret of the meter) and everything after it is authenticated and encrypted.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from urja.cosem.acse import Mechanism
from urja.cosem.apdu import AccessResult, ActionResult, Conformance
from urja.cosem.association import ActionResult as ActionDone
from urja.cosem.association import (
    Associated,
    AssociationConfig,
    ClientAssociation,
    ClientEvent,
    GetListResult,
    GetResult,
    NeedsSend,
    Notified,
    SetResult,
    State,
)
from urja.cosem.axdr import Data, Tag
from urja.cosem.errors import CosemError, ServiceRejected
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.security import SuiteKeys
from urja.cosem.xdlms.selection import Access
from urja.headend.counters import Counters
from urja.headend.failures import FailureKind, SessionFailed, from_cosem
from urja.headend.line import Line

CLIENT_TITLE: Final = b"URJ\0\0HES"
"""System title of the head ends of one installation. Their counters are reserved in common."""

PUBLIC_SAP: Final = 16
READER_SAP: Final = 32
UTILITY_SAP: Final = 48
SERVER_SAP: Final = 1
_COUNTER_OBIS: Final = {READER_SAP: "0.0.43.1.2.255", UTILITY_SAP: "0.0.43.1.3.255", 80: "0.0.43.1.5.255"}


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are to a meter. `keys` None: without ciphering. `secret`: of LLS and of the HLS that takes one."""

    sap: int = UTILITY_SAP
    mechanism: Mechanism = Mechanism.HLS_GMAC
    keys: SuiteKeys | None = field(default=None, repr=False)
    secret: bytes = field(default=b"", repr=False)
    title: bytes = CLIENT_TITLE
    server_sap: int = SERVER_SAP
    public_sap: int = PUBLIC_SAP
    first_counter: int | None = None
    """The invocation counter to begin with. None: the meter's own counter object says where it stands."""

    @property
    def ciphered(self) -> bool:
        return self.keys is not None


class Session:
    """An open association. Errors of the protocol become `SessionFailed`."""

    key_id: bytes = b""
    """Which of the meter's pairs of keys it was opened under."""

    def __init__(self, line: Line, association: ClientAssociation, client_sap: int) -> None:
        self._line = line
        self._association = association
        self._sap = client_sap

    async def get(self, attribute: CosemAttribute, access: Access | None = None) -> Data:
        """Read one attribute; SessionFailed (refused) where the meter gives a reason instead."""
        try:
            event = await self._exchange(self._association.get(attribute, access))
            value = event.data if isinstance(event, GetResult) else None
        except ServiceRejected as error:
            what = f"{attribute.obis} attribute {attribute.attribute} of class {attribute.class_id}"
            raise SessionFailed(FailureKind.REFUSED, f"{what}: {error}") from error
        except CosemError as error:
            raise from_cosem(error) from error
        if value is None:
            raise SessionFailed(FailureKind.PROTOCOL, f"{type(event).__name__} answers a GET")
        return value

    async def get_each(self, attributes: Sequence[CosemAttribute]) -> list[Data | None]:
        """Read several attributes, at once where the meter can; None where it gives no value."""
        if not attributes:
            return []
        if not self._association.conformance & Conformance.MULTIPLE_REFERENCES:
            return [await self._get_or_none(attribute) for attribute in attributes]
        found: list[Data | None] = []
        for start in range(0, len(attributes), 20):
            part = [(attribute, None) for attribute in attributes[start : start + 20]]
            try:
                event = await self._exchange(self._association.get_list(part))
            except CosemError as error:
                raise from_cosem(error) from error
            if not isinstance(event, GetListResult) or len(event.results) != len(part):
                raise SessionFailed(FailureKind.PROTOCOL, "a list of reads is not answered one by one")
            found += [None if isinstance(result, AccessResult) else result for result in event.results]
        return found

    async def set(self, attribute: CosemAttribute, value: Data) -> None:
        """Write one attribute; SessionFailed (refused, busy) where the meter does not take it."""
        try:
            event = await self._exchange(self._association.set(attribute, value))
        except CosemError as error:
            raise from_cosem(error) from error
        if not isinstance(event, SetResult):
            raise SessionFailed(FailureKind.PROTOCOL, f"{type(event).__name__} answers a SET")
        if event.result is not AccessResult.SUCCESS:
            what = f"writing {attribute.obis} attribute {attribute.attribute}"
            raise _refusal(event.result.name, what, busy=event.result is AccessResult.TEMPORARY_FAILURE)

    async def action(self, method: CosemMethod, parameter: Data | None = None) -> None:
        """Invoke one method; SessionFailed (refused, busy) where the meter does not carry it out."""
        try:
            event = await self._exchange(self._association.action(method, parameter))
        except CosemError as error:
            raise from_cosem(error) from error
        if not isinstance(event, ActionDone):
            raise SessionFailed(FailureKind.PROTOCOL, f"{type(event).__name__} answers an ACTION")
        if event.result is not ActionResult.SUCCESS:
            what = f"method {method.method} of {method.obis}"
            raise _refusal(event.result.name, what, busy=event.result is ActionResult.TEMPORARY_FAILURE)

    async def _get_or_none(self, attribute: CosemAttribute) -> Data | None:
        try:
            return await self.get(attribute)
        except SessionFailed as failure:
            if failure.kind is FailureKind.REFUSED:
                return None
            raise

    async def open(self) -> None:
        """Associate; raises SessionFailed."""
        try:
            event = await self._exchange(self._association.associate())
        except CosemError as error:
            raise from_cosem(error) from error
        if not isinstance(event, Associated):
            raise SessionFailed(FailureKind.PROTOCOL, f"{type(event).__name__} answers an AARQ")

    async def close(self) -> None:
        """Release, as far as the meter still listens: a session that failed is not made to fail twice."""
        if self._association.state is State.IDLE:
            return
        try:
            await self._exchange(self._association.release())
        except (CosemError, SessionFailed):
            # The meter drops the association when a new one opens.
            self._association.lost()

    async def _exchange(self, apdu: bytes) -> ClientEvent:
        """Send, follow blocks and proofs, return the event that ends the exchange."""
        self._line.send(self._sap, apdu)
        while True:
            for event in self._association.receive(await self._line.receive(self._sap)):
                if isinstance(event, NeedsSend):
                    self._line.send(self._sap, event.apdu)
                elif not isinstance(event, Notified):
                    return event


def _refusal(result: str, what: str, *, busy: bool) -> SessionFailed:
    kind = FailureKind.BUSY if busy else FailureKind.REFUSED
    return SessionFailed(kind, f"{what}: {result.lower().replace('_', ' ')}")


@asynccontextmanager
async def open_session(
    line: Line, client: Client, counters: Counters, name: str, meter_title: bytes | None = None
) -> AsyncIterator[Session]:
    """An open session over a line that is held; released on leaving.

    `name` is what the counters are reserved under; with a `meter_title` no other meter is taken.
    Raises SessionFailed and, from the reservation, StreamError.
    """
    first, limit = 0, 0
    if client.ciphered:
        given = client.first_counter
        at_least = given if given is not None else await read_counter(line, client) + 1
        first, limit = await counters.reserve(name, at_least)
    association = ClientAssociation(
        AssociationConfig(
            mechanism=client.mechanism,
            ciphered=client.ciphered,
            keys=client.keys,
            system_title=client.title if client.ciphered else None,
            secret=client.secret,
        ),
        invocation_counter=first,
        invocation_limit=max(limit, first),
        peer_system_title=meter_title,
        entropy=secrets.token_bytes,
    )
    session = Session(line, association, client.sap)
    try:
        await session.open()
        if meter_title is not None:
            _require_title(association.peer_system_title, meter_title)
        yield session
    except SessionFailed as failure:
        # A meter that only said no still has its association open; with the others there is nobody to ask.
        if failure.kind in (FailureKind.REFUSED, FailureKind.OURS):
            await session.close()
        raise
    else:
        await session.close()
    finally:
        if client.ciphered:
            counters.give_back(name, association.invocation_counter, limit)


def _require_title(answering: bytes | None, wanted: bytes) -> None:
    if answering not in (None, wanted):
        shown = answering.hex() if answering else "none"
        raise SessionFailed(FailureKind.WRONG_KEY, f"another meter answers: its system title is {shown}")


async def read_counter(line: Line, client: Client) -> int:
    """The invocation counter that the meter last accepted from this client; raises SessionFailed.

    The public association proves nothing: a wrong value makes the ciphered one fail, no more.
    """
    obis = _COUNTER_OBIS.get(client.sap)
    if obis is None:
        raise SessionFailed(FailureKind.OURS, f"no counter object is known for client SAP {client.sap}")
    public = Session(line, ClientAssociation(AssociationConfig()), client.public_sap)
    await public.open()
    value = await public.get(CosemAttribute.of(1, obis, 2))
    await public.close()
    if value.tag not in (Tag.UINT32, Tag.UINT16, Tag.UINT64, Tag.UINT8):
        raise SessionFailed(FailureKind.PROTOCOL, f"the invocation counter is {value.tag.name}")
    return int(value.value)
