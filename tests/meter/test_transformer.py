"""The load of a transformer: the sum of its premises, hooked wires and losses."""

from hypothesis import given, settings, strategies as st
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S

from urja.meter.household_kinds import household_load
from urja.meter.surroundings import Transformer
from urja.meter.transformer import Branch, TransformerLoad
from urja.meter.truth import Supply, discard_record

LOSSLESS = Transformer(id="T", feeder="F", no_load_w=0, load_loss_w=0)
LOSSY = Transformer(id="T", feeder="F", rated_va=25_000, no_load_w=90, load_loss_w=900)
LIVES = ("family", "shop", "solar", "empty", "heavy")


def street(transformer=LOSSLESS, lives=LIVES):
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
    return sum(s.total.energy_mwh + s.total.hooked_mwh - s.total.exported_mwh for s in supplies)


def test_without_losses_it_is_the_sum_of_its_houses():
    supplies, load = street()
    flow = load.between(MIDNIGHT_S, MIDNIGHT_S + 2 * DAY + 777)
    run(supplies, MIDNIGHT_S + 2 * DAY + 777)
    assert flow.energy_mwh - flow.exported_mwh == drawn(supplies)
    assert flow.lost_mwh == flow.hooked_mwh == 0


@given(
    st.lists(
        st.tuples(st.integers(1, 4000), st.integers(0, 4), st.sampled_from(["grid", "relay", "hook"])),
        max_size=12,
    )
)
@settings(max_examples=30, deadline=None)
def test_gates_move_and_the_sum_holds(moves):
    """Whatever is switched when, the transformer sees the houses' sum; asked late or at each move, it is one."""
    supplies, late = street()
    stepped_supplies, stepped = street()
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


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_losses_do_not_depend_on_the_step(steps):
    _, whole = street(LOSSY)
    _, stepped = street(LOSSY)
    at, lost = MIDNIGHT_S, 0
    for step in steps:
        lost += stepped.between(at, at + step).lost_mwh
        at += step
    assert lost == whole.between(MIDNIGHT_S, at).lost_mwh


def test_losses_are_plausible_and_go_with_the_square():
    _, light = street(LOSSY, ("family",))
    _, full = street(LOSSY, ("heavy",) * 5)
    day = MIDNIGHT_S, MIDNIGHT_S + DAY
    light_day, full_day = light.between(*day), full.between(*day)
    no_load_mwh = 90 * 24 * 1000
    assert abs(light_day.lost_mwh / no_load_mwh - 1) < 0.1
    assert 0.01 < full_day.lost_mwh / full_day.energy_mwh < 0.1
    load_w = full.at(MIDNIGHT_S + 20 * HOUR)
    assert 90 < full.loss_w(MIDNIGHT_S + 20 * HOUR) < 0.1 * load_w.active_w


def test_a_hook_is_seen_here_and_by_no_house():
    supplies, load = street()
    run(supplies, MIDNIGHT_S + HOUR)
    supplies[0].hook_w = 1800
    supplies[0].relay_closed = False  # past the meter is past its switch too
    run(supplies, MIDNIGHT_S + 2 * HOUR)
    flow = load.between(MIDNIGHT_S, MIDNIGHT_S + 2 * HOUR)
    assert flow.hooked_mwh == supplies[0].total.hooked_mwh == 1_800_000
    metered = sum(s.total.energy_mwh - s.total.exported_mwh for s in supplies)
    assert flow.energy_mwh - flow.exported_mwh - metered == 1_800_000


def test_its_past_is_forgotten_when_it_was_counted():
    supplies, load = street()
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
