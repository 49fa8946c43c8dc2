"""How a meter is reached: one session at a time, by one head end, over its own connection or one dialled to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from urja.cosem.acse import Mechanism
from urja.headend.counters import ReservedCounters
from urja.headend.failures import FailureKind, SessionFailed
from urja.headend.gate import Gate, MeterConnection
from urja.headend.line import DialledConnection, Line, dial, parse_address
from urja.headend.roster import Meter
from urja.headend.session import Client, Session, open_session
from urja.stream import Broker
from urja.stream.errors import StreamError


class Reach:
    """Sessions with meters. `owner` names this head end where several share an installation."""

    def __init__(self, broker: Broker, gate: Gate, owner: str) -> None:
        self._broker = broker
        self._gate = gate
        self._owner = owner
        self.counters = ReservedCounters(broker)
        self._locks: dict[bytes, asyncio.Lock] = {}

    def is_here(self, meter: Meter) -> bool:
        """Whether the meter has a connection to this head end."""
        connection = self._gate.by_slot.get(meter.slot)
        return connection is not None and connection.transport is not None

    @asynccontextmanager
    async def session(self, meter: Meter) -> AsyncIterator[Session]:
        """An open session as the utility, released on leaving.

        Raises SessionFailed and, where the broker is away or refuses, StreamError.
        """
        title = meter.entry.system_title
        lock = self._locks.setdefault(title, asyncio.Lock())
        # The name is that of the counters: they begin anew with a key change.
        name = f"{title.hex()}-{meter.key_id.hex()}"
        async with (
            lock,
            self._line(meter) as line,
            self._lease(meter),
            open_session(line, client_of(meter), self.counters, name, title) as session,
        ):
            yield session

    @asynccontextmanager
    async def _lease(self, meter: Meter) -> AsyncIterator[None]:
        revision = await self._broker.take_lease(meter.entry.key, self._owner)
        if revision is None:
            raise SessionFailed(FailureKind.ELSEWHERE, "another head end is in session with the meter")
        try:
            yield
        finally:
            await self._give_back(meter.entry.key, revision)

    async def _give_back(self, key: str, revision: int) -> None:
        try:
            await self._broker.free_lease(key, revision)
        except StreamError:
            # It runs out by itself, and this head end may take it anew before.
            return

    @asynccontextmanager
    async def _line(self, meter: Meter) -> AsyncIterator[Line]:
        server_sap = meter.compiled.device_type.associations.server_sap
        carrier = await self._carrier(meter)
        try:
            with Line(carrier, server_sap) as line:
                yield line
        except SessionFailed as failure:
            # Out of step or silent: the next session begins with a fresh connection.
            if failure.kind in (FailureKind.TIMEOUT, FailureKind.PROTOCOL, FailureKind.WRONG_KEY):
                carrier.close()
            raise
        finally:
            if isinstance(carrier, DialledConnection):
                carrier.close()

    async def _carrier(self, meter: Meter) -> MeterConnection | DialledConnection:
        dialled_in = self._gate.by_slot.get(meter.slot)
        if dialled_in is not None and dialled_in.transport is not None and dialled_in.on_answer is None:
            return dialled_in
        address = meter.entry.address
        if address is None:
            raise SessionFailed(FailureKind.UNREACHABLE, "the meter has not dialled in")
        try:
            host, port = parse_address(address)
        except ValueError as error:
            raise SessionFailed(FailureKind.OURS, str(error)) from error
        return await dial(host, port, self._gate.pushes_of(address))


def client_of(meter: Meter) -> Client:
    """The head end's own client: the utility association of the meter's type."""
    saps = meter.compiled.device_type.associations
    return Client(
        sap=saps.utility_sap,
        mechanism=Mechanism(saps.hls_mechanism),
        keys=meter.keys,
        server_sap=saps.server_sap,
        public_sap=saps.public_sap,
    )
