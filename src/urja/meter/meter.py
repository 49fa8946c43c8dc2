"""The simulated D1 meter, sans-IO: time and bytes in, pushes and answers out.

    engine (metering)  ->  Meter (identity, counters, object model, pushes)  ->  session / link (bytes)

Business time is an argument of everything; nothing here sleeps, listens or asks for the time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from urja.cosem import axdr
from urja.cosem.apdu import DataNotification, GeneralGloCiphered
from urja.cosem.axdr import Data
from urja.cosem.obis import Obis
from urja.cosem.security import AUTHENTICATED_ENCRYPTED
from urja.cosem.time import CosemDateTime
from urja.meter.engine import Engine, Tale, Telling
from urja.meter.identity import Identity
from urja.meter.model import Role
from urja.meter.objects import STATUS_FILTER, catalogue, clock_data, column_data, live_row
from urja.meter.relay import Order
from urja.meter.truth import TruthSink, discard

_PUSH_COUNTER: Final = 4
_ROLE_OF_SETUP: Final = {2: Role.READER, 3: Role.UTILITY}
_MAX_COUNTER: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Push:
    """One sealed push: general-glo-ciphered data-notification, without the wrapper."""

    kind: Tale
    stamp_s: int
    counter: int
    apdu: bytes


class TransmitCounter:
    """The invocation counter under which the meter sends. One for pushes and answers alike: they share the
    key and the system title, and a nonce must never come twice (IEC 62056-5-3, 5.3.3.3).
    """

    def __init__(self, first: int = 1) -> None:
        self._next = first

    @property
    def upcoming(self) -> int:
        """The counter that the next message will carry."""
        return self._next

    def take(self) -> int:
        """The next counter, used up; OverflowError at the end of the key's life."""
        if self._next > _MAX_COUNTER:
            raise OverflowError("the invocation counter is used up: the key must be changed")
        counter, self._next = self._next, self._next + 1
        return counter

    def skip_to(self, upcoming: int) -> None:
        """Take note of counters that somebody else has used."""
        self._next = max(self._next, upcoming)


class Meter:
    """One meter. Give it the time before anything else: `advance`, or the `now` of a command."""

    def __init__(self, identity: Identity, installed_at: datetime, sink: TruthSink = discard) -> None:
        self.identity = identity
        self.engine = Engine(
            identity.serial,
            identity.type,
            seed=identity.seed,
            start_wh=identity.start_wh,
            start_s=int(installed_at.timestamp()),
            sink=sink,
        )
        self.catalogue = catalogue(identity.device_type)
        self.settings: dict[Obis, Data] = {}
        self.transmit = TransmitCounter()
        self.received_counters: dict[Role, int] = {Role.READER: -1, Role.UTILITY: -1}
        self.client_titles: dict[Role, bytes] = {}
        self._last_push_counter = 0
        self._outbox: list[Push] = []

    @property
    def powered(self) -> bool:
        """Whether the meter has power."""
        return self.engine.powered

    # Time.

    def advance(self, now: datetime) -> list[Push]:
        """Run to a UTC instant; returns what the meter wants to push, in order.

        An instant that has passed already changes nothing.
        """
        self._run(now)
        pushes, self._outbox = self._outbox, []
        return pushes

    def live_through(self, now: datetime) -> None:
        """Run to a UTC instant as if every push on the way had been lost: a past that nobody listened to."""
        self.engine.run_to(int(now.timestamp()))

    def next_wake(self) -> datetime:
        """When the open interval closes: the meter has nothing to say by itself before."""
        return datetime.fromtimestamp(self.engine.next_close_s(), UTC)

    def _run(self, now: datetime) -> None:
        target_s = int(now.timestamp())
        if target_s <= self.engine.true_s:
            return
        # Interval by interval, so that an instantaneous push holds the registers of its own instant.
        while (close_s := self.engine.next_close_s()) <= target_s:
            self._tell(self.engine.run_to(max(close_s, self.engine.true_s)))
        self._tell(self.engine.run_to(target_s))

    # Commands: what people and the grid do to a meter.

    def cut_power(self, now: datetime) -> list[Push]:
        """The grid fails at `now`. What is returned last is the last gasp: nothing leaves the meter after it."""
        self._run(now)
        self._tell(self.engine.cut_power())
        return self.advance(now)

    def restore_power(self, now: datetime) -> list[Push]:
        """The grid is back at `now`."""
        self._run(now)
        self._tell(self.engine.restore_power())
        return self.advance(now)

    def drift_clock(self, now: datetime, ppm: int) -> None:
        """From `now` on the meter's clock runs fast (or, negative, slow) by `ppm`."""
        self._run(now)
        self.engine.clock.drift(self.engine.true_s, ppm)

    def set_clock(self, moment: datetime) -> None:
        """Set the clock; acts at the instant the meter stands at."""
        self._tell(self.engine.set_clock(int(moment.timestamp())))

    def operate(self, method: int) -> None:
        """Method 1 or 2 of the disconnect control; the alert goes out with the next `advance`."""
        self._tell(self.engine.operate_switch(Order(method)))

    # What the object model asks for.

    def invocation_counter(self, group_e: int) -> int:
        """0.0.43.1.e.255: the last counter received under a role's setup; for the push setup, the last used."""
        if group_e == _PUSH_COUNTER:
            return self._last_push_counter
        role = _ROLE_OF_SETUP.get(group_e)
        return 0 if role is None else max(self.received_counters[role], 0)

    def security_client_title(self, role: Role) -> bytes:
        """The system title of the client last associated under a role, or eight zeros."""
        return self.client_titles.get(role, bytes(8))

    # Pushes.

    def _tell(self, tellings: list[Telling]) -> None:
        self._outbox += [self._seal(telling) for telling in tellings if self._is_pushed(telling)]

    def _is_pushed(self, telling: Telling) -> bool:
        """Whether the type has this push, and for an alert whether the filter (ESWF) lets a bit of it through."""
        if telling.tale.value not in self.identity.type.pushes:
            return False
        mask = self.settings.get(STATUS_FILTER)
        if telling.tale is not Tale.ALERT or mask is None:
            return True
        return bool(int.from_bytes(mask.value.data) & int.from_bytes(telling.status_word))

    def _seal(self, telling: Telling) -> Push:
        body = self._body(telling)
        counter = self.transmit.take()
        self._last_push_counter = counter
        moment = CosemDateTime.from_bytes(body.value[2].value)
        notification = DataNotification(counter, moment, body)
        sealed = GeneralGloCiphered.protect(
            self.identity.keys, self.identity.title, counter, AUTHENTICATED_ENCRYPTED, notification.encode()
        )
        return Push(telling.tale, telling.stamp_s, counter, sealed.encode())

    def _body(self, telling: Telling) -> Data:
        """Device id, push OBIS, clock, then the columns of the push's layout (IS 15959-2, push setup)."""
        device_type = self.identity.type
        layout = device_type.pushes[telling.tale.value]
        if telling.tale is Tale.ALERT:
            columns: tuple[Data, ...] = (axdr.bits(telling.status_word),)
        elif telling.tale is Tale.BLOCK:
            columns = tuple(map(column_data, layout.columns, telling.values))
        else:
            columns = live_row(self, layout.columns)
        return axdr.structure(
            axdr.octets(self.identity.device_id.encode()),
            axdr.octets(bytes(Obis.parse(layout.obis))),
            clock_data(device_type, telling.stamp_s, telling.status),
            *columns,
        )
