"""The simulated D1 meter, sans-IO: time and bytes in, pushes and answers out.

    engine (metering)  ->  Meter (identity, counters, object model, pushes)  ->  session / link (bytes)

Business time is an argument of everything; nothing here sleeps, listens or asks for the time.
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
from urja.meter.display import Page, pages
from urja.meter.engine import Engine, PendingPush, PushKind
from urja.meter.events import EventCode
from urja.meter.household_kinds import household_load
from urja.meter.identity import Identity
from urja.meter.inputs import (
    SERVICE_OUTAGE,
    ChangeSecret,
    DriftClock,
    Entry,
    Hook,
    Input,
    MoveTamper,
    Operate,
    PowerBack,
    PowerCut,
    RecordEntry,
    SetBillingDay,
    SetClock,
    SetControlMode,
    SetLoadLimit,
    Silence,
    Store,
    TransferKeys,
    WatchOverload,
    Weld,
    discard_entry,
)
from urja.meter.load import LoadSource
from urja.meter.object_model import RefusedError, Role
from urja.meter.objects import (
    DISPLAY_OBJECTS,
    SETTING_EVENTS,
    STATUS_FILTER,
    catalogue,
    clock_data,
    column_data,
    live_column,
    live_row,
)
from urja.meter.relay import Order
from urja.meter.truth import TruthSink, discard_record

_PUSH_COUNTER: Final = 4
_ROLE_OF_SETUP: Final = {2: Role.READER, 3: Role.UTILITY}
_GUEK, _GAK = 0, 2
"""Key ids of the security setup (IEC 62056-6-2): global unicast encryption key, authentication key."""
_MAX_COUNTER: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Push:
    """One sealed push: general-glo-ciphered data-notification, without the wrapper."""

    kind: PushKind
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

    def __init__(
        self,
        identity: Identity,
        installed_at: datetime,
        sink: TruthSink = discard_record,
        *,
        source: LoadSource | None = None,
        note: RecordEntry = discard_entry,
    ) -> None:
        """A meter whose truth goes to `sink` and whose inputs are told to `note` before they act. Behind it is
        the house of its identity, or another `source`.
        """
        self.identity = identity
        self.hls_secret = bytes.fromhex(identity.hls_secret)
        self.keys = identity.keys
        """Those in force; a session answers the transfer of others under the old ones."""
        device_type = identity.type
        self._push_security = SecurityControl.from_byte(device_type.associations.push_security)
        self.engine = Engine(
            identity.serial,
            device_type,
            source=source
            or household_load(identity.life, identity.seed, device_type.default_deviation_min * 60),
            start_wh=identity.start_wh,
            start_s=int(installed_at.timestamp()),
            sink=sink,
            relay=identity.relay,
            watched=identity.transformer is not None,
        )
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

    @property
    def has_pushes(self) -> bool:
        """Whether pushes wait for the next `advance`."""
        return bool(self._outbox)

    def _run(self, now: datetime) -> None:
        self.settle(int(now.timestamp()))

    def settle(self, target_s: int) -> None:
        """Run to a true instant (Unix seconds); what there is to push waits for `advance`."""
        if target_s <= self.engine.true_s:
            return
        # Interval by interval, so that an instantaneous push holds the registers of its own instant.
        while (close_s := self.engine.next_close_s()) <= target_s:
            self._tell(self.engine.run_to(max(close_s, self.engine.true_s)))
        self._tell(self.engine.run_to(target_s))

    # What happens to a meter: noted, then carried out, at the instant it stands at.

    def happen(self, what: Input) -> None:
        """Something happens now; what the meter has to say of it goes out with the next `advance`."""
        self._note(Entry(self.engine.true_s, self.identity.serial, what))
        self._tell(self._carry_out(what))

    def live_again(self, entry: Entry) -> None:
        """Live to an input of the past and take it, as if every push on the way had been lost."""
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
                self._take_keys(bytes.fromhex(guek), bytes.fromhex(gak))
                engine.note(EventCode.KEYS_CHANGED)
            case Weld(on):
                engine.weld_switch(on=on)
            case Hook(watts):
                engine.supply.hook_w = watts
            case Silence():
                pass  # the link's, which the station keeps
            case _:
                assert_never(what)
        return []

    def _take_keys(self, wrapped_guek: bytes, wrapped_gak: bytes) -> None:
        before = self.keys
        self.keys = SuiteKeys(
            self._unwrapped(wrapped_guek) if wrapped_guek else before.guek,
            self._unwrapped(wrapped_gak) if wrapped_gak else before.gak,
        )
        if self.keys.guek != before.guek:
            # Invocation counters belong to the encryption key, and begin anew with it (IEC 62056-5-3, 5.3.3.3).
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
        """The grid fails at `now`. What is returned last is the last gasp: nothing leaves the meter after it."""
        self._run(now)
        if reason not in self.engine.outages:
            self.happen(PowerCut(reason))
        return self.advance(now)

    def restore_power(self, now: datetime, reason: str | None = None) -> list[Push]:
        """The grid is back at `now`, from one reason or from all."""
        self._run(now)
        if self.engine.outages if reason is None else reason in self.engine.outages:
            self.happen(PowerBack(reason))
        return self.advance(now)

    def drift_clock(self, now: datetime, ppm: int) -> None:
        """From `now` on the meter's clock runs fast (or, negative, slow) by `ppm`."""
        self._run(now)
        self.happen(DriftClock(ppm))

    def set_clock(self, moment: datetime) -> None:
        """Set the clock; acts at the instant the meter stands at."""
        self.happen(SetClock(int(moment.timestamp())))

    def operate(self, order: int) -> None:
        """An order to the load switch (`relay.Order`; 1 and 2 are the methods of the disconnect control)."""
        self.happen(Operate(order))

    def store(self, obis: Obis, data: Data) -> None:
        """Keep what was written to a data object."""
        self.happen(Store(str(obis), axdr.encode(data).hex()))

    def change_secret(self, secret: bytes) -> None:
        """Take another HLS secret; Refused where this meter has none, or it is of another length."""
        if len(secret) != len(self.hls_secret) or not secret:
            raise RefusedError(AccessResult.OTHER_REASON)
        self.happen(ChangeSecret(secret.hex()))

    def transfer_keys(self, wrapped: Mapping[int, bytes]) -> None:
        """All of the keys or none; Refused where one is not wrapped with the master key, or is of another kind."""
        if not self.identity.master_key or set(wrapped) - {_GUEK, _GAK}:
            raise RefusedError(AccessResult.OTHER_REASON)
        try:
            for one in wrapped.values():
                self._unwrapped(one)
        except KeyNotOpenedError:
            raise RefusedError(AccessResult.OTHER_REASON) from None
        self.happen(
            TransferKeys(
                **{
                    name: wrapped[key_id].hex()
                    for name, key_id in (("guek", _GUEK), ("gak", _GAK))
                    if key_id in wrapped
                }
            )
        )

    def display(self) -> list[Page]:
        """The pages that the display cycles through: label, value, unit. None while it is dark."""
        return pages(self)

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

    def _tell(self, tellings: list[PendingPush]) -> None:
        self._outbox += [self._seal(telling) for telling in tellings if self._is_pushed(telling)]

    def _is_pushed(self, telling: PendingPush) -> bool:
        """Whether the type has this push, and for an alert whether the filter (ESWF) lets a bit of it through."""
        if telling.tale.value not in self.identity.type.pushes:
            return False
        mask = self.settings.get(STATUS_FILTER)
        if telling.tale is not PushKind.ALERT or mask is None:
            return True
        return bool(int.from_bytes(mask.value.data) & int.from_bytes(telling.status_word))

    def _seal(self, telling: PendingPush) -> Push:
        body = self._body(telling)
        counter = self.transmit.take()
        self._last_push_counter = counter
        moment = CosemDateTime.from_bytes(body.value[2].value)
        notification = DataNotification(counter, moment, body)
        sealed = GeneralGloCiphered.protect(
            self.keys, self.identity.title, counter, self._push_security, notification.encode()
        )
        return Push(telling.tale, telling.stamp_s, counter, sealed.encode())

    def _body(self, telling: PendingPush) -> Data:
        """Device id, push OBIS, clock, then the columns of the push's layout (IS 15959-2, push setup)."""
        device_type = self.identity.type
        layout = device_type.pushes[telling.tale.value]
        if telling.tale is PushKind.ALERT:
            word = axdr.bits(telling.status_word)
            columns = tuple(
                word if column.key == ESW_KEY else live_column(self, column) for column in layout.columns
            )
        elif telling.tale is PushKind.BLOCK:
            columns = tuple(map(column_data, layout.columns, telling.values))
        else:
            columns = live_row(self, layout.columns)
        return axdr.structure(
            axdr.octets(self.identity.device_id.encode()),
            axdr.octets(bytes(Obis.parse(layout.obis))),
            clock_data(device_type, telling.stamp_s, telling.status),
            *columns,
        )
