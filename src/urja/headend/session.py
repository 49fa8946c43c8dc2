"""One session with one meter.

IS 15959-2: the utility client associates with HLS (mechanism 5, GMAC, or 2, with a secret of the meter) and
everything after it is authenticated and encrypted. The invocation counter that the meter has last seen of a client
can be read through the public client.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from urja.cosem.acse import Mechanism
from urja.cosem.apdu import AccessResult, ActionResult, Conformance
from urja.cosem.association import (
    ActionResult as ActionDone,
    Associated,
    AssociationConfig,
    ClientAssociation,
    ClientEvent,
    GetListResult,
    GetResult,
    NeedsSend,
    Notified,
    SetListResult,
    SetResult,
    State,
)
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import Associations
from urja.cosem.errors import CosemError, PeerError, ServiceRejectedError
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.security import SuiteKeys
from urja.cosem.xdlms.selection import Access
from urja.headend.apdu_channel import ApduChannel
from urja.headend.failures import FailureKind, SessionFailedError, from_cosem
from urja.headend.invocation_counters import Counters
from urja.headend.round_trips import Purpose, RoundTrips

log = structlog.get_logger()

_MAKER: Final = b"URJ"

PUBLIC_SAP: Final = 16
READER_SAP: Final = 32
UTILITY_SAP: Final = 48
SERVER_SAP: Final = 1
READER_COUNTER: Final = "0.0.43.1.2.255"
UTILITY_COUNTER: Final = "0.0.43.1.3.255"
_COUNTER_OBIS: Final = {READER_SAP: READER_COUNTER, UTILITY_SAP: UTILITY_COUNTER, 80: "0.0.43.1.5.255"}
"""The counter object of a client, by the standard's SAPs (IS 15959-2)."""


@dataclass(frozen=True, slots=True)
class Client:
    """Our identity towards a meter. `keys` None: without ciphering. `secret`: of LLS and of the HLS mechanism that
    takes one.
    """

    sap: int = UTILITY_SAP
    mechanism: Mechanism = Mechanism.HLS_GMAC
    keys: SuiteKeys | None = field(default=None, repr=False)
    secret: bytes = field(default=b"", repr=False)
    title: bytes = b""
    """System title of 8 bytes, where the client ciphers; see `random_title`."""
    server_sap: int = SERVER_SAP
    public_sap: int = PUBLIC_SAP
    counter_obis: str | None = None
    """The object with this client's counter in the meter; None: the standard's for the SAP."""
    first_counter: int | None = None
    """The invocation counter to begin with; None: the meter's own counter object is read."""

    @property
    def ciphered(self) -> bool:
        """Whether the client authenticates and encrypts its APDUs."""
        return self.keys is not None


def random_title() -> bytes:
    """A system title of our own with 40 random bits.

    A nonce is a title and a counter (IEC 62056-5-3, 5.3.4.8.2). Counters come from a store that can be lost or
    restored from an older copy; under a title that was never used before, all of them are free.
    """
    return _MAKER + secrets.token_bytes(5)


def utility_client(saps: Associations, title: bytes) -> Client:
    """The utility client of a meter type under a system title (8 bytes), without keys and secret."""
    return Client(
        title=title,
        sap=saps.utility_sap,
        mechanism=Mechanism(saps.hls_mechanism),
        server_sap=saps.server_sap,
        public_sap=saps.public_sap,
        counter_obis=UTILITY_COUNTER,
    )


class Session:
    """An open association. Protocol errors become `SessionFailedError`."""

    key_id: bytes = b""
    """The id of the meter's key pair that the session was opened with."""
    by_new_secret: bool = False
    """Whether it was opened with the HLS secret that the meter is being given."""

    def __init__(
        self,
        channel: ApduChannel,
        association: ClientAssociation,
        client_sap: int,
        trips: RoundTrips,
        purpose: Purpose | None = None,
    ) -> None:
        self.association = association
        self.trips = trips
        self._channel = channel
        self._sap = client_sap
        self._purpose = purpose
        """The purpose of all its round trips, where they have only one."""
        self._reopen: Callable[[], Awaitable[Session]] | None = None

    @property
    def unanswered(self) -> bool:
        """Whether it continues in a pooled association and the meter has not answered in it yet."""
        return self._reopen is not None

    def resume(self, reopen: Callable[[], Awaitable["Session"]]) -> None:
        """Continue in a pooled association; where the meter has ended it meanwhile, `reopen` opens another one, once."""
        self._reopen = reopen

    async def get(self, attribute: CosemAttribute, access: Access | None = None) -> Data:
        """Read one attribute. Raises SessionFailedError (refused) where the meter gives a reason instead of a value."""
        try:
            event = await self._service(lambda association: association.get(attribute, access))
            value = event.data if isinstance(event, GetResult) else None
        except ServiceRejectedError as error:
            what = f"{attribute.obis} attribute {attribute.attribute} of class {attribute.class_id}"
            raise SessionFailedError(FailureKind.REFUSED, f"{what}: {error}") from error
        except CosemError as error:
            raise from_cosem(error) from error
        if value is None:
            raise SessionFailedError(FailureKind.PROTOCOL, f"{type(event).__name__} answers a GET")
        return value

    async def get_each(self, attributes: Sequence[CosemAttribute]) -> list[Data | None]:
        """Read several attributes, in one request where the meter supports it; None where it gives no value. Raises
        SessionFailedError.
        """
        if not attributes:
            return []
        if not self.association.conformance & Conformance.MULTIPLE_REFERENCES:
            return [await self._get_or_none(attribute) for attribute in attributes]
        found: list[Data | None] = []
        for start in range(0, len(attributes), 20):
            part = [(attribute, None) for attribute in attributes[start : start + 20]]
            try:
                event = await self._service(partial(_get_list, part))
            except CosemError as error:
                raise from_cosem(error) from error
            if not isinstance(event, GetListResult) or len(event.results) != len(part):
                raise SessionFailedError(FailureKind.PROTOCOL, "a list of reads is not answered one by one")
            found += [None if isinstance(result, AccessResult) else result for result in event.results]
        return found

    async def set(self, attribute: CosemAttribute, value: Data) -> None:
        """Write one attribute. Raises SessionFailedError (refused, busy) where the meter does not take the value."""
        try:
            event = await self._service(lambda association: association.set(attribute, value))
        except CosemError as error:
            raise from_cosem(error) from error
        if not isinstance(event, SetResult):
            raise SessionFailedError(FailureKind.PROTOCOL, f"{type(event).__name__} answers a SET")
        _require_written(attribute, event.result)

    async def set_each(self, values: Mapping[CosemAttribute, Data]) -> None:
        """Write several attributes in order, in one request where the meter supports it. Raises SessionFailedError
        where one is not taken.
        """
        if len(values) < 2 or not self.association.conformance & Conformance.MULTIPLE_REFERENCES:
            for attribute, value in values.items():
                await self.set(attribute, value)
            return
        try:
            event = await self._service(
                lambda association: association.set_list(
                    [(attribute, None) for attribute in values], [*values.values()]
                )
            )
        except CosemError as error:
            raise from_cosem(error) from error
        if not isinstance(event, SetListResult) or len(event.results) != len(values):
            raise SessionFailedError(FailureKind.PROTOCOL, "a list of writes is not answered one by one")
        for attribute, result in zip(values, event.results, strict=True):
            _require_written(attribute, result)

    async def action(self, method: CosemMethod, parameter: Data | None = None) -> None:
        """Invoke one method. Raises SessionFailedError (refused, busy) where the meter does not carry it out."""
        try:
            event = await self._service(lambda association: association.action(method, parameter))
        except CosemError as error:
            raise from_cosem(error) from error
        if not isinstance(event, ActionDone):
            raise SessionFailedError(FailureKind.PROTOCOL, f"{type(event).__name__} answers an ACTION")
        if event.result is not ActionResult.SUCCESS:
            what = f"method {method.method} of {method.obis}"
            raise _refusal(event.result.name, what, busy=event.result is ActionResult.TEMPORARY_FAILURE)

    async def _get_or_none(self, attribute: CosemAttribute) -> Data | None:
        try:
            return await self.get(attribute)
        except SessionFailedError as failure:
            if failure.kind is FailureKind.REFUSED:
                return None
            raise

    async def open(self) -> None:
        """Associate. Raises SessionFailedError."""
        try:
            event = await self._exchange(self.association.associate(), Purpose.ASSOCIATION)
        except CosemError as error:
            raise from_cosem(error) from error
        if not isinstance(event, Associated):
            raise SessionFailedError(FailureKind.PROTOCOL, f"{type(event).__name__} answers an AARQ")

    async def close(self) -> None:
        """Release the association if the meter still answers; a failure here is ignored, because the session has
        ended.
        """
        if self.association.state is State.IDLE:
            return
        try:
            await self._exchange(self.association.release(), Purpose.RELEASE)
        except (CosemError, SessionFailedError):
            # The meter drops the association when a new one opens.
            self.association.lost()

    async def _service(self, request: Callable[[ClientAssociation], bytes]) -> ClientEvent:
        """Request one service; once more in a new association where the meter has ended the pooled one.

        A meter that has ended the association has carried nothing out. If the refusal is forged, the meter receives
        the same request twice, which is harmless because commands set a state and do not change one.
        """
        try:
            event = await self._exchange(request(self.association))
        except PeerError as error:
            if self._reopen is None:
                raise
            log.info("the pooled association is opened again", why=str(error))
            reopen, self._reopen = self._reopen, None
            self.association = (await reopen()).association
            return await self._exchange(request(self.association))
        self._reopen = None
        return event

    async def _exchange(self, apdu: bytes, purpose: Purpose = Purpose.REQUEST) -> ClientEvent:
        """Send a request, follow blocks and proofs, return the event that ends the exchange."""
        purpose = self._purpose or purpose
        self._send(apdu, purpose)
        while True:
            for event in self.association.receive(await self._channel.receive(self._sap)):
                if isinstance(event, NeedsSend):
                    self._send(event.apdu, purpose)
                elif not isinstance(event, Notified):
                    return event

    def _send(self, apdu: bytes, purpose: Purpose) -> None:
        self.trips[purpose] += 1
        self._channel.send(self._sap, apdu)


def _require_written(attribute: CosemAttribute, result: AccessResult) -> None:
    if result is not AccessResult.SUCCESS:
        what = f"writing {attribute.obis} attribute {attribute.attribute}"
        raise _refusal(result.name, what, busy=result is AccessResult.TEMPORARY_FAILURE)


def _refusal(result: str, what: str, *, busy: bool) -> SessionFailedError:
    kind = FailureKind.BUSY if busy else FailureKind.REFUSED
    return SessionFailedError(kind, f"{what}: {result.lower().replace('_', ' ')}")


class AssociationOpener:
    """Opens associations of one client with one meter, each with invocation counters that were never used before.

    Counters are reserved under `name`; where `title` is given, a meter with another system title is refused.
    """

    def __init__(self, client: Client, counters: Counters, name: str, title: bytes | None = None) -> None:
        self._client = client
        self._counters = counters
        self._name = name
        self._title = title

    async def open(self, channel: ApduChannel, trips: RoundTrips) -> Session:
        """Open a session. Raises SessionFailedError and, from the reservation of counters, StreamError.

        Where our counter is known it is used. The meter's own is read where ours is not known, and after a refusal,
        which may have any reason: only where the meter's counter is above ours was it the reason, and the association
        is tried once more with a counter above it.
        """
        if not self._client.ciphered:
            return await self._associate(channel, trips, (0, 0))
        block = await self._counters.known(self._name)
        if block is None:
            return await self._associate(
                channel, trips, await self._above(await self._last_seen(channel, trips))
            )
        try:
            return await self._associate(channel, trips, block)
        except SessionFailedError as failure:
            if failure.kind not in _MAY_BE_THE_COUNTER:
                # Some meters drop a message under a counter that they have seen, without an answer.
                self._counters.doubt(self._name)
                raise
            last_seen = await self._asked_why(channel, trips, failure)
            if last_seen < self._counters.next_of(self._name):
                raise
        return await self._associate(channel, trips, await self._above(last_seen))

    def resume(self, channel: ApduChannel, association: ClientAssociation, trips: RoundTrips) -> Session:
        """Return a session in an association that is still open."""
        session = Session(channel, association, self._client.sap, trips)

        def reopen() -> Awaitable[Session]:
            self.give_back(association)
            return self.open(channel, trips)

        session.resume(reopen)
        return session

    def give_back(self, association: ClientAssociation) -> None:
        """Return the unused counters of an association for the next one; this association sends nothing more."""
        if self._client.ciphered:
            first, limit = association.invocation_counter, association.invocation_limit
            # Given back twice, counters that were used since the first time would be used again.
            association.invocation_limit = first
            self._counters.give_back(self._name, first, limit)

    async def _associate(self, channel: ApduChannel, trips: RoundTrips, block: tuple[int, int]) -> Session:
        client, (first, limit) = self._client, block
        association = ClientAssociation(
            AssociationConfig(
                mechanism=client.mechanism,
                ciphered=client.ciphered,
                keys=client.keys,
                system_title=client.title if client.ciphered else None,
                secret=client.secret,
            ),
            invocation_counter=first,
            invocation_limit=limit,
            peer_system_title=self._title,
            entropy=secrets.token_bytes,
        )
        session = Session(channel, association, client.sap, trips)
        try:
            await session.open()
            if self._title is not None:
                _require_title(association.peer_system_title, self._title)
        except BaseException:
            self.give_back(association)
            raise
        self._counters.trust(self._name)
        return session

    async def _above(self, last_seen: int) -> tuple[int, int]:
        return await self._counters.above(self._name, last_seen)

    async def _last_seen(self, channel: ApduChannel, trips: RoundTrips) -> int:
        given = self._client.first_counter
        return given - 1 if given is not None else await read_counter(channel, self._client, trips)

    async def _asked_why(self, channel: ApduChannel, trips: RoundTrips, refusal: SessionFailedError) -> int:
        """The meter's own counter after a refusal. Raises the refusal itself where the meter does not give the
        counter.
        """
        try:
            return await read_counter(channel, self._client, trips)
        except SessionFailedError as failure:
            if failure.transient:
                raise
            raise refusal from failure


_MAY_BE_THE_COUNTER: Final = frozenset({FailureKind.REFUSED, FailureKind.WRONG_KEY})
"""Failures by which a meter may refuse a counter that is too low: meters share no diagnostic or exception for it."""


@asynccontextmanager
async def open_session(
    channel: ApduChannel,
    peer: AssociationOpener,
    trips: RoundTrips | None = None,
    *,
    pooled: ClientAssociation | None = None,
    keep: Callable[[ClientAssociation], bool] | None = None,
) -> AsyncIterator[Session]:
    """Open a session over a channel, in the association `pooled` where one is given.

    It is released on leaving, unless `keep` takes the association. Raises SessionFailedError and, from the
    reservation of counters, StreamError.
    """
    trips = RoundTrips() if trips is None else trips
    session = await peer.open(channel, trips) if pooled is None else peer.resume(channel, pooled, trips)
    taken = False
    try:
        yield session
    except SessionFailedError as failure:
        # A meter that only refused still has its association open; after other failures there is nothing to release.
        if failure.kind in (FailureKind.REFUSED, FailureKind.OURS):
            await session.close()
        raise
    else:
        taken = session.association.state is State.READY and keep is not None and keep(session.association)
        if not taken:
            await session.close()
    finally:
        if not taken:
            peer.give_back(session.association)


def _require_title(answering: bytes | None, wanted: bytes) -> None:
    if answering not in (None, wanted):
        shown = answering.hex() if answering else "none"
        raise SessionFailedError(FailureKind.WRONG_KEY, f"another meter answers: its system title is {shown}")


async def read_counter(channel: ApduChannel, client: Client, trips: RoundTrips) -> int:
    """Read the 32-bit invocation counter that the meter last accepted from this client. Raises SessionFailedError.

    The public association is not authenticated: `invocation_counters` limits the effect of a wrong value.
    """
    obis = client.counter_obis or _COUNTER_OBIS.get(client.sap)
    if obis is None:
        raise SessionFailedError(FailureKind.OURS, f"no counter object is known for client SAP {client.sap}")
    association = ClientAssociation(AssociationConfig())
    public = Session(channel, association, client.public_sap, trips, Purpose.COUNTER)
    await public.open()
    value = await public.get(CosemAttribute.of(1, obis, 2))
    await public.close()
    if value.tag not in (Tag.UINT32, Tag.UINT16, Tag.UINT64, Tag.UINT8):
        raise SessionFailedError(FailureKind.PROTOCOL, f"the invocation counter is {value.tag.name}")
    return int(value.value)


def _get_list(part: Sequence[tuple[CosemAttribute, Access | None]], association: ClientAssociation) -> bytes:
    return association.get_list(part)
