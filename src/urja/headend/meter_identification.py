"""Identification of connections whose meter has not pushed yet, by reading the serial number.

A meter is known by its first authentic push, which may be half an hour away when it has only dialled in again, as all
have after a restart of the head end. The public association gives the serial number at once. So each new connection
that stays unidentified is queried once, shortly after it opened; while an order waits for a meter that is not
connected, all are queried at once, and those that did not answer are queried again.

The answer is a claim and no proof: it only selects the connection on which a session is tried, in which both sides
prove their keys. A claim that fails is removed with its connection.

Pushes have priority. Most meters push soon after they have dialled in and are never queried; of the others only a
limited number are queried in a second and at once.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from typing import Final

import structlog

from urja.cosem.association import AssociationConfig, ClientAssociation
from urja.cosem.axdr import Tag
from urja.cosem.obis import CosemAttribute
from urja.headend.apdu_channel import WrapperChannel
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.metrics import Metrics
from urja.headend.roster import Meter
from urja.headend.round_trips import RoundTrips
from urja.headend.session import PUBLIC_SAP, SERVER_SAP, Session
from urja.headend.wrapper_port import MeterConnection, WrapperPort

log = structlog.get_logger()

_SERIAL: Final = CosemAttribute.of(1, "0.0.96.1.0.255", 2)
_LONGEST_SERIAL: Final = 64
_ANSWER_S: Final = 10.0
FIRST_QUERY_DELAY_S: Final = (1.0, 5.0)
"""Seconds after its opening at which a connection is queried: drawn at random between these, so that a fleet that
reconnects together is not queried together."""
_CYCLE_S: Final = 0.25
_MOST_EACH_CYCLE: Final = 100
"""Queries begun in one cycle while no order waits: 400 a second, about a twentieth of a core."""
_AT_ONCE: Final = 256
_ASK_AGAIN_S: Final = 60.0
_FORGET_S: Final = 10.0


class MeterIdentifier:
    """Records which meter a connection claims to be. `wanted` returns whether an order waits for a meter."""

    def __init__(self, wrapper_port: WrapperPort, metrics: Metrics, wanted: Callable[[], bool]) -> None:
        self._wrapper_port = wrapper_port
        self._metrics = metrics
        self._wanted = wanted
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, MeterConnection]] = []
        """Connections to be queried, by time; the number keeps those of one moment in their order."""
        self._unanswered: dict[MeterConnection, float] = {}
        """Connections that did not identify themselves, and when they were queried."""
        self._claims: dict[str, list[MeterConnection]] = {}
        """Connections by the serial number they stated, also of meters that the registry does not know yet."""
        self._queries: set[asyncio.Task[None]] = set()
        self._forget_at_s = 0.0
        self._random = random.Random()  # noqa: S311 - jitter is not a secret
        wrapper_port.on_opened = self._on_opened

    @property
    def claims(self) -> int:
        """The number of connections that have stated a serial number and not proven it yet."""
        return sum(map(len, self._claims.values()))

    def claimed(self, meter: Meter) -> MeterConnection | None:
        """The oldest free connection that claims to be this meter, or None."""
        for connection in self._claims.get(meter.entry.serial, ()):
            if _is_nameless(connection) and connection.on_answer is None:
                return connection
        return None

    def settle(self, meter: Meter, connection: MeterConnection, *, proven: bool) -> None:
        """Note whether a session over a claimed connection has proven the claim."""
        claims = self._claims.get(meter.entry.serial, [])
        if connection in claims:
            claims.remove(connection)
        if proven and connection.transport is not None:
            self._wrapper_port.recognise(connection, meter)

    async def run(self) -> None:
        """Query new connections for as long as the process runs."""
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(_CYCLE_S)
                self._forget()
                # While reading from the sockets is paused, no answer would be read.
                if not self._wrapper_port.held:
                    for connection in self._next():
                        task = group.create_task(self._query(connection))
                        self._queries.add(task)
                        task.add_done_callback(self._queries.discard)

    def _on_opened(self, connection: MeterConnection) -> None:
        due_s = self._wrapper_port.now_s() + self._random.uniform(*FIRST_QUERY_DELAY_S)
        heapq.heappush(self._due, (due_s, next(self._numbers), connection))

    def _next(self) -> list[MeterConnection]:
        """The connections to query now, within the limit."""
        room = _AT_ONCE - len(self._queries)
        now_s = self._wrapper_port.now_s()
        if not self._wanted():
            return self._take(min(room, _MOST_EACH_CYCLE), now_s)
        asked = self._take(room, float("inf"))
        again = [
            connection
            for connection, at_s in self._unanswered.items()
            if at_s <= now_s - _ASK_AGAIN_S and _is_free(connection)
        ]
        for connection in again[: room - len(asked)]:
            del self._unanswered[connection]
            asked.append(connection)
        return asked

    def _take(self, most: int, until_s: float) -> list[MeterConnection]:
        """Up to `most` connections due by `until_s`; those that are closed or identified by now are dropped."""
        taken: list[MeterConnection] = []
        while self._due and len(taken) < most and self._due[0][0] <= until_s:
            _, _, connection = heapq.heappop(self._due)
            if _is_free(connection):
                taken.append(connection)
        return taken

    def _forget(self) -> None:
        now_s = self._wrapper_port.now_s()
        if now_s < self._forget_at_s:
            return
        self._forget_at_s = now_s + _FORGET_S
        self._unanswered = {known: at_s for known, at_s in self._unanswered.items() if _is_nameless(known)}
        left = {serial: [*filter(_is_nameless, claims)] for serial, claims in self._claims.items()}
        self._claims = {serial: claims for serial, claims in left.items() if claims}

    async def _query(self, connection: MeterConnection) -> None:
        try:
            serial = await _read_serial(connection)
        except SessionFailedError as failure:
            self._metrics.greetings.labels(failure.kind.value).inc()
            if connection.transport is None:
                return
            # Not a failure of the meter: it is queried again when the sockets are read.
            if self._wrapper_port.held:
                # Its answer may be in the socket's buffer, unread.
                self._on_opened(connection)
                return
            self._unanswered[connection] = self._wrapper_port.now_s()
            log.info("a connection did not identify itself", peer=connection.describe(), why=str(failure))
            return
        except Exception as error:  # noqa: BLE001 - an exchange that fails in an unforeseen way ends with its connection
            self._wrapper_port.log_fault(error, connection)
            connection.close()
            return
        self._metrics.greetings.labels("told").inc()
        if _is_nameless(connection):
            self._claims.setdefault(serial, []).append(connection)


def _is_nameless(connection: MeterConnection) -> bool:
    """Return whether the connection is open and no meter has proven to be there."""
    return connection.slot < 0 and connection.transport is not None


def _is_free(connection: MeterConnection) -> bool:
    """Return whether the connection is unidentified and no session uses it."""
    return _is_nameless(connection) and connection.on_answer is None


async def _read_serial(connection: MeterConnection) -> str:
    if connection.on_answer is not None:
        raise SessionFailedError(FailureKind.BUSY, "a session has begun on it")
    with WrapperChannel(connection, SERVER_SAP, _ANSWER_S) as channel:
        public = Session(channel, ClientAssociation(AssociationConfig()), PUBLIC_SAP, RoundTrips())
        await public.open()
        value = await public.get(_SERIAL)
        await public.close()
    if value.tag not in (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        raise SessionFailedError(FailureKind.PROTOCOL, f"a serial number that is {value.tag.name}")
    serial = value.value if isinstance(value.value, str) else value.value.decode("ascii", "replace")
    if len(serial) > _LONGEST_SERIAL:
        raise SessionFailedError(FailureKind.PROTOCOL, f"a serial number of {len(serial)} characters")
    return serial
