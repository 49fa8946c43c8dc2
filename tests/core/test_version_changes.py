"""A new tariff version inside a billing period, in each of the ways a document can state (docs/money.md)."""

from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, given, settings, strategies as st
from tests.core.test_raters import FIRST, compute, days, documents, head, next_version

import urja.apps
from urja.core.calendar import Period
from urja.core.rating import EnergyUse, RatingTerms, parse_tariff, price_change_days, rate_period
from urja.core.rating.accruals import bases_of
from urja.laws.second_rater import charges

DOCUMENTS = Path(urja.apps.__path__[0]) / "rulebook" / "documents"
DEMO = (DOCUMENTS / "demo-domestic.toml").read_text()
DELHI = (DOCUMENTS / "delhi-domestic-2022.toml").read_text()

APRIL = Period(date(2026, 4, 1), date(2026, 5, 1))
FOURTH = date(2026, 4, 4)
READ_ON_THE_FOURTH = [(APRIL.first, FOURTH, 100_000), (FOURTH, APRIL.end, 30_000)]
UNREAD = [(APRIL.first, APRIL.end, 130_000)]


def version(text, day, on_change, *changes):
    """The next version of a document: from `day` on, with what it changes."""
    head, _, body = text.partition("[[line]]")
    kept = [
        line for line in head.splitlines() if line.split(" ")[0] not in ("version", "valid_from", "on_change")
    ]
    head = "\n".join([*kept, 'version = "new"', f"valid_from = {day}", on_change])
    for old, new in changes:
        assert old in body
        body = body.replace(old, new)
    return f"{head}\n[[line]]{body}"


def both(texts, uses, billed=APRIL, load_w=0, through=None):
    """What both raters say; they have to say the same."""
    through = through or billed.end
    terms = [RatingTerms(billed.first, tuple(map(parse_tariff, texts)), load_w)]
    result = rate_period(
        terms,
        [EnergyUse(Period(first, end), wh) for first, end, wh in uses],
        billed=billed,
        through=through,
    )
    said = charges([(billed.first, texts, load_w)], billed.first, billed.end, through, uses=uses)
    assert {line.name: line.amount_minor for line in result.lines} == said
    return result


def lines(result):
    return {line.name: f"{line.amount_minor / 100:.2f}" for line in result.lines}


def rows(result, name):
    found = [line for line in result.lines if line.name == name]
    return [f"{part.quantity} {part.unit} x {part.rate}" for line in found for part in line.parts]


DUTY = ('percent = "5"', 'percent = "6"')
BY_DAYS = 'on_change = "by-days"\nround_units = {to = 1}'


@pytest.mark.parametrize(
    ("on_change", "uses", "bill"),
    [
        ("", READ_ON_THE_FOURTH, {"energy": "507.50", "fixed": "60.00", "duty": "30.49"}),
        (BY_DAYS, READ_ON_THE_FOURTH, {"energy": "507.50", "fixed": "60.00", "duty": "33.49"}),
        (BY_DAYS, UNREAD, {"energy": "507.50", "fixed": "60.00", "duty": "33.49"}),
        (
            'on_change = "by-reads"',
            READ_ON_THE_FOURTH,
            {"energy": "735.00", "fixed": "60.00", "duty": "41.34"},
        ),
    ],
)
def test_a_duty_of_6_instead_of_5_percent_from_the_fourth(on_change, uses, bill):
    """The tables of docs/money.md: 597.99, 600.99 and 836.34; 595.88 without the new version.

    | duty      | by hand                                                  |        |
    |-----------|----------------------------------------------------------|--------|
    | continue  | 5 % of 356.00 = 17.80, 6 % of 211.50 = 12.69             |  30.49 |
    | by-days   | 5 % of 56.75 = 2.8375, 6 % of 510.75 = 30.645            |  33.49 |
    | by-reads  | 5 % of 636.00 = 31.80, 6 % of 159.00 = 9.54              |  41.34 |
    """
    assert both([DEMO], UNREAD).total_minor == 59588
    result = both([DEMO, version(DEMO, FOURTH, on_change, DUTY)], uses)
    assert lines(result) == bill
    assert result.total_minor == sum(round(float(amount) * 100) for amount in bill.values())


def test_what_has_not_changed_has_the_rows_of_a_bill_without_the_change():
    old = both([DEMO], UNREAD)
    new = both([DEMO, version(DEMO, FOURTH, "", DUTY)], READ_ON_THE_FOURTH)
    for name in ("energy", "fixed"):
        assert rows(new, name) == rows(old, name)
    assert rows(new, "duty") == [
        "35000 minor x 1/20",
        "600 minor x 1/20",
        "15750 minor x 3/50",
        "5400 minor x 3/50",
    ]


def test_a_dearer_second_slab_is_paid_for_what_lies_in_it_since():
    """80 kWh to the third, 150 from the fourth: 20 of them still at 3.50, and 130 at 6.00 instead of 5.25."""
    new = version(DEMO, FOURTH, "", ('rate = "5.25"', 'rate = "6.00"'))
    uses = [(APRIL.first, FOURTH, 80_000), (FOURTH, APRIL.end, 150_000)]
    result = both([DEMO, new], uses)
    # 80 x 3.50 + 20 x 3.50 + 130 x 6.00; the duty rests on it: 5 % of (280.00 + 6.00) and of (850.00 + 54.00).
    assert lines(result) == {"energy": "1130.00", "fixed": "60.00", "duty": "59.50"}
    assert rows(result, "energy") == ["80 kWh x 350", "20 kWh x 350", "130 kWh x 600"]


def test_brpl_prints_units_and_slabs_of_both_parts():
    """545 units from 25 June to 24 July 2022, 3 kW; the surcharge PPAC falls from 20.69 to 10 % on 11 July.

    | part               | units                      | slabs                              | energy            |
    |--------------------|----------------------------|------------------------------------|-------------------|
    | 25 June to 10 July | 291 (545 x 16/30 = 290.67) | 105 (200 x 0.52258 = 104.52), 105  | 315 + 472.50 + 526.50 |
    | 11 to 24 July      | 254, the rest              | 90 (200 x 0.45161 = 90.32), 90     | 270 + 405 + 481   |
    | together           | 545                        | 195, 195, 155 as in one bill       | 2470.00           |

    PPAC on energy: 65.17 + 97.76 + 108.93 (20.69 % of 526.50) + 27.00 + 40.50 + 48.10 = 387.46.
    """
    billed = Period(date(2022, 6, 25), date(2022, 7, 25))
    new = version(DELHI, date(2022, 7, 11), BY_DAYS, ('percent = "20.69"', 'percent = "10"'))
    result = both([DELHI, new], [(billed.first, billed.end, 545_000)], billed, 3000)
    assert [row.split(" ")[0] for row in rows(result, "energy")] == ["105", "105", "81", "90", "90", "74"]
    amounts = lines(result)
    assert amounts["energy"] == "2470.00"
    assert amounts["ppac-energy"] == "387.46"
    assert (
        "545 kWh of 2022-06-25 to 2022-07-25 split by days, as the tariff says: 16 days 291 kWh, 14 days 254 kWh"
        in (result.notes)
    )


SLAB = '[[line]]\nname = "energy"\naccrues = "slabs"\nslabs = [{{from = 0, up_to = 100, rate = {}}}, {{from = 100, rate = {}}}]\n'


def test_msedcl_splits_by_average_units_a_day():
    """Commercial circulars 284, 323: 300 units in 30 days, the tariff changes on the 11th.

    100 units on ten days with a slab of 33 1/3: 100.00 + 400.00. 200 on twenty, 66 2/3: 266.67 + 1066.67.
    """
    old = head("1", date(2020, 1, 1)) + SLAB.format(3, 6)
    new = head("2", date(2026, 4, 11), on_change='on_change = "by-days"') + SLAB.format(4, 8)
    for uses in ([(APRIL.first, APRIL.end, 300_000)], [(APRIL.first, date(2026, 4, 2), 300_000)]):
        assert lines(both([old, new], uses)) == {"energy": "1833.33"}


def test_by_days_rounds_the_units_before_the_change_and_loses_none():
    """5 kWh on two days and the change between them: 3 and 2, where rounding each half would make 6 of them."""
    old = head("1", date(2020, 1, 1)) + SLAB.format(1, 1)
    two = Period(APRIL.first, date(2026, 4, 3))
    new = head("2", date(2026, 4, 2), on_change=BY_DAYS) + SLAB.format(10, 10)
    assert both([old, new], [(two.first, two.end, 5_000)], two).total_minor == 3 * 100 + 2 * 1000
    # What is rounded up is never more than there is.
    up = new.replace("{to = 1}", '{to = 10, mode = "up"}')
    assert both([old, up], [(two.first, two.end, 5_000)], two).total_minor == 500


def test_the_energy_of_days_that_are_shared_is_asked_for_no_midnight_between():
    texts = [DEMO, version(DEMO, FOURTH, BY_DAYS, DUTY)]
    assert price_change_days([RatingTerms(APRIL.first, tuple(map(parse_tariff, texts)), 0)], APRIL) == []
    texts = [DEMO, version(DEMO, FOURTH, "", DUTY)]
    assert price_change_days([RatingTerms(APRIL.first, tuple(map(parse_tariff, texts)), 0)], APRIL) == [
        FOURTH
    ]


def test_lines_that_would_rest_on_each_other_in_a_circle_begin_a_bill():
    percent = '[[line]]\nname = "{}"\naccrues = "percent"\npercent = 10\non = ["energy"{}]\n'
    old = (
        head("1", date(2020, 1, 1))
        + SLAB.format(1, 2)
        + percent.format("a", "")
        + percent.format("b", ', "a"')
    )
    change = (('on = ["energy"]', 'on = ["energy", "b"]'), ('on = ["energy", "a"]', 'on = ["energy"]'))
    assert lines(both([old, version(old, FOURTH, "", *change)], READ_ON_THE_FOURTH)) == lines(
        both([old, version(old, FOURTH, 'on_change = "by-reads"', *change)], READ_ON_THE_FOURTH)
    )


def test_the_round_off_is_of_the_whole_bill():
    whole = '[[line]]\nname = "whole"\naccrues = "round-off"\nround = {to = 1}\non = ["energy", "fixed", "duty"]\n'
    ten = whole.replace("to = 1", "to = 10")
    result = both([DEMO + whole, version(DEMO + whole, FOURTH, "", DUTY)], READ_ON_THE_FOURTH)
    assert result.total_minor == 59800
    result = both([DEMO + whole, version(DEMO + ten, FOURTH, "", DUTY)], READ_ON_THE_FOURTH)
    assert result.total_minor == 60000


def test_a_minimum_that_comes_with_a_version_gives_nothing_back():
    """A minimum of 300 a month, of which 270 are the days from the fourth; 105 of energy fall on them."""
    minimum = '[[line]]\nname = "minimum"\naccrues = "minimum"\nrate = 300\non = ["energy"]\n'
    uses = [(APRIL.first, FOURTH, 1_000), (FOURTH, APRIL.end, 30_000)]
    assert both([DEMO, version(DEMO + minimum, FOURTH, "")], uses).amount("minimum") == 27000 - 10500
    assert both([DEMO + minimum, version(DEMO, FOURTH, "")], uses).amount("minimum") == 3000 - 350


# What holds of any document


@st.composite
def changed_once(draw, on_change):
    """A document, the next version of it, how the energy is used, and the day of the change inside the days."""
    length = draw(st.integers(2, 40))
    energies = draw(st.lists(st.integers(0, 40_000), min_size=length, max_size=length))
    change = FIRST + timedelta(days=draw(st.integers(1, length - 1)))
    old = draw(documents())
    new = draw(next_version(old, 2, change))
    kept = [line for line in new.splitlines() if not line.startswith(("on_change", "round_units"))]
    new = "\n".join(kept).replace("[[line]]", f"{on_change}\n[[line]]", 1)
    return energies, old, new, change


def rated(energies, texts, passed=None):
    return compute(energies, [(FIRST, texts, 3000)], len(energies) if passed is None else passed)[0]


def unchanged(old, new):
    """The lines that say the same in both and rest on none that does not."""
    before, after = parse_tariff(old), parse_tariff(new)
    both = {line.name: line for line in before.lines}
    same = {line.name for line in after.lines if line.name in both and line.charges_like(both[line.name])}
    while True:
        on = {name for name in same if all(base.line in same for base in bases_of(both[name].accrual))}
        if on == same:
            return same
        same = on


def shown(parts):
    """Parts without their weights: a rate that changes on a day splits these, and nothing else."""
    return [(part.key, part.quantity, part.rate, part.amount) for part in parts]


def said(result, names):
    return {
        line.name: (
            line.amount_minor,
            shown(line.parts),
        )
        for line in result.lines
        if line.name in names
    }


@settings(max_examples=100)
@given(changed_once('on_change = "continue"'), st.data())
def test_continue_leaves_what_has_not_changed_exactly_as_it_was(situation, data):
    energies, old, new, _ = situation
    names = unchanged(old, new)
    assume(names)
    passed = data.draw(st.integers(1, len(energies)))
    assert said(rated(energies, [old, new], passed), names) == said(rated(energies, [old], passed), names)


@settings(max_examples=100)
@given(changed_once('on_change = "continue"'), st.data())
def test_continue_keeps_what_had_come_to_before_the_change(situation, data):
    """Before its first day a version shows nowhere; from it on each line that has changed adds to what it was."""
    energies, old, new, change = situation
    before = (change - FIRST).days
    every = {line.name for text in (old, new) for line in parse_tariff(text).lines}
    passed = data.draw(st.integers(1, before))
    assert said(rated(energies, [old, new], passed), every) == said(rated(energies, [old], passed), every)
    kept = rated(energies, [old], before)
    after = rated(energies, [old, new], data.draw(st.integers(before, len(energies))))
    same = {
        line.name
        for line in parse_tariff(old).lines
        for other in parse_tariff(new).lines
        if line.name == other.name and line.charges_like(other)
    }
    for line in kept.lines:
        now = next(each for each in after.lines if each.name == line.name)
        if line.name not in same and not any(part.unit == "rounding" for part in line.parts):
            assert shown(now.parts[: len(line.parts)]) == shown(line.parts)


@settings(max_examples=60)
@given(changed_once('on_change = "continue"'), st.data())
def test_continue_prices_each_kwh_once(situation, data):
    energies, old, new, _ = situation
    passed = data.draw(st.integers(1, len(energies)))
    for line in rated(energies, [old, new], passed).lines:
        slabs = [part.quantity for part in line.parts if part.unit == "kWh"]
        both = [
            line.name in [each.name for each in tariff.lines]
            and not tariff.line(line.name).accrual.round_energy
            if hasattr(tariff.line(line.name).accrual, "round_energy")
            else False
            for tariff in map(parse_tariff, (old, new))
            if line.name in [each.name for each in tariff.lines]
        ]
        if len(both) == 2 and all(both):
            assert sum(slabs) == Fraction(sum(energies[:passed]), 1000)


@settings(max_examples=60)
@given(changed_once('on_change = "by-days"\nround_units = {to = 1}'), st.data())
def test_by_days_does_not_ask_when_energy_was_used(situation, data):
    """The same energy in any order of days; and it is two bills, whose units are whole but for the last one's."""
    energies, old, new, change = situation
    passed = data.draw(st.integers(1, len(energies)))
    shuffled = data.draw(st.permutations(energies[:passed])) + energies[passed:]
    result = rated(energies, [old, new], passed)
    assert said(result, {line.name for line in result.lines}) == said(
        rated(shuffled, [old, new], passed), {line.name for line in result.lines}
    )
    before = (change - FIRST).days
    if passed <= before:
        return
    whole = sum(energies[:passed])
    units = min(whole, (whole * before + passed * 500) // (passed * 1000) * 1000)
    spread = [*[0] * (before - 1), units, *[0] * (passed - before - 1), whole - units, *energies[passed:]]
    # Where a percentage changes inside a part, energy counts as used evenly; else the day does not matter.
    assume("from = 2026" not in old + new)
    by_reads = new.replace("by-days", "by-reads").replace("round_units = {to = 1}", "")
    expected = rated(spread, [old, by_reads], passed)
    assert {line.name: line.amount_minor for line in result.lines} == {
        line.name: line.amount_minor for line in expected.lines
    }


@settings(max_examples=60)
@given(changed_once('on_change = "by-reads"'))
def test_by_reads_is_two_bills(situation):
    energies, old, new, change = situation
    # "none" gives each part its share of the period by days; alone it would be a period of its own.
    assume('"none"' not in old + new)
    before = (change - FIRST).days
    billed = Period(change, FIRST + timedelta(days=len(energies)))
    terms = [RatingTerms(change, (parse_tariff(new),), 3000)]
    uses = [
        EnergyUse(piece, sum(energies[(day - FIRST).days] for day in piece))
        for piece in billed.split_at(price_change_days(terms, billed))
    ]
    second = rate_period(terms, uses, billed=billed, through=billed.end)
    first = rated(energies[:before], [old])
    together = {}
    for line in (*first.lines, *second.lines):
        together[line.name] = together.get(line.name, 0) + line.amount_minor
    assert {line.name: line.amount_minor for line in rated(energies, [old, new]).lines} == together


@settings(max_examples=40)
@given(
    documents(),
    st.lists(days.filter(lambda day: day > FIRST), min_size=1, max_size=3, unique=True),
    st.data(),
)
def test_versions_that_change_nothing_change_nothing(text, changes, data):
    energies = data.draw(st.lists(st.integers(0, 40_000), min_size=46, max_size=46))
    lines = text[text.index("[[line]]") :]
    later = [
        head(str(n), change) + lines.replace('name = "l0"', 'name = "l0"\ntitle = "Renamed"', 1)
        for n, change in enumerate(sorted(changes), 2)
    ]
    passed = data.draw(st.integers(1, 46))
    result = rated(energies, [text], passed)
    names = {line.name for line in result.lines}
    assert said(rated(energies, [text, *later], passed), names) == said(result, names)
