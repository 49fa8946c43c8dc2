"""The engine and the independent second rater agree on any tariff, and differences of results add up."""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings, strategies as st

from urja.core.calendar import Period
from urja.core.rating import (
    EnergyUse,
    RatedLine,
    RatingTerms,
    parse_tariff,
    price_change_days,
    rate_period,
    rated_state,
    rows_between,
)
from urja.core.units import to_minor
from urja.laws.second_rater import charges

FIRST = date(2026, 1, 20)
# Some are quotients, as a price by the horsepower is.
prices = st.integers(0, 99_999).map(lambda n: f'"{n / 10_000:.4f}{"" if n % 5 else "/0.746"}"')
modes = st.sampled_from(["half-up", "half-even", "up", "down"])
days = st.integers(0, 45).map(lambda n: FIRST + timedelta(days=n))


@st.composite
def roundings(draw):
    to = draw(st.sampled_from(["0.01", "0.05", "1"]))
    return (
        f'round = {{to = "{to}", mode = "{draw(modes)}", each = "{draw(st.sampled_from(["line", "part"]))}"}}'
    )


@st.composite
def slab_tables(draw):
    bounds = sorted(draw(st.sets(st.integers(1, 500), max_size=4)))
    lows, highs = [0, *bounds], [*bounds, None]
    slabs = ", ".join(
        f"{{from = {low}, {'' if high is None else f'up_to = {high}, '}rate = {draw(prices)}}}"
        for low, high in zip(lows, highs, strict=True)
    )
    return f"slabs = [{slabs}]"


@st.composite
def by_use(draw, entries):
    """Entries of what another strategy draws, for a use up to a bound each."""
    bounds = [
        *sorted(f"{n}.5" if n % 3 else f"{n}" for n in draw(st.sets(st.integers(101, 900), max_size=3))),
        None,
    ]
    return ", ".join(
        f"{{{'' if bound is None else f'up_to = {bound}, '}{draw(entries)}}}" for bound in bounds
    )


@st.composite
def given_back(draw):
    return draw(st.sampled_from(["", "", "", "credit = true"]))


@st.composite
def slab_lines(draw):
    table = slab_tables()
    slabs = draw(st.one_of(table, table, by_use(table).map(lambda entries: f"by_use = [{entries}]")))
    prorate = draw(st.sampled_from(["month-fraction", "days-of-30", "none"]))
    width = draw(st.sampled_from(["", f'round_width = {{to = "1", mode = "{draw(modes)}"}}']))
    energy = draw(st.sampled_from(["", 'round_energy = {to = "0.1"}']))
    return f'accrues = "slabs"\n{slabs}\nprorate = "{prorate}"\n{width}\n{energy}\n{draw(given_back())}'


@st.composite
def time_lines(draw):
    kind = draw(st.sampled_from(["per-day", "per-month"]))
    per = draw(st.sampled_from(["", 'per = "kW"']))
    bound = draw(st.sampled_from(["up_to_kw = 2", "up_to_kwh = 120"]))
    bands = f"bands = [{{{bound}, rate = {draw(prices)}}}, {{rate = {draw(prices)}}}]"
    rate = draw(st.sampled_from([f"rate = {draw(prices)}", bands]))
    if per and rate == bands and "kw " in bound:
        rate += draw(st.sampled_from(["", "\ntelescopic = true"]))
    load = draw(st.sampled_from(["", 'round_load = {to = "1", mode = "up"}']))
    prorates = ["", 'prorate = "days-of-30"', 'prorate = "none"']
    prorate = draw(st.sampled_from(prorates)) if kind == "per-month" else ""
    return f'accrues = "{kind}"\n{per}\n{rate}\n{load}\n{prorate}\n{draw(given_back())}'


@st.composite
def bases(draw, names):
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
    return ", ".join(
        f'{{line = "{name}", percent = "8"}}' if draw(st.booleans()) else f'"{name}"' for name in chosen
    )


@st.composite
def standing_lines(draw, names):
    """Minimum charges and roundings of a sum."""
    on = draw(bases(names))
    if draw(st.booleans()):
        per = draw(st.sampled_from(["", 'per = "kW"']))
        return f'accrues = "minimum"\nrate = {draw(prices)}\n{per}\non = [{on}]\n{draw(roundings() | st.just(""))}'
    to = draw(st.sampled_from(["1", "10", "0.05"]))
    return f'accrues = "round-off"\nround = {{to = "{to}", mode = "{draw(modes)}"}}\non = [{on}]'


@st.composite
def percent_lines(draw, names):
    kind = draw(st.sampled_from(["percent", "rebate"]))
    on = draw(bases(names))
    change = draw(st.none() | days)
    first = f"{{percent = {draw(prices)}}}"
    rates = f"[{first}]" if change is None else f"[{first}, {{from = {change}, percent = {draw(prices)}}}]"
    uses = draw(by_use(st.tuples(prices, prices).map(lambda two: f"percent = {two[0]}, at_most = {two[1]}")))
    said = draw(st.sampled_from([f"rates = {rates}", f"rates = {rates}", f"by_use = [{uses}]"]))
    most = draw(st.sampled_from(["", f'at_most = {draw(prices)}\nprorate = "none"']))
    return f'accrues = "{kind}"\n{said}\n{most}\non = [{on}]'


def head(version="1", valid_from=FIRST, code="x", on_change=""):
    text = f'format = 1\ncode = "{code}"\nversion = "{version}"\ntitle = "X"\ncurrency = "INR"\nvalid_from = {valid_from}\n'
    return f"{text}{on_change}\n"


CHANGES = (
    "",
    'on_change = "continue"',
    'on_change = "by-reads"',
    'on_change = "by-days"',
    'on_change = "by-days"\nround_units = {to = 1, mode = "up"}',
    'on_change = "by-days"\nround_units = {to = "0.5"}',
)


@st.composite
def documents(draw, version="1", valid_from=FIRST, code="x"):
    text = head(version, valid_from, code, draw(st.sampled_from(CHANGES)))
    names = []
    for n in range(draw(st.integers(1, 5))):
        kinds = [slab_lines(), time_lines()] + ([percent_lines(names)] if names else [])
        kinds = [st.tuples(kind, roundings() | st.just("")).map("\n".join) for kind in kinds]
        kinds += [standing_lines(names)] if names else []
        text += f'[[line]]\nname = "l{n}"\n{draw(st.one_of(kinds))}\n'
        names.append(f"l{n}")
    return text


@st.composite
def next_version(draw, text, number, day, code="x"):
    """Another document, or one with some lines of the version before it."""
    other = draw(documents(str(number), day, code))
    head, *lines = other.split("[[line]]\n")
    # Lines rest on those before them: what is taken over keeps its place, so that none rests on itself.
    for n, old in enumerate(text.split("[[line]]\n")[1:]):
        if n <= len(lines) and draw(st.integers(0, 2)):
            lines[n : n + 1] = [old]
    return "[[line]]\n".join([head, *lines])


@st.composite
def situations(draw):
    """Documents of two tariffs, energies by day, and terms that change on any days, also on the same."""
    texts = {}
    for code in "xy":
        texts[code] = [draw(documents(code=code))]
        for day in sorted(draw(st.lists(days, max_size=3))):
            texts[code].append(draw(next_version(texts[code][-1], len(texts[code]) + 1, day, code)))
    length = draw(st.integers(1, 40))
    energies = draw(st.lists(st.integers(0, 40_000), min_size=length, max_size=length))
    starts = [FIRST, *sorted(draw(st.lists(days, max_size=3)))]
    return energies, [(day, texts[draw(st.sampled_from("xy"))], draw(st.integers(1, 9000))) for day in starts]


def compute(energies, agreed, passed, by_day_from=FIRST):
    """By days, as the daily close would: pieces cut where prices change."""
    terms = [
        RatingTerms(first, tuple(parse_tariff(text) for text in texts), load_w)
        for first, texts, load_w in agreed
    ]
    billed = Period(FIRST, FIRST + timedelta(days=len(energies)))
    elapsed = Period(FIRST, FIRST + timedelta(days=passed))
    uses = [
        EnergyUse(piece, sum(energies[(day - FIRST).days] for day in piece))
        for piece in elapsed.split_at(price_change_days(terms, billed))
    ]
    return rate_period(terms, uses, billed=billed, through=elapsed.end, by_day_from=by_day_from), uses


@settings(max_examples=80)
@given(situations(), st.data())
def test_both_raters_agree_on_every_day(situation, data):
    energies, agreed = situation
    passed = data.draw(st.integers(1, len(energies)))
    # Another agreement may have held the first day before this one, and is charged by it.
    by_day_from = FIRST + timedelta(days=data.draw(st.integers(0, 1)))
    ours, uses = compute(energies, agreed, passed, by_day_from)
    plain = [(use.days.first, use.days.end, use.energy_wh) for use in uses]
    theirs = charges(
        agreed, ours.billed.first, ours.billed.end, ours.through, uses=plain, by_day_from=by_day_from
    )
    assert {line.name: line.amount_minor for line in ours.lines} == theirs
    keys = [part.key for line in ours.lines for part in line.parts]
    assert len(set(keys)) == len(keys)


@settings(max_examples=60)
@given(situations(), st.data())
def test_differences_sum_to_the_target_and_rows_to_their_difference(situation, data):
    """Close the days in any steps, and change terms in the past meanwhile: what is posted adds up, and each posting's
    rows add up to it."""
    energies, agreed = situation
    steps = [*sorted(data.draw(st.sets(st.integers(1, len(energies)), min_size=1))), len(energies)]
    known = data.draw(st.lists(st.integers(1, len(agreed)), min_size=len(steps) - 1, max_size=len(steps) - 1))
    posted, kept = {}, {}
    for passed, terms in zip(steps, [*(agreed[:n] for n in known), agreed], strict=True):
        result, _ = compute(energies, terms, passed)
        lines = {line.name: line for line in result.lines}
        for name in [*lines, *(name for name in posted if name not in lines)]:
            # A tariff that no longer holds may have had a line that is now taken back.
            line = lines.get(name) or RatedLine(name, name, 0, ())
            difference = line.amount_minor - posted.get(name, 0)
            rows = rows_between(kept.get(name, {}), line, difference)
            assert sum(row.amount_minor for row in rows) == difference
            assert all(row.amount_minor == to_minor(row.quantity * row.rate) for row in rows)
            if difference:
                posted[name] = posted.get(name, 0) + difference
                kept[name] = rated_state(line)
    final, _ = compute(energies, agreed, len(energies))
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
    result = rate_period(
        [RatingTerms(january.first, (parse_tariff(text),), 0)],
        [EnergyUse(january, -1500)],
        billed=january,
        through=january.end,
    )
    assert result.total_minor == -300
    assert result.lines[0].parts[0].quantity == Fraction(-3, 2)
    uses = [(january.first, january.end, -1500)]
    said = charges([(january.first, [text], 0)], january.first, january.end, january.end, uses=uses)
    assert said == {"energy": -300}
