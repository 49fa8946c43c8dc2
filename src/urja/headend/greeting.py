"""Asking who is there: a connection whose meter has not pushed yet, while an order waits for a meter that is not here.

A meter is known by its first authentic push, which may be half an hour away when it has only dialled in again. The
public association tells a serial number at once. That is a claim and no proof: it is only used to try a session
there, in which both sides prove their keys; a claim that fails is forgotten with its connection.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from urja.cosem.association import AssociationConfig, ClientAssociation
from urja.cosem.axdr import Tag
from urja.cosem.obis import CosemAttribute
from urja.headend.failures import FailureKind, SessionFailed
from urja.headend.gate import Gate, MeterConnection
from urja.headend.line import Line
from urja.headend.roster import Meter, Roster
from urja.headend.session import PUBLIC_SAP, SERVER_SAP, Session

log = structlog.get_logger()

_SERIAL: Final = CosemAttribute.of(1, "0.0.96.1.0.255", 2)
_LOOK_S: Final = 0.25
_AT_ONCE: Final = 128
_ASK_AGAIN_S: Final = 60.0


class Greeter:
    """Keeps which meter a connection claims to be. `wanted` says whether anybody waits for one."""

    def __init__(self, gate: Gate, roster: Roster, wanted: Callable[[], bool]) -> None:
        self._gate = gate
        self._roster = roster
        self._wanted = wanted
        self._asked: dict[MeterConnection, float] = {}
        self._claims: dict[bytes, list[MeterConnection]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    def claimed(self, meter: Meter) -> MeterConnection | None:
        """The oldest connection that claims to be this meter and is free; none where there is none."""
        for connection in self._claims.get(meter.entry.system_title, ()):
            if connection.transport is not None and connection.on_answer is None:
                return connection
        return None

    def settle(self, meter: Meter, connection: MeterConnection, *, proven: bool) -> None:
        """A session over a claimed connection has proven the claim, or not."""
        claims = self._claims.get(meter.entry.system_title, [])
        if connection in claims:
            claims.remove(connection)
        if proven and connection.transport is not None:
            self._gate.recognise(connection, meter)

    async def run(self) -> None:
        """Look for strangers while somebody waits, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(_LOOK_S)
                self._forget()
                if self._wanted():
                    for connection in self._strangers():
                        self._asked[connection] = self._gate.now_s()
                        group.create_task(self._ask(connection))

    def _strangers(self) -> list[MeterConnection]:
        again_s = self._gate.now_s() - _ASK_AGAIN_S
        return [
            connection
            for connection in self._gate._connections  # noqa: SLF001 - the gate knows nobody else who asks
            if connection.slot < 0
            and connection.transport is not None
            and connection.on_answer is None
            and self._asked.get(connection, again_s) <= again_s
        ]

    def _forget(self) -> None:
        for connection in [known for known in self._asked if known.transport is None]:
            del self._asked[connection]
        for title, claims in list(self._claims.items()):
            claims[:] = [known for known in claims if known.transport is not None]
            if not claims:
                del self._claims[title]

    async def _ask(self, connection: MeterConnection) -> None:
        async with self._room:
            try:
                serial = await _read_serial(connection)
            except SessionFailed as failure:
                log.info(
                    "a connection does not say whose it is", peer=connection.describe(), why=str(failure)
                )
                return
        title = self._roster.serials.get(serial)
        if title is not None:
            self._claims.setdefault(title, []).append(connection)


async def _read_serial(connection: MeterConnection) -> str:
    if connection.on_answer is not None:
        raise SessionFailed(FailureKind.BUSY, "a session has begun on it")
    with Line(connection, SERVER_SAP) as line:
        public = Session(line, ClientAssociation(AssociationConfig()), PUBLIC_SAP)
        await public.open()
        value = await public.get(_SERIAL)
        await public.close()
    if value.tag not in (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        raise SessionFailed(FailureKind.PROTOCOL, f"a serial number that is {value.tag.name}")
    return value.value if isinstance(value.value, str) else value.value.decode("ascii", "replace")
