"""Bills of Indian utilities as printed, and examples worked out by utilities or newspapers, by both raters to the paisa.

Each case names the source of its figures. The documents are examples "modelled on" a tariff order: none is complete, and
none may be used for billing without the order itself.
"""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

import urja.apps
from urja.core.calendar import Period
from urja.core.rating import (
    EnergyUse,
    RatedPeriod,
    RatingTerms,
    TariffError,
    parse_tariff,
    rate_period,
    rated_state,
    rows_between,
)
from urja.core.units import major_text
from urja.laws.second_rater import charges

DELHI = Path(urja.apps.__path__[0]) / "rulebook" / "documents" / "delhi-domestic-2022.toml"

HEAD = """
format = 1
code = "example"
version = "1"
title = "Example"
currency = "INR"
valid_from = 2000-01-01
"""


type Agreed = tuple[date, list[str], int]
"""From which day on which documents hold, and for how many watts."""


def said_by_both(agreed: list[Agreed], days: Period, uses: list[tuple[date, date, int]]) -> RatedPeriod:
    """What a period comes to; the second rater has to say the same of each line."""
    terms = [RatingTerms(first, tuple(map(parse_tariff, texts)), load_w) for first, texts, load_w in agreed]
    used = [EnergyUse(Period(first, end), energy_wh) for first, end, energy_wh in uses]
    ours = rate_period(terms, used, billed=days, through=days.end)
    theirs = charges(agreed, days.first, days.end, days.end, uses=uses)
    assert {line.name: line.amount_minor for line in ours.lines} == theirs
    return ours


def rated(text: str, kwh: str, first: str, end: str, load_w: int = 1000) -> RatedPeriod:
    """By one document, of one reading."""
    days = Period(date.fromisoformat(first), date.fromisoformat(end))
    return said_by_both(
        [(days.first, [text], load_w)], days, [(days.first, days.end, int(Fraction(kwh) * 1000))]
    )


def bill(lines: str, kwh: str, first: str, end: str, load_w: int = 1000) -> dict[str, str]:
    """The amounts of a document's lines, and their sum."""
    ours = rated(HEAD + lines, kwh, first, end, load_w)
    amounts = {line.name: major_text(line.amount_minor, 2) for line in ours.lines}
    return {**amounts, "total": major_text(ours.total_minor, 2)}


def total(lines: str, kwh: str, first: str, end: str, load_w: int = 1000) -> str:
    return bill(lines, kwh, first, end, load_w)["total"]


CESC = """
[[line]]
name = "energy"
accrues = "slabs"
prorate = "none"
slabs = [
  {from=0, up_to=25, rate="4.89"}, {from=25, up_to=60, rate="5.40"}, {from=60, up_to=100, rate="6.41"},
  {from=100, up_to=150, rate="7.16"}, {from=150, up_to=300, rate="7.33"}, {from=300, rate="8.92"},
]
[[line]]
name = "fixed"
accrues = "per-month"
prorate = "none"
rate = "14.00"
[[line]]
name = "rent"
accrues = "per-month"
prorate = "none"
rate = "10.00"
[[line]]
name = "rebate"
accrues = "rebate"
percent = 1
on = ["energy", "fixed"]
"""


def test_a_printed_bill_of_calcutta():
    """CESC, domestic, June 2015, read on 9 July: 257 units, a rebate of 17.24 for paying in time."""
    assert bill(CESC, "257", "2015-06-09", "2015-07-09") == {
        "energy": "1709.96",
        "fixed": "14.00",
        "rent": "10.00",
        "rebate": "-17.24",
        "total": "1716.72",
    }


def test_a_price_of_the_period_is_whole_in_short_and_long_periods():
    for first, end in [
        ("2024-02-09", "2024-03-09"),
        ("2023-02-09", "2023-03-09"),
        ("2024-07-09", "2024-08-09"),
    ]:
        assert bill(CESC, "0", first, end)["fixed"] == "14.00"


WEST_BENGAL = """
[[line]]
name = "energy"
accrues = "slabs"
slabs = [
  {from=0, up_to=34, rate="5.30"}, {from=34, up_to=60, rate="5.97"}, {from=60, up_to=100, rate="6.97"},
  {from=100, up_to=200, rate="7.31"}, {from=200, up_to=300, rate="7.58"}, {from=300, rate="8.99"},
]
[[line]]
name = "fixed"
accrues = "per-month"
per = "kW"
rate = 15
[[line]]
name = "rent"
accrues = "per-month"
rate = 10
[[line]]
name = "mvca"
accrues = "slabs"
slabs = [{from=0, rate="0.23"}]
"""


def test_a_quarter_of_west_bengal():
    """WBSEDCL, domestic urban, 790 units in a quarter (electricalnotebook.com, residential bill): its slabs of
    102, 78, 120, 300 and 300 units a quarter are a third of that a month. Its subsidy of 673.46 is no line of this
    document: how it was calculated is not published."""
    assert bill(WEST_BENGAL, "790", "2019-07-01", "2019-10-01") == {
        "energy": "5475.86",
        "fixed": "45.00",
        "rent": "30.00",
        "mvca": "181.70",
        "total": "5732.56",
    }


TELANGANA = """
[[line]]
name = "energy"
accrues = "slabs"
by_use = [
  {up_to=100, slabs=[{from=0, up_to=50, rate="1.95"}, {from=50, rate="3.10"}]},
  {up_to=200, slabs=[{from=0, up_to=100, rate="3.40"}, {from=100, rate="4.80"}]},
  {slabs=[
    {from=0, up_to=200, rate="5.10"}, {from=200, up_to=300, rate="7.70"}, {from=300, up_to=400, rate="9.00"},
    {from=400, up_to=800, rate="9.50"}, {from=800, rate="10.00"},
  ]},
]
[[line]]
name = "fixed"
accrues = "per-month"
per = "kW"
rate = 10
[[line]]
name = "customer"
accrues = "per-month"
bands = [{up_to_kwh=100, rate=70}, {rate=90}]
[[line]]
name = "duty"
book = "duty"
accrues = "slabs"
slabs = [{from=0, rate="0.06"}]
"""


@pytest.mark.parametrize(
    ("kwh", "energy", "customer", "duty", "sum_of_all"),
    [("95", "237.00", "70.00", "5.70", "322.70"), ("150", "580.00", "90.00", "9.00", "689.00")],
)
def test_which_slabs_hold_depends_on_the_whole_use_in_telangana(kwh, energy, customer, duty, sum_of_all):
    """LT-I of 2022-23 and two examples, of a published bill calculator for Telangana."""
    assert bill(TELANGANA, kwh, "2022-06-01", "2022-07-01") == {
        "energy": energy,
        "fixed": "10.00",
        "customer": customer,
        "duty": duty,
        "total": sum_of_all,
    }


def test_the_unit_that_crosses_a_bound_of_use_prices_all_of_them_again():
    assert bill(TELANGANA, "200", "2022-06-01", "2022-07-01")["energy"] == "820.00"
    assert bill(TELANGANA, "201", "2022-06-01", "2022-07-01")["energy"] == "1027.70"


TAMIL_NADU_2017 = """
[[line]]
name = "energy"
accrues = "slabs"
by_use = [
  {up_to=50, slabs=[{from=0, rate=0}]},
  {up_to=100, slabs=[{from=0, up_to=50, rate=0}, {from=50, rate="1.50"}]},
  {up_to=250, slabs=[{from=0, up_to=50, rate=0}, {from=50, up_to=100, rate="2.00"}, {from=100, rate="3.00"}]},
  {slabs=[
    {from=0, up_to=50, rate=0}, {from=50, up_to=100, rate="3.50"}, {from=100, up_to=250, rate="4.60"},
    {from=250, rate="6.60"},
  ]},
]
[[line]]
name = "fixed"
accrues = "per-month"
bands = [{up_to_kwh=50, rate=0}, {up_to_kwh=100, rate=10}, {up_to_kwh=250, rate=15}, {rate=25}]
"""

TAMIL_NADU_2022 = """
[[line]]
name = "energy"
accrues = "slabs"
by_use = [
  {up_to=250, slabs=[
    {from=0, up_to=50, rate=0}, {from=50, up_to=100, rate="2.25"}, {from=100, up_to=200, rate="4.50"},
    {from=200, rate="6.00"},
  ]},
  {slabs=[
    {from=0, up_to=50, rate=0}, {from=50, up_to=200, rate="4.50"}, {from=200, up_to=250, rate="6.00"},
    {from=250, up_to=300, rate="8.00"}, {from=300, up_to=400, rate="9.00"}, {from=400, up_to=500, rate="10.00"},
    {from=500, rate="11.00"},
  ]},
]
"""


@pytest.mark.parametrize(
    ("kwh", "before", "since"),
    [
        ("100", "0.00", "0.00"),
        ("200", "170.00", "225.00"),
        ("400", "830.00", "1125.00"),
        ("500", "1130.00", "1725.00"),
        ("800", "3760.00", "4550.00"),
        ("900", "4420.00", "5550.00"),
    ],
)
def test_two_months_of_tamil_nadu(kwh, before, since):
    """Bills of two months before and since September 2022, as newspapers printed them (poluronline.com); the first
    hundred units are free in both. The slabs of two months are twice those of one."""
    assert total(TAMIL_NADU_2017, kwh, "2022-07-01", "2022-09-01") == before
    assert total(TAMIL_NADU_2022, kwh, "2022-10-01", "2022-12-01") == since


TAMIL_NADU_MINIMUM = """
[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from=0, up_to=25, rate="0.65"}, {from=25, rate="0.75"}]
[[line]]
name = "minimum"
accrues = "minimum"
rate = 20
on = ["energy"]
"""


@pytest.mark.parametrize(
    ("kwh", "energy", "minimum"),
    [("0", "0.00", "40.00"), ("50", "32.50", "7.50"), ("60", "40.00", "0.00"), ("100", "70.00", "0.00")],
)
def test_a_minimum_charge_tops_up_what_is_small(kwh, energy, minimum):
    """tangedco.gov.in, LT IA up to 100 units bimonthly: 65 and 75 paise, at least 20 a month or 40 for two."""
    found = bill(TAMIL_NADU_MINIMUM, kwh, "2009-07-01", "2009-09-01")
    assert (found["energy"], found["minimum"]) == (energy, minimum)


KERALA = """
[[line]]
name = "energy"
accrues = "slabs"
by_use = [
  {up_to=250, slabs=[
    {from=0, up_to=50, rate="3.15"}, {from=50, up_to=100, rate="3.70"}, {from=100, up_to=150, rate="4.80"},
    {from=150, up_to=200, rate="6.40"}, {from=200, rate="7.60"},
  ]},
  {up_to=300, slabs=[{from=0, rate="5.80"}]},
  {up_to=350, slabs=[{from=0, rate="6.60"}]},
  {up_to=400, slabs=[{from=0, rate="6.90"}]},
  {up_to=500, slabs=[{from=0, rate="7.10"}]},
  {slabs=[{from=0, rate="7.90"}]},
]
[[line]]
name = "fixed"
accrues = "per-month"
bands = [
  {up_to_kwh=50, rate=35}, {up_to_kwh=100, rate=45}, {up_to_kwh=150, rate=55}, {up_to_kwh=200, rate=70},
  {up_to_kwh=250, rate=80}, {up_to_kwh=300, rate=100}, {up_to_kwh=350, rate=110}, {up_to_kwh=400, rate=120},
  {up_to_kwh=500, rate=130}, {rate=150},
]
[[line]]
name = "rent"
accrues = "per-month"
rate = "7.08"
[[line]]
name = "duty"
accrues = "percent"
percent = 10
on = ["energy"]
[[line]]
name = "whole"
title = "Rounding to the rupee"
accrues = "round-off"
round = {to = 1}
on = ["energy", "fixed", "rent", "duty"]
"""


@pytest.mark.parametrize(
    ("kwh", "energy", "fixed", "duty", "whole", "sum_of_all"),
    [
        # 2 x (50 x 3.15 + 50 x 3.70 + 50 x 4.80 + 50 x 6.40 + 40 x 7.60)
        ("480", "2413.00", "160.00", "241.30", "-0.46", "2828.00"),
        ("500", "2565.00", "160.00", "256.50", "0.34", "2996.00"),
        # All 502 at one price: what is called non-telescopic.
        ("502", "2911.60", "200.00", "291.16", "0.08", "3417.00"),
        ("1001", "7907.90", "300.00", "790.79", "0.15", "9013.00"),
    ],
)
def test_telescopic_to_250_units_and_not_above_in_kerala(kwh, energy, fixed, duty, whole, sum_of_all):
    """KSEB LT-IA single phase as of 2019, two months: rates and formulas of a public estimator
    (kseb-electricity-bill-estimator); meter rent 14.16 for two months, the sum in whole rupees."""
    assert bill(KERALA, kwh, "2020-07-01", "2020-09-01") == {
        "energy": energy,
        "fixed": fixed,
        "rent": "14.16",
        "duty": duty,
        "whole": whole,
        "total": sum_of_all,
    }


def test_a_posting_of_the_tax_of_delhi_says_each_of_its_bases():
    """Energy counts twice for it, as a whole and by 8 %: what was posted of one is not taken for the other."""
    july = Period(date(2022, 7, 1), date(2022, 8, 1))
    terms = [RatingTerms(july.first, (parse_tariff(DELHI.read_text()),), 3000)]
    ten, twenty = (
        rate_period(terms, [EnergyUse(Period(july.first, day), wh)], billed=july, through=day).lines[-1]
        for day, wh in ((date(2022, 7, 11), 100_000), (date(2022, 7, 21), 300_000))
    )
    rows = rows_between(rated_state(ten), twenty, twenty.amount_minor - ten.amount_minor)
    assert [(row.label, str(row.quantity), row.amount_minor) for row in rows] == [
        ("5 % of Energy charge", "75000", 3750),
        ("5 % of Power purchase adjustment on energy", "15518", 776),
        ("5 % of 8 % of Energy charge", "6000", 300),
    ]


SUBSIDY = """
[[line]]
name = "subsidy"
accrues = "rebate"
by_use = [{up_to=200, percent=100}, {up_to=400, percent=50, at_most=800}, {percent=0}]
round_width = {to = 1}
round = {to = "0.01", mode = "down"}
on = ["fixed", "energy", "ppac-energy", "ppac-fixed", "surcharge", "pension", "tax"]
"""


@pytest.mark.parametrize(
    ("kwh", "load_w", "gross", "pays"),
    [
        ("200", 2000, 90703, 0),
        ("201", 2000, 91343, 45672),
        ("400", 3000, 233541, 153541),
        ("401", 3000, 234465, 234465),
    ],
)
def test_the_subsidy_of_delhi_falls_off_a_cliff(kwh, load_w, gross, pays):
    """All of the bill up to 200 units, half of it up to 400 and at most 800, nothing above (press)."""
    text = DELHI.read_text()
    assert rated(text, kwh, "2022-07-01", "2022-08-01", load_w).total_minor == gross
    assert rated(text + SUBSIDY, kwh, "2022-07-01", "2022-08-01", load_w).total_minor == pays


ASSAM = """
[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from=0, up_to=120, rate="5.70"}, {from=120, up_to=240, rate="7.00"}, {from=240, rate="7.90"}]
[[line]]
name = "subsidy"
accrues = "slabs"
credit = true
slabs = [{from=0, up_to=120, rate="0.75"}, {from=120, rate=0}]
[[line]]
name = "fpppa"
accrues = "slabs"
slabs = [{from=0, rate="0.30"}]
[[line]]
name = "fixed"
accrues = "per-month"
per = "kW"
rate = 70
"""


@pytest.mark.parametrize(("kwh", "effective"), [("100", "525.00"), ("121", "637.30"), ("300", "1998.00")])
def test_a_subsidy_by_the_unit_in_assam(kwh, effective):
    """APDCL, domestic A, notice of June 2023: 5.25, 7.30 and 8.20 a unit with FPPPA and after the subsidy."""
    found = rated(HEAD + ASSAM, kwh, "2023-06-01", "2023-07-01", 2000)
    assert found.amount("fixed") == 14000
    assert major_text(found.total_minor - 14000, 2) == effective


PUNJAB = """
[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from=0, up_to=100, rate="4.49"}, {from=100, up_to=300, rate="6.34"}, {from=300, rate="7.30"}]
[[line]]
name = "fixed"
accrues = "per-month"
per = "kW"
bands = [{up_to_kw=2, rate=35}, {up_to_kw=7, rate=45}, {rate=50}]
[[line]]
name = "duty"
accrues = "percent"
percent = 13
on = ["energy", "fixed"]
"""


def test_fixed_charges_by_the_load_in_punjab():
    """PSPCL domestic supply of 2020-21 (a published tariff table): 300 units, 5 kW."""
    assert bill(PUNJAB, "300", "2020-06-01", "2020-07-01", 5000) == {
        "energy": "1717.00",
        "fixed": "225.00",
        "duty": "252.46",
        "total": "2194.46",
    }


MAHARASHTRA = """
[[line]]
name = "fixed"
accrues = "per-month"
prorate = "none"
rate = 110
[[line]]
name = "energy"
accrues = "slabs"
prorate = "days-of-30"
round_width = {to = 1, mode = "down"}
slabs = [
  {from=0, up_to=100, rate="3.46"}, {from=100, up_to=300, rate="7.43"}, {from=300, up_to=500, rate="10.32"},
  {from=500, rate="11.71"},
]
[[line]]
name = "wheeling"
accrues = "slabs"
slabs = [{from=0, rate="1.45"}]
[[line]]
name = "fac"
accrues = "slabs"
prorate = "days-of-30"
round_width = {to = 1, mode = "down"}
slabs = [
  {from=0, up_to=100, rate="0.50"}, {from=100, up_to=300, rate="0.84"}, {from=300, up_to=500, rate="1.07"},
  {from=500, rate="1.19"},
]
[[line]]
name = "duty"
accrues = "percent"
percent = 16
on = ["fixed", "energy", "wheeling", "fac"]
"""


def test_wheeling_and_a_duty_on_everything_in_maharashtra():
    """MSEDCL LT-I of April 2020 with the FAC of circular 283, as a published sheet has it: 67.49 units a month,
    duty 16 % of the sum of the four."""
    assert bill(MAHARASHTRA, "67.49", "2020-06-01", "2020-07-01") == {
        "fixed": "110.00",
        "energy": "233.52",
        "wheeling": "97.86",
        "fac": "33.75",
        "duty": "76.02",
        "total": "551.15",
    }


def test_slabs_of_31_days_in_maharashtra():
    """A bill of 31 days, 221 units, has slabs of 103 and 206 units (kjparmar.in)."""
    parts = rated(HEAD + MAHARASHTRA, "221", "2020-01-21", "2020-02-21").lines[1].parts
    assert [(part.label, part.quantity) for part in parts] == [
        ("slab 1: 0 to 103 kWh", 103),
        ("slab 2: 103 to 309 kWh", 118),
    ]


MUMBAI_GAS = """
[[line]]
name = "gas"
accrues = "slabs"
prorate = "days-of-30"
round_width = {to = "0.01"}
slabs = [
  {from=0, up_to="17.7", rate="21.96"}, {from="17.7", up_to="44.4", rate="26.01"}, {from="44.4", rate="33.36"},
]
"""


def test_slabs_by_the_day_of_piped_gas():
    """Mahanagar Gas, July 2016: 0.59 and 0.89 units a day for 61 days are 35.99 and 54.29 (nobroker.in); a unit is
    a cubic metre there."""
    parts = rated('commodity = "gas"' + HEAD + MUMBAI_GAS, "99", "2016-05-19", "2016-07-19").lines[0].parts
    assert [part.quantity for part in parts] == [Fraction("35.99"), Fraction("54.29"), Fraction("8.72")]
    assert [round(part.amount) for part in parts] == [79034, 141208, 29090]
    assert [(part.label, part.unit) for part in parts] == [
        ("slab 1: 0 to 35.99 m³", "m³"),
        ("slab 2: 35.99 to 90.28 m³", "m³"),
        ("slab 3: above 90.28 m³", "m³"),
    ]


def test_what_a_gas_tariff_rounds_and_splits_is_noted_in_its_units():
    """A document of gas: no word of its arithmetic is of energy, and bands by use are in m³."""
    document = HEAD + MUMBAI_GAS.replace('"0.01"', '"1"') + BANDS_OF_GAS
    gas = rated('commodity = "gas"' + document, "99", "2016-05-19", "2016-07-20")
    assert "bound 1 of the use of 62/3 m³ rounded half-up to 21 m³" in " ".join(gas.notes)
    assert not [text for text in (*gas.notes, *labels_of(gas)) if "Wh" in text]
    with pytest.raises(TariffError, match=r"up_to_m3: is not known here; known are .*up_to_kwh"):
        parse_tariff(document)


BANDS_OF_GAS = """
[[line]]
name = "rent"
accrues = "per-month"
prorate = "days-of-30"
round_width = {to = 1}
bands = [{up_to_m3=10, rate=20}, {rate=40}]
"""


def labels_of(rated_period):
    return [part.label for line in rated_period.lines for part in line.parts]


WHOLE_UNITS = """
[[line]]
name = "energy"
accrues = "slabs"
round_energy = {to = 1, mode = "down"}
slabs = [{from=0, up_to=50, rate="3.05"}, {from=50, rate="3.50"}]
"""


@pytest.mark.parametrize(("kwh", "energy"), [("50.999", "152.50"), ("51", "156.00")])
def test_complete_units_only_in_gujarat(kwh, energy):
    """PGVCL tariff schedule of April 2023, general 8: energy is billed by complete kWh."""
    assert total(WHOLE_UNITS, kwh, "2023-04-01", "2023-05-01") == energy


MONTHLY = """
[[line]]
name = "energy"
accrues = "slabs"
by_use = [{up_to=100, slabs=[{from=0, rate="3.00"}]}, {slabs=[{from=0, up_to=100, rate="4.00"}, {from=100, rate="6.00"}]}]
[[line]]
name = "fixed"
accrues = "per-month"
per = "kW"
rate = 31
[[line]]
name = "subsidy"
accrues = "per-month"
credit = true
bands = [{up_to_kwh=100, rate=29}, {rate=0}]
[[line]]
name = "duty"
accrues = "percent"
percent = 5
on = ["energy", "fixed", "subsidy"]
[[line]]
name = "minimum"
accrues = "minimum"
rate = 200
on = ["energy", "fixed", "subsidy"]
"""


@pytest.mark.parametrize(
    ("kwh", "first", "end", "lines"),
    [
        # A whole month is one month, whatever its length: February, leap February, 30 days, 31.
        ("100", "2023-02-01", "2023-03-01", ("300.00", "31.00", "-29.00", "15.10", "0.00")),
        ("100", "2024-02-01", "2024-03-01", ("300.00", "31.00", "-29.00", "15.10", "0.00")),
        ("100", "2024-04-01", "2024-05-01", ("300.00", "31.00", "-29.00", "15.10", "0.00")),
        ("100.001", "2024-07-01", "2024-08-01", ("400.01", "31.00", "0.00", "21.55", "0.00")),
        # 29 February alone is 1/29 of a month: bounds, prices, credit and minimum by it.
        ("3", "2024-02-29", "2024-03-01", ("9.00", "1.07", "-1.00", "0.45", "0.00")),
        ("4", "2024-02-29", "2024-03-01", ("17.10", "1.07", "0.00", "0.91", "0.00")),
        # Nothing used: the minimum; nothing used and a corrected read: the credit of it, and the minimum.
        ("0", "2024-07-01", "2024-08-01", ("0.00", "31.00", "-29.00", "0.10", "198.00")),
        ("-1.5", "2024-07-01", "2024-08-01", ("-4.50", "31.00", "-29.00", "-0.13", "202.50")),
        (
            "1000000000",
            "2024-07-01",
            "2024-08-01",
            ("5999999800.00", "31.00", "0.00", "299999991.55", "0.00"),
        ),
    ],
)
def test_months_of_all_lengths_no_use_less_than_none_and_too_much(kwh, first, end, lines):
    assert tuple(bill(MONTHLY, kwh, first, end).values())[:-1] == lines


@pytest.mark.parametrize(
    ("percent", "energy_minor", "duty_minor"),
    # A half of the smallest unit goes away from zero, on a credited line too; just below it does not.
    [
        ("5", 30, 2),
        ("5", 50, 3),
        ("5", 10, 1),
        ("4.9999", 10, 0),
        ("5", -10, -1),
        ("5", -50, -3),
        ("50", 1, 1),
    ],
)
def test_halves_go_away_from_zero_whatever_their_sign(percent, energy_minor, duty_minor):
    lines = f"""
[[line]]
name = "energy"
accrues = "slabs"
slabs = [{{from=0, rate="0.01"}}]
[[line]]
name = "duty"
accrues = "percent"
percent = "{percent}"
on = ["energy"]
"""
    found = bill(lines, str(energy_minor), "2024-07-01", "2024-08-01")
    assert Fraction(found["energy"]) * 100 == energy_minor
    assert Fraction(found["duty"]) * 100 == duty_minor


@pytest.mark.parametrize(
    ("currency", "decimals", "total_minor"), [("JPY", 0, 1235), ("EUR", 2, 123456), ("KWD", 3, 1234565)]
)
def test_currencies_of_other_decimals(currency, decimals, total_minor):
    text = HEAD.replace('"INR"', f'"{currency}"\ndecimals = {decimals}')
    text += '[[line]]\nname = "energy"\naccrues = "slabs"\nslabs = [{from=0, rate="12.34565"}]\n'
    if decimals == 2:
        text = text.replace("12.34565", "12.3456")
    assert rated(text, "100", "2024-07-01", "2024-08-01").total_minor == total_minor


def test_a_bound_of_the_use_that_is_rounded_says_of_which_line():
    lines = """
[[line]]
name = "subsidy"
accrues = "per-month"
credit = true
round_width = {to = "1"}
bands = [{up_to_kwh=100, rate=29}, {rate=0}]
"""
    said = "subsidy: bound 1 of the use of 100/29 kWh rounded half-up to 3 kWh"
    assert rated(HEAD + lines, "3", "2024-02-29", "2024-03-01").notes == (said,)


def test_several_changes_on_one_day():
    """Tariff, version, load and a dated percentage all change on 11 April: each rates its own days, once."""
    body = '[[line]]\nname="energy"\naccrues="slabs"\nslabs=[{from=0, rate=%s}]\n'
    body += '[[line]]\nname="fixed"\naccrues="per-day"\nper="kW"\nrate=1\n'
    body += '[[line]]\nname="duty"\naccrues="percent"\nrates=[{percent=0}, {from=2026-04-11, percent=10}]\non=["energy"]\n'
    old = HEAD + body % 1
    corrected = HEAD.replace('"1"', '"2"').replace("2000-01-01", "2026-04-11") + body % 2
    corrected_again = HEAD.replace('"1"', '"3"').replace("2000-01-01", "2026-04-11") + body % 3
    other = HEAD.replace('"example"', '"other"') + body % 9
    april = Period(date(2026, 4, 1), date(2026, 5, 1))
    agreed = [
        (date(2026, 4, 1), [old, corrected, corrected_again], 1000),
        (date(2026, 4, 11), [other], 5000),
        (date(2026, 4, 11), [old, corrected, corrected_again], 2000),
    ]
    uses = [(april.first, date(2026, 4, 11), 10_000), (date(2026, 4, 11), april.end, 20_000)]
    ours = said_by_both(agreed, april, uses)
    assert {line.name: line.amount_minor for line in ours.lines} == {
        "energy": 10 * 100 + 20 * 300,
        "fixed": 10 * 100 + 20 * 200,
        "duty": 600,
    }
