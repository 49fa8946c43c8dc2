"""Arrays rate groups of accounts exactly as the engine rates each of them (docs/tariffs.md)."""

import random
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st
from tests.core import test_quantity_tariffs as quantities, test_raters as raters
from tests.core.test_raters import FIRST, head

from urja.core.calendar import Period
from urja.core.rating import (
    EnergyUse,
    Measured,
    QuantityUse,
    RatedPeriod,
    RatingError,
    RatingTerms,
    parse_tariff,
)
from urja.core.rating.account_groups import AccountGroup, RatingInputs, rate_accounts
from urja.core.rating.exact_columns import LARGEST, BeyondBoundsError, Column
from urja.core.units import RoundingMode, RoundingStep


def inputs(tariff, source, days, passed, late, scale=1):
    """What one account is rated by: energies, determinants, and loads by a seed."""
    elapsed = Period(FIRST, FIRST + timedelta(days=passed))
    totals = {}
    for number in range(passed):
        for name, value in quantities.a_day(source, number).items():
            totals[name] = totals.get(name, 0) + value * scale
    load_w, share = source.randint(1, 9000), source.randint(1, 9)
    terms = RatingTerms(
        FIRST,
        (tariff,),
        load_w,
        {"flat": Fraction(1, share), "load": Fraction(1, 3)},
        load_va=load_w + 100 * share,
        contracted_w=load_w // 2,
        contracted_va=1000 * share,
    )
    return RatingInputs(
        (terms,),
        # A corrected read may take energy back.
        (EnergyUse(elapsed, totals["import_wh"] * source.choice([1, 1, 1, 1, -1, 0])),),
        Period(FIRST, FIRST + timedelta(days=days)),
        elapsed.end,
        FIRST + timedelta(days=late),
        Measured((QuantityUse(elapsed, totals),)),
    )


def without_netting(text):
    """A document that arrays may rate: units of a bank are each account's own. One that settles them stays as it is."""
    if 'accrues = "settlement"' in text:
        return text
    return text.replace(quantities.NETTING, "").replace("netted_import_wh", "export_wh")


@st.composite
def groups(draw):
    """Accounts that have a random tariff, and the days of a period, in common."""
    text = draw(raters.documents() | quantities.documents().map(without_netting))
    tariff = parse_tariff(text)
    days = draw(st.integers(1, 45))
    passed, late = draw(st.integers(1, days)), draw(st.integers(0, 1))
    source = random.Random(draw(st.integers(0, 1 << 32)))
    scale = draw(st.sampled_from([1, 1, 1, 10**7, 10**13]))
    return [inputs(tariff, source, days, passed, late, scale) for _ in range(draw(st.integers(1, 4)))]


def by_engine(one):
    try:
        return one.rate()
    except RatingError as error:
        return error


def charged(result):
    if isinstance(result, RatingError):
        return str(result)
    return (
        result.billed,
        result.through,
        result.versions,
        result.bank,
        [(line.name, line.title, line.amount_minor) for line in result.lines],
    )


@settings(max_examples=100)
@given(groups())
def test_arrays_and_the_engine_agree_to_the_last_fraction(accounts):
    expected = [by_engine(one) for one in accounts]
    rated = rate_accounts(accounts)
    assert list(map(charged, rated.results)) == list(map(charged, expected))
    if not rated.by_arrays:
        return
    assert rated.by_arrays == len(accounts)
    lines = AccountGroup(accounts).lines()
    for name, line in lines.items():
        # Before the rounding of the line too, part by part.
        parts = list(zip(*(part.fractions for part in line.parts), strict=True)) or [()] * len(accounts)
        assert [[amount for amount in each if amount] for each in parts] == [
            [part.amount for part in plain.parts if part.amount]
            for period in expected
            for plain in period.lines
            if plain.name == name
        ]


LINES = """[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from = 0, up_to = 200, rate = "3.00"}, {from = 200, up_to = 400, rate = "4.50"}, {from = 400, rate = "6.50"}]
[[line]]
name = "tod"
accrues = "zones"
otherwise = "normal"
prices = [{zone = "peak", rate = "1.10"}, {zone = "normal", rate = 0}, {zone = "night", rate = "0.50"}]
[[line]]
name = "fixed"
accrues = "per-month"
per = "kW"
rate = 125
[[line]]
name = "duty"
accrues = "percent"
percent = "6.5"
on = ["energy", "fixed"]
[[line]]
name = "subsidy"
accrues = "rebate"
by_use = [{up_to = 200, percent = 100}, {up_to = 400, percent = 50, at_most = 800}, {percent = 0}]
on = ["energy"]
[[line]]
name = "minimum"
accrues = "minimum"
rate = 400
on = ["energy"]
[[line]]
name = "whole"
accrues = "round-off"
round = {to = "1"}
on = ["energy", "tod", "fixed", "duty", "subsidy", "minimum"]
"""
DEMAND = '[[line]]\nname = "demand"\naccrues = "demand"\nunit = "kVA"\nbilled = "recorded"\nrate = 250\n'


def group_of(body, passed=20, accounts=9, scale=1, days=31):
    tariff = parse_tariff(head() + quantities.ZONES + body)
    source = random.Random(7)
    return [inputs(tariff, source, days, passed, 0, scale) for _ in range(accounts)]


def share_by_arrays(accounts):
    rated = rate_accounts(accounts)
    assert list(map(charged, rated.results)) == [charged(by_engine(one)) for one in accounts]
    return rated.by_arrays


@pytest.mark.parametrize(
    ("body", "passed", "by_arrays"),
    [
        (LINES, 20, 9),
        (LINES, 31, 9),
        # Demand settles at close: until then it has no amount.
        (LINES + DEMAND, 20, 9),
        (LINES + DEMAND, 31, 0),
        # Another percentage from the tenth day on: each account's energy of the days is split.
        (LINES.replace('percent = "6.5"', f"rates = [{{percent = 6}}, {{from = {FIRST + timedelta(days=10)}, percent = 7}}]"), 20, 0),
        (LINES.replace('percent = "6.5"', f"rates = [{{percent = 6}}, {{from = {FIRST + timedelta(days=10)}, percent = 7}}]"), 10, 9),
        (quantities.NETTING + LINES, 20, 0),
    ],
)  # fmt: skip
def test_which_lines_arrays_rate(body, passed, by_arrays):
    assert share_by_arrays(group_of(body, passed)) == by_arrays


def test_accounts_of_several_groups_keep_their_order():
    two = group_of(LINES), group_of(LINES.replace("125", "126"), passed=9)
    mixed = [one for pair in zip(*two, strict=True) for one in pair]
    by_engine_alone = group_of(quantities.NETTING + LINES, accounts=1)
    assert share_by_arrays([*mixed, *by_engine_alone]) == 18


def test_an_account_that_lacks_something_is_named_and_no_other_waits():
    accounts = group_of(LINES)
    (use,) = accounts[3].measured.uses
    lacking = {name: value for name, value in use.values.items() if name != "import_wh_z3"}
    accounts[3] = RatingInputs(
        accounts[3].terms,
        accounts[3].uses,
        accounts[3].billed,
        accounts[3].through,
        accounts[3].by_day_from,
        Measured((QuantityUse(use.days, lacking),)),
    )
    rated = rate_accounts(accounts)
    assert rated.by_arrays == 8
    assert "import_wh_z3" in str(rated.results[3])
    assert sum(isinstance(one, RatedPeriod) for one in rated.results) == 8


def test_what_64_bits_might_not_hold_goes_through_the_engine():
    assert share_by_arrays(group_of(LINES, scale=10**5)) == 9
    assert share_by_arrays(group_of(LINES, scale=10**11)) == 0
    assert share_by_arrays(group_of(LINES, scale=10**30)) == 0


# Exact columns

numbers = st.integers(-LARGEST, LARGEST) | st.integers(-1000, 1000)
fractions = st.fractions(max_denominator=10**6).filter(bool) | st.fractions(-100, 100, max_denominator=60)
steps = st.builds(
    RoundingStep,
    st.sampled_from([Fraction(1), Fraction(1, 20), Fraction(100), Fraction(7, 3)]),
    st.sampled_from(RoundingMode),
)
OPERATIONS = {
    "times": (lambda column, by, _: column.times(by), lambda value, by, _: value * by),
    "plus": (lambda column, by, _: column.plus(Column.constant(by, 3)), lambda value, by, _: value + by),
    "at_most": (lambda column, by, _: column.at_most(by), lambda value, by, _: min(value, by)),
    "at_least": (lambda column, by, _: column.at_least(by), lambda value, by, _: max(value, by)),
    "exceeds": (lambda column, by, _: column.where(column.exceeds(by)), lambda value, by, _: value if value > by else 0),
    "rounded": (lambda column, _, step: column.rounded(step), lambda value, _, step: step.apply(value)),
}  # fmt: skip


@settings(max_examples=100)
@given(
    st.lists(numbers, min_size=3, max_size=3),
    st.integers(1, 1000),
    st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), fractions, steps), min_size=1, max_size=6),
)
def test_columns_are_exact_or_refuse(values, denominator, operations):
    column = Column.of(values, denominator)
    exact = [Fraction(value, denominator) for value in values]
    for name, by, step in operations:
        over_arrays, plain = OPERATIONS[name]
        try:
            column = over_arrays(column, by, step)
        except BeyondBoundsError:
            return
        exact = [Fraction(plain(value, by, step)) for value in exact]
        assert column.fractions == exact
        assert all(abs(numerator) <= column.most <= LARGEST for numerator in column.numerators.tolist())


def test_no_column_wraps_around():
    column = Column.of([LARGEST])
    for beyond in (
        lambda: column.plus(column),
        lambda: column.times(Fraction(2)),
        lambda: column.rounded(RoundingStep(Fraction(3))),
        lambda: Column.of([LARGEST + 1]),
        lambda: Column.constant(Fraction(10**20), 1),
        lambda: column.at_most(Fraction(1, 2)),
    ):
        with pytest.raises(BeyondBoundsError):
            beyond()
