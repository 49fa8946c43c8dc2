"""The inside of a gas meter: volume, valve with its leak test, tampers, and a module that sleeps.

A remote order closes the valve, or makes it *ready*. A person presses the button; then the meter tests for `leak_test_s`
whether gas escapes behind it, and opens only where none does.
"""

from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from urja.cosem.companion import DeviceType
from urja.meter.battery_module import BatteryModule
from urja.meter.engine import Engine, PendingPush, PushKind
from urja.meter.gas_load import GasHousehold
from urja.meter.gas_metrology import GasMetrology
from urja.meter.gas_supply import GasSupply
from urja.meter.inputs import NOT_INSTALLED, SERVICE_OUTAGE, TamperSwitch
from urja.meter.relay import ControlState, LoadSwitch, Order
from urja.meter.surroundings import HouseholdKind, RelayOptions
from urja.meter.truth import Interval, TruthSink

_BATTERY_PERCENT: Final = "0.0.96.6.1.255"
_BATTERY_LEFT_H: Final = "0.0.96.6.6.255"
_WAKE_UPS: Final = "0.0.96.15.0.255"
_VALVE_MOTIONS: Final = "0.0.96.15.1.255"


class GasEvent(IntEnum):
    """Events of a gas meter beside the standard's (`events.toml` of its type)."""

    FLOW_WHILE_CLOSED = 821
    FLOW_WHILE_CLOSED_OVER = 822
    BATTERY_LOW = 831
    LEAK_TEST_FAILED = 841


class GasEngine(Engine):
    """Metering, profiles, events, clock, valve and module of one gas meter."""

    supply: GasSupply
    metrology: GasMetrology

    def __init__(
        self,
        serial: str,
        device_type: DeviceType,
        *,
        seed: int,
        life: HouseholdKind,
        start_l: int,
        start_s: int,
        sink: TruthSink,
        relay: RelayOptions,
    ) -> None:
        """Create a meter whose register shows `start_l` litres at `start_s` (Unix seconds).

        Its type states gas with a valve, a plan and a battery.
        """
        gas, plan, battery = device_type.gas, device_type.awake, device_type.battery
        assert gas is not None and plan is not None and battery is not None, "a gas type on a battery"  # noqa: PT018 - one statement of one condition
        household = GasHousehold(seed, device_type.default_deviation_min * 60, life)
        supply = GasSupply(serial, household, start_s, sink)
        super().__init__(serial, device_type, source=supply.source, start_wh=0, start_s=start_s, relay=relay)
        self.supply = supply
        self.metrology = GasMetrology(supply, start_l)
        self._last_block = self.metrology.block_of(Interval(supply.total, 0))
        self.valve = gas.valve
        mode = relay.mode if gas.valve is None else gas.valve.control_mode
        self.switch = LoadSwitch(mode=mode, welded=relay.welded)
        self.module = BatteryModule(plan, battery, start_s, self.clock.utc_offset_s)
        self.test_ends_s: int | None = None
        """When the leak test under way ends; None while there is none."""
        self._flow_reported = False
        self._battery_reported = False
        self._planned_s = self.module.next_planned_s(start_s)

    # Reading the meter's state.

    @property
    def communicates(self) -> bool:
        """Whether its radio is on: it neither sends nor answers while it sleeps."""
        return self.powered and self.module.is_awake

    def module_state(self) -> dict[str, object]:
        """Return whether the module is awake, its next planned wake-up (UTC), its remaining charge, and the flow of gas."""
        return {
            "awake": self.communicates,
            "next_wake_at": datetime.fromtimestamp(self._planned_s, UTC).isoformat(),
            "battery_percent": self.module.left_percent(self.true_s),
            "battery_left_h": self.module.left_h(self.true_s),
            "flow_ml_s": self.supply.flow_ml_s(),
        }

    def note_request(self) -> None:
        """Note a request of a client, which keeps the module awake."""
        self.module.stay(self.true_s)

    def stay_awake(self) -> None:
        """Never sleep: a bench supplies the module."""
        self.module.is_mains = True

    def next_wake_s(self) -> int:
        """Return when the engine wants to be run next, in true Unix seconds."""
        return min(self.next_close_s(), self._next_change_s())

    def quantities(self) -> dict[str, int]:
        """Return attribute 2 of every measured or counted object by OBIS code."""
        now_s = self.true_s
        return (
            self.metrology.registers()
            | self.metrology.line()
            | self._last_block
            | {
                "0.0.94.91.0.255": self.tamper_count,
                "0.0.0.1.0.255": self.billing_count,
                "0.0.96.2.0.255": self.programming_count,
                "0.0.96.3.10.255": int(self.switch.closed),
                # A register's value is in thousandths of its unit.
                _BATTERY_PERCENT: self.module.left_percent(now_s) * 1000,
                _BATTERY_LEFT_H: self.module.left_h(now_s) * 1000,
                _WAKE_UPS: self.module.wake_ups,
                _VALVE_MOTIONS: self.module.valve_motions,
            }
        )

    # Running.

    def _next_change_s(self) -> int:
        """Return when the module, the leak test or the watch for escaping gas wants to act, in true Unix seconds."""
        moments = [self._planned_s]
        moments += [at_s for at_s in (self.module.sleeps_at_s, self.test_ends_s) if at_s is not None]
        if self._is_watching:
            moments.append(self._minute_end())
        return max(min(moments), self.true_s)

    @property
    def _is_watching(self) -> bool:
        """Whether a closed valve may let gas through, or did until now."""
        may_flow = bool(self.supply.leak_ml_s) or self.switch.conducts
        return not self.switch.closed and (may_flow or self._flow_reported)

    def _pass(self, target_s: int) -> list[PendingPush]:
        pending_pushes: list[PendingPush] = []
        while (change_s := self._next_change_s()) <= target_s:
            self.supply.run_to(change_s)
            pending_pushes += self._act()
        self.supply.run_to(target_s)
        return pending_pushes

    def _act(self) -> list[PendingPush]:
        """Do what is due at this instant."""
        now_s, pending_pushes = self.true_s, self._watch_flow()
        self.module.run_to(now_s)
        if self.test_ends_s is not None and self.test_ends_s <= now_s:
            pending_pushes += self._end_test()
        if self._planned_s <= now_s:
            self._planned_s = self.module.next_planned_s(now_s)
            if self.powered:
                pending_pushes += self._wake()
        return pending_pushes

    def _wake(self) -> list[PendingPush]:
        """Wake the module and send the registers of this instant, by which the head end knows the meter."""
        self.module.wake(self.true_s)
        if not self.communicates:
            return []
        pending_pushes = [PendingPush(PushKind.INSTANTANEOUS, self.shown_s, 0)]
        low = self.module.left_percent(self.true_s) < self.module.battery.low_percent
        if low and not self._battery_reported:
            self._battery_reported = True
            pending_pushes += self._report(GasEvent.BATTERY_LOW, stays=True)
        return pending_pushes

    def _close(self) -> list[PendingPush]:
        # Its intervals are read when it is awake: each push would cost a wake-up.
        super()._close()
        return []

    def _watch_flow(self) -> list[PendingPush]:
        """Report gas that flows through the closed valve, once when it begins and once when it is over."""
        flows = not self.switch.closed and self.supply.flow_ml_s() > 0
        if flows is self._flow_reported:
            return []
        self._flow_reported = flows
        self._set_bit(GasEvent.FLOW_WHILE_CLOSED, on=flows)
        if flows:
            self.tamper_count += 1
        self._log(GasEvent.FLOW_WHILE_CLOSED if flows else GasEvent.FLOW_WHILE_CLOSED_OVER)
        return [self._alert()]

    # The valve.

    def operate_switch(self, order: Order) -> list[PendingPush]:
        """Execute an order of the disconnect control, or a press of the button (manual reconnect).

        The button wakes the module. Where the valve is *ready*, the leak test begins; it opens the valve.
        """
        if order is Order.MANUAL_RECONNECT:
            pending_pushes = self._wake() if self.powered else []
            if (
                self.switch.state is ControlState.READY
                and self.test_ends_s is None
                and self.valve is not None
            ):
                self.test_ends_s = self.true_s + self.valve.leak_test_s
            return pending_pushes
        self.test_ends_s = None
        return super().operate_switch(order)

    def _end_test(self) -> list[PendingPush]:
        """Open the valve, unless gas flows through it while it is closed."""
        self.test_ends_s = None
        if self.supply.flow_ml_s() > 0:
            return self._report(GasEvent.LEAK_TEST_FAILED)
        moved = self.switch.execute(Order.MANUAL_RECONNECT)
        return self._after_switching() if moved else []

    def _after_switching(self) -> list[PendingPush]:
        self.module.valve_motions += 1
        return [*super()._after_switching(), *self._watch_flow()]

    def leak(self, ml_s: int) -> list[PendingPush]:
        """Let gas escape behind the valve, so many mL/s; 0 ends it."""
        self.supply.leak_ml_s = ml_s
        return self._watch_flow()

    # Power and tampers.

    def cut_power(self, reason: str = SERVICE_OUTAGE) -> list[PendingPush]:
        """Remove the meter. A failure of the grid does not concern a meter on a battery."""
        if reason == NOT_INSTALLED:
            self.outages.add(reason)
            self.supply.grid_on = False
        return []

    def restore_power(self, reason: str | None = None) -> list[PendingPush]:
        """Install the meter: its module wakes."""
        if reason != NOT_INSTALLED or reason not in self.outages:
            return []
        self.outages.discard(reason)
        self.supply.grid_on = True
        self._missed.clear()
        return self._wake()

    def move_tamper(self, switch: TamperSwitch, *, on: bool) -> list[PendingPush]:
        """Begin or end a tamper; a gas meter has no neutral."""
        return [] if switch == "neutral" else super().move_tamper(switch, on=on)

    def _report(self, code: GasEvent, *, stays: bool = False) -> list[PendingPush]:
        """Log an event and send an alert with its bit, which stays set for a state."""
        self._log(code)
        if stays:
            self._set_bit(code, on=True)
            return [self._alert()]
        return [self._alert(code)]

    def _set_bit(self, code: GasEvent, *, on: bool) -> None:
        if (bit := self._bit_of(code)) is not None:
            self.status_word.set(bit, on)

    def _alert(self, code: IntEnum | None = None) -> PendingPush:
        self.module.wake(self.true_s)
        return super()._alert(code)
