"""The load of a transformer: the sum of its premises, hooked wires and losses."""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, moment
from tests.meter.test_three_phase import rows_of

from urja.meter.household_kinds import LOAD_PATTERNS, household_load
from urja.meter.identity import seeded_identity
from urja.meter.meter import Meter
from urja.meter.surroundings import Transformer
from urja.meter.three_phase_load import PHASES, ThreePhaseLoad
from urja.meter.transformer import Branch, TransformerLoad
from urja.meter.truth import Supply, discard_record

LOSSLESS = Transformer(id="T", feeder="F", no_load_w=0, load_loss_w=0)
LOSSY = Transformer(id="T", feeder="F", rated_va=25_000, no_load_w=90, load_loss_w=900)
LIVES = ("family", "shop", "solar", "empty", "heavy")


def town(transformer=LOSSLESS, lives=LIVES):
    """Supplies of some houses and the load of their transformer."""
    houses = [household_load(life, seed) for seed, life in enumerate(lives, 1)]
    supplies = [
        Supply(str(number), each, MIDNIGHT_S, discard_record, watched=True)
        for number, each in enumerate(houses)
    ]
    branches = [Branch(each, supply) for each, supply in zip(houses, supplies, strict=True)]
    return supplies, TransformerLoad(transformer, branches, 19_800)


def run(supplies, instant_s):
    for supply in supplies:
        supply.run_to(instant_s)


def drawn(supplies):
    """What flowed from the grid: a generator's energy passes no transformer."""
    totals = [s.total.since(s.generated) for s in supplies]
    return sum(total.energy_mwh + total.hooked_mwh - total.exported_mwh for total in totals)


def test_without_losses_it_is_the_sum_of_its_houses():
    supplies, load = town()
    flow = load.between(MIDNIGHT_S, MIDNIGHT_S + 2 * DAY + 777)
    run(supplies, MIDNIGHT_S + 2 * DAY + 777)
    assert flow.energy_mwh - flow.exported_mwh == drawn(supplies)
    assert flow.lost_mwh == flow.hooked_mwh == 0


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4000), st.integers(0, 4), st.sampled_from(["grid", "relay", "hook", "generator"])
        ),
        max_size=12,
    )
)
@settings(max_examples=30)
def test_gates_move_and_the_sum_holds(moves):
    """Whatever is switched when, the transformer sees the houses' sum; asked late or at each move, it is one."""
    supplies, late = town()
    stepped_supplies, stepped = town()
    at, energy = MIDNIGHT_S, 0
    for step, number, what in moves:
        flow = stepped.between(at, at + step)
        energy += flow.energy_mwh - flow.exported_mwh
        at += step
        for group in (supplies, stepped_supplies):
            run(group, at)
            toggle(group[number], what)
    run(supplies, at + HOUR)
    run(stepped_supplies, at + HOUR)
    flow = stepped.between(at, at + HOUR)
    energy += flow.energy_mwh - flow.exported_mwh
    whole = late.between(MIDNIGHT_S, at + HOUR)
    assert energy == drawn(stepped_supplies) == whole.energy_mwh - whole.exported_mwh
    assert whole.hooked_mwh == sum(supply.total.hooked_mwh for supply in supplies)


def toggle(supply, what):
    match what:
        case "grid":
            supply.grid_on = not supply.grid_on
        case "relay":
            supply.relay_closed = not supply.relay_closed
        case "hook":
            supply.hook_w = 0 if supply.hook_w else 1800
        case "generator":
            supply.from_generator = not supply.from_generator


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=20))
@settings(max_examples=20)
def test_losses_do_not_depend_on_the_step(steps):
    _, whole = town(LOSSY)
    _, stepped = town(LOSSY)
    at, lost = MIDNIGHT_S, 0
    for step in steps:
        lost += stepped.between(at, at + step).lost_mwh
        at += step
    assert lost == whole.between(MIDNIGHT_S, at).lost_mwh


def test_losses_are_plausible_and_go_with_the_square():
    _, light = town(LOSSY, ("family",))
    _, full = town(LOSSY, ("heavy",) * 5)
    day = MIDNIGHT_S, MIDNIGHT_S + DAY
    light_day, full_day = light.between(*day), full.between(*day)
    no_load_mwh = 90 * 24 * 1000
    assert abs(light_day.lost_mwh / no_load_mwh - 1) < 0.1
    assert 0.01 < full_day.lost_mwh / full_day.energy_mwh < 0.1
    load_w = full.at(MIDNIGHT_S + 20 * HOUR)
    assert 90 < full.loss_w(MIDNIGHT_S + 20 * HOUR) < 0.1 * load_w.active_w


def test_a_hook_is_seen_here_and_by_no_house():
    supplies, load = town()
    run(supplies, MIDNIGHT_S + HOUR)
    supplies[0].hook_w = 1800
    supplies[0].relay_closed = False  # past the meter is past its switch too
    run(supplies, MIDNIGHT_S + 2 * HOUR)
    flow = load.between(MIDNIGHT_S, MIDNIGHT_S + 2 * HOUR)
    assert flow.hooked_mwh == supplies[0].total.hooked_mwh == 1_800_000
    metered = sum(s.total.energy_mwh - s.total.exported_mwh for s in supplies)
    assert flow.energy_mwh - flow.exported_mwh - metered == 1_800_000


def test_its_past_is_forgotten_when_it_was_counted():
    supplies, load = town()
    for hour in range(1, 20):
        run(supplies, MIDNIGHT_S + hour * HOUR)
        supplies[0].relay_closed = hour % 2 == 0
    load.between(MIDNIGHT_S, MIDNIGHT_S + 20 * HOUR)
    assert len(supplies[0].gates) == 1


def test_a_solar_roof_gives_by_day_and_draws_by_night():
    roof = household_load("solar", 3)
    noon = roof.between(MIDNIGHT_S + 11 * HOUR, MIDNIGHT_S + 13 * HOUR)
    night = roof.between(MIDNIGHT_S, MIDNIGHT_S + 4 * HOUR)
    assert noon.exported_mwh > noon.energy_mwh
    assert night.exported_mwh == 0 < night.energy_mwh
    reading = roof.at(MIDNIGHT_S + 12 * HOUR)
    assert 0 in (reading.active_w, reading.exporting_w)


def test_lives_differ_as_they_should():
    per_day = {
        life: sum(
            household_load(life, seed).between(MIDNIGHT_S, MIDNIGHT_S + 7 * DAY).energy_mwh
            for seed in range(8)
        )
        / 8
        / 7e6
        for life in LIVES
    }
    assert per_day["empty"] < 0.5 < per_day["family"] < 20
    assert per_day["heavy"] > 40
    assert per_day["shop"] > 3


def three_phase_town(transformer=LOSSY):
    """Houses and a workshop, and the load of their transformer as a three-phase meter sees it."""
    houses = [household_load(life, seed) for seed, life in enumerate(LIVES, 1)]
    premises = [*houses, ThreePhaseLoad(9, 19_800, LOAD_PATTERNS["workshop"])]
    supplies = [
        Supply(str(number), each, MIDNIGHT_S, discard_record, watched=True)
        for number, each in enumerate(premises)
    ]
    branches = [Branch(each, supply) for each, supply in zip(premises, supplies, strict=True)]
    return supplies, *(TransformerLoad(transformer, branches, 19_800, phases=phases) for phases in (1, 3))


def test_a_three_phase_meter_sees_the_same_sums_and_each_phase():
    supplies, plain, phased = three_phase_town()
    supplies[1].hook_w = 360
    end_s = MIDNIGHT_S + DAY
    whole, apart = (load.between(MIDNIGHT_S, end_s) for load in (plain, phased))
    assert sums_of(apart) == sums_of(whole)
    assert apart.phases is not None
    by_phase = sum(apart.phases[4:7])
    # A premise with a roof exports while others import: volt-amperes of a phase are no sum of energies.
    assert by_phase + PHASES >= apart.apparent_mvah + apart.exported_mvah - DAY
    assert apart.phases.q1_mvarh > 0 == apart.phases.q4_mvarh
    run(supplies, end_s)
    assert apart.energy_mwh - apart.exported_mwh - apart.lost_mwh == drawn(supplies)


def test_its_phases_are_its_premises_and_an_open_contact_is_in_none():
    supplies, _, phased = three_phase_town(LOSSLESS)
    for supply in supplies[:-1]:
        supply.relay_closed = False
    at_s = MIDNIGHT_S + 11 * HOUR
    run(supplies, MIDNIGHT_S)
    phased.between(MIDNIGHT_S, at_s)
    reading, alone = phased.at(at_s), supplies[-1].source.at(at_s)
    assert [round(phase.active_w, 3) for phase in reading.phases] == [
        round(phase.active_w, 3) for phase in alone.phases
    ]
    assert sum(phase.active_w for phase in reading.phases) == pytest.approx(reading.active_w)


def sums_of(draw):
    """What a meter of the sums has of a draw."""
    return replace(draw, phases=None)


def test_the_step_of_time_does_not_matter_for_its_phases():
    _, _, late = three_phase_town()
    _, _, stepped = three_phase_town()
    whole = late.between(MIDNIGHT_S, MIDNIGHT_S + 5 * HOUR)
    parts = [stepped.between(MIDNIGHT_S + at, MIDNIGHT_S + at + 977) for at in range(0, 17_586, 977)]
    parts.append(stepped.between(MIDNIGHT_S + 17_586, MIDNIGHT_S + 5 * HOUR))
    total = parts[0]
    for part in parts[1:]:
        total += part
    assert total == whole


def test_a_transformers_meter_of_category_d3_shows_its_phases():
    """The meter of a transformer: losses and phases in its rows, no relay."""
    _, _, load = three_phase_town()
    truth = []
    meter = Meter(seeded_identity("00000009", "urja-d3", 1), moment(MIDNIGHT_S), truth.append, source=load)
    meter.run_without_pushing(moment(MIDNIGHT_S + 12 * HOUR))
    for row, true in zip(rows_of(meter, "block"), truth, strict=True):
        assert row["import_wh"] == true.drawn_mwh // 10_000
        assert row["voltage_l2"] == 23_800
        assert min(row[f"current_l{phase}"] for phase in (1, 2, 3)) > 0
    assert sum(one.lost_mwh for one in truth) > 0
