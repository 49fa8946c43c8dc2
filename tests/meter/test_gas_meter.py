"""The simulated gas meter: volumes and their truth, the valve with a person and a leak test, sleep and battery."""

from datetime import timedelta

import pytest
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, moment
from tests.meter.wire import FakeWire

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult, ActionResult
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.meter.events import Log
from urja.meter.gas_load import GasHousehold
from urja.meter.identity import seeded_identity
from urja.meter.inputs import Leak, MoveTamper, SetControlMode, Weld
from urja.meter.meter import Meter
from urja.meter.object_model import Role
from urja.meter.relay import ControlState, Order

VALVE = "0.0.96.3.10.255"
CLOSE, OPEN = CosemMethod.of(70, VALVE, 1), CosemMethod.of(70, VALVE, 2)
VOLUME = (3, "7.0.3.0.0.255", 2)
SIX, TWELVE = MIDNIGHT_S + 6 * HOUR, MIDNIGHT_S + 12 * HOUR
"""Its planned wake-ups of the first day."""


def gas_meter(*, life="family", start_l=5000, notes=None):
    """A meter installed at a local midnight, and the list its truth goes to."""
    truth = []
    identity = seeded_identity("00000042", "urja-g1", 7, start_wh=start_l)
    identity = identity.__class__(
        **{name: getattr(identity, name) for name in identity.__struct_fields__} | {"life": life}
    )
    note = (lambda _entry: None) if notes is None else notes.append
    return Meter(identity, moment(MIDNIGHT_S), truth.append, note=note), truth


def codes(meter, log=Log.OTHER):
    return [int(row[2]) for row in meter.engine.logs[log].by_entry(1, 0)]


def kinds(pushes):
    return [push.kind.value for push in pushes]


def awake_wire(meter, at_s=SIX):
    meter.advance(moment(at_s))
    return FakeWire(meter, Role.UTILITY).associate()


def order(wire, method):
    [event] = wire.run(wire.client.action(method, axdr.int8(0)))
    return event.result


# --- volumes ----------------------------------------------------------------------------------------------


def test_register_profile_and_truth_agree():
    meter, truth = gas_meter()
    meter.advance(moment(MIDNIGHT_S + 3 * DAY))
    drawn = [record.more["drawn_ml"] for record in truth]
    assert sum(drawn) == truth[-1].more["cumulative_ml"] > 100_000
    wire = awake_wire(meter, MIDNIGHT_S + 3 * DAY + 6 * HOUR)
    rows = wire.get(7, "1.0.99.1.0.255", 2).value
    assert [row.value[1].value for row in rows][: len(drawn)] == [ml // 1000 for ml in drawn]
    assert wire.get(*VOLUME).value == 5000 + truth[-1].more["cumulative_ml"] // 1000
    daily = wire.get(7, "1.0.99.2.0.255", 2).value
    midnights = [r.more["cumulative_ml"] for r in truth if (r.end_s - MIDNIGHT_S) % DAY == 0]
    assert [row.value[1].value for row in daily] == [5000 + ml // 1000 for ml in midnights]


def test_the_compensated_register_is_the_same_gas_at_15_degrees():
    """In April the gas is warmer than 15 °C, so that it counts for less there."""
    meter, truth = gas_meter()
    wire = awake_wire(meter, MIDNIGHT_S + 2 * DAY + 6 * HOUR)
    line, compensated = wire.get(*VOLUME).value - 5000, wire.get(3, "7.0.3.1.0.255", 2).value - 5000
    assert 0.90 * line < compensated < line
    assert sum(record.more["compensated_ul"] for record in truth) // 1_000_000 == compensated
    assert wire.get(3, "7.0.3.0.0.255", 3) == axdr.structure(axdr.int8(-3), axdr.enum(13))


@pytest.mark.parametrize("step_s", [7, 61, 1800, 5 * HOUR])
def test_a_volume_does_not_depend_on_how_its_time_is_divided(step_s):
    household = GasHousehold(3)
    start, end = MIDNIGHT_S + 5 * HOUR, MIDNIGHT_S + 11 * HOUR
    whole, parts = household.between(start, end), household.between(start, start)
    for at in range(start, end, step_s):
        parts += household.between(at, min(at + step_s, end))
    assert parts == whole
    assert whole.line_ml > 0


def test_the_closed_valve_stops_the_gas():
    meter, truth = gas_meter(life="heavy")
    wire = awake_wire(meter)
    assert order(wire, CLOSE) is ActionResult.SUCCESS
    meter.advance(moment(SIX + 4 * HOUR))
    assert [record.more["drawn_ml"] for record in truth][-4:] == [0, 0, 0, 0]
    assert truth[4].more["drawn_ml"] == 300 * HOUR


# --- the valve --------------------------------------------------------------------------------------------


def ready_meter(life="family"):
    meter, truth = gas_meter(life=life)
    wire = awake_wire(meter)
    assert order(wire, CLOSE) is ActionResult.SUCCESS
    assert order(wire, OPEN) is ActionResult.SUCCESS
    meter.advance(moment(SIX))
    return meter, truth


def test_a_remote_order_makes_the_valve_ready_and_a_person_opens_it_after_the_leak_test():
    meter, _ = ready_meter()
    assert meter.engine.switch.state is ControlState.READY
    assert ("VALVE", "PRESS", "") in meter.display()
    meter.advance(moment(SIX + HOUR))
    assert meter.engine.switch.state is ControlState.READY
    meter.operate(Order.MANUAL_RECONNECT)
    assert ("VALVE", "TEST", "") in meter.display()
    meter.advance(moment(SIX + HOUR + 59))
    assert not meter.engine.switch.closed
    pushes = meter.advance(moment(SIX + HOUR + 60))
    assert (meter.engine.switch.state, kinds(pushes)) == (ControlState.CONNECTED, ["alert"])
    assert codes(meter, Log.CONTROL) == [301, 302]
    assert ("VALVE", "OPEN", "") in meter.display()


def test_the_button_does_not_open_a_closed_valve_that_is_not_ready():
    meter, _ = gas_meter()
    order(awake_wire(meter), CLOSE)
    meter.operate(Order.MANUAL_RECONNECT)
    meter.advance(moment(SIX + HOUR))
    assert meter.engine.switch.state is ControlState.DISCONNECTED


def test_gas_that_escapes_keeps_the_valve_closed_and_is_reported():
    meter, truth = ready_meter()
    meter.advance(moment(SIX + HOUR))
    meter.apply_input(Leak(20))
    assert meter.communicates
    assert kinds(meter.advance(moment(SIX + HOUR))) == ["alert"]
    meter.operate(Order.MANUAL_RECONNECT)
    pushes = meter.advance(moment(SIX + HOUR + 60))
    assert kinds(pushes)[-1] == "alert"
    assert meter.engine.switch.state is ControlState.READY
    assert codes(meter) == [821, 841]
    meter.apply_input(Leak(0))
    assert codes(meter) == [821, 841, 822]
    meter.operate(Order.MANUAL_RECONNECT)
    meter.advance(moment(SIX + 2 * HOUR))
    assert meter.engine.switch.closed
    assert sum(record.more["leaked_ml"] for record in truth) == 20 * 60


def test_a_valve_that_sticks_is_noticed_by_its_own_meter():
    meter, _ = gas_meter(life="heavy")
    wire = awake_wire(meter)
    meter.apply_input(Weld(on=True))
    order(wire, CLOSE)
    assert meter.engine.switch.state is ControlState.DISCONNECTED
    assert codes(meter) == [821]
    order(wire, OPEN)
    meter.operate(Order.MANUAL_RECONNECT)
    meter.advance(moment(SIX + 120))
    assert codes(meter) == [821, 841]
    assert not meter.engine.switch.closed


def test_an_order_to_close_ends_a_leak_test():
    meter, _ = ready_meter()
    meter.operate(Order.MANUAL_RECONNECT)
    order(FakeWire(meter, Role.UTILITY).associate(), CLOSE)
    meter.advance(moment(SIX + HOUR))
    assert meter.engine.switch.state is ControlState.DISCONNECTED


@pytest.mark.parametrize("mode", [0, 2, 4, 5, 6])
def test_no_control_mode_in_which_gas_would_flow_by_a_remote_order(mode):
    meter, _ = gas_meter()
    wire = awake_wire(meter)
    target = CosemAttribute.of(70, VALVE, 4)
    [event] = wire.run(wire.client.set(target, axdr.enum(mode)))
    assert event.result is AccessResult.TYPE_UNMATCHED
    [event] = wire.run(wire.client.set(target, axdr.enum(1)))
    assert event.result is AccessResult.SUCCESS
    assert wire.get(70, VALVE, 4) == axdr.enum(1)


# --- sleep ------------------------------------------------------------------------------------------------


def test_it_sleeps_but_for_its_plan():
    meter, _ = gas_meter()
    assert meter.advance(moment(SIX - 1)) == []
    assert not meter.communicates
    assert kinds(meter.advance(moment(SIX))) == ["instantaneous"]
    assert meter.communicates
    meter.advance(moment(SIX + 119))
    assert meter.communicates
    assert meter.advance(moment(TWELVE - 1)) == []
    assert not meter.communicates
    assert kinds(meter.advance(moment(TWELVE))) == ["instantaneous"]


def test_asleep_it_answers_nothing_and_a_request_keeps_it_awake_for_its_longest_time():
    meter, _ = gas_meter()
    meter.advance(moment(SIX - 60))
    wire = FakeWire(meter, Role.UTILITY)
    assert wire.run(wire.client.associate()) == []
    wire = awake_wire(meter)
    for second in range(0, 900, 60):
        meter.advance(moment(SIX + second))
        if not meter.communicates:
            break
        wire.get(*VOLUME)
    assert second == 600


def test_the_button_and_a_tamper_wake_it():
    meter, _ = gas_meter()
    meter.advance(moment(SIX + HOUR))
    meter.operate(Order.MANUAL_RECONNECT)
    assert meter.communicates
    assert kinds(meter.advance(moment(SIX + HOUR))) == ["instantaneous"]
    meter.advance(moment(SIX + 2 * HOUR))
    assert not meter.communicates
    meter.apply_input(MoveTamper("magnet", on=True))
    assert meter.communicates
    assert kinds(meter.advance(moment(SIX + 2 * HOUR))) == ["alert"]
    assert codes(meter) == [201]


# --- battery ----------------------------------------------------------------------------------------------


def test_each_use_takes_its_charge_and_the_rest_is_shown_in_years():
    meter, _ = gas_meter()
    battery = meter.identity.type.battery
    wire = awake_wire(meter, MIDNIGHT_S + 40 * DAY + 6 * HOUR)
    module, now_s = meter.engine.module, meter.engine.true_s
    assert module.wake_ups == 81
    expected = (
        (40 * DAY + 6 * HOUR) * battery.standby_ua + 81 * battery.wake_up_uas + 80 * 120 * battery.awake_ua
    )
    assert module.spent_uas(now_s) == expected
    order(wire, CLOSE)
    assert module.spent_uas(now_s) == expected + battery.valve_uas
    assert wire.get(1, "0.0.96.15.0.255", 2).value == 81
    assert wire.get(1, "0.0.96.15.1.255", 2).value == 1
    years = wire.get(3, "0.0.96.6.6.255", 2).value / 24 / 365.25
    assert 18 < years < 21
    assert wire.get(3, "0.0.96.6.1.255", 2).value == 99


def test_a_low_battery_is_reported_once_and_an_empty_one_wakes_nothing():
    meter, _ = gas_meter()
    meter.advance(moment(SIX - HOUR))
    module = meter.engine.module
    module.valve_motions = module.battery.capacity_uas * 91 // 100 // module.battery.valve_uas
    assert kinds(meter.advance(moment(SIX))) == ["instantaneous", "alert"]
    assert kinds(meter.advance(moment(TWELVE))) == ["instantaneous"]
    assert codes(meter) == [831]
    module.valve_motions = module.battery.capacity_uas // module.battery.valve_uas + 1
    assert meter.advance(moment(MIDNIGHT_S + DAY + 6 * HOUR)) == []
    meter.operate(Order.MANUAL_RECONNECT)
    assert not meter.communicates


# --- restart ----------------------------------------------------------------------------------------------


def test_a_meter_that_lives_its_past_again_is_the_same():
    entries, first_truth = [], None
    meter, first_truth = gas_meter(notes=entries)
    wire = awake_wire(meter)
    order(wire, CLOSE)
    meter.advance(moment(SIX + HOUR))
    meter.apply_input(Leak(15))
    meter.advance(moment(SIX + HOUR + 100))
    meter.apply_input(Leak(0))
    order(FakeWire(meter, Role.UTILITY).associate(), OPEN)
    meter.operate(Order.MANUAL_RECONNECT)
    meter.apply_input(SetControlMode(1))
    end = moment(MIDNIGHT_S + 2 * DAY)
    meter.advance(end)
    again, second_truth = gas_meter()
    for entry in entries:
        again.replay(entry)
    again.run_without_pushing(end)
    assert second_truth == first_truth
    assert again.engine.quantities() == meter.engine.quantities()
    assert again.engine.switch == meter.engine.switch
    assert timedelta(seconds=again.engine.true_s) == timedelta(seconds=meter.engine.true_s)
