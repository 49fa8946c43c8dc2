"""Determinants: zones and days sum to the total, a plain second implementation agrees, and the order of rows is nothing."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from tests.core.determinants import reference

from urja.core.calendar import Period, midnight
from urja.core.calendars import parse_calendar
from urja.core.determinants import (
    DeterminantError,
    GasDay,
    GasTotals,
    Intervals,
    Origin,
    OwnPeriods,
    Question,
    Reads,
    RecordedDemand,
    RegisterDay,
    Rules,
    Segments,
    allocate,
    calculate,
    gas_totals,
    ratchet,
)
from urja.core.gas import HeatValue, RegisterConditions, SupplyConditions, energy_wh, standard_volume
from urja.core.vee import NULL

DOCUMENTS = Path(__file__).parents[3] / "src/urja/core/calendars/documents"
TOD = parse_calendar((DOCUMENTS / "demo-tod-2026-04.toml").read_text())
ONTARIO = parse_calendar((DOCUMENTS / "ontario-tou-2025-11.toml").read_text())
KOLKATA, TORONTO = ZoneInfo("Asia/Kolkata"), ZoneInfo("America/Toronto")
APRIL = Period(date(2026, 4, 1), date(2026, 4, 4))
CHANGE = Period(date(2026, 10, 31), date(2026, 11, 3))


def at(day, hour=0, minute=0, zone=KOLKATA):
    return int(datetime(2026, 4, day, hour, minute, tzinfo=zone).timestamp())


def bounds(period, zone):
    return [int(instant.timestamp()) for instant in period.bounds(zone)]


def columns(homes, names=("import_wh", "interval_import_wh"), shuffle=None):
    """The arrays of agreements that are lists of meters."""
    meters = [(number, meter) for number, home in enumerate(homes) for meter in home]
    register, increment = names

    def integers(values):
        return np.array(list(values), np.int64)

    segments = Segments(
        integers(number for number, _ in meters),
        *(integers(getattr(meter, name) for _, meter in meters) for name in ("begins", "ends", "primary", "secondary")),
    )  # fmt: skip
    reads = [(n, when, value) for n, (_, meter) in enumerate(meters) for when, value in meter.reads.items()]
    blocks = [
        (n, when, meter.length, wh, flag)
        for n, (_, meter) in enumerate(meters)
        for when, (wh, flag) in meter.blocks.items()
    ]
    if shuffle is not None:
        shuffle.shuffle(reads)
        shuffle.shuffle(blocks)
    return (
        segments,
        Reads(
            *(integers(row[n] for row in reads) for n in (0, 1)),
            {register: integers(row[2] for row in reads)},
        ),
        Intervals(
            *(integers(row[n] for row in blocks) for n in (0, 1, 2)),
            np.array([row[4] for row in blocks], np.bool_),
            {increment: integers(row[3] for row in blocks)},
        ),
    )


def determined(homes, question, **more):
    return calculate(len(homes), *columns(homes, **more), question)


def meter(period=APRIL, zone=KOLKATA, wh=10, opening=1000, **changes):
    """A meter with a block every half hour and a read at the beginning."""
    begins, ends = bounds(period, zone)
    made = reference.Meter(begins, ends, **changes)
    made.reads[begins] = opening
    made.blocks = dict.fromkeys(range(begins, ends, made.length), (wh, False))
    return made


@st.composite
def homes(draw, period=APRIL, zone=KOLKATA):
    """Agreements with one or two meters, registers at some midnights and elsewhere, blocks with holes and estimates."""
    begins, ends = bounds(period, zone)
    cast = []
    for _ in range(draw(st.integers(1, 3))):
        cuts = draw(st.sampled_from([[], [begins + 40_000], [begins + 86_400]]))
        home = []
        for begin, end in zip([begins, *cuts], [*cuts, ends], strict=True):
            length = draw(st.sampled_from([900, 1800, 3600]))
            one = reference.Meter(
                begin, end, draw(st.integers(1, 40)), draw(st.integers(1, 7)), length=length
            )
            grid = range(begins - 2 * 3600, ends, length)
            picked = (
                draw(st.sets(st.integers(0, len(grid) - 1), max_size=6)) if draw(st.booleans()) else set()
            )
            first = draw(st.sampled_from([0, 0, len(grid) // 2]))
            scale = draw(st.sampled_from([1, 50, 10**9]))
            seed = draw(st.integers(0, 2**32))
            values = np.random.default_rng(seed).integers(0, 3 * scale, len(grid)).tolist()
            one.blocks = {
                when: (values[n] if n % 5 or scale > 1 else 0, n % 7 == 3)
                for n, when in enumerate(grid)
                if n not in picked and n >= first
            }
            register = draw(st.integers(0, 10**6))
            whens = draw(
                st.sets(
                    st.sampled_from(
                        [begin - 3600, begin, begin + 5000, *range(begins, ends + 1, 86_400), ends]
                    ),
                    max_size=5,
                )
            )
            for when in sorted(whens):
                register += draw(st.integers(0, 3)) + draw(st.sampled_from([0, 20, 2000])) * scale
                one.reads[when] = register
            home.append(one)
        cast.append(home)
    return cast


def compare(cast, question, calendar, zone):
    found = determined(cast, question)
    begin = question.period.first
    for number, home in enumerate(cast):
        pieces, totals = [], 0
        for one in home:
            rows, total = reference.energy_by_time(one)
            pieces += rows
            totals += total
        captured = any(one.blocks or [at for at in one.reads if at <= one.begins] for one in home)
        if "import_wh" not in found.of_period:
            assert not captured
            continue
        of_period = found.of_period["import_wh"]
        assert of_period.values[number] == (totals if captured else NULL)
        by_zone, by_day, guessed = {}, {}, {}
        for when, energy, estimated in pieces:
            local = datetime.fromtimestamp(when, zone)
            minute = local.hour * 60 + local.minute
            zoned = [z for start, z in calendar.table_of(local.date()).switches if start <= minute][-1]
            by_zone[zoned] = by_zone.get(zoned, 0) + energy
            guessed[zoned] = guessed.get(zoned, 0) + energy * estimated
            by_day[(local.date() - begin).days] = by_day.get((local.date() - begin).days, 0) + energy
        if captured:
            for one in calendar.zones:
                zone_found = found.of_period[f"import_wh_z{one.number}"]
                assert zone_found.values[number] == by_zone.get(one.number, 0)
                assert zone_found.estimated[number] == guessed.get(one.number, 0)
            assert sum(by_zone.values()) == totals
        assert found.of_days["import_wh"][number].tolist() == [
            by_day.get(day, 0) for day in range(question.period.days)
        ]
        highest = max(
            filter(None, (reference.demand(one, question.rules.demand_s, zone) for one in home)), default=None
        )
        if "max_import_w" in found.of_period:
            demand, ends = (
                found.of_period[name].values[number] for name in ("max_import_w", "max_import_w_at")
            )
            if highest is None:
                assert demand == NULL
            else:
                assert (demand, ends) == (highest[0], question.rules.demand_s - highest[1])


@given(homes(), st.sampled_from([900, 1800, 3600]))
@settings(max_examples=80)
def test_a_plain_second_implementation_agrees(cast, demand_s):
    compare(cast, Question(APRIL, KOLKATA, [TOD], Rules(demand_s)), TOD, KOLKATA)


@given(homes(CHANGE, TORONTO))
@settings(max_examples=40)
def test_it_agrees_over_a_day_of_25_hours(cast):
    compare(cast, Question(CHANGE, TORONTO, [ONTARIO], Rules(1800)), ONTARIO, TORONTO)


@given(homes(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_rows_changes_nothing(cast, random):
    question = Question(APRIL, KOLKATA, [TOD])
    one, other = determined(cast, question), determined(cast, question, shuffle=random)
    assert one.of_period.keys() == other.of_period.keys()
    for name, found in one.of_period.items():
        for part in ("values", "origin", "estimated"):
            assert (getattr(found, part) == getattr(other.of_period[name], part)).all(), name
    assert (one.known_to == other.known_to).all()


@given(
    st.lists(
        st.tuples(st.integers(0, 10**12), st.lists(st.integers(0, 10**12), min_size=1, max_size=9)),
        max_size=5,
    )
)
def test_shares_sum_to_their_total_and_none_is_a_unit_away(groups):
    total = np.array([amount for amount, _ in groups], np.int64)
    weight = np.array([one for _, weights in groups for one in weights], np.int64)
    group = np.array([n for n, (_, weights) in enumerate(groups) for _ in weights], np.int64)
    found = allocate(total, weight, group)
    reached = 0
    for amount, weights in groups:
        shares = found[reached : reached + len(weights)].tolist()
        reached += len(weights)
        assert shares == reference.largest_remainders(amount, weights)
        assert sum(shares) == (amount if sum(weights) else 0)


def test_the_register_bills_and_the_blocks_shape():
    """By hand: blocks of 10 Wh, of which the register says that they are 11 each; one is missing on the second day."""
    home = meter()
    home.reads |= {at(2): 1000 + 48 * 11, at(3): 1000 + 96 * 11, at(4): 1000 + 144 * 11}
    del home.blocks[at(2, 7)]
    found = determined([[home]], Question(APRIL, KOLKATA, [TOD]))
    energy = found.of_period["import_wh"]
    assert (energy.values[0], energy.origin[0], energy.estimated[0]) == (1584, Origin.REGISTER, 0)
    assert found.of_days["import_wh"].tolist() == [[528, 528, 528]]
    zones = [found.of_period[f"import_wh_z{number}"] for number in (1, 2, 3)]
    assert sum(zone.values[0] for zone in zones) == 1584
    # Seven hours of peak a day; on the second day 47 known blocks of 10, and what they leave in the missing half hour.
    assert [zone.values[0] for zone in zones] == [2 * 198 + 180, 2 * 176 + 160, 2 * 154 + 130 + 58]
    assert [zone.estimated[0] for zone in zones] == [0, 0, 58]
    assert {int(zone.origin[0]) for zone in zones} == {Origin.SHAPED}
    assert found.residual["import_wh"].tolist() == [1584 - 1430]
    assert found.known_to.tolist() == [at(4)]
    assert found.of_period["max_import_w"].values.tolist() == [20]
    assert found.of_period["max_import_w_at"].values.tolist() == [at(1, 0, 30)]
    assert found.of_period["load_factor_permille"].values.tolist() == [1100]


def test_a_later_read_closes_an_agreement_that_ends_between_two():
    """At ten in the morning, with a gap since midnight: by the blocks, as the accrual has it."""
    home = meter()
    home.ends = at(3, 10)
    home.reads[at(3)] = 1000 + 960
    for hour in (4, 11):
        del home.blocks[at(3, hour)]
    compare([[home]], Question(APRIL, KOLKATA, [TOD]), TOD, KOLKATA)
    assert determined([[home]], Question(APRIL, KOLKATA)).of_period["import_wh"].values.tolist() == [960 + 80]
    home.reads[at(4)] = 1000 + 1440
    compare([[home]], Question(APRIL, KOLKATA, [TOD]), TOD, KOLKATA)
    found = determined([[home]], Question(APRIL, KOLKATA))
    assert found.of_period["import_wh"].values.tolist() == [960 + 190]
    assert found.known_to.tolist() == [at(3, 10)]


def test_the_ratio_is_applied_once():
    home = meter(primary=200, secondary=5)
    home.reads[at(4)] = 1000 + 1440
    found = determined([[home]], Question(APRIL, KOLKATA, [TOD]))
    assert found.of_period["import_wh"].values.tolist() == [1440 * 40]
    assert found.of_period["max_import_w"].values.tolist() == [20 * 40]
    assert sum(found.of_period[f"import_wh_z{n}"].values[0] for n in (1, 2, 3)) == 1440 * 40
    assert found.residual["import_wh"].tolist() == [0]


def test_quantities_that_meters_do_not_capture():
    with_apparent, without = meter(), meter()
    segments, reads, intervals = columns([[with_apparent], [without]])
    vah = np.where(intervals.segment == 0, 20, NULL)
    q1 = np.where(intervals.segment == 1, 0, 10)
    intervals = replace(
        intervals, values={**intervals.values, "interval_import_vah": vah, "interval_q1_varh": q1}
    )
    found = calculate(2, segments, reads, intervals, Question(APRIL, KOLKATA))
    assert found.of_period["import_vah"].values.tolist() == [2880, NULL]
    assert found.of_period["import_vah"].origin.tolist() == [Origin.BLOCKS, Origin.NONE]
    assert found.of_period["lag_varh"].values.tolist() == [1440, 0]
    assert found.of_period["mean_power_factor_permille"].values.tolist() == [500, 1000]
    assert found.of_period["max_import_va"].values.tolist() == [40, NULL]
    assert "export_wh" not in found.of_period
    assert "import_wh_z1" not in found.of_period


def test_reactive_energy_is_anchored_where_its_register_is_captured():
    segments, reads, intervals = columns([[meter()]])
    begins, ends = bounds(APRIL, KOLKATA)
    reads = replace(
        reads,
        segment=np.zeros(2, np.int64),
        read_at=np.array([begins, ends]),
        values={
            "import_wh": np.array([1000, 2440]),
            "q1_varh": np.array([5, 1450]),
            "q4_varh": np.array([5, 7]),
        },
    )
    intervals = replace(
        intervals,
        values={
            **intervals.values,
            "interval_q1_varh": np.full(144, 10),
            "interval_q4_varh": np.zeros(144, np.int64),
        },
    )
    lag = calculate(1, segments, reads, intervals, Question(APRIL, KOLKATA))
    assert lag.of_period["lag_varh"].values.tolist() == [1445]
    assert lag.of_period["lag_varh"].origin.tolist() == [Origin.REGISTER]
    assert lag.of_period["lead_varh"].values.tolist() == [2]
    both = calculate(
        1, segments, reads, intervals, Question(APRIL, KOLKATA, rules=Rules(reactive="lag+lead"))
    )
    assert lag.of_period["mean_power_factor_permille"].values.tolist() == [706]
    assert both.of_period["mean_power_factor_permille"].values.tolist() == [706]
    assert both.of_period["lead_varh"].values.tolist() == [2]


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["lag", "q1", "lag and q1", ""]), min_size=1, max_size=4), st.booleans())
def test_each_meter_counts_reactive_energy_by_the_quantities_that_it_captures(meters, by_register):
    """Meters of lagging energy and of quadrants have in one calculation what each has alone."""
    segments, reads, intervals = columns([[meter()] for _ in meters])
    count, (begins, ends) = len(meters), bounds(APRIL, KOLKATA)
    reads = replace(
        reads, segment=np.repeat(np.arange(count), 2), read_at=np.tile([begins, ends], count), values={}
    )
    # A meter that captures both is calculated by the first; the second counts something else.
    for name, opening, closing, each in (("lag", 5, 1450, 10), ("q1", 7, 2899, 20)):
        captured = np.array([name in words.split() for words in meters])
        if by_register:
            counts = np.tile([opening, closing], count)
            reads.values[f"{name}_varh"] = np.where(captured[reads.segment], counts, NULL)
        intervals.values[f"interval_{name}_varh"] = np.where(captured[intervals.segment], each, NULL)
    found = calculate(count, segments, reads, intervals, Question(APRIL, KOLKATA)).of_period.get("lag_varh")
    lag, q1 = (1445, 2892) if by_register else (1440, 2880)
    expected = [{"": NULL, "q1": q1}.get(words, lag) for words in meters]
    assert (found.values.tolist() if found else [NULL] * count) == expected


def own_periods(**changes):
    begins, ends = bounds(APRIL, KOLKATA)
    values = {
        "segment": np.zeros(1, np.int64),
        "opened_at": np.array([begins]),
        "closed_at": np.array([ends]),
        "same_calendar": np.array([True]),
        "opening": {f"import_wh_z{n}": np.array([100]) for n in (1, 2, 3)},
        "closing": {
            "import_wh_z1": np.array([801]), "import_wh_z2": np.array([500]), "import_wh_z3": np.array([436]),
            "max_import_w": np.array([37]), "max_import_w_at": np.array([begins + 4321]),
        },
        "resolution": np.array([1]),
        "demand_resolution": np.array([1]),
        "demand_s": np.array([1800]),
    }  # fmt: skip
    return OwnPeriods(**(values | changes))


def of_own(own):
    home = meter()
    home.reads[at(4)] = 1000 + 1440
    found = calculate(1, *columns([[home]]), Question(APRIL, KOLKATA, [TOD]), own)
    return found, [int(found.of_period[f"import_wh_z{n}"].values[0]) for n in (1, 2, 3)]


def test_a_meters_own_totals_are_used_where_it_counted_the_same_period():
    begins, ends = bounds(APRIL, KOLKATA)
    found, zones = of_own(own_periods())
    # 701 + 400 + 336 are three less than the total: the largest remainders get them.
    assert sum(zones) == 1440
    assert max(abs(have - own) for have, own in zip(zones, (701, 400, 336), strict=True)) <= 2
    assert {int(found.of_period[f"import_wh_z{n}"].origin[0]) for n in (1, 2, 3)} == {Origin.METER}
    # A sliding maximum is had from the meter's own register alone.
    assert found.of_period["max_import_w"].values.tolist() == [37]
    assert found.of_period["max_import_w_at"].values.tolist() == [begins + 4321]
    _, by_blocks = of_own(None)
    for changes, sentence in [
        ({"closed_at": np.array([ends + 1800])}, "was reset at other instants than the period's ends"),
        ({"opened_at": np.array([begins - 86_400])}, "was reset at other instants than the period's ends"),
        ({"same_calendar": np.array([False])}, "calendar was not the tariff's throughout"),
        (
            {"opening": {f"import_wh_z{n}": np.array([90]) for n in (1, 2, 3)}},
            "its zones differ from the total by -27",
        ),
    ]:
        found, zones = of_own(own_periods(**changes))
        assert zones == by_blocks
        assert sentence in found.notes[0][1]
    # Its maximum needs no calendar, only those of its zones do.
    found, _ = of_own(own_periods(same_calendar=np.array([False])))
    assert found.of_period["max_import_w"].values.tolist() == [37]


@pytest.mark.parametrize("cut", ["begins", "ends"])
def test_a_meters_own_totals_are_not_of_an_agreement_that_had_it_for_a_part_of_the_period(cut):
    """A consumer who moves in or out has none of the maximum demand of another."""
    home = meter()
    setattr(home, cut, at(2))
    own = own_periods()
    found = calculate(1, *columns([[home]]), Question(APRIL, KOLKATA, [TOD]), own)
    said = "the meter's own totals are not used: the meter served the agreement for a part of the period only"
    assert [note for _, note in found.notes] == [said]
    assert Origin.METER not in {int(one.origin[0]) for one in found.of_period.values()}


def test_a_zone_that_runs_backwards_is_not_the_meters_own():
    closing = own_periods().closing
    turned = closing | {"import_wh_z1": np.array([98]), "import_wh_z2": np.array([1206])}
    found, zones = of_own(own_periods(closing=turned))
    assert (0, "import_wh by zone is not the meter's own: its zone 1 advanced by -2") in found.notes
    assert zones == of_own(None)[1]


def test_a_meters_own_maximum_contradicts_neither_its_intervals_nor_the_tariff():
    begins, _ = bounds(APRIL, KOLKATA)
    closing = own_periods().closing
    for changes, sentence in [
        ({"demand_s": np.array([900])}, "its demand period has 900 s, and the tariff's has 1800 s"),
        ({"closing": closing | {"max_import_w_at": np.array([begins])}}, "it occurred outside the period"),
        (
            {"closing": closing | {"max_import_w": np.array([1])}},
            "its register has 1, and its intervals prove 20",
        ),
    ]:
        found, _ = of_own(own_periods(**changes))
        assert f"max_import_w is not the meter's own: {sentence}" in [said for _, said in found.notes]
        assert found.of_period["max_import_w"].origin.tolist() == [Origin.BLOCKS]
    # One step less is what truncation makes.
    blocks = int(found.of_period["max_import_w"].values[0])
    within = own_periods(
        closing=closing | {"max_import_w": np.array([blocks - 1])}, demand_resolution=np.array([2])
    )
    assert of_own(within)[0].of_period["max_import_w"].values.tolist() == [blocks - 1]


def test_demand_needs_whole_demand_periods():
    home = meter(length=900, wh=5)
    home.blocks[at(2, 3, 15)] = (500, False)
    home.blocks[at(2, 4)] = (9000, True)
    found = determined([[home]], Question(APRIL, KOLKATA, rules=Rules(1800)))
    # 500 + 5 Wh in half an hour; the estimated block makes no maximum.
    assert found.of_period["max_import_w"].values.tolist() == [1010]
    assert found.of_period["max_import_w_at"].values.tolist() == [at(2, 3, 30)]
    del home.blocks[at(2, 3)]
    assert determined([[home]], Question(APRIL, KOLKATA)).of_period["max_import_w"].values.tolist() == [20]
    hourly = meter(length=3600)
    assert determined([[hourly]], Question(APRIL, KOLKATA)).of_period["max_import_w"].values.tolist() == [
        NULL
    ]
    with pytest.raises(DeterminantError, match="a demand period has 900, 1800 or 3600 seconds, not 600"):
        Rules(600)


def test_a_ratchet_begins_with_the_first_smart_meter():
    months = [int(midnight(date(2026, n, 1), KOLKATA).timestamp()) for n in range(1, 8)]
    powers = [9000, 8000, 7000, 4000, 5000, 3000]
    imported = [True, True, True, False, False, False]
    history = [
        RecordedDemand(begins, ends, power, flag)
        for begins, ends, power, flag in zip(months[:-1], months[1:], powers, imported, strict=True)
    ]
    assert ratchet(history, months[3], 12).power == 5000
    # The meter came on 10 March: the imported March is from before it, in part.
    assert ratchet(history, months[2] + 9 * 86_400, 12).power == 5000
    assert ratchet(history, months[2], 12).power == 7000
    assert ratchet(history, months[2], 1).power == 3000
    assert ratchet(history, None, 12) is None


LINE = RegisterConditions("line")
AGRA = SupplyConditions(250, 101_400)


def gas(*volumes, register=LINE, heat=(38_520_000, 38_520_000, 39_000_000), supply=AGRA):
    """Return the totals of litres by day from 1 April on; a day whose heat value is None has none."""
    return gas_totals(
        RegisterDay(
            day, litres, register, None if joules is None else GasDay(supply, HeatValue(joules, "gross"))
        )
        for day, litres, joules in zip(APRIL, volumes, heat, strict=False)
    )


def test_gas_is_converted_once_and_rounded_once():
    exact = [
        standard_volume(litres, LINE, temperature_dc=250, pressure_pa=101_400) for litres in (1001, 777, 1003)
    ]
    heat = [HeatValue(joules, "gross") for joules in (38_520_000, 38_520_000, 39_000_000)]
    whole = gas(1001, 777, 1003)
    assert whole.standard_l == int(sum(one.litres for one in exact))
    assert whole.energy_wh == int(sum(energy_wh(one, value) for one, value in zip(exact, heat, strict=True)))
    # Days are differences of totals, so that they sum to the period whatever was rounded.
    days = [gas(*(1001, 777, 1003)[:n]) for n in (1, 2, 3)]
    assert days[-1] == whole
    assert [one.standard_l for one in days] == [int(sum(one.litres for one in exact[:n])) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("given", "standard_l", "why"),
    [
        (
            {"heat": (38_520_000, None, 38_520_000)},
            None,
            "no document of heat values covers the gas of 2026-04-02, which a line register needs",
        ),
        ({"register": None}, None, "the conditions of the meter's register are not known"),
        ({"supply": SupplyConditions(None, 101_400)}, None, "which a line register needs"),
        (
            {"supply": SupplyConditions(250)},
            None,
            "no temperature or pressure is stated of the gas of 2026-04-01",
        ),
    ],
)
def test_gas_without_a_factor_is_not_guessed(given, standard_l, why):
    found = gas(1001, 777, 1003, **given)
    assert (found.standard_l, found.energy_wh) == (standard_l, None)
    assert why in found.why


def test_gas_of_a_day_without_any_needs_no_factors():
    assert gas(1001, 0, 1003, heat=(38_520_000, None, 38_520_000)).energy_wh is not None


def test_a_converter_needs_no_conditions_of_the_gas():
    converted = RegisterConditions("converted", 150, 101_325)
    known = gas(1000, register=converted, supply=SupplyConditions(), heat=(36_000_000,))
    assert (known.standard_l, known.energy_wh) == (1000, 10_000)
    # Without any document the base is the default's.
    assert gas(1000, register=converted, heat=(None,)) == GasTotals(1000, None, "no heat value of 2026-04-01")


def test_gross_and_net_heat_values_are_not_added():
    found = gas_totals(
        RegisterDay(day, 1000, LINE, GasDay(AGRA, HeatValue(36_000_000, basis)))
        for day, basis in zip(APRIL, ("gross", "net"), strict=False)
    )
    assert (found.energy_wh, found.why) == (
        None,
        "heat values of the period have two base conditions, or are gross and net",
    )
