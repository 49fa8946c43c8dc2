"""The meter's inside without a protocol: it runs to an instant and returns the pushes that are due.

All times are Unix seconds. Commands (power, clock, switch) act at the instant the engine has reached; the caller runs
it there first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from urja.cosem.axdr import Data
from urja.cosem.companion import BILLING_DATE, Column, DeviceType, Profile
from urja.meter.activity_calendar import PASSIVE, CalendarState
from urja.meter.buffers import ProfileBuffer
from urja.meter.events import LOAD_SWITCH_BIT, LOG_CAPACITY, TAMPERS, EventCode, Log, StatusWord
from urja.meter.inputs import NOT_INSTALLED, SERVICE_OUTAGE, SpecialDayAction, TamperSwitch
from urja.meter.load import DAY_S, Draw, LoadSource
from urja.meter.metrology import Metrology, to_register
from urja.meter.overload import GuardState, OverloadGuard
from urja.meter.phase_faults import PERSISTENCE_S, phase_faults
from urja.meter.relay import ControlState, LoadSwitch, Order
from urja.meter.split_totals import GENERATOR
from urja.meter.surroundings import RelayOptions
from urja.meter.three_phase_metrology import ThreePhaseMetrology
from urja.meter.timekeeping import MeterClock
from urja.meter.truth import Interval, Supply, TruthSink, discard_record
from urja.meter.zoned_metrology import ZonedMetrology

BLOCK_DAYS: Final = 60
DAILY_ROWS: Final = 90
BILLING_ROWS: Final = 12

DOUBTFUL: Final = 0x02
"""Clock status bit 1: the interval of the row contains a setting of the clock (IEC 62056-6-2, 4.1.6.1)."""

EVENT_COLUMNS: Final = (
    Column("clock", 8, "0.0.1.0.0.255", 2, 9, length=12),
    Column("code", 1, "0.0.96.11.0.255", 2, 18),
    Column("current", 3, "1.0.94.91.14.255", 2, 18, scaler=-2, unit=33),
    Column("voltage", 3, "1.0.12.7.0.255", 2, 18, scaler=-2, unit=35),
    Column("power_factor", 3, "1.0.13.7.0.255", 2, 16, scaler=-3),
    Column("import_wh", 3, "1.0.1.8.0.255", 2, 6, unit=30),
    Column("tamper_count", 1, "0.0.94.91.0.255", 2, 6),
)
"""The columns that an event log captures where the type has no profile `event_log` (IS 15959-2, D1).

The object of the code has the log's number in its group E.
"""

_REGISTER_CLASSES: Final = frozenset({3, 4, 5, 71})


class PushKind(Enum):
    """The kinds of push."""

    BLOCK = "block"
    INSTANTANEOUS = "instantaneous"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class PendingPush:
    """A push that is due: its time stamp, clock status, and the values of its columns."""

    tale: PushKind
    stamp_s: int
    status: int
    values: tuple[int | None, ...] = ()
    """None: this meter does not measure the quantity."""
    status_word: bytes = b""


_LIMITS: Final = {16: (-0x8000, 0x7FFF), 18: (0, 0xFFFF)}
"""The ranges of long and long-unsigned by their tags: a value beyond them is shown as the limit."""


def shown_value(column: Column, value: int) -> int:
    """Return a quantity as a column shows it: registers are truncated to their scaler, plain data are unchanged."""
    if column.class_id not in _REGISTER_CLASSES:
        return value
    shown = to_register(value, column.scaler)
    least, most = _LIMITS.get(column.tag, (shown, shown))
    return min(max(shown, least), most)


def _kept(row: Sequence[int | None]) -> list[int]:
    """Return a row for an integer buffer; which columns are not measured is known from the type when it is read."""
    return [0 if value is None else value for value in row]


def event_columns(device_type: DeviceType) -> tuple[Column, ...]:
    """Return the columns of the type's event logs: clock, code, and what is recorded with it."""
    profile = device_type.profiles.get("event_log")
    return EVENT_COLUMNS if profile is None else profile.columns


def billing_profile(device_type: DeviceType) -> Profile | None:
    """Return the billing profile that this meter can fill; None for a type without one.

    It can fill one whose first column is the end of the period.
    """
    profile = device_type.profiles.get("billing")
    if profile is None:
        return None
    first = profile.columns[0]
    return profile if first.obis == BILLING_DATE or first.class_id == 8 else None


@dataclass(slots=True)
class _Missed:
    start_s: int
    end_s: int
    interval: Interval


_AS_SHIPPED: Final = RelayOptions()


class Engine:
    """Metering, profiles, events, clock and relay of one meter on its supply."""

    def __init__(
        self,
        serial: str,
        device_type: DeviceType,
        *,
        source: LoadSource,
        start_wh: int,
        start_s: int,
        sink: TruthSink = discard_record,
        relay: RelayOptions = _AS_SHIPPED,
        watched: bool = False,
    ) -> None:
        self.device_type = device_type
        self.interval_s = device_type.interval_s
        self.clock = MeterClock(start_s, utc_offset_s=device_type.default_deviation_min * 60)
        self.supply = Supply(serial, source, start_s, sink, watched=watched)
        # A meter that has run before: apparent energy exceeds active, by 8 % as at a usual power factor of about
        # 0.93.
        start_vah = start_wh * 108 // 100
        self._by_label: ZonedMetrology | None = None
        """The metrology of a meter that counts tariff zones and a generator apart."""
        counts_apart = device_type.phases == 3 or device_type.zones > 0 or device_type.generator
        if not counts_apart and device_type.demand_period_s is None:
            self.metrology = Metrology(self.supply, start_wh, start_vah)
        else:
            kind = ZonedMetrology if device_type.phases == 1 else ThreePhaseMetrology
            self.metrology = self._by_label = kind(
                self.supply,
                start_wh,
                start_vah,
                zones=device_type.zones,
                demand_period_s=device_type.demand_period_s or 0,
                utc_offset_s=self.clock.utc_offset_s,
            )
        self.calendar = CalendarState(device_type.zones) if device_type.zones else None
        self.switch = LoadSwitch(mode=relay.mode, welded=relay.welded)
        self.load_limit_w = relay.load_limit_w
        self.billing_day = 1
        self.watches_overload = relay.overload and device_type.overload is not None
        self.guard = None if device_type.overload is None else OverloadGuard(device_type.overload)
        self.tampers: set[TamperSwitch] = set()
        self._logged_phase_faults: set[EventCode] = set()
        self.outages: set[str] = set()
        self.status_word = StatusWord()
        self.block_columns = device_type.profiles["block"].columns[1:]
        self.daily_columns = device_type.profiles["daily"].columns[1:]
        self.blocks = ProfileBuffer(BLOCK_DAYS * DAY_S // self.interval_s, len(self.block_columns))
        self.daily = ProfileBuffer(DAILY_ROWS, len(self.daily_columns))
        billing = billing_profile(device_type)
        self.billing_columns = () if billing is None else billing.columns[1:]
        self.billing = ProfileBuffer(BILLING_ROWS, len(self.billing_columns))
        """A row for each closed period, stamped with its end; the instant of a maximum demand is a value beside the
        demand.
        """
        self.event_columns = event_columns(device_type)
        self.logs = {log: ProfileBuffer(LOG_CAPACITY, len(self.event_columns) - 1) for log in Log}
        self.tamper_count = 0
        self.billing_count = 0
        self.programming_count = 0
        self.power_failures = 0
        self._installed_s = start_s
        self._start_s = self.clock.interval_start(start_s, self.interval_s)
        self._missed: list[_Missed] = []
        self._clock_was_set = False
        self._last_block = self.metrology.block_of(Interval(Draw(), 0))

    # Reading the meter's state.

    @property
    def true_s(self) -> int:
        """The instant the engine has reached."""
        return self.supply.cursor_s

    @property
    def shown_s(self) -> int:
        """The meter's own time at that instant."""
        return self.clock.shown(self.true_s)

    @property
    def powered(self) -> bool:
        """Whether the meter has power; without it, it neither pushes nor answers."""
        return self.supply.grid_on

    @property
    def communicates(self) -> bool:
        """Whether its module is on: it pushes and answers."""
        return self.powered

    @property
    def generator_on(self) -> bool:
        """Whether a generator supplies the load instead of the grid."""
        return self.supply.from_generator

    def note_request(self) -> None:
        """Note a request of a client; a meter on mains does nothing with it."""

    def stay_awake(self) -> None:
        """Keep the module on; that of a meter on mains always is."""

    def status_bytes(self) -> bytes:
        """Return the event status word (16 bytes): states that last, and those of the phases at this instant."""
        return self._lasting().to_bytes()

    def _lasting(self) -> StatusWord:
        bits = (self._bit_of(code) for code in self._phase_faults())
        return self.status_word.with_bits(bit for bit in bits if bit is not None)

    def _phase_faults(self) -> list[EventCode]:
        """Return what is wrong with the phases at this instant; nothing of a single-phase meter."""
        if self.device_type.phases == 1:
            return []
        return [*phase_faults(self.supply.now(), self.supply.at(self.true_s - PERSISTENCE_S))]

    def next_close_s(self) -> int:
        """Return the true instant at which the open interval closes."""
        return self.clock.true_for(self._start_s + self.interval_s)

    def next_wake_s(self) -> int:
        """Return when the engine wants to be run next: at the interval's end; each minute while it watches for
        overload.
        """
        close_s = self.next_close_s()
        if self.guard is None or not self.watches_overload:
            return close_s
        return min(close_s, self._minute_end(), max(self.guard.due_s or close_s, self.true_s))

    def quantities(self) -> dict[str, int]:
        """Return attribute 2 of every measured or counted object by OBIS code; registers in milli-units, others
        plain.
        """
        return (
            self.metrology.registers()
            | self.metrology.period()
            | self.metrology.line()
            | self._last_block
            | ({"1.0.91.7.0.255": 0} if "neutral" in self.tampers else {})
            | {
                "0.0.94.91.14.255": self.supply.powered_s // 60 * 1000,
                "0.0.94.91.8.255": (self.true_s - self._installed_s - self.supply.powered_s) // 60 * 1000,
                "0.0.94.91.0.255": self.tamper_count,
                "0.0.0.1.0.255": self.billing_count,
                "0.0.96.2.0.255": self.programming_count,
                "0.0.96.7.0.255": self.power_failures,
                "0.0.96.3.10.255": int(self.switch.closed),
                "0.0.17.0.0.255": self.load_limit_w * 1000,
            }
        )

    def demand_at(self, obis: str) -> int:
        """Return when a maximum demand register got its value (attribute 5); zero where it has none."""
        demand = self.metrology.demands().get(obis)
        return 0 if demand is None else demand.at_s

    def billed_at(self) -> int:
        """Return when the last billing period was closed; zero where none was."""
        newest = self.billing.newest()
        return 0 if newest is None else int(newest[0])

    # Running.

    def run_to(self, target_s: int) -> list[PendingPush]:
        """Run to a true instant, closing every interval on the way; return the pushes that are due."""
        pending_pushes: list[PendingPush] = []
        while (close_s := self.next_close_s()) <= target_s:
            pending_pushes += self._pass(max(close_s, self.true_s))
            pending_pushes += self._close()
        return pending_pushes + self._pass(target_s)

    def _pass(self, target_s: int) -> list[PendingPush]:
        """Let time pass inside an interval; a meter that watches for overload observes its load minute by minute."""
        pending_pushes: list[PendingPush] = []
        while self.guard is not None and self.watches_overload and self.true_s < target_s:
            self._observe_load(self.guard)
            stop_s = min(target_s, self._minute_end())
            due_s = max(self.guard.due_s or stop_s + 1, self.true_s)
            if due_s <= stop_s and self.powered:
                self._flow_to(due_s)
                pending_pushes += self._act_on_overload(self.guard)
            else:
                self._flow_to(stop_s)
        self._flow_to(target_s)
        return pending_pushes

    def _flow_to(self, target_s: int) -> None:
        """Let energy flow; a meter with a calendar changes its registers where a zone begins."""
        calendar, metrology = self.calendar, self._by_label
        while calendar is not None and metrology is not None and self.true_s < target_s:
            self._activate_if_due(calendar)
            metrology.enter(self._label())
            change_s = self.clock.true_for(self._next_change(calendar))
            self.supply.run_to(min(max(change_s, self.true_s), target_s))
        self.supply.run_to(target_s)

    def _label(self) -> int:
        """Return under what energy counts now: the generator, or the calendar's zone."""
        return GENERATOR if self.generator_on else self.active_zone

    @property
    def active_zone(self) -> int:
        """The tariff zone in force by the meter's clock; 1 without a calendar."""
        return 1 if self.calendar is None else self.calendar.zone_at(self.shown_s + self.clock.utc_offset_s)

    def _next_change(self, calendar: CalendarState) -> int:
        """Return when, by the meter's clock, a zone begins or the passive calendar becomes active."""
        offset_s = self.clock.utc_offset_s
        change_s = calendar.next_change(self.shown_s + offset_s) - offset_s
        due_s = calendar.activates_at_s
        return change_s if due_s is None or due_s <= self.shown_s else min(change_s, due_s)

    def _activate_if_due(self, calendar: CalendarState) -> None:
        if calendar.activates_at_s is not None and calendar.activates_at_s <= self.shown_s:
            calendar.activate()

    def _minute_end(self) -> int:
        """The next whole minute of true time, until which the load is constant."""
        return self.true_s - self.true_s % 60 + 60

    def _observe_load(self, guard: OverloadGuard) -> None:
        """Observe whether the load exceeds the limit. Within it with the switch closed, an overload has ended."""
        over = self.supply.watts() > self.load_limit_w
        guard.observe(self.true_s, over=over)
        if guard.tripped and not over and self.powered and self.switch.closed:
            guard.reset()
            self._log(EventCode.OVERLOAD_OVER)

    def _act_on_overload(self, guard: OverloadGuard) -> list[PendingPush]:
        """Carry out the guard's action that is due now: disconnect, or retry."""
        if guard.state is not GuardState.WATCHING:
            guard.resume()
            in_any_mode = guard.habit.in_any_mode
            moved = self.switch.execute(Order.LOCAL_RECONNECT, in_any_mode=in_any_mode)
            return self._after_switching() if moved else []
        if not guard.tripped:
            self._log(EventCode.OVERLOADED)
        guard.trip(self.true_s)
        moved = self.switch.execute(Order.LOCAL_DISCONNECT)
        return self._after_switching() if moved else []

    def _close(self) -> list[PendingPush]:
        """Close the open interval at its scheduled end and open the next."""
        start_s, end_s = self._start_s, self._start_s + self.interval_s
        interval = self.supply.close_interval(start_s, end_s)
        self._start_s = end_s
        if not self.powered:
            self._missed.append(_Missed(start_s, end_s, interval))
            return []
        status = DOUBTFUL if self._clock_was_set else 0
        self._clock_was_set = False
        row = self._capture_block(interval, end_s, status)
        if self.clock.is_midnight(end_s):
            self._capture_daily(end_s, status)
            self._close_period(end_s, status)
        # The instantaneous push is stamped with the block's end, so that its register is a read at that boundary.
        pending_pushes = [PendingPush(PushKind.INSTANTANEOUS, end_s, status), *self._log_phase_faults()]
        if self.device_type.block_push:
            pending_pushes.insert(0, PendingPush(PushKind.BLOCK, end_s, status, tuple(row)))
        return pending_pushes

    def _capture_block(self, interval: Interval, end_s: int, status: int) -> list[int | None]:
        self._last_block = self.metrology.close_interval(interval, end_s, self.interval_s)
        self.blocks.append(end_s, status, _kept(self._captured(self.block_columns, self._last_block)))
        pushed = self.device_type.pushes.get("block")
        return self._captured(self.block_columns if pushed is None else pushed.columns, self._last_block)

    def _capture_daily(self, midnight_s: int, status: int) -> None:
        row = self._captured(self.daily_columns, self.metrology.registers())
        self.daily.append(midnight_s, status, _kept(row))

    def _captured(self, columns: Sequence[Column], values: dict[str, int]) -> list[int | None]:
        """Return the values of a profile's columns: from `values`, else from all that is measured, else None."""
        if not all(column.obis in values for column in columns):
            values = self.quantities() | values
        return [
            None
            if column.obis not in values
            else self.demand_at(column.obis)
            if column.attribute == 5
            else shown_value(column, values[column.obis])
            for column in columns
        ]

    def _close_period(self, midnight_s: int, status: int) -> None:
        """Close the billing period if this midnight begins the billing day."""
        if not self.clock.is_month_start(midnight_s, self.billing_day):
            return
        self._end_period(midnight_s, status)

    def _end_period(self, end_s: int, status: int) -> None:
        row = self._captured(self.billing_columns, self.metrology.registers() | self.metrology.period())
        self.billing.append(end_s, status, _kept(row))
        self.billing_count += 1
        self.metrology.begin_period()

    # Inputs.

    def reset_demand(self) -> None:
        """Close the billing period by order: its row is stamped with the present instant, and demands start again."""
        self._end_period(self.shown_s, 0)
        self.programming_count += 1
        self._log(EventCode.DEMAND_RESET)

    def write_calendar(self, attribute: int, data: Data) -> None:
        """Store a table of the passive calendar, by attribute (6 to 9)."""
        if self.calendar is not None:
            self.calendar.write(attribute - PASSIVE, data)
            self.programming_count += 1

    def schedule_calendar(self, at_s: int | None) -> None:
        """Let the passive calendar become active at a UTC instant of the meter's clock, now, or (None) never."""
        if self.calendar is None:
            return
        self.calendar.activates_at_s = at_s
        self._activate_if_due(self.calendar)
        self.programming_count += 1
        self._log(EventCode.CALENDAR_SET)

    def change_special_days(self, action: SpecialDayAction, data: Data) -> None:
        """Write the table of special days, or insert or delete one of it."""
        if self.calendar is None:
            return
        self.calendar.change_special_days(action, data)
        self.programming_count += 1
        self._log(EventCode.CALENDAR_SET)

    def run_generator(self, *, on: bool) -> list[PendingPush]:
        """Supply the load from a generator, or from the grid again; a type without its registers ignores it."""
        if self._by_label is None or not self.device_type.generator or on is self.generator_on:
            return []
        self.supply.from_generator = on
        pending_pushes: list[PendingPush] = []
        if on and not self.powered:
            pending_pushes = self._gain_power()
        if not on and self.outages:
            pending_pushes = self._lose_power()
        self._by_label.enter(self._label())
        return pending_pushes

    def cut_power(self, reason: str = SERVICE_OUTAGE) -> list[PendingPush]:
        """Take the grid away: the meter logs it and sends one last message on its capacitor (last gasp)."""
        was_powered = self.powered
        self.outages.add(reason)
        return self._lose_power() if was_powered and not self.generator_on else []

    def _lose_power(self) -> list[PendingPush]:
        self.power_failures += 1
        self._log(EventCode.POWER_FAILED)
        pending_pushes = [self._alert(EventCode.POWER_FAILED)]
        self.supply.grid_on = False
        return pending_pushes

    def restore_power(self, reason: str | None = None) -> list[PendingPush]:
        """End one reason of an outage, or all of the grid's; with the last one the meter has power again.

        Rows for intervals without power are then written as the type does it, and a first-breath alert follows.
        """
        if reason is None:
            self.outages &= {NOT_INSTALLED}
        self.outages.discard(reason or "")
        return [] if self.powered or self.outages else self._gain_power()

    def _gain_power(self) -> list[PendingPush]:
        self.supply.grid_on = True
        for missed in self._missed:
            self._enter_missed(missed)
        self._missed.clear()
        self._log(EventCode.POWER_RESTORED)
        return [self._alert(EventCode.POWER_RESTORED)]

    def _enter_missed(self, missed: _Missed) -> None:
        # The interval in which the power failed contains energy, so its row is written whatever the type does with
        # empty ones.
        if self.device_type.outage_rows == "zero" or missed.interval.powered_s:
            self._capture_block(missed.interval, missed.end_s, 0)
            if self.clock.is_midnight(missed.end_s):
                self._capture_daily(missed.end_s, 0)
        # A period ends at its midnight without power as well; its row is written once power returns.
        self._close_period(missed.end_s, 0)

    def set_clock(self, shown_s: int) -> list[PendingPush]:
        """Set the meter's time.

        A step into the next interval closes the open one as usual. A longer step forward closes it under its own
        stamp and leaves no rows for the skipped intervals. A step back into an earlier interval keeps what was
        measured since the last close, so that a time stamp occurs twice.
        """
        self._log(EventCode.CLOCK_SET)
        self._clock_was_set = True
        self.programming_count += 1
        end_s = self._start_s + self.interval_s
        new_start_s = self.clock.interval_start(shown_s, self.interval_s)
        pending_pushes: list[PendingPush] = []
        if new_start_s >= end_s:
            pending_pushes = self._close()
        if new_start_s > end_s or new_start_s < self._start_s:
            self._start_s = new_start_s
            self._clock_was_set = True
        self.clock.set(self.true_s, shown_s)
        return pending_pushes

    def operate_switch(self, order: Order) -> list[PendingPush]:
        """Execute an order of the disconnect control; a change of its output is logged and pushed as an alert."""
        moved = self.switch.execute(order)
        if self.guard is not None and (self.switch.closed or self.switch.state is ControlState.DISCONNECTED):
            self.guard.resume()  # another order has moved the switch: no retry is pending
        return self._after_switching() if moved else []

    def _after_switching(self) -> list[PendingPush]:
        self.supply.relay_closed = self.switch.conducts
        code = EventCode.CONNECTED if self.switch.closed else EventCode.DISCONNECTED
        self._log(code)
        return [self._alert(code)]

    def weld_switch(self, *, on: bool) -> None:
        """Weld the contacts or repair them. The meter does not notice."""
        self.switch.weld(on=on)
        if self.supply.relay_closed is not self.switch.conducts:
            self.supply.relay_closed = self.switch.conducts

    def leak(self, _ml_s: int) -> list[PendingPush]:
        """Let gas escape behind the meter, so many mL/s; an electricity meter has none."""
        return []

    def set_billing_day(self, day: int) -> None:
        """Close billing periods at the midnight of another day of the month from now on."""
        self.billing_day = day
        self.programming_count += 1
        self._log(EventCode.BILLING_DAY_SET)

    def set_load_limit(self, watts: int) -> None:
        """Set the limiter's threshold, in W."""
        self.load_limit_w = watts
        self.programming_count += 1
        self._log(EventCode.LOAD_LIMIT_SET)

    def watch_overload(self, *, on: bool) -> None:
        """Begin or cease to disconnect above the limit; a type without that function ignores it."""
        if self.guard is None or on is self.watches_overload:
            return
        self.watches_overload = on
        self.guard.resume()
        self.programming_count += 1
        self._log(EventCode.LOAD_LIMIT_ENABLED if on else EventCode.LOAD_LIMIT_DISABLED)

    def move_tamper(self, switch: TamperSwitch, *, on: bool) -> list[PendingPush]:
        """Begin or end a tamper: it is logged, its status bit stays set while it lasts, and an alert is due.

        Without power the meter only records it, on its battery.
        """
        if on is (switch in self.tampers):
            return []
        tamper = TAMPERS[switch]
        self.tampers ^= {switch}
        if (bit := self._bit_of(tamper.begins)) is not None:
            self.status_word.set(bit, on)
        if on:
            self.tamper_count += 1
        code = tamper.begins if on else tamper.ends
        if code is not None:
            self._log(code)
        return [self._alert()] if self.powered else []

    def _log_phase_faults(self) -> list[PendingPush]:
        """Log the faults of phases that began or ended since they were looked at, and report them in one alert."""
        found = set(self._phase_faults())
        changed = sorted(found ^ self._logged_phase_faults)
        self._logged_phase_faults = found
        for code in changed:
            self.tamper_count += code in found
            # The code of an end follows that of its beginning.
            self._log(code if code in found else EventCode(code + 1))
        return [self._alert()] if changed else []

    def note(self, code: EventCode) -> None:
        """Log an event without any other effect on the metering."""
        self._log(code)

    def _log(self, code: IntEnum) -> None:
        quantities = self.quantities()
        quantities["1.0.94.91.14.255"] = quantities.get("1.0.11.7.0.255", 0)
        written = self.device_type.written.get(code, code)
        quantities["0.0.96.11.0.255"] = written
        row = [shown_value(column, quantities.get(column.obis, 0)) for column in self.event_columns[1:]]
        self.logs[Log(self.device_type.companion.events[written].log_number)].append(self.shown_s, 0, row)

    def _bit_of(self, code: IntEnum) -> int | None:
        """Return the status bit by which the meter's type reports an event; None where it has none."""
        written = self.device_type.written.get(code, code)
        for bit in self.device_type.companion.esw.values():
            if bit.event == written:
                return bit.bit
        switched = code in (EventCode.CONNECTED, EventCode.DISCONNECTED)
        return LOAD_SWITCH_BIT if switched and written == code else None

    def _alert(self, code: IntEnum | None = None) -> PendingPush:
        """Return an alert; the bit of `code`, an operation and not a state, is set for this alert alone."""
        bit = None if code is None else self._bit_of(code)
        word = self._lasting().with_bits(() if bit is None else (bit,))
        return PendingPush(PushKind.ALERT, self.shown_s, 0, status_word=word.to_bytes())
