"""A three-phase meter that is connected wrongly sees it, and so does the check of its commissioning call."""

import pytest

from urja.apps.commissioning.checks import ANGLES, POWERS, Answer, Check, Expected, judge
from urja.cosem.companion import load_device_type
from urja.meter.engine import Engine, PushKind, shown_value
from urja.meter.events import EventCode, Log
from urja.meter.household_kinds import load_behind
from urja.meter.load import InstantaneousReading, PhaseReading
from urja.meter.phase_faults import phase_faults
from urja.meter.surroundings import Transformer, Wiring
from urja.meter.transformer import TransformerLoad

D2, D3, NET = (load_device_type(name) for name in ("urja-d2", "urja-d3", "urja-d2-net"))
NOON = 1_772_433_000
"""12:00 in Kolkata on 2 March 2026."""


def engine(device_type, life="workshop", *, at=NOON, **wiring):
    source = load_behind(life, 3, device_type, Wiring(**wiring))
    return Engine("1", device_type, source=source, start_wh=0, start_s=at)


def judged(meter):
    """What the check of a call says of a meter's status word, as the head end reports it."""
    word = "".join(f"{byte:08b}" for byte in meter.status_bytes())
    answers = {
        Check.IDENTITY: Answer("confirmed", "", {"value": "h:"}),
        Check.WIRING: Answer("confirmed", "", {"value": f"b:{word}"}),
    }
    outcomes = judge(answers, Expected("", meter.device_type, "", 0, 0))
    return next(one for one in outcomes if one.check is Check.WIRING)


@pytest.mark.parametrize("device_type", [D2, D3])
@pytest.mark.parametrize("life", ["workshop", "shop", "family"])
def test_a_right_connection_passes_by_day_and_by_night(device_type, life):
    for hour in range(0, 24, 3):
        found = judged(engine(device_type, life, at=NOON + hour * 3600))
        assert found.passed, (hour, found.says)


@pytest.mark.parametrize(("phase", "name"), [(1, "L1 (R)"), (2, "L2 (Y)"), (3, "L3 (B)")])
def test_a_reversed_current_transformer_and_a_missing_phase_are_seen(phase, name):
    reversed_ct = engine(D3, reversed=(phase,))
    assert [one.active_w < 0 for one in reversed_ct.supply.now().phases].count(True) == 1
    assert f"the current of phase {name} flows backwards" in judged(reversed_ct).says
    missing = engine(D3, missing=(phase,))
    assert f"phase {name} has no voltage" in judged(missing).says


def test_a_wrong_connection_counts_less_and_that_is_what_it_costs():
    day = (NOON, NOON + 86_400)
    right, backwards, dead = (
        load_behind("workshop", 3, D3, wiring).between(*day).energy_mwh
        for wiring in (Wiring(), Wiring(reversed=(2,)), Wiring(missing=(2,)))
    )
    assert backwards < dead < right


def test_what_a_roof_feeds_in_is_no_reversed_current():
    for hour in range(0, 24, 2):
        found = judged(engine(NET, "solar", at=NOON + hour * 3600))
        assert found.passed, (hour, found.says)


def reading(*watts, volts=(230, 230, 230)):
    phases = tuple(PhaseReading(w, abs(w), v, 0) for w, v in zip(watts, volts, strict=True))
    return InstantaneousReading(sum(watts), 1, 230, phases=phases)


def test_the_states_by_their_signs():
    at_night, fine = reading(100, -50, 80), reading(100, 50, 80)
    assert [*phase_faults(at_night, at_night)] == [EventCode.Y_REVERSED]
    assert [*phase_faults(at_night, fine)] == [], "it has not lasted"
    feeding_in = reading(-100, -50, -80)
    assert [*phase_faults(feeding_in, feeding_in)] == [], "all of them: an export"
    dark = reading(0, 0, 0, volts=(0, 0, 0))
    assert [*phase_faults(dark, dark)] == [], "an outage is of all phases"
    one_lost = reading(100, 50, 0, volts=(230, 230, 0))
    assert [*phase_faults(one_lost, fine)] == [EventCode.B_MISSING]


def logged(meter, log):
    return meter.logs[log].by_range(0, 1 << 40)[:, 2].tolist()


def test_a_phase_that_is_lost_and_returns_while_the_meter_runs_is_logged_and_reported_once():
    lost, returns = NOON + 3 * 3600, NOON + 5 * 3600
    meter = engine(D2, missing=(2,), since_s=lost, until_s=returns)
    pushes = meter.run_to(NOON + 8 * 3600)
    alerts = [one for one in pushes if one.tale is PushKind.ALERT]
    assert [one.stamp_s for one in alerts] == [lost, returns]
    bit = meter._bit_of(EventCode.Y_MISSING)
    assert [bits(one)[bit] for one in alerts] == ["1", "0"]
    assert logged(meter, Log.VOLTAGE) == [EventCode.Y_MISSING, EventCode.Y_RETURNED]
    assert meter.tamper_count == 1, "so that the log is read where the alert was lost"


def test_a_current_that_is_reversed_while_the_meter_runs_is_logged_when_it_has_lasted():
    meter = engine(D3, reversed=(3,), since_s=NOON + 3600)
    meter.run_to(NOON + 86_400)
    rows = meter.logs[Log.CURRENT].by_range(0, 1 << 40)
    assert rows[0, 2] == EventCode.B_REVERSED
    assert 12 * 3600 <= rows[0, 0] - (NOON + 3600) <= 13 * 3600


def test_an_alert_of_another_event_keeps_the_lasting_states():
    meter = engine(D2, missing=(1,))
    meter.run_to(NOON + 3600)
    [gasp] = meter.cut_power()
    assert bits(gasp)[meter._bit_of(EventCode.R_MISSING)] == "1"


def bits(push):
    return "".join(f"{byte:08b}" for byte in push.status_word)


def line_of(meter):
    return meter.metrology.line()


@pytest.mark.parametrize("device_type", [D2, D3, load_device_type("urja-d4"), NET])
def test_the_registers_of_a_type_are_the_powers_of_the_phases_and_the_angles_of_the_voltages(device_type):
    meter = engine(device_type)
    values = line_of(meter)
    shown = [shown_value(column, values[column.obis]) for column in device_type.registers]
    assert [column.obis for column in device_type.registers] == [*POWERS, *ANGLES]
    assert shown[3:] == [1200, 2400], "tenths of a degree"
    assert sum(values[obis] for obis in POWERS) == pytest.approx(values["1.0.1.7.0.255"], abs=3)
    assert shown[:3] == [int(phase.active_w) for phase in meter.supply.now().phases]


@pytest.mark.parametrize("swapped", [(1, 2), (2, 3), (3, 1)])
def test_two_exchanged_phases_reverse_the_sequence_and_change_no_total(swapped):
    right, wrong = engine(D3), engine(D3, swapped=swapped)
    assert [line_of(wrong)[obis] for obis in ANGLES] == [240_000, 120_000]
    a, b = (one - 1 for one in swapped)
    powers = [[line_of(meter)[obis] for obis in POWERS] for meter in (right, wrong)]
    assert (powers[1][a], powers[1][b]) == (powers[0][b], powers[0][a])
    assert line_of(wrong)["1.0.1.7.0.255"] == line_of(right)["1.0.1.7.0.255"]


def test_a_reversed_current_has_a_negative_power_and_a_missing_phase_no_angle():
    negative = [line_of(engine(D3, reversed=(2,)))[obis] < 0 for obis in POWERS]
    assert negative == [False, True, False]
    assert [obis in line_of(engine(D3, missing=(2,))) for obis in ANGLES] == [False, True]
    assert not set(ANGLES) & set(line_of(engine(D3, missing=(1,))))


def test_a_transformer_s_meter_sees_the_grid_s_angles():
    meter = Engine("1", D3, source=TransformerLoad(Transformer(id="T", feeder="F"), (), 0, phases=3), start_wh=0,
                   start_s=NOON)  # fmt: skip
    assert [line_of(meter)[obis] for obis in ANGLES] == [120_000, 240_000]


@pytest.mark.parametrize(
    ("wiring", "says"),
    [
        ({"reversed": (4,)}, r"wiring names the phases \[4\]; write 1, 2 or 3"),
        ({"swapped": (0, 1)}, r"wiring names the phases \[0\]; write 1, 2 or 3"),
        ({"swapped": (2, 2)}, r"wiring.swapped is \[2, 2\]; write two different phases"),
    ],
)
def test_a_phase_that_no_meter_has_is_refused(wiring, says):
    with pytest.raises(ValueError, match=says):
        Wiring(**wiring)
