"""One meter on its link: connections carry associations, and pushes leave through the faults of the transport.

This is the asyncio shell around the sans-IO meter; it decides nothing about metering.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, cast

import structlog

from urja.cosem.errors import CosemError
from urja.cosem.wrapper import Frame, Splitter
from urja.meter.delay import DelayQueue
from urja.meter.engine import PushKind
from urja.meter.faults import Delivery, FaultPlan
from urja.meter.inputs import NOT_INSTALLED, SERVICE_OUTAGE, Input, RunGenerator, Silence
from urja.meter.link import Link
from urja.meter.meter import Meter, Push
from urja.meter.session import Entropy, Sessions

log = structlog.get_logger()

_QUEUED_ALERTS: Final = 16
"""Alerts that are queued while there is no link. Other pushes are not queued: their rows can be read from the
profiles.
"""
_WRITE_BUFFER_LIMIT: Final = 256 * 1024
"""Bytes queued for a head end that reads too slowly; beyond it a push is lost, as in a small modem."""
_ON_THE_WAY_LIMIT: Final = 256
"""Messages that a link with latency holds."""
INACTIVITY_S: Final = 180.0
"""Seconds after which a meter closes the connection of a client that sends nothing (IEC 62056-6-2, TCP-UDP setup,
inactivity time-out).
"""
_BACK_OFF_FIRST_S: Final = 0.2
_BACK_OFF_CAP_S: Final = 15.0


@dataclass(slots=True)
class PushCounts:
    """Counters of a meter's pushes and connections. `sent` counts pushes, not their copies."""

    made: int = 0
    sent: int = 0
    duplicated: int = 0
    lost_by_fault: int = 0
    lost_without_link: int = 0
    connections: int = 0
    refused_connections: int = 0

    def add(self, other: "PushCounts") -> None:
        """Add another meter's counters to these."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


Now = Callable[[], datetime]
SendDatagram = Callable[[bytes], None]


class Station:
    """A meter, its connections and the pushes under way.

    `now` returns the business time up to which the meter may run. With `send_datagram`, pushes leave by UDP;
    otherwise on the connection that the meter has dialled. A listening meter without UDP pushes nothing: a client
    that opens a connection does not expect pushes on it.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        now: Now,
        entropy: Entropy,
        plan: FaultPlan,
        link: Link | None = None,
        send_datagram: SendDatagram | None = None,
    ) -> None:
        identity = meter.identity
        seconds_east = meter.engine.clock.utc_offset_s
        saps = meter.identity.type.associations
        self.meter = meter
        self.plan = plan
        self.link = link or Link(identity.link, identity.serial, seconds_east)
        self.counts = PushCounts()
        self.entropy = entropy
        self._now = now
        self._datagrams_out = (
            None if send_datagram is None else DelayQueue(self.link.latency_s, send_datagram)
        )
        self._push_ports = (saps.server_sap, saps.push_sap)
        self._connections: set[MeterProtocol] = set()
        self._dialled: MeterProtocol | None = None
        self._waiting_alerts: deque[Push] = deque(maxlen=_QUEUED_ALERTS)
        self._may_communicate = asyncio.Event()
        self._update_link(now())
        # Back-off is jittered by the meter's own seed: a fleet must not dial in step.
        self._jitter = random.Random(meter.identity.serial)  # noqa: S311 - not a secret
        self._copies_sent: set[int] = set()

    # Time and commands.

    def catch_up(self) -> None:
        """Bring the meter to the present and send the pushes that are due."""
        now = self._now()
        # First the meter, whose module may wake or fall asleep, then its link, then what it sends.
        pushes = self.meter.advance(now)
        self._update_link(now)
        self.dispatch(pushes)

    def next_wake_s(self) -> int:
        """Return when the station wants to be touched next (Unix seconds): for its meter, or for its link."""
        if self.meter.has_pushes:
            return self.meter.engine.true_s
        wake_s = self.meter.engine.next_wake_s()
        if not self.link.changes:
            return wake_s
        change = self.link.next_change(self._link_checked_at)
        return wake_s if change is None else min(wake_s, int(change.timestamp()))

    def apply_input(self, what: Input) -> None:
        """Apply an input to the meter now and send the resulting pushes."""
        self.catch_up()
        self.meter.apply_input(what)
        self.catch_up()

    def cut_power(self, reason: str = SERVICE_OUTAGE) -> None:
        """Take the grid away: the meter sends its last gasp and closes its connections, unless a generator takes over."""
        self.catch_up()
        self.dispatch(self.meter.cut_power(self._now(), reason))
        self._change_over()
        self._update_link(self._now())

    def restore_power(self, reason: str | None = None) -> None:
        """Bring the grid back, from one reason or from all: the meter starts and dials again."""
        self.dispatch(self.meter.restore_power(self._now(), reason))
        self._change_over()
        self._update_link(self._now())

    def _change_over(self) -> None:
        """Let the premise's generator supply it while the grid fails: its changeover panel starts and stops the set."""
        engine = self.meter.engine
        wanted = bool(engine.outages) and self.is_installed
        if engine.device_type.generator and engine.generator_on is not wanted:
            self.meter.apply_input(RunGenerator(wanted))
            self.dispatch(self.meter.advance(self._now()))

    def interrupt_link(self, until_s: int) -> None:
        """Take the link down until a business instant (Unix seconds); a past one brings it back."""
        self.catch_up()
        self.meter.apply_input(Silence(until_s))
        self.link.down_until_s = until_s
        self.catch_up()

    @property
    def is_installed(self) -> bool:
        """Whether the meter is installed, not in stock or removed."""
        return NOT_INSTALLED not in self.meter.engine.outages

    @property
    def reachable(self) -> bool:
        """Whether messages pass over the link now."""
        return self.link.is_reachable(self._now())

    def _update_link(self, now: datetime) -> None:
        """Close connections when the link or the power has gone, or the module sleeps; dial when it can."""
        self._link_checked_at = now
        reachable = self.link.is_reachable(now)
        if reachable and self.meter.communicates:
            self._may_communicate.set()
        elif self._may_communicate.is_set():
            self._may_communicate.clear()
            if reachable:
                self.drop_link()
            else:
                for connection in list(self._connections):
                    connection.abort()

    def reboot(self) -> None:
        """Restart the communication module: connections, associations and queued alerts are lost."""
        self.catch_up()
        self._waiting_alerts.clear()
        self.drop_link()

    def drop_link(self) -> None:
        """Close every connection; bytes already written are still sent."""
        for connection in list(self._connections):
            connection.close()

    # Pushes.

    def dispatch(self, pushes: list[Push]) -> None:
        """Send pushes through the faults of the transport."""
        self.counts.made += len(pushes)
        lost_before = self.plan.lost
        self._deliver(self.plan.pass_on(pushes))
        self.counts.lost_by_fault += self.plan.lost - lost_before

    def release_held(self) -> None:
        """Send the pushes that still wait for a successor."""
        self._deliver(self.plan.release())

    def _deliver(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.delay_s:
                asyncio.get_running_loop().call_later(delivery.delay_s, self._send, delivery.push)
            else:
                self._send(delivery.push)

    def _send(self, push: Push) -> None:
        # By UDP a push leaves without a connection, so reachability is checked here; on a dialled connection its loss
        # shows it.
        frame = Frame(*self._push_ports, push.apdu).encode()
        if self._datagrams_out is not None:
            if not self.reachable:
                self._missed(push)
                return
            self._datagrams_out.put(frame)
        elif self._dialled is None or not self._dialled.offer(frame):
            self._missed(push)
            return
        self._note_sent(push)

    def _missed(self, push: Push) -> None:
        device_type = self.meter.identity.type
        # A sleeping module wakes to send, and dials first.
        waits = push.kind is PushKind.ALERT or device_type.awake is not None
        if waits and device_type.dials == "out":
            if len(self._waiting_alerts) == _QUEUED_ALERTS:
                self.counts.lost_without_link += 1
            self._waiting_alerts.append(push)
        else:
            self.counts.lost_without_link += 1

    def _note_sent(self, push: Push) -> None:
        if push.counter in self._copies_sent:
            self.counts.duplicated += 1
            return
        self.counts.sent += 1
        if self.plan.rates.duplicate:
            self._copies_sent.add(push.counter)

    # Links.

    def connected(self, connection: "MeterProtocol") -> None:
        """Register a connection; queued alerts are sent first on a dialled one."""
        if not self._may_communicate.is_set():
            connection.abort()
            return
        self.counts.connections += 1
        self._connections.add(connection)
        if connection.dialled:
            self._dialled = connection
            while self._waiting_alerts:
                self._send(self._waiting_alerts.popleft())

    def disconnected(self, connection: "MeterProtocol") -> None:
        """Forget a closed connection."""
        self._connections.discard(connection)
        if self._dialled is connection:
            self._dialled = None

    @property
    def linked(self) -> bool:
        """Whether the meter has a connection."""
        return bool(self._connections)

    async def dial(self, host: str, port: int) -> None:
        """Keep one connection to the head end open for ever.

        After a failure it dials again with growing pauses of 0.2 to 15 seconds, jittered so that a fleet does not
        dial in step.
        """
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            if not self._may_communicate.is_set():
                await self._may_communicate.wait()
                await asyncio.sleep(self.link.waking_s())
            try:
                _, protocol = await loop.create_connection(
                    lambda: MeterProtocol(self, dialled=True), host, port
                )
            except OSError:
                failures += 1
                self.counts.refused_connections += 1
            else:
                failures = 0
                await protocol.lost
            await asyncio.sleep(self._pause_s(failures))

    def _pause_s(self, failures: int) -> float:
        longest: float = min(_BACK_OFF_FIRST_S * 2.0 ** min(failures, 16), _BACK_OFF_CAP_S)
        return longest * (0.5 + 0.5 * self._jitter.random())

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Accept connections of head ends and other clients. Raises OSError where the address is in use."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: MeterProtocol(self, dialled=False), host, port)


class MeterProtocol(asyncio.Protocol):
    """One TCP connection of a meter, over a link with latency. `lost` is done when it has closed."""

    def __init__(self, station: Station, *, dialled: bool) -> None:
        self.dialled = dialled
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._station = station
        self._splitter = Splitter()
        self._sessions = Sessions(station.meter, station.entropy)
        self._transport: asyncio.Transport | None = None
        self._inbound = DelayQueue(station.link.latency_s, self._take)
        self._outbound = DelayQueue(station.link.latency_s, self._write)
        self._closing = False
        self._hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._wait_for_client()
        self._station.connected(self)

    def data_received(self, data: bytes) -> None:
        self._inbound.put(data)

    def _wait_for_client(self) -> None:
        """Restart the inactivity time-out of a connection that a client opened; the meter's own calls have none."""
        if self._hang_up is not None:
            self._hang_up.cancel()
        if not self.dialled:
            self._hang_up = asyncio.get_running_loop().call_later(INACTIVITY_S, self.close)

    def _take(self, data: bytes) -> None:
        serial = self._station.meter.identity.serial
        try:
            for frame in self._splitter.feed(data):
                self._serve(frame)
            if self._splitter.failure is not None:
                raise self._splitter.failure
        except CosemError as error:
            # Either frame boundaries are lost, or no counter is left to answer with: the connection is of no more
            # use.
            log.warning("meter closes its connection", serial=serial, error=str(error))
            self.close()

    def _serve(self, frame: Frame) -> None:
        self._wait_for_client()
        self._station.catch_up()
        answers = self._sessions.receive(frame)
        for fault in self._sessions.take_faults():
            serial = self._station.meter.identity.serial
            log.info("client at fault", serial=serial, client_sap=frame.source, error=str(fault))
        if answers:
            self._outbound.put(b"".join(answer.encode() for answer in answers))
        self._station.catch_up()  # send what the request caused, such as the alert of the relay

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature of asyncio.Protocol
        if self._hang_up is not None:
            self._hang_up.cancel()
        self._station.disconnected(self)
        self._transport = None
        self._inbound.clear()
        self._outbound.clear()
        if not self.lost.done():
            self.lost.set_result(None)

    def offer(self, frame: bytes) -> bool:
        """Send a push and return True; return False where the connection closes or the head end reads too slowly.

        Slowly means more than 256 KiB or 256 messages behind.
        """
        transport = self._transport
        if self._closing or transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > _WRITE_BUFFER_LIMIT or len(self._outbound) > _ON_THE_WAY_LIMIT:
            return False
        self._outbound.put(frame)
        return True

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._transport.write(data)
        if self._closing and not self._outbound:
            self._transport.close()

    def close(self) -> None:
        """Close after the bytes under way are sent."""
        self._closing = True
        self._inbound.clear()
        if self._transport is not None and not self._outbound:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; bytes under way are lost."""
        self._closing = True
        self._outbound.clear()
        if self._transport is not None:
            self._transport.abort()
