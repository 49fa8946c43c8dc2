"""The engine and a second rater that shares nothing with it agree on any tariff, and differences add up."""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from urja.core.calendar import Period
from urja.core.rating import Use, cut_days, parse_tariff, rows_between, standing, target
from urja.core.units import to_minor
from urja.site.second_rater import charges

FIRST = date(2026, 1, 20)
prices = st.integers(0, 99_999).map(lambda n: f'"{n / 10_000:.4f}"')
modes = st.sampled_from(["half-up", "half-even", "up", "down"])
days = st.integers(0, 45).map(lambda n: FIRST + timedelta(days=n))


@st.composite
def roundings(draw):
    to = draw(st.sampled_from(["0.01", "0.05", "1"]))
    return (
        f'round = {{to = "{to}", mode = "{draw(modes)}", each = "{draw(st.sampled_from(["line", "part"]))}"}}'
    )


@st.composite
def slab_lines(draw):
    bounds = sorted(draw(st.sets(st.integers(1, 500), max_size=4)))
    lows, highs = [0, *bounds], [*bounds, None]
    slabs = ", ".join(
        f"{{from = {low}, {'' if high is None else f'up_to = {high}, '}rate = {draw(prices)}}}"
        for low, high in zip(lows, highs, strict=True)
    )
    prorate = draw(st.sampled_from(["month-fraction", "days-of-30", "none"]))
    width = draw(st.sampled_from(["", f'round_width = {{to = "1", mode = "{draw(modes)}"}}']))
    energy = draw(st.sampled_from(["", 'round_energy = {to = "0.1"}']))
    return f'accrues = "slabs"\nslabs = [{slabs}]\nprorate = "{prorate}"\n{width}\n{energy}'


@st.composite
def time_lines(draw):
    kind = draw(st.sampled_from(["per-day", "per-month"]))
    per = draw(st.sampled_from(["", 'per = "kW"']))
    bands = f"bands = [{{up_to_kw = 2, rate = {draw(prices)}}}, {{rate = {draw(prices)}}}]"
    rate = draw(st.sampled_from([f"rate = {draw(prices)}", bands]))
    load = draw(st.sampled_from(["", 'round_load = {to = "1", mode = "up"}']))
    prorate = draw(st.sampled_from(["", 'prorate = "days-of-30"'])) if kind == "per-month" else ""
    return f'accrues = "{kind}"\n{per}\n{rate}\n{load}\n{prorate}'


@st.composite
def percent_lines(draw, names):
    kind = draw(st.sampled_from(["percent", "rebate"]))
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
    on = ", ".join(
        f'{{line = "{name}", percent = "8"}}' if draw(st.booleans()) else f'"{name}"' for name in chosen
    )
    change = draw(st.none() | days)
    first = f"{{percent = {draw(prices)}}}"
    rates = f"[{first}]" if change is None else f"[{first}, {{from = {change}, percent = {draw(prices)}}}]"
    return f'accrues = "{kind}"\nrates = {rates}\non = [{on}]'


@st.composite
def documents(draw, version="1", valid_from=FIRST):
    text = f'format = 1\ncode = "x"\nversion = "{version}"\ntitle = "X"\ncurrency = "INR"\nvalid_from = {valid_from}\n'
    names = []
    for n in range(draw(st.integers(1, 5))):
        kinds = [slab_lines(), time_lines()] + ([percent_lines(names)] if names else [])
        text += f'[[line]]\nname = "l{n}"\n{draw(st.one_of(kinds))}\n{draw(roundings() | st.just(""))}\n'
        names.append(f"l{n}")
    return text


@st.composite
def situations(draw):
    texts = [draw(documents())]
    if draw(st.booleans()):
        texts.append(draw(documents(version="2", valid_from=draw(days))))
    length = draw(st.integers(1, 40))
    energies = draw(st.lists(st.integers(0, 40_000), min_size=length, max_size=length))
    return texts, energies, draw(st.integers(1, 9000))


def compute(texts, energies, load_w, passed):
    """By days, as the daily close would: pieces cut where prices change."""
    versions = [parse_tariff(text) for text in texts]
    billed = Period(FIRST, FIRST + timedelta(days=len(energies)))
    elapsed = Period(FIRST, FIRST + timedelta(days=passed))
    uses = [
        Use(piece, sum(energies[(day - FIRST).days] for day in piece))
        for piece in elapsed.cut(cut_days(versions, billed))
    ]
    return target(versions, uses, billed=billed, through=elapsed.end, load_w=load_w), uses


@settings(max_examples=150, deadline=None)
@given(situations(), st.data())
def test_both_raters_agree_on_every_day(situation, data):
    texts, energies, load_w = situation
    passed = data.draw(st.integers(1, len(energies)))
    ours, uses = compute(texts, energies, load_w, passed)
    plain = [(use.days.first, use.days.end, use.energy_wh) for use in uses]
    theirs = charges(texts, ours.billed.first, ours.billed.end, ours.through, uses=plain, load_w=load_w)
    assert {line.name: line.amount_minor for line in ours.lines} == theirs


@settings(max_examples=60, deadline=None)
@given(situations(), st.data())
def test_differences_sum_to_the_target_and_rows_to_their_difference(situation, data):
    """Close the days in any steps: what is posted adds up, and each posting's rows add up to it."""
    texts, energies, load_w = situation
    steps = [*sorted(data.draw(st.sets(st.integers(1, len(energies)), min_size=1))), len(energies)]
    posted, kept = {}, {}
    for passed in steps:
        result, _ = compute(texts, energies, load_w, passed)
        for line in result.lines:
            difference = line.amount_minor - posted.get(line.name, 0)
            rows = rows_between(kept.get(line.name, {}), line, difference)
            assert sum(row.amount_minor for row in rows) == difference
            assert all(row.amount_minor == to_minor(row.quantity * row.rate) for row in rows)
            if difference:
                posted[line.name] = posted.get(line.name, 0) + difference
                kept[line.name] = standing(line)
    final, _ = compute(texts, energies, load_w, len(energies))
    assert {name: amount for name, amount in posted.items() if amount} == {
        line.name: line.amount_minor for line in final.lines if line.amount_minor
    }


def test_energy_taken_back_is_negative_in_the_first_slab():
    text = """
format = 1
code = "x"
version = "1"
title = "X"
currency = "INR"
valid_from = 2026-01-01
[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from = 0, up_to = 10, rate = "2"}, {from = 10, rate = "5"}]
"""
    january = Period(date(2026, 1, 1), date(2026, 2, 1))
    result = target(
        [parse_tariff(text)], [Use(january, -1500)], billed=january, through=january.end, load_w=0
    )
    assert result.total_minor == -300
    assert result.lines[0].parts[0].quantity == Fraction(-3, 2)
    uses = [(january.first, january.end, -1500)]
    said = charges([text], january.first, january.end, january.end, uses=uses, load_w=0)
    assert said == {"energy": -300}
