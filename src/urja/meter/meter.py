"""The simulated meter, sans-IO: time and bytes in, pushes and answers out.

    engine (metering)  ->  Meter (identity, counters, object model, pushes)  ->  session / link (bytes)

Business time is an argument of every call; nothing here sleeps, listens or reads a clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from urja.base.keystore import KeyNotOpenedError
from urja.cosem import axdr
from urja.cosem.apdu import AccessResult, DataNotification, GeneralGloCiphered
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import ESW_KEY
from urja.cosem.obis import Obis
from urja.cosem.security import KEY_LENGTH, KekStore, SecurityControl, SuiteKeys
from urja.cosem.time import CosemDateTime
from urja.meter.data_objects import STATUS_FILTER
from urja.meter.display import Page, pages
from urja.meter.display_objects import DISPLAY_OBJECTS, SETTING_EVENTS
from urja.meter.engine import Engine, PendingPush, PushKind
from urja.meter.events import EventCode
from urja.meter.gas_engine import GasEngine
from urja.meter.household_kinds import load_behind
from urja.meter.identity import Identity
from urja.meter.inputs import (
    SERVICE_OUTAGE,
    ChangeSecret,
    ChangeSpecialDays,
    DriftClock,
    Entry,
    Hook,
    Input,
    Leak,
    MoveTamper,
    Operate,
    PowerBack,
    PowerCut,
    RecordEntry,
    ResetDemand,
    RunGenerator,
    ScheduleCalendar,
    SetBillingDay,
    SetClock,
    SetControlMode,
    SetLoadLimit,
    Silence,
    Store,
    TransferKeys,
    WatchOverload,
    Weld,
    WriteCalendar,
    discard_entry,
)
from urja.meter.load import LoadSource
from urja.meter.object_model import RefusedError, Role
from urja.meter.object_values import clock_data, column_data, live_column, live_row
from urja.meter.objects import catalogue
from urja.meter.relay import Order
from urja.meter.truth import TruthSink, discard_record

_PUSH_COUNTER: Final = 4
_ROLE_OF_SETUP: Final = {2: Role.READER, 3: Role.UTILITY}
_GUEK, _GAK = 0, 2
"""Key ids of the security setup (IEC 62056-6-2): global unicast encryption key, authentication key."""
_MAX_COUNTER: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Push:
    """One ciphered push: a general-glo-ciphered data-notification, without the wrapper."""

    kind: PushKind
    stamp_s: int
    counter: int
    apdu: bytes


class TransmitCounter:
    """The invocation counter under which the meter sends.

    Pushes and answers share one counter, because they share the key and the system title, and AES-GCM loses its
    security when a nonce is used twice (IEC 62056-5-3, 5.3.3.3).
    """

    def __init__(self) -> None:
        self._next = 1

    @property
    def upcoming(self) -> int:
        """The counter of the next message."""
        return self._next

    def take(self) -> int:
        """Return the next counter and use it up; raises OverflowError when the key has no counter left."""
        if self._next > _MAX_COUNTER:
            raise OverflowError("the invocation counter is used up: the key must be changed")
        counter, self._next = self._next, self._next + 1
        return counter

    def skip_to(self, upcoming: int) -> None:
        """Continue from `upcoming`, where others have used the counters before it."""
        self._next = max(self._next, upcoming)


class Meter:
    """One meter. Bring it to an instant before anything else: by `advance`, or by the `now` of a command."""

    def __init__(
        self,
        identity: Identity,
        installed_at: datetime,
        sink: TruthSink = discard_record,
        *,
        source: LoadSource | None = None,
        note: RecordEntry = discard_entry,
    ) -> None:
        """Create a meter that writes its truth to `sink` and passes each input to `note` before it takes effect.

        Behind it is the household of its identity, or another `source`.
        """
        self.identity = identity
        self.hls_secret = bytes.fromhex(identity.hls_secret)
        self.keys = identity.keys
        """The keys in force; a session answers a key transfer under the old ones."""
        device_type = identity.type
        self._push_security = SecurityControl.from_byte(device_type.associations.push_security)
        self.engine = _engine(identity, installed_at, sink, source)
        self._note = note
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

    @property
    def communicates(self) -> bool:
        """Whether the meter can push and answer: it has power, and its module is awake."""
        return self.engine.communicates

    # Time.

    def advance(self, now: datetime) -> list[Push]:
        """Run to a UTC instant; return the pushes that are due, in order.

        An instant in the past changes nothing.
        """
        self._run(now)
        pushes, self._outbox = self._outbox, []
        return pushes

    def run_without_pushing(self, now: datetime) -> None:
        """Run to a UTC instant as if every push on the way had been lost."""
        self.engine.run_to(int(now.timestamp()))

    @property
    def has_pushes(self) -> bool:
        """Whether pushes are queued for the next `advance`."""
        return bool(self._outbox)

    def _run(self, now: datetime) -> None:
        self.settle(int(now.timestamp()))

    def settle(self, target_s: int) -> None:
        """Run to a true instant (Unix seconds); pushes stay queued for `advance`."""
        if target_s <= self.engine.true_s:
            return
        # Interval by interval: an instantaneous push reads the registers when it is built, so it must be built at its
        # own instant.
        while (close_s := self.engine.next_close_s()) <= target_s:
            self._queue_pushes(self.engine.run_to(max(close_s, self.engine.true_s)))
        self._queue_pushes(self.engine.run_to(target_s))

    # Inputs: written to the journal first, then applied, so that a killed process can replay every one that took
    # effect.

    def apply_input(self, what: Input) -> None:
        """Apply an input now; the resulting pushes are returned by the next `advance`."""
        self._note(Entry(self.engine.true_s, self.identity.serial, what))
        self._queue_pushes(self._carry_out(what))

    def replay(self, entry: Entry) -> None:
        """Run to an input of the journal and apply it, as if every push on the way had been lost."""
        self.engine.run_to(max(entry.at_s, self.engine.true_s))
        self._carry_out(entry.input)

    def _carry_out(self, what: Input) -> list[PendingPush]:
        engine = self.engine
        match what:
            case PowerCut(reason):
                return engine.cut_power(reason)
            case PowerBack(reason):
                return engine.restore_power(reason)
            case Operate(order):
                return engine.operate_switch(Order(order))
            case SetClock(shown_s):
                return engine.set_clock(shown_s)
            case MoveTamper(switch, on):
                return engine.move_tamper(switch, on=on)
            case SetControlMode(mode):
                engine.switch.mode = mode
            case SetLoadLimit(watts):
                engine.set_load_limit(watts)
            case SetBillingDay(day):
                engine.set_billing_day(day)
            case ResetDemand():
                engine.reset_demand()
            case WriteCalendar(attribute, data):
                engine.write_calendar(attribute, axdr.decode_all(bytes.fromhex(data)))
            case ScheduleCalendar(at_s):
                engine.schedule_calendar(at_s)
            case ChangeSpecialDays(action, data):
                engine.change_special_days(action, axdr.decode_all(bytes.fromhex(data)))
            case RunGenerator(on):
                return engine.run_generator(on=on)
            case WatchOverload(on):
                engine.watch_overload(on=on)
            case DriftClock(ppm):
                engine.clock.drift(engine.true_s, ppm)
            case Store(obis, data):
                self._store(Obis.parse(obis), axdr.decode_all(bytes.fromhex(data)))
            case ChangeSecret(secret):
                self.hls_secret = bytes.fromhex(secret)
                engine.note(EventCode.HLS_SECRET_CHANGED)
            case TransferKeys(guek, gak):
                self._replace_keys(bytes.fromhex(guek), bytes.fromhex(gak))
                engine.note(EventCode.KEYS_CHANGED)
            case Weld(on):
                engine.weld_switch(on=on)
            case Hook(watts):
                engine.supply.hook_w = watts
            case Leak(ml_s):
                return engine.leak(ml_s)
            case Silence():
                pass  # acts on the link, which belongs to the station
            case _:
                assert_never(what)
        return []

    def _replace_keys(self, wrapped_guek: bytes, wrapped_gak: bytes) -> None:
        before = self.keys
        self.keys = SuiteKeys(
            self._unwrapped(wrapped_guek) if wrapped_guek else before.guek,
            self._unwrapped(wrapped_gak) if wrapped_gak else before.gak,
        )
        if self.keys.guek != before.guek:
            # Invocation counters belong to the encryption key, and begin again with it (IEC 62056-5-3, 5.3.3.3).
            self.transmit = TransmitCounter()
            self.received_counters = dict.fromkeys(self.received_counters, -1)
            self._last_push_counter = 0

    def _unwrapped(self, wrapped: bytes) -> bytes:
        key = KekStore(bytes.fromhex(self.identity.master_key)).unwrap(wrapped)
        if len(key) != KEY_LENGTH:
            raise RefusedError(AccessResult.TYPE_UNMATCHED)
        return key

    def _store(self, obis: Obis, data: Data) -> None:
        before = self.settings.get(obis, DISPLAY_OBJECTS.get(str(obis)))
        self.settings[obis] = data
        code = SETTING_EVENTS.get((str(obis), data.value if data.tag is Tag.UINT8 else None))
        if code is not None and before != data:
            self.engine.note(code)

    def cut_power(self, now: datetime, reason: str = SERVICE_OUTAGE) -> list[Push]:
        """Take the grid away at `now`; return the pushes, the last of which is the last gasp."""
        self._run(now)
        if reason not in self.engine.outages:
            self.apply_input(PowerCut(reason))
        return self.advance(now)

    def restore_power(self, now: datetime, reason: str | None = None) -> list[Push]:
        """Bring the grid back at `now`, from one reason or from all; return the pushes."""
        self._run(now)
        if self.engine.outages if reason is None else reason in self.engine.outages:
            self.apply_input(PowerBack(reason))
        return self.advance(now)

    def drift_clock(self, now: datetime, ppm: int) -> None:
        """Make the meter's clock run fast (or, negative, slow) by `ppm` from `now` on."""
        self._run(now)
        self.apply_input(DriftClock(ppm))

    def set_clock(self, moment: datetime) -> None:
        """Set the clock, at the instant the meter has reached."""
        self.apply_input(SetClock(int(moment.timestamp())))

    def operate(self, order: int) -> None:
        """Execute an order of the disconnect control (`relay.Order`; 1 and 2 are its remote methods)."""
        self.apply_input(Operate(order))

    def store(self, obis: Obis, data: Data) -> None:
        """Store the value written to a data object."""
        self.apply_input(Store(str(obis), axdr.encode(data).hex()))

    def change_secret(self, secret: bytes) -> None:
        """Replace the HLS secret; raises RefusedError where this meter has none, or the new one has another length."""
        if len(secret) != len(self.hls_secret) or not secret:
            raise RefusedError(AccessResult.OTHER_REASON)
        self.apply_input(ChangeSecret(secret.hex()))

    def transfer_keys(self, wrapped: Mapping[int, bytes]) -> None:
        """Replace all given keys or none.

        Raises RefusedError where one is not wrapped with the master key, or is of a kind that the meter does not
        have.
        """
        if not self.identity.master_key or set(wrapped) - {_GUEK, _GAK}:
            raise RefusedError(AccessResult.OTHER_REASON)
        try:
            for one in wrapped.values():
                self._unwrapped(one)
        except KeyNotOpenedError:
            raise RefusedError(AccessResult.OTHER_REASON) from None
        self.apply_input(
            TransferKeys(
                **{
                    name: wrapped[key_id].hex()
                    for name, key_id in (("guek", _GUEK), ("gak", _GAK))
                    if key_id in wrapped
                }
            )
        )

    def display(self) -> list[Page]:
        """Return the pages that the display cycles through; none while the meter has no power."""
        return pages(self)

    # What the object model reads.

    def invocation_counter(self, group_e: int) -> int:
        """Return 0.0.43.1.e.255: the last counter received under a role's setup; for the push setup, the last one
        used.
        """
        if group_e == _PUSH_COUNTER:
            return self._last_push_counter
        role = _ROLE_OF_SETUP.get(group_e)
        return 0 if role is None else max(self.received_counters[role], 0)

    def security_client_title(self, role: Role) -> bytes:
        """Return the system title of the client last associated under a role, or eight zeros."""
        return self.client_titles.get(role, bytes(8))

    # Pushes.

    def _queue_pushes(self, pending_pushes: list[PendingPush]) -> None:
        self._outbox += [self._seal(pending) for pending in pending_pushes if self._is_pushed(pending)]

    def _is_pushed(self, pending: PendingPush) -> bool:
        """Return whether the type has this push; for an alert, whether the filter (ESWF) passes one of its bits."""
        if pending.tale.value not in self.identity.type.pushes:
            return False
        mask = self.settings.get(STATUS_FILTER)
        if pending.tale is not PushKind.ALERT or mask is None:
            return True
        return bool(int.from_bytes(mask.value.data) & int.from_bytes(pending.status_word))

    def _seal(self, pending: PendingPush) -> Push:
        body = self._body(pending)
        counter = self.transmit.take()
        self._last_push_counter = counter
        moment = CosemDateTime.from_bytes(body.value[2].value)
        notification = DataNotification(counter, moment, body)
        sealed = GeneralGloCiphered.protect(
            self.keys, self.identity.title, counter, self._push_security, notification.encode()
        )
        return Push(pending.tale, pending.stamp_s, counter, sealed.encode())

    def _body(self, pending: PendingPush) -> Data:
        """Return device id, push OBIS and clock, then the columns of the push's layout (IS 15959-2, push setup)."""
        device_type = self.identity.type
        layout = device_type.pushes[pending.tale.value]
        if pending.tale is PushKind.ALERT:
            word = axdr.bits(pending.status_word)
            columns = tuple(
                word if column.key == ESW_KEY else live_column(self, column) for column in layout.columns
            )
        elif pending.tale is PushKind.BLOCK:
            columns = tuple(map(column_data, layout.columns, pending.values))
        else:
            columns = live_row(self, layout.columns)
        return axdr.structure(
            axdr.octets(self.identity.device_id.encode()),
            axdr.octets(bytes(Obis.parse(layout.obis))),
            clock_data(device_type, pending.stamp_s, pending.status),
            *columns,
        )


def _engine(identity: Identity, installed_at: datetime, sink: TruthSink, source: LoadSource | None) -> Engine:
    """Return the inside of a meter, by the commodity of its type."""
    device_type, start_s = identity.type, int(installed_at.timestamp())
    if device_type.commodity == "gas":
        return GasEngine(
            identity.serial,
            device_type,
            seed=identity.seed,
            life=identity.life,
            start_l=identity.start_wh,
            start_s=start_s,
            sink=sink,
            relay=identity.relay,
        )
    return Engine(
        identity.serial,
        device_type,
        source=source or load_behind(identity.life, identity.seed, device_type, identity.wiring),
        start_wh=identity.start_wh,
        start_s=start_s,
        sink=sink,
        relay=identity.relay,
        watched=identity.transformer is not None,
    )
