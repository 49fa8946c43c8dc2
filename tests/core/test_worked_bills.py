"""Published bills, and bills worked out in tariff orders, to the last minor unit."""

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

import urja.apps
from urja.core.calendar import Period, month_fraction
from urja.core.rating import EnergyUse, RatingError, RatingTerms, parse_tariff, price_change_days, rate_period

DOCUMENTS = Path(urja.apps.__path__[0]) / "rulebook" / "documents"

HEAD = """
format = 1
code = "t"
version = "1"
title = "Test"
currency = "{currency}"
valid_from = 2020-01-01
"""


def tariff(body: str, currency: str = "INR", code: str = "t"):
    return parse_tariff(HEAD.format(currency=currency).replace('"t"', f'"{code}"') + body)


def bill(tariffs, kwh: str, first: str, end: str, load_w: int = 0):
    billed = Period(date.fromisoformat(first), date.fromisoformat(end))
    uses = [EnergyUse(billed, int(Fraction(kwh) * 1000))]
    return rate_period(
        [RatingTerms(billed.first, tuple(tariffs), load_w)], uses, billed=billed, through=billed.end
    )


def amounts(result) -> dict[str, str]:
    return {line.name: f"{line.amount_minor / 100:.2f}" for line in result.lines}


def test_a_real_delhi_bill_to_the_paisa():
    document = parse_tariff((DOCUMENTS / "delhi-domestic-2022.toml").read_text())
    result = bill([document], "545", "2022-06-25", "2022-07-25", load_w=3000)
    assert month_fraction(result.billed) == Fraction(6, 30) + Fraction(24, 31)
    assert amounts(result) == {
        "fixed": "146.13",
        "energy": "2470.00",
        "ppac-energy": "511.04",
        "ppac-fixed": "30.24",
        "surcharge": "209.29",
        "pension": "183.13",
        "tax": "158.93",
    }
    assert result.total_minor == 370876
    energy = result.lines[1].parts
    assert [(part.label, part.quantity) for part in energy] == [
        ("slab 1: 0 to 195 kWh", 195),
        ("slab 2: 195 to 390 kWh", 195),
        ("slab 3: 390 to 780 kWh", 155),
    ]
    assert [part.amount for part in result.lines[2].parts] == [12104, 18155, 20845]


@pytest.mark.parametrize(
    ("kwh", "load_w", "expected"),
    [("200", 2000, 90703), ("201", 2000, 91343), ("90", 1000, 41087)],
)
def test_delhi_full_months(kwh, load_w, expected):
    document = parse_tariff((DOCUMENTS / "delhi-domestic-2022.toml").read_text())
    assert bill([document], kwh, "2022-07-01", "2022-08-01", load_w).total_minor == expected


UP = tariff("""
[[line]]
name = "energy"
accrues = "slabs"
slabs = [ {from=0, up_to=150, rate="5.50"}, {from=150, up_to=300, rate="6.00"}, {from=300, rate="6.50"} ]
[[line]]
name = "fixed"
accrues = "per-month"
per = "kW"
rate = 110
[[line]]
name = "duty"
accrues = "percent"
percent = 5
on = ["energy", "fixed"]
[[line]]
name = "rebate"
accrues = "rebate"
percent = 2
on = ["energy", "fixed"]
""")


@pytest.mark.parametrize(
    ("kwh", "energy"),
    [("150", 82500), ("151", 83100), ("300", 172500), ("301", 173150), ("400", 237500)],
)
def test_uttar_pradesh_slabs_with_a_prepaid_rebate(kwh, energy):
    result = bill([UP], kwh, "2026-04-01", "2026-05-01", load_w=2000)
    base = energy + 22000
    assert result.amount("energy") == energy
    assert result.amount("fixed") == 22000
    assert result.amount("duty") == round(Fraction(base * 5, 100))
    assert result.amount("rebate") == -round(Fraction(base * 2, 100))


@pytest.mark.parametrize(("kwh", "expected"), [("100", 41200), ("130", 41200 + 16560), ("125.5", 55276)])
def test_bihar_urban_slabs(kwh, expected):
    document = tariff("""
[[line]]
name = "energy"
accrues = "slabs"
slabs = [ {from=0, up_to=100, rate="4.12"}, {from=100, rate="5.52"} ]
""")
    assert bill([document], kwh, "2026-04-01", "2026-05-01").total_minor == expected


def test_bihar_free_units_are_a_slab_without_a_price():
    document = tariff("""
[[line]]
name = "energy"
accrues = "slabs"
slabs = [ {from=0, up_to=125, rate=0}, {from=125, rate="5.52"} ]
""")
    assert bill([document], "125", "2026-04-01", "2026-05-01").total_minor == 0
    assert bill([document], "126", "2026-04-01", "2026-05-01").total_minor == 552


SRI_LANKA = """
[[line]]
name = "energy"
accrues = "slabs"
prorate = "days-of-30"
slabs = [ {from=0, up_to=30, rate=8}, {from=30, up_to=60, rate=20}, {from=60, rate=30} ]
[[line]]
name = "fuel"
accrues = "percent"
percent = 10
on = ["energy"]
"""


def test_sri_lanka_blocks_grow_with_the_days_of_the_period():
    document = tariff(SRI_LANKA, "LKR")
    # 31 days: blocks of 31 and 31 units, then the rest.
    result = bill([document], "70", "2026-01-01", "2026-02-01")
    assert result.amount("energy") == 100 * (31 * 8 + 31 * 20 + 8 * 30)
    assert result.amount("fuel") == 10 * (31 * 8 + 31 * 20 + 8 * 30)
    # 28 days: blocks of 28.
    assert bill([document], "70", "2026-02-01", "2026-03-01").amount("energy") == 100 * (28 * 28 + 14 * 30)


def test_tshwane_cumulative_blocks():
    document = tariff("""
[[line]]
name = "energy"
accrues = "slabs"
prorate = "none"
slabs = [
  {from=0, up_to=100, rate="1.2196"}, {from=100, up_to=400, rate="1.4170"},
  {from=400, up_to=650, rate="1.5460"}, {from=650, rate="1.6520"} ]
[[line]]
name = "vat"
accrues = "percent"
percent = 14
on = ["energy"]
""", "ZAR")  # fmt: skip
    result = bill([document], "500", "2026-03-01", "2026-04-01")
    assert amounts(result) == {"energy": "701.66", "vat": "98.23"}


def test_a_surcharge_that_changes_inside_the_cycle_is_split():
    """Energy by days; on the fixed charge by the month fractions of the two parts."""
    text = (DOCUMENTS / "delhi-domestic-2022.toml").read_text()
    dated = 'rates = [{percent = "20.69"}, {from = 2022-07-11, percent = "10"}]'
    document = parse_tariff(text.replace('percent = "20.69"', dated))
    result = bill([document], "300", "2022-06-25", "2022-07-25", load_w=3000)
    before, after = Fraction(16, 30), Fraction(14, 30)
    by_slab = [195 * 300, 105 * 450]
    rate = Fraction(2069, 10000)
    expected = sum(round(base * before * rate) + round(base * after / 10) for base in by_slab)
    assert result.amount("ppac-energy") == expected
    june, july = Fraction(3000), Fraction(11613)
    assert result.amount("ppac-fixed") == (
        round(june * rate) + round(july * Fraction(10, 24) * rate) + round(july * Fraction(14, 24) / 10)
    )


def test_a_new_version_inside_the_period_splits_units_by_days():
    """MSEDCL circulars 284, 323: average units a day times the days of each part, each on its own tariff."""
    body = '\n[[line]]\nname = "energy"\naccrues = "slabs"\nslabs = [{{from=0, up_to=100, rate={}}}, {{from=100, rate={}}}]\n'
    old = tariff(body.format(3, 6))
    new = parse_tariff(
        (HEAD + body.format(4, 8))
        .replace("2020-01-01", "2026-04-11")
        .replace('version = "1"', 'version = "2"\non_change = "by-days"')
        .replace("{currency}", "INR")
    )
    result = bill([old, new], "300", "2026-04-01", "2026-05-01")
    # 100 units on ten days with a slab of 33 1/3, 200 on twenty with a slab of 66 2/3.
    first = round((Fraction(100, 3) * 3 + Fraction(200, 3) * 6) * 100)
    second = round((Fraction(200, 3) * 4 + Fraction(400, 3) * 8) * 100)
    assert result.amount("energy") == first + second
    assert [version.version for version in result.versions] == ["1", "2"]
    assert "split by days" in result.notes[0]


def test_energy_known_at_the_change_is_not_split():
    body = '\n[[line]]\nname = "energy"\naccrues = "slabs"\nslabs = [{{from=0, rate={}}}]\n'
    old = tariff(body.format(1))
    new = parse_tariff((HEAD.format(currency="INR") + body.format(10)).replace("2020-01-01", "2026-04-11"))
    april = Period(date(2026, 4, 1), date(2026, 5, 1))
    uses = [
        EnergyUse(Period(date(2026, 4, 1), date(2026, 4, 11)), 5_000),
        EnergyUse(Period(date(2026, 4, 11), date(2026, 5, 1)), 7_000),
    ]
    result = rate_period([RatingTerms(april.first, (old, new), 0)], uses, billed=april, through=april.end)
    assert result.total_minor == 5 * 100 + 7 * 1000


HOME = """
[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from=0, up_to=100, rate="3.00"}, {from=100, rate="5.00"}]
[[line]]
name = "fixed"
accrues = "per-month"
per = "kW"
rate = "40"
[[line]]
name = "duty"
accrues = "percent"
percent = 5
on = ["energy", "fixed"]
"""

SHOP = HOME.replace(
    '{from=0, up_to=100, rate="3.00"}, {from=100, rate="5.00"}', '{from=0, rate="8.00"}'
).replace('rate = "40"', 'rate = "100"')


def test_a_load_that_is_raised_and_a_home_that_becomes_a_shop():
    """April: 5 kW to the 10th, 7 kW from the 11th, a shop's tariff from the 21st. 100 kWh before it, 50 after.

    | line   | days     | by hand                                             | amount |
    |--------|----------|-----------------------------------------------------|--------|
    | energy | 1 to 20  | 66 2/3 kWh (100 x 20/30) x 3.00 + 33 1/3 kWh x 5.00 | 366.67 |
    | energy | 21 to 30 | 50 kWh x 8.00                                       | 400.00 |
    | fixed  | 1 to 10  | 10/30 x 5 kW x 40                                   |  66.67 |
    | fixed  | 11 to 20 | 10/30 x 7 kW x 40                                   |  93.33 |
    | fixed  | 21 to 30 | 10/30 x 7 kW x 100                                  | 233.33 |
    | duty   | 1 to 20  | 5 % of 366.67 + 160.00 = 26.3335                    |  26.33 |
    | duty   | 21 to 30 | 5 % of 400.00 + 233.33 = 31.6665                    |  31.67 |
    """
    home, shop = tariff(HOME, code="home"), tariff(SHOP, code="shop")
    april = Period(date(2026, 4, 1), date(2026, 5, 1))
    terms = [
        RatingTerms(date(2026, 4, 1), (home,), 5000),
        RatingTerms(date(2026, 4, 11), (home,), 7000),
        RatingTerms(date(2026, 4, 21), (shop,), 7000),
    ]
    # The load cuts no energy: the slab goes on through the 11th, and the read of that midnight is not needed.
    assert price_change_days(terms, april) == [date(2026, 4, 21)]
    uses = [
        EnergyUse(Period(date(2026, 4, 1), date(2026, 4, 21)), 100_000),
        EnergyUse(Period(date(2026, 4, 21), date(2026, 5, 1)), 50_000),
    ]
    result = rate_period(terms, uses, billed=april, through=april.end)
    assert amounts(result) == {"energy": "766.67", "fixed": "393.33", "duty": "58.00"}
    assert [(part.key, part.label) for part in result.lines[1].parts] == [
        ("1/fixed/2026-04", "2026-04, 10 of 30 days, 5 kW"),
        ("1/fixed/2026-04@2026-04-11", "2026-04, 10 of 30 days, 7 kW"),
        ("2026-04-21:1/fixed/2026-04", "2026-04, 10 of 30 days, 7 kW"),
    ]
    assert [str(part.quantity) for part in result.lines[0].parts] == ["200/3", "100/3", "50"]
    assert result.versions == (home, shop)


@pytest.mark.parametrize(
    ("line", "loads", "parts"),
    [
        ('accrues = "per-day"\nrate = "2"', (1000, 3000), ["30 x 200"]),
        ('accrues = "per-day"\nbands = [{up_to_kw=2, rate=1}, {rate=4}]', (1000, 2000), ["30 x 100"]),
        (
            'accrues = "per-day"\nbands = [{up_to_kw=2, rate=1}, {rate=4}]',
            (2000, 3000),
            ["10 x 100", "20 x 400"],
        ),
        ('accrues = "per-day"\nper = "kW"\nrate = 1', (2000, 3000), ["10 x 200", "20 x 300"]),
        (
            'accrues = "per-day"\nper = "kW"\nrate = 1\nround_load = {to = 1, mode = "up"}',
            (2100, 2900),
            ["30 x 300"],
        ),
    ],
)
def test_a_load_cuts_only_what_its_price_depends_on(line, loads, parts):
    document = tariff(f'\n[[line]]\nname = "fixed"\n{line}\n')
    april = Period(date(2026, 4, 1), date(2026, 5, 1))
    terms = [
        RatingTerms(april.first, (document,), loads[0]),
        RatingTerms(date(2026, 4, 11), (document,), loads[1]),
    ]
    result = rate_period(terms, [], billed=april, through=april.end)
    assert [f"{part.quantity} x {part.rate}" for part in result.lines[0].parts] == parts


def test_a_tariff_that_comes_back_is_rated_for_itself_each_time():
    """Home, shop and home again: each home of ten days has a slab of its own, a third of a month wide."""
    home, shop = tariff(HOME, code="home"), tariff(SHOP, code="shop")
    april = Period(date(2026, 4, 1), date(2026, 5, 1))
    days = [date(2026, 4, 1), date(2026, 4, 11), date(2026, 4, 21)]
    terms = [
        RatingTerms(day, (document,), 1000) for day, document in zip(days, (home, shop, home), strict=True)
    ]
    uses = [EnergyUse(piece, 40_000) for piece in april.split_at(days)]
    result = rate_period(terms, uses, billed=april, through=april.end)
    one = round((Fraction(100, 3) * 3 + Fraction(20, 3) * 5) * 100)
    assert result.amount("energy") == one + 32_000 + one
    keys = [part.key for line in result.lines for part in line.parts]
    assert len(set(keys)) == len(keys)


def test_terms_have_to_be_there_and_in_force():
    april = Period(date(2026, 4, 1), date(2026, 5, 1))
    late = replace(tariff(HOME), code="other", valid_from=date(2026, 4, 12))
    with pytest.raises(RatingError, match="no terms are in force on 2026-04-01"):
        rate_period([RatingTerms(date(2026, 4, 2), (tariff(HOME),), 1)], [], billed=april, through=april.end)
    terms = [RatingTerms(april.first, (tariff(SHOP),), 1), RatingTerms(date(2026, 4, 11), (late,), 1)]
    with pytest.raises(RatingError, match="no version of the tariff is in force on 2026-04-11"):
        rate_period(terms, [], billed=april, through=april.end)


@dataclass(frozen=True)
class Unheard:
    """A kind of charge that the engine does not know."""


def test_a_line_of_an_unknown_kind_is_refused_and_not_charged_as_the_line_before_it():
    known = tariff('[[line]]\nname = "energy"\naccrues = "slabs"\nslabs = [{ from = 0, rate = "5" }]\n')
    unheard = replace(known.lines[0], name="unheard", accrual=Unheard())
    with pytest.raises(AssertionError, match="Unheard"):
        bill([replace(known, lines=(*known.lines, unheard))], "10", "2026-04-01", "2026-05-01")
