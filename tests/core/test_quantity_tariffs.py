"""Lines that price other quantities and time zones (docs/tariffs.md): by hand, by properties, and by the second rater."""

import contextlib
import random
import re
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st
from tests.core.test_raters import (
    FIRST,
    bases,
    days,
    given_back,
    head,
    percent_lines,
    prices,
    roundings,
    slab_lines,
    slab_tables,
    standing_lines,
    time_lines,
)

from urja.core.calendar import Period
from urja.core.rating import (
    BankRow,
    EnergyUse,
    Measured,
    PastDemand,
    QuantityUse,
    RatingError,
    RatingTerms,
    TariffError,
    parse_tariff,
    period_of,
    price_change_days,
    rate_period,
    rated_state,
    reserve_so_far,
    rows_between,
    uses_of_rows,
)
from urja.core.rating.priced_quantities import PRICED
from urja.laws.second_rater import charges
from urja.quantities.catalogue import BY_NAME

APRIL = Period(date(2026, 4, 1), date(2026, 5, 1))
ZONES = 'calendar = "industry"\nzones = {peak = 1, normal = 2, night = 3}\n'
SHARES = {"flat": Fraction(1, 200), "area": Fraction(3, 250), "load": Fraction(1, 7)}


def document(body, extra=""):
    return head("1", date(2020, 1, 1)) + extra + body


LOADS = {"load_va": "sanctioned kVA", "contracted_w": "contracted kW", "contracted_va": "contracted kVA"}


def rated(text, wh, values, billed=APRIL, through=None, shares=SHARES, load_w=0, **loads):
    """What both raters say of one period, given as a whole; they have to say the same."""
    through = through or billed.end
    done = Period(billed.first, through)
    terms = [RatingTerms(billed.first, (parse_tariff(text),), load_w, shares, **loads)]
    result = rate_period(
        terms,
        [EnergyUse(done, wh)],
        billed=billed,
        through=through,
        measured=Measured((QuantityUse(done, values),)),
    )
    said = charges(
        [(billed.first, [text], load_w)],
        billed.first,
        billed.end,
        through,
        uses=[(done.first, done.end, wh)],
        measured=[(done.first, done.end, values)],
        facts=[
            (
                billed.first,
                {f"share {name}": share for name, share in shares.items()}
                | {LOADS[name]: Fraction(load, 1000) for name, load in loads.items()},
            )
        ],
    )
    assert {line.name: line.amount_minor for line in result.lines} == said
    return result


def amounts(result):
    return {line.name: f"{line.amount_minor / 100:.2f}" for line in result.lines}


SLABS = '[[line]]\nname = "energy"\naccrues = "slabs"\nslabs = [{from = 0, up_to = 100, rate = 4}, {from = 100, rate = 6}]\n'
TIME_OF_DAY = """[[line]]
name = "tod"
accrues = "zone-percent"
zones_and_slabs = "average"
percents = [{zone = "peak", surcharge = 20}, {zone = "night", rebate = 10}]
on = ["energy"]
"""


def test_zones_on_the_average_of_slabs_and_slabs_within_zones():
    """The table of docs/tariffs.md: 990.00 and 880.00."""
    values = {"import_wh_z1": 60_000, "import_wh_z2": 0, "import_wh_z3": 140_000}
    result = rated(document(SLABS + TIME_OF_DAY, ZONES), 200_000, values)
    assert amounts(result) == {"energy": "1000.00", "tod": "-10.00"}
    assert [(part.label, part.amount) for part in result.lines[1].parts] == [
        ("peak: 20 % of energy on average", 6000),
        ("night: -10 % of energy on average", -7000),
    ]
    slabs = "slabs = [{from = 0, up_to = 100, rate = 4}, {from = 100, rate = 6}]"
    within = "\n".join(
        [
            '[[line]]\nname = "energy"\naccrues = "zones"\nzones_and_slabs = "within-zones"\notherwise = "normal"',
            f'prices = [{{zone = "peak", {slabs}}}, {{zone = "normal", rate = 5}}, {{zone = "night", {slabs}}}]\n',
        ]
    )
    result = rated(document(within, ZONES), 200_000, values)
    assert [(part.label, part.amount) for part in result.lines[0].parts] == [
        ("peak, slab 1: 0 to 100 kWh", 24000),
        ("night, slab 1: 0 to 100 kWh", 40000),
        ("night, slab 2: above 100 kWh", 24000),
    ]


ADDED = """[[line]]
name = "tod"
accrues = "zones"
otherwise = "normal"
prices = [{zone = "peak", rate = "1.10"}, {zone = "normal", rate = 0}, {zone = "night", rate = "0.50"}]
"""


def test_a_price_of_a_zone_beside_slabs_and_what_is_in_no_zone():
    values = {"import_wh_z1": 10_000, "import_wh_z2": 20_000, "import_wh_z3": 5_000}
    result = rated(document(SLABS + ADDED, ZONES), 40_000, values)
    assert amounts(result) == {"energy": "160.00", "tod": "13.50"}
    assert result.notes == ("tod: 5 kWh in no zone, calculated as normal",)


def test_a_percentage_of_what_a_zone_comes_to():
    percent = (
        TIME_OF_DAY.replace('"average"', '"none"').replace('"energy"', '"tod"').replace('"tod"', '"extra"', 1)
    )
    values = {"import_wh_z1": 10_000, "import_wh_z2": 20_000, "import_wh_z3": 10_000}
    assert amounts(rated(document(ADDED + percent, ZONES), 40_000, values)) == {
        "tod": "16.00",
        "extra": "1.70",
    }


def test_kvah_export_generator_and_a_share_of_common_areas():
    body = """[[line]]
name = "energy"
accrues = "slabs"
quantity = "import_vah"
slabs = [{from = 0, rate = "8.50"}]
[[line]]
name = "export"
accrues = "slabs"
quantity = "export_wh"
credit = true
slabs = [{from = 0, rate = 3}]
[[line]]
name = "dg"
accrues = "slabs"
quantity = "dg_import_wh"
slabs = [{from = 0, rate = 22}]
[[line]]
name = "common"
accrues = "slabs"
quantity = "common_import_wh"
share = "area"
slabs = [{from = 0, rate = 7}]
"""
    values = {
        "import_vah": 110_000,
        "export_wh": 30_000,
        "dg_import_wh": 4_500,
        "common_import_wh": 1_000_000,
    }
    result = rated(document(body), 100_000, values)
    assert amounts(result) == {"energy": "935.00", "export": "-90.00", "dg": "99.00", "common": "84.00"}
    assert [line.parts[0].unit for line in result.lines] == ["kVAh", "kWh", "kWh", "kWh"]
    assert parse_tariff(document(body)).needs == {
        "import_vah",
        "export_wh",
        "dg_import_wh",
        "common_import_wh",
        "share by area",
    }


@pytest.mark.parametrize(
    ("quantity", "unit", "value", "amount"),
    [
        ("standard_volume_l", "SCM", 31_200, "1560.00"),
        ("gas_energy_wh", "kWh", 31_200, "1560.00"),
        ("gas_energy_wh", "MMBtu", 2_930_711, "500.00"),
        ("gas_energy_wh", "GJ", 1_000_000, "180.00"),
        ("volume_l", "m3", 0, "50.00"),
    ],
)
def test_gas_by_volume_and_by_energy(quantity, unit, value, amount):
    """1 MMBtu is 293.07107 kWh; 1 GJ is 277.78 kWh."""
    line = f'[[line]]\nname = "gas"\naccrues = "slabs"\nquantity = "{quantity}"\nunit = "{unit}"\nslabs = [{{from = 0, rate = 50}}]\n'
    result = rated(document(line, 'commodity = "gas"\n'), 1_000, {quantity: value})
    assert amounts(result) == {"gas": amount}
    assert result.lines[0].parts[0].unit == unit.replace("m3", "m³")


HEAT = """commodity = "gas"
[[line]]
name = "gas"
accrues = "slabs"
quantity = "standard_volume_l"
priced_by = {quantity = "gas_energy_wh", unit = "MMBtu"}
by_use = [{up_to = 90, slabs = [{from = 0, rate = 100}]}, {slabs = [{from = 0, up_to = 90, rate = 200}, {from = 90, rate = 300}]}]
"""
MMBTU_WH = 293_071


@pytest.mark.parametrize(
    ("scm", "mmbtu", "amount"),
    [(90, 3, "300.00"), (100, 4, "840.00"), (0, 0, "0.00")],
)
def test_slabs_of_gas_by_volume_with_prices_by_energy(scm, mmbtu, amount):
    """As in Pakistan. 100 SCM have 4 MMBtu: 90 of them 3.6 at 200, and 10 of them 0.4 at 300."""
    values = {"standard_volume_l": scm * 1000, "gas_energy_wh": mmbtu * MMBTU_WH}
    assert amounts(rated(document(HEAT), scm * 1000, values)) == {"gas": amount}


def test_slabs_with_prices_by_another_quantity_go_on_in_a_new_version():
    """Ten days at 100, and then 20 days that the new version prices, each with its own heat value."""
    texts = [
        document(HEAT),
        head("2", date(2026, 4, 11)) + HEAT.replace("rate = 200", "rate = 250"),
    ]
    pieces = [
        (date(2026, 4, 1), date(2026, 4, 11), {"standard_volume_l": 60_000, "gas_energy_wh": 2 * MMBTU_WH}),
        (date(2026, 4, 11), date(2026, 5, 1), {"standard_volume_l": 50_000, "gas_energy_wh": 3 * MMBTU_WH}),
    ]
    uses = [(first, end, values["standard_volume_l"]) for first, end, values in pieces]
    result = rate_period(
        [RatingTerms(APRIL.first, tuple(map(parse_tariff, texts)), 0)],
        [EnergyUse(Period(first, end), wh) for first, end, wh in uses],
        billed=APRIL,
        through=APRIL.end,
        measured=Measured(tuple(QuantityUse(Period(first, end), values) for first, end, values in pieces)),
    )
    # Before it 2 at 100. Of 50 SCM since with 3, 30 fill the slab to 90 (1.8 at 250), and 20 are above it (1.2 at 300).
    assert amounts(result) == {"gas": "1010.00"}
    assert charges(
        [(APRIL.first, texts, 0)], APRIL.first, APRIL.end, APRIL.end, uses=uses, measured=pieces
    ) == {"gas": 101_000}
    with pytest.raises(RatingError, match="are in no slab"):
        rated(document(HEAT), 0, {"standard_volume_l": 0, "gas_energy_wh": MMBTU_WH})


def test_what_is_not_known_is_not_zero():
    line = '[[line]]\nname = "energy"\naccrues = "slabs"\nquantity = "import_vah"\nslabs = [{from = 0, rate = 1}]\n'
    with pytest.raises(RatingError, match="import_vah of 2026-04-01 to 2026-05-01 is not known"):
        rated(document(line), 1_000, {"import_wh": 1_000})
    share = line.replace("import_vah", "common_import_wh") + 'share = "flat"\n'
    with pytest.raises(RatingError, match="no share by flat on 2026-04-01"):
        rated(document(share), 1_000, {"common_import_wh": 1_000}, shares={})


def test_every_catalogued_quantity_has_the_catalogues_unit():
    units = {"Wh": "kWh", "VAh": "kVAh", "varh": "kvarh", "L": "m³"}
    for quantity in PRICED.values():
        known = BY_NAME.get(quantity.name)
        if known:
            assert units[known.unit] in quantity.units


GOOD = document(SLABS + TIME_OF_DAY + ADDED.replace('"tod"', '"added"'), ZONES)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('accrues = "slabs"', 'accrues = "slabs"\nquantity = "max_w"', "line energy.quantity", "tariff of electricity prices import_wh,"),
        ('accrues = "slabs"', 'accrues = "slabs"\nquantity = "gas_energy_wh"', "line energy.quantity", "is a quantity of gas"),
        ('accrues = "slabs"', 'accrues = "slabs"\nunit = "kVAh"', "line energy.unit", "priced by kWh, MWh"),
        ('accrues = "slabs"', 'accrues = "slabs"\nshare = "flat"', "line energy.share", "common_import_wh"),
        ('accrues = "slabs"', 'accrues = "slabs"\nquantity = "common_import_wh"', "line energy.share", "flat, area, load"),
        ('calendar = "industry"\n', "", "zones", "name it"),
        ("night = 3}", "night = 9}", "zones.night", "1 to 8"),
        ("night = 3}", "night = 2}", "zones.night", "of another zone"),
        ("zones = {peak = 1, normal = 2, night = 3}", "", "line tod.accrues", "needs the zones of the calendar"),
        ('zone = "peak", surcharge', 'zone = "noon", surcharge', "line tod.percents[1].zone", "peak, normal, night"),
        ('zone = "night", rebate', 'zone = "peak", rebate', "line tod.percents[2].zone", "a second time"),
        ('zones_and_slabs = "average"\n', "", "line tod.zones_and_slabs", "must say what the percentage is of"),
        ('"average"', '"within-zones"', "line tod.zones_and_slabs", '"average" or "none"'),
        ('"average"', '"none"', "line tod.on", "which has slabs"),
        ('on = ["energy"]', 'on = ["energy"]\nquantity = "import_vah"', "line tod.on", "another quantity or unit"),
        ('otherwise = "normal"\n', "", "line added.otherwise", "is missing"),
        ('otherwise = "normal"', 'otherwise = "day"', "line added.otherwise", "peak, normal, night"),
        ('{zone = "normal", rate = 0}, ', "", "line added.prices", "no price for the zone normal"),
        ('otherwise = "normal"', 'otherwise = "normal"\nzones_and_slabs = "within-zones"', "line added.zones_and_slabs", "only there"),
        ('otherwise = "normal"', 'otherwise = "normal"\nquantity = "dg_import_vah"', "line added.quantity", "not known by zones"),
    ],
)  # fmt: skip
def test_each_fault_has_its_place_and_what_to_do(old, new, place, words):
    with pytest.raises(TariffError) as error:
        parse_tariff(GOOD.replace(old, new, 1))
    faults = [str(fault) for fault in error.value.faults]
    assert any(fault.startswith(f"{place}: ") and words in fault for fault in faults), faults


# What holds of any document


@st.composite
def zone_lines(draw):
    meets = draw(st.booleans())
    entries = ", ".join(
        f'{{zone = "{zone}", {draw(slab_tables()) if meets else f"rate = {draw(prices)}"}}}'
        for zone in ("peak", "normal", "night")
    )
    said = 'zones_and_slabs = "within-zones"' if meets else ""
    otherwise = draw(st.sampled_from(["peak", "normal", "night"]))
    prorate = draw(st.sampled_from(["", 'prorate = "days-of-30"', 'round_width = {to = "1"}']))
    return f'accrues = "zones"\n{said}\notherwise = "{otherwise}"\nprices = [{entries}]\n{prorate}\n{draw(given_back())}'


@st.composite
def zone_percent_lines(draw, slabbed, zoned):
    names, meets = draw(
        st.sampled_from(
            [(names, how) for names, how in ((slabbed + zoned, "average"), (zoned, "none")) if names]
        )
    )
    entries = ", ".join(
        f'{{zone = "{zone}", {draw(st.sampled_from(["surcharge", "rebate"]))} = {draw(prices)}}}'
        for zone in draw(st.lists(st.sampled_from(["peak", "normal", "night"]), min_size=1, unique=True))
    )
    return f'accrues = "zone-percent"\nzones_and_slabs = "{meets}"\npercents = [{entries}]\non = [{draw(bases(names))}]'


MEASURES = (
    ("import_wh", ""),
    ("import_wh", 'unit = "MWh"'),
    ("export_wh", 'quantity = "export_wh"'),
    ("import_vah", 'quantity = "import_vah"\nunit = "kVAh"'),
    ("netted_import_wh", 'quantity = "netted_import_wh"'),
    ("common", 'quantity = "common_import_wh"\nshare = "flat"'),
    ("common", 'quantity = "common_import_wh"\nshare = "load"'),
    ("priced", 'quantity = "dg_import_wh"\npriced_by = {quantity = "import_vah", unit = "kVAh"}'),
)
NO_ZONES = ("common", "priced")


@st.composite
def demand_lines(draw, kind='accrues = "demand"'):
    """Demand in kVA or kW, on any load, with any of its conditions."""
    unit = draw(st.sampled_from(["kVA", "kW"]))
    billed = draw(st.sampled_from(["recorded", "recorded", "sanctioned", "contracted", "excess"]))
    load = st.sampled_from(["sanctioned", "contracted"])
    bands = f"bands = [{{up_to = 3, rate = {draw(prices)}}}, {{rate = {draw(prices)}}}]"
    excess = draw(st.sampled_from(["percent = 50", "rate = 300", 'percent = 100, beyond_percent = "110"']))
    said = [
        f'{kind}\nunit = "{unit}"\nbilled = "{billed}"',
        draw(st.sampled_from(["", 'zones = ["peak", "night"]'])),
        draw(st.sampled_from([f"rate = {draw(prices)}", bands, f"{bands}\ntelescopic = true"])),
        draw(st.sampled_from(["", "floor = 4"])),
        draw(st.sampled_from(["", f'at_most = {{percent = 90, of = "{draw(load)}"}}'])),
        draw(st.sampled_from(["", f'at_least = {{percent = 85, of = "{draw(load)}"}}'])),
        draw(st.sampled_from(["", "ratchet = {periods = 2, percent = 75}", "ratchet = {periods = 11}"])),
        draw(st.sampled_from(["", 'round_demand = {to = "1", mode = "up"}', 'round_demand = {to = "0.1"}'])),
        draw(st.sampled_from(["", 'prorate = "days-of-30"', 'prorate = "none"'])),
        draw(st.sampled_from(["", "kva_percent = 90"])) if unit == "kW" else "",
    ]
    if billed == "excess" or draw(st.booleans()):
        said.append(f'excess = {{above = "{draw(load)}", {excess}}}')
    return "\n".join(said)


@st.composite
def minimums_by_demand(draw, names):
    return draw(demand_lines(kind=f'accrues = "minimum-demand"\non = [{draw(bases(names))}]'))


@st.composite
def demand_tables(draw, bounds=""):
    """The demand that bounds or a load factor go by, with any of its conditions."""
    unit, load = draw(st.sampled_from(["kVA", "kW"])), st.sampled_from(["sanctioned", "contracted"])
    said = [
        f'unit = "{unit}"',
        f'billed = "{draw(st.sampled_from(["recorded", "sanctioned", "contracted"]))}"',
        draw(st.sampled_from(["", 'zones = ["peak", "night"]'])),
        draw(st.sampled_from(["", "floor = 4"])),
        draw(st.sampled_from(["", f'at_most = {{percent = 90, of = "{draw(load)}"}}'])),
        draw(st.sampled_from(["", f'at_least = {{percent = 85, of = "{draw(load)}"}}'])),
        draw(st.sampled_from(["", "ratchet = {periods = 2, percent = 75}", "ratchet = {periods = 11}"])),
        draw(st.sampled_from(["", 'round_demand = {to = "1", mode = "up"}'])),
        draw(st.sampled_from(["", "kva_percent = 90"])) if unit == "kW" else "",
        bounds,
    ]
    return f"demand = {{{', '.join(key for key in said if key)}}}"


@st.composite
def slabs_by_demand(draw):
    """Slabs with bounds in hours of a demand, or by load factor."""
    bounds = draw(st.sampled_from(["", 'bounds = "hours"', 'bounds = "load-factor"']))
    body = draw(slab_lines())
    if "load-factor" in bounds:
        body = re.sub(r"prorate = .*", "", body)
    return f"{body}\n{draw(demand_tables(bounds))}"


@st.composite
def load_factor_lines(draw, names):
    rounding = draw(st.sampled_from(["", "round_factor = {to = 1}"]))
    table = '[{up_to = 5, penalty = 3}, {up_to = 20}, {up_to = 85, incentive = "0.75", per = 1, from = 15}, {incentive = 15}]'
    return f'accrues = "load-factor"\ntable = {table}\n{draw(demand_tables())}\n{rounding}\non = [{draw(bases(names))}]'


FACTORS = (
    '[{up_to = "0.70", penalty = 10}, {up_to = "0.90", penalty = 1, per = "0.01", from = "0.90"}, {incentive = 2}]',
    '[{up_to = "0.8", penalty = 5}, {up_to = "0.95"}, {incentive = 1, per = "0.005", from = "0.95"}]',
)


@st.composite
def factor_lines(draw, names):
    by = draw(
        st.sampled_from(["", *(f'factor_by = "{by}"' for by in ("kVAh", "kvarh-lag", "kvarh-lag-lead"))])
    )
    rounding = draw(st.sampled_from(["", 'round_factor = {to = "0.01", mode = "down"}']))
    table = draw(st.sampled_from(FACTORS))
    return f'accrues = "power-factor"\ntable = {table}\n{by}\n{rounding}\non = [{draw(bases(names))}]'


@st.composite
def money_lines(draw):
    kind = draw(st.sampled_from(["recharge-rebate", "balance-rebate"]))
    most = draw(st.sampled_from(["", f"at_most = {draw(prices)}"]))
    prorate = draw(st.sampled_from(["", 'prorate = "days-of-30"', 'prorate = "none"']))
    if not most and kind == "recharge-rebate":
        prorate = ""
    return f'accrues = "{kind}"\npercent = {draw(prices)}\n{most}\n{prorate}'


@st.composite
def settlements(draw):
    return f'accrues = "settlement"\nrate = {draw(prices)}'


@st.composite
def loaded_lines(draw):
    """Prices by the month and kVA, or by contracted load."""
    unit = draw(st.sampled_from(["kVA", "kW"]))
    load = draw(st.sampled_from(["", 'load = "contracted"']))
    bands = f"bands = [{{up_to_{unit.lower()} = 3, rate = {draw(prices)}}}, {{rate = {draw(prices)}}}]"
    return f'accrues = "per-month"\nper = "{unit}"\n{load}\n{draw(st.sampled_from([f"rate = {draw(prices)}", bands]))}'


CHANGES = (
    "",
    'on_change = "by-reads"',
    'on_change = "by-days"',
    'on_change = "by-days"\nround_units = {to = 1}',
)


@st.composite
def line_of(draw, names, by_measure):
    """The body of a line of any kind on the lines before it, and its measure where it is of a quantity."""
    measured = draw(st.sampled_from(MEASURES))
    kinds = [lines.map(lambda body: (body, measured, "slabs")) for lines in (slab_lines(), slabs_by_demand())]
    if measured[0] not in NO_ZONES:
        kinds += [zone_lines().map(lambda body: (body, measured, "zones"))] * 2
        slabbed, zoned = by_measure.get((measured, "slabs"), []), by_measure.get((measured, "zones"), [])
        if slabbed or zoned:
            kinds += [zone_percent_lines(slabbed, zoned).map(lambda body: (body, measured, ""))] * 2
    kinds += [
        kind.map(lambda body: (body, ("", ""), ""))
        for kind in (time_lines(), demand_lines(), loaded_lines(), settlements(), money_lines())
    ]
    if names:
        kinds += [
            factor_lines(names).map(lambda body: (body, ("", ""), "")),
            load_factor_lines(names).map(lambda body: (body, ("", ""), "")),
            minimums_by_demand(names).map(lambda body: (body, ("", ""), "")),
            percent_lines(names).map(lambda body: (body, ("", ""), "")),
            standing_lines(names).map(lambda body: (body, ("", ""), "whole")),
        ]
    return draw(st.one_of(kinds))


NETTING = 'net_metering = {bank = "zones", settlement_month = 2, at_end = "settle"}\n'
BANK = {1: 4_000, 2: 0, 3: 12_500}


@st.composite
def documents(draw, version="1", valid_from=FIRST, code="x"):
    text = head(version, valid_from, code, draw(st.sampled_from(CHANGES))) + ZONES + NETTING
    names, by_measure = [], {}
    for n in range(draw(st.integers(1, 5))):
        body, measured, kind = draw(line_of(names, by_measure))
        rounding = "" if kind == "whole" else draw(roundings() | st.just(""))
        settles = draw(st.sampled_from(["", "", 'settles = "at-close"']))
        text += f'[[line]]\nname = "l{n}"\n{body}\n{measured[1]}\n{rounding}\n{settles}\n'
        names.append(f"l{n}")
        if kind in ("slabs", "zones"):
            by_measure.setdefault((measured, kind), []).append(f"l{n}")
    return text


@st.composite
def next_version(draw, text, number, day, code="x"):
    """The document with some prices changed, so that some lines change and references stay valid."""
    _, *lines = text.split("[[line]]\n")
    changed = [
        re.sub(r'\b(rate|surcharge) = "', r'\1 = "1', line) if draw(st.booleans()) else line for line in lines
    ]
    heading = head(str(number), day, code, draw(st.sampled_from(CHANGES))) + ZONES + NETTING
    return "[[line]]\n".join([heading, *changed])


ZONED = ("import_wh", "export_wh", "import_vah")


def a_day(source, number):
    """Determinants of a day, most days with all energy in zones."""
    day = {
        f"{name}_z{zone}": source.choice([0, source.randint(0, 9_000)])
        for name in ZONED
        for zone in (1, 2, 3)
    }
    for name in ZONED:
        day[name] = sum(day[f"{name}_z{zone}"] for zone in (1, 2, 3)) + source.choice([0, 0, 0, 700])
    for name in ("max_import_w", "max_import_va"):
        powers = {f"{name}_z{zone}": source.randint(0, 9_000) for zone in (1, 2, 3)}
        # A day may have no whole demand period that was measured; a meter that records demand has some.
        day |= powers | {name: max(powers.values())} if not number or source.random() < 0.9 else {}
    reactive = {name: source.randint(0, 4_000) for name in ("lag_varh", "lead_varh")}
    day |= {"recharge_minor": source.choice([0, 0, 50_000]), "balance_minor": source.randint(0, 90_000)}
    # Slabs that another quantity prices need some of their own.
    return {
        **day, **reactive, "common_import_wh": source.randint(0, 90_000), "dg_import_wh": source.randint(1, 9_000),
    }  # fmt: skip


@st.composite
def situations(draw):
    """Documents of two tariffs, quantities by day, terms that change on any days."""
    texts = {}
    for code in "xy":
        texts[code] = [draw(documents(code=code))]
        for number, day in enumerate(sorted(draw(st.lists(days, max_size=2))), 2):
            texts[code].append(draw(next_version(texts[code][-1], number, day, code)))
    # Values by a seed: 300 of them drawn one by one would take longer than the raters.
    source = random.Random(draw(st.integers(0, 1 << 32)))
    used = [a_day(source, n) for n in range(draw(st.integers(1, 25)))]
    starts = [FIRST, *sorted(draw(st.lists(days, max_size=2)))]
    agreed = [
        (
            day,
            texts[draw(st.sampled_from("xy"))],
            draw(st.integers(1, 9000)),
            draw(st.integers(1, 9)),
        )
        for day in starts
    ]
    return used, agreed


PAST = [
    (date(2025, 12, 1), 6_500),
    (date(2026, 1, 1), 3_000),
    (date(2025, 11, 1), 9_900),
    (date(2026, 2, 20), 50_000),
]
"""Ends of earlier periods with the maximum demand of each, W and VA alike; the last one is no earlier period."""
PAST_NAMES = ("max_import_w", "max_import_va", "max_import_w_z1", "max_import_va_z3")


def terms_of(first, texts, load_w, share):
    return RatingTerms(
        first,
        tuple(map(parse_tariff, texts)),
        load_w,
        {"flat": Fraction(1, share), "load": Fraction(1, 3)},
        load_va=load_w + 100 * share,
        contracted_w=load_w // 2,
        contracted_va=1000 * share,
    )


def facts_of(load_w, share):
    return {
        "share flat": Fraction(1, share),
        "share load": Fraction(1, 3),
        "sanctioned kVA": Fraction(load_w + 100 * share, 1000),
        "contracted kW": Fraction(load_w // 2, 1000),
        "contracted kVA": Fraction(share),
    }


def inputs(used, agreed, passed, known=None):
    """By days, as the daily close would give it; determinants are known of the first days."""
    terms = [terms_of(*each) for each in agreed]
    billed = Period(FIRST, FIRST + timedelta(days=len(used)))
    elapsed = Period(FIRST, FIRST + timedelta(days=passed))
    uses = [
        EnergyUse(piece, sum(used[(day - FIRST).days]["import_wh"] for day in piece))
        for piece in elapsed.split_at(price_change_days(terms, billed))
    ]
    days_known = Period(FIRST, FIRST + timedelta(days=passed if known is None else known))
    measured = tuple(
        QuantityUse(Period(day, day + timedelta(days=1)), used[n]) for n, day in enumerate(days_known)
    )
    past = tuple(
        PastDemand(Period(end - timedelta(days=30), end), name, power)
        for end, power in PAST
        for name in PAST_NAMES
    )
    ends = len(used) % 2 == 0
    given_all = {"billed": billed, "through": elapsed.end, "measured": Measured(measured, past, BANK, ends)}
    return terms, uses, given_all


def compute(used, agreed, passed, known=None):
    terms, uses, rest = inputs(used, agreed, passed, known)
    return rate_period(terms, uses, **rest)


def of_the_second(agreed, uses, rest, closing=None):
    return charges(
        [(first, texts, load_w) for first, texts, load_w, _ in agreed],
        rest["billed"].first,
        rest["billed"].end,
        rest["through"],
        uses=[(use.days.first, use.days.end, use.energy_wh) for use in uses],
        measured=[(use.days.first, use.days.end, dict(use.values)) for use in rest["measured"].uses],
        facts=[(first, facts_of(load_w, share)) for first, _, load_w, share in agreed],
        past_demands=[(end, name, power) for end, power in PAST for name in PAST_NAMES],
        closing=closing,
        bank=BANK,
        ends=rest["measured"].ends,
    )


@settings(max_examples=60)
@given(situations(), st.data())
def test_both_raters_agree_on_every_day_and_on_the_reserve(situation, data):
    used, agreed = situation
    passed = data.draw(st.integers(1, len(used)))
    terms, uses, rest = inputs(used, agreed, passed, data.draw(st.integers(0, passed)))
    ours = rate_period(terms, uses, **rest)
    said = {line.name: line.amount_minor for line in ours.lines}
    assert said == of_the_second(agreed, uses, rest)
    keys = [part.key for line in ours.lines for part in line.parts]
    assert len(set(keys)) == len(keys)
    reserve = {line.name: line.amount_minor for line in reserve_so_far(terms, uses, **rest)}
    closed = of_the_second(agreed, uses, rest, closing=True) if passed < len(used) else said
    assert {name: said.get(name, 0) + reserve.get(name, 0) for name in closed} == closed


def settled_at_close(text):
    """The document with each of its lines at close."""
    lines = [line for line in text.splitlines() if not line.startswith("settles")]
    return "\n".join(f'{line}\nsettles = "at-close"' if line.startswith("name") else line for line in lines)


@settings(max_examples=15)
@given(situations(), st.data())
def test_what_settles_at_close_is_no_charge_before_it(situation, data):
    """Lines of any kind, each at the close: nothing is charged on any day but the last."""
    used, agreed = situation
    at_close = [(first, [settled_at_close(text) for text in texts], *rest) for first, texts, *rest in agreed]
    passed = data.draw(st.integers(1, len(used)))
    result = compute(used, at_close, passed)
    if passed < len(used):
        assert result.total_minor == 0


@settings(max_examples=15)
@given(situations(), st.data())
def test_zones_at_one_price_are_no_zones(situation, data):
    used, _ = situation
    price = data.draw(prices)
    flat = f'[[line]]\nname = "energy"\naccrues = "slabs"\nslabs = [{{from = 0, rate = {price}}}]\n'
    entries = ", ".join(f'{{zone = "{zone}", rate = {price}}}' for zone in ("peak", "normal", "night"))
    zoned = f'[[line]]\nname = "energy"\naccrues = "zones"\notherwise = "night"\nprices = [{entries}]\n'
    percents = ", ".join(f'{{zone = "{zone}", surcharge = 15}}' for zone in ("peak", "normal", "night"))
    average = f'[[line]]\nname = "tod"\naccrues = "zone-percent"\nzones_and_slabs = "average"\npercents = [{percents}]\non = ["energy"]\n'
    plain = '[[line]]\nname = "tod"\naccrues = "percent"\npercent = 15\non = ["energy"]\n'
    for day in used:
        day["import_wh"] = sum(day[f"import_wh_z{zone}"] for zone in (1, 2, 3))
    results = [
        compute(used, [(FIRST, [head() + ZONES + body], 0, 1)], len(used))
        for body in (flat + plain, zoned + plain, flat + average)
    ]
    assert [line.amount_minor for line in results[0].lines] == [
        line.amount_minor for line in results[1].lines
    ]
    assert [line.amount_minor for line in results[0].lines] == [
        line.amount_minor for line in results[2].lines
    ]


@settings(max_examples=15)
@given(documents(), st.integers(0, 1 << 32), st.data())
def test_the_order_of_days_and_of_rows_changes_nothing(text, seed, data):
    """Without a price that changes on a day, a period has one amount, whatever day its quantities were used on."""
    text = re.sub(r", \{from = 2026[^}]*\}", "", text)
    source = random.Random(seed)
    used = [a_day(source, n) for n in range(12)]
    agreed = [(FIRST, [text], 3000, 2)]
    terms, uses, rest = inputs(used, agreed, 12)
    ours = rate_period(terms, uses, **rest)
    shuffled = compute(data.draw(st.permutations(used)), agreed, 12)
    assert [line.amount_minor for line in ours.lines] == [line.amount_minor for line in shuffled.lines]
    measured = replace(
        rest["measured"],
        uses=rest["measured"].uses[::-1],
        past_demands=rest["measured"].past_demands[::-1],
    )
    assert rate_period(terms, uses, **rest | {"measured": measured}) == ours


def test_determinants_are_of_elapsed_days_and_given_once():
    text = document(SLABS)
    terms = [RatingTerms(APRIL.first, (parse_tariff(text),), 0)]
    uses = [EnergyUse(APRIL, 1)]
    first, both = QuantityUse(Period(APRIL.first, date(2026, 4, 3)), {}), QuantityUse(APRIL, {})
    for rows, words in (((first, both), "given twice"), ((both,), "lie outside")):
        through = APRIL.end if words == "given twice" else date(2026, 4, 10)
        given_uses = uses if words == "given twice" else []
        with pytest.raises(RatingError, match=words):
            rate_period(terms, given_uses, billed=APRIL, through=through, measured=Measured(rows))


# Lines that settle at close, by hand

INDUSTRY = """[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from = 0, rate = 7}]
[[line]]
name = "demand"
accrues = "demand"
unit = "kVA"
billed = "recorded"
rate = 250
at_least = {percent = 75, of = "contracted"}
[[line]]
name = "factor"
accrues = "power-factor"
table = [{up_to = "0.90", penalty = 1, per = "0.01", from = "0.90"}, {up_to = "0.95"}, {incentive = 1, per = "0.01", from = "0.95"}]
round_factor = {to = "0.01"}
on = ["energy"]
[[line]]
name = "duty"
accrues = "percent"
percent = 10
on = ["energy", "demand", "factor"]
"""


def industry(text, wh, values, through=None, past=(), **loads):
    """One April of a factory, and its reserve."""
    done = Period(APRIL.first, through or APRIL.end)
    terms = [RatingTerms(APRIL.first, (parse_tariff(text),), 0, **{"contracted_va": 100_000} | loads)]
    rows = Measured((QuantityUse(done, values),), tuple(past))
    given_all = {"billed": APRIL, "through": done.end, "measured": rows}
    uses = [EnergyUse(done, wh)]
    return rate_period(terms, uses, **given_all), reserve_so_far(terms, uses, **given_all)


def test_demand_and_power_factor_of_a_factory():
    """The table of docs/tariffs.md."""
    values = {"import_vah": 13_000_000, "max_import_va": 90_000}
    result, reserve = industry(document(INDUSTRY), 11_000_000, values)
    assert amounts(result) == {
        "energy": "77000.00",
        "demand": "22500.00",
        "factor": "3850.00",
        "duty": "10335.00",
    }
    assert reserve == ()
    assert parse_tariff(document(INDUSTRY)).needs == {
        "import_vah",
        "max_import_va",
        "contracted load in kVA",
    }
    better = industry(document(INDUSTRY), 11_000_000, values | {"import_vah": 11_200_000})[0]
    # 0.982, rounded to 0.98: 3 % back. The demand is at least 75 kVA.
    assert better.amount("factor") == -231_000
    low = industry(document(INDUSTRY), 11_000_000, values | {"max_import_va": 20_000})[0]
    assert low.amount("demand") == 75 * 25_000


def test_the_reserve_has_what_the_close_will_add_and_the_duty_on_it():
    values = {"import_vah": 6_500_000, "max_import_va": 90_000}
    result, reserve = industry(document(INDUSTRY), 5_500_000, values, through=date(2026, 4, 16))
    assert amounts(result) == {"energy": "38500.00", "demand": "0.00", "factor": "0.00", "duty": "3850.00"}
    said = {line.name: line.amount_minor for line in reserve}
    # 22500 for the whole month, 5 % of 38500, and 10 % of both.
    assert said == {"demand": 2_250_000, "factor": 192_500, "duty": 244_250}


def test_a_ratchet_and_an_excess():
    past = [
        PastDemand(Period(date(2026, month, 1), date(2026, month + 1, 1)), "max_import_va", power)
        for month, power in ((1, 200_000), (2, 120_000), (3, 110_000))
    ]
    ratchet = INDUSTRY.replace("at_least =", "ratchet = {periods = 2, percent = 80}\nat_least =")
    values = {"import_vah": 13_000_000, "max_import_va": 90_000}
    # 80 % of 120, as January is too long ago: 96 kVA.
    assert industry(document(ratchet), 1, values, past=past)[0].amount("demand") == 96 * 25_000
    excess = INDUSTRY.replace(
        "at_least =", 'excess = {above = "contracted", percent = 50, beyond_percent = 105}\nat_least ='
    )
    above = industry(document(excess), 1, values | {"max_import_va": 125_000})[0]
    # 125 x 250, and 20 above 105 x 125.
    assert above.amount("demand") == 125 * 25_000 + 20 * 12_500
    assert [part.label for part in above.lines[1].parts] == [
        "2026-04, 30 of 30 days, 125 kVA",
        "2026-04, 30 of 30 days, 20 kVA above the contracted load",
    ]


MINIMUM = """[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from = 0, rate = 7}]
[[line]]
name = "demand"
accrues = "demand"
unit = "kVA"
billed = "recorded"
rate = 250
[[line]]
name = "minimum"
accrues = "minimum-demand"
unit = "kVA"
billed = "recorded"
rate = 250
ratchet = {periods = 6, percent = 80}
on = ["energy", "demand"]
"""


def test_a_minimum_that_follows_the_highest_demand_of_six_periods():
    """The table of docs/tariffs.md."""
    past = [
        PastDemand(Period(first, date(first.year, first.month % 12 + 1, 1)), "max_import_va", power)
        for first, power in (
            (date(2025, 8, 1), 300_000), (date(2025, 9, 1), 120_000), (date(2025, 10, 1), 40_000), (date(2025, 11, 1), 40_000),
            (date(2026, 1, 1), 20_000), (date(2026, 2, 1), 20_000),
            (date(2026, 3, 1), 20_000),
        )
    ]  # fmt: skip
    tariff = parse_tariff(document(MINIMUM))
    assert (tariff.needs, tariff.ratchets) == ({"max_import_va"}, {"max_import_va": 6})
    assert tariff.recorded_demands == (("max_import_va",),) * 2
    low, _ = industry(document(MINIMUM), 100_000, {"max_import_va": 10_000}, past=past)
    # August is too long ago: 80 % of 120 kVA at 250, less 700 for energy and 10 kVA at 250.
    assert amounts(low) == {"energy": "700.00", "demand": "2500.00", "minimum": "20800.00"}
    assert [(part.key, part.label) for part in low.lines[2].parts] == [
        ("1/minimum/2026-04", "2026-04, 30 of 30 days, 96 kVA"), ("1/minimum/less/energy", "less energy"), ("1/minimum/less/demand", "less demand"),
    ]  # fmt: skip
    # What is used beyond it leaves nothing of it, and this period's demand counts whole.
    high, _ = industry(document(MINIMUM), 4_000_000, {"max_import_va": 10_000}, past=past)
    assert amounts(high) == {"energy": "28000.00", "demand": "2500.00", "minimum": "0.00"}
    peak, _ = industry(document(MINIMUM), 0, {"max_import_va": 100_000}, past=past)
    assert amounts(peak) == {"energy": "0.00", "demand": "25000.00", "minimum": "0.00"}
    # Before the close it is in the reserve alone, for all days of the month.
    half, reserve = industry(document(MINIMUM), 100_000, {"max_import_va": 10_000}, date(2026, 4, 16), past)
    assert amounts(half) == {"energy": "700.00", "demand": "0.00", "minimum": "0.00"}
    assert {line.name: line.amount_minor for line in reserve} == {"demand": 250_000, "minimum": 2_080_000}


HOURS = """[[line]]
name = "energy"
accrues = "slabs"
demand = {unit = "kW", billed = "recorded", ratchet = {periods = 11, percent = 50}}
slabs = [{from = 0, up_to = 200, rate = 9}, {from = 200, up_to = 400, rate = 7}, {from = 400, rate = 5}]
"""


def test_energy_in_blocks_of_hours_of_the_demand():
    """The table of docs/tariffs.md: 120 kW and 54,000 kWh."""
    assert parse_tariff(document(HOURS)).needs == {"max_import_w"}
    (line,) = industry(document(HOURS), 54_000_000, {"max_import_w": 120_000})[0].lines
    assert [(part.label, part.quantity, part.amount) for part in line.parts] == [
        ("slab 1: 0 to 24000 kWh", 24_000, 21_600_000),
        ("slab 2: 24000 to 48000 kWh", 24_000, 16_800_000),
        ("slab 3: above 48000 kWh", 6_000, 3_000_000),
    ]
    # Half of an earlier demand of 300 kW counts: the blocks are of 150 kW.
    past = [PastDemand(Period(date(2026, 3, 1), APRIL.first), "max_import_w", 300_000)]
    later, _ = industry(document(HOURS), 54_000_000, {"max_import_w": 120_000}, past=past)
    assert later.amount("energy") == 100 * (30_000 * 9 + 24_000 * 7)
    # Before the close nothing is charged; the reserve has what is used so far in the blocks of the whole month.
    half, reserve = industry(document(HOURS), 27_000_000, {"max_import_w": 120_000}, date(2026, 4, 16))
    assert half.amount("energy") == 0
    assert [line.amount_minor for line in reserve] == [100 * (24_000 * 9 + 3_000 * 7)]
    with pytest.raises(RatingError, match="line energy: no determinants of the period have max_import_w"):
        industry(document(HOURS), 1, {"import_vah": 1})


def test_blocks_by_load_factor_of_a_load_are_charged_with_the_use():
    """100 kVA contracted, from the 16th day on 200: 150 at the mean. In kVAh, 20 % of 720 hours are 21,600; priced by the kWh."""
    text = document(
        '[[line]]\nname = "energy"\naccrues = "slabs"\nquantity = "import_vah"\npriced_by = {quantity = "import_wh"}\n'
        'demand = {unit = "kVA", billed = "contracted", bounds = "load-factor"}\n'
        "slabs = [{from = 0, up_to = 20, rate = 7}, {from = 20, rate = 6}]\n"
    )
    tariff = parse_tariff(text)
    assert tariff.needs == {"import_vah", "contracted load in kVA"}
    terms = [
        RatingTerms(first, (tariff,), 0, contracted_va=load)
        for first, load in ((APRIL.first, 100_000), (date(2026, 4, 16), 200_000))
    ]

    def energy(through, kvah):
        done = Period(APRIL.first, through)
        rows = Measured((QuantityUse(done, {"import_vah": kvah * 1000}),))
        uses = [EnergyUse(done, kvah * 900)]
        return rate_period(terms, uses, billed=APRIL, through=through, measured=rows).amount("energy") / 100

    assert energy(date(2026, 4, 16), 20_000) == (14_400 * 7 + 5_600 * 6) * 0.9
    assert energy(APRIL.end, 30_000) == (21_600 * 7 + 8_400 * 6) * 0.9
    # The load factor chooses the price of all energy: at most 20 % is 21,600 kVAh.
    by_use = text.replace(
        "slabs = [{from = 0, up_to = 20, rate = 7}, {from = 20, rate = 6}]",
        "by_use = [{up_to = 20, slabs = [{from = 0, rate = 7}]}, {slabs = [{from = 0, rate = 6}]}]",
    )
    for kvah, rate in ((21_600, 7), (21_601, 6)):
        values = {"import_vah": kvah * 1000}
        assert rated(by_use, kvah * 1000, values, contracted_va=150_000).total_minor == kvah * rate * 100


LOAD_FACTOR = """[[line]]
name = "energy"
accrues = "slabs"
slabs = [{from = 0, rate = 8}]
[[line]]
name = "incentive"
accrues = "load-factor"
demand = {unit = "kVA", billed = "contracted"}
table = [{up_to = 75}, {up_to = 85, incentive = "0.75", per = 1, from = 75}, {up_to = "92.5", incentive = 1, per = 1, from = "77.5"}, {incentive = 15}]
on = ["energy"]
"""


@pytest.mark.parametrize(
    ("kvah", "factor", "percent"),
    [
        (540_000, "75", "0"),
        (576_000, "80", "3.75"),
        (612_000, "85", "7.5"),
        (633_600, "88", "10.5"),
        (700_000, "97.22", "15"),
    ],
)
def test_maharashtra_gives_an_incentive_by_load_factor(kvah, factor, percent):
    """MERC's incentive for high tension: 0.75 % a point from 75 to 85 %, 1 % a point above, 15 % at most.

    The load factor is kWh by contracted kVA, power factor and hours, which is kVAh by contracted kVA and hours.
    """
    result = rated(document(LOAD_FACTOR), 540_000_000, {"import_vah": kvah * 1000}, contracted_va=1_000_000)
    assert result.amount("incentive") == -Fraction(percent) * 4_320_000
    assert [part.label for part in result.lines[1].parts] == [
        f"load factor {factor} %: -{percent} % of energy"
    ] * (percent != "0")
    assert f"incentive: load factor {factor} %" in result.notes


@pytest.mark.parametrize(
    ("text", "old", "new", "place", "words"),
    [
        (HOURS, 'unit = "kW"', 'unit = "kWh"', "line energy.demand.unit", "demand is in kW, kVA"),
        (HOURS, 'billed = "recorded", ', "", "line energy.demand.billed", "is missing"),
        (HOURS, '"recorded"', '"excess"', "line energy.demand.billed", "allowed are recorded, sanctioned, contracted"),
        (HOURS, '"recorded"', '"recorded", rate = 5', "line energy.demand.rate", "not known"),
        (HOURS, '"recorded"', '"recorded", bounds = "days"', "line energy.demand.bounds", "hours (of a month), load-factor"),
        (HOURS, "slabs =", 'settles = "progressive"\nslabs =', "line energy.settles", "at the close alone"),
        (HOURS, "from = 400", "from = 300", "line energy.slabs[3].from", "300 to 400 hours is in both"),
        (HOURS.replace("percent = 50}", 'percent = 50}, bounds = "load-factor"'), "slabs =", 'prorate = "none"\nslabs =', "line energy.prorate", "leave it out"),
        (HOURS, "demand = {", "demand = 3 # {", "line energy.demand", "must be a table"),
        (LOAD_FACTOR, 'demand = {unit = "kVA", billed = "contracted"}', "", "line incentive.demand", "is missing"),
        (LOAD_FACTOR, '"contracted"', '"contracted", bounds = "hours"', "line incentive.demand.bounds", "not known"),
        (LOAD_FACTOR, "{up_to = 75}", "{up_to = 90}", "line incentive.table[2].up_to", "not above what is before"),
        (LOAD_FACTOR, "{incentive = 15}", "{up_to = 99, incentive = 15}", "line incentive.table", "a higher load factor has no entry"),
        (LOAD_FACTOR, "per = 1, from = 75", "per = 1", "line incentive.table[2].per", "the load factor from which"),
    ],
)  # fmt: skip
def test_each_fault_of_blocks_by_demand_and_load_factor(text, old, new, place, words):
    with pytest.raises(TariffError) as error:
        parse_tariff(document(text.replace(old, new, 1)))
    faults = [str(fault) for fault in error.value.faults]
    assert any(fault.startswith(f"{place}: ") and words in fault for fault in faults), faults


def test_gas_has_no_demand():
    with pytest.raises(TariffError, match=r"line energy\.demand: is for electricity"):
        parse_tariff(document(HOURS, 'commodity = "gas"\n'))


def test_delhi_takes_a_surcharge_on_the_fixed_charge_of_demand_above_the_sanctioned_load():
    """DERC: 30 % on the fixed charge of the excess, 250 a kVA (standards 6.1). 12 kVA recorded on 10 sanctioned."""
    text = """[[line]]
name = "fixed"
accrues = "per-month"
per = "kVA"
rate = 250
[[line]]
name = "excess"
accrues = "demand"
unit = "kVA"
billed = "excess"
rate = 250
excess = {above = "sanctioned", percent = 30}
"""
    result, _ = industry(document(text), 0, {"max_import_va": 12_000}, load_va=10_000)
    assert amounts(result) == {"fixed": "2500.00", "excess": "150.00"}


def test_a_minimum_at_close():
    text = document(
        SLABS
        + '[[line]]\nname = "minimum"\naccrues = "minimum"\nsettles = "at-close"\nrate = 300\non = ["energy"]\n'
    )
    result, reserve = industry(text, 20_000, {}, through=date(2026, 4, 16))
    assert amounts(result) == {"energy": "80.00", "minimum": "0.00"}
    # Half of the month has passed: 150 less 80.
    assert [line.amount_minor for line in reserve] == [7_000]
    assert amounts(industry(text, 50_000, {})[0]) == {"energy": "200.00", "minimum": "100.00"}


def test_demand_that_no_meter_records_refuses_the_bill():
    with pytest.raises(RatingError, match="line demand: no determinants of the period have max_import_va"):
        industry(document(INDUSTRY), 1, {"import_vah": 1})
    with pytest.raises(RatingError, match="no contracted load in kVA"):
        industry(document(INDUSTRY), 1, {"import_vah": 1, "max_import_va": 1}, contracted_va=None)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('unit = "kVA"', 'unit = "kvar"', "line demand.unit", "demand is in kW, kVA"),
        ('billed = "recorded"\n', "", "line demand.billed", "is missing"),
        ('billed = "recorded"', 'billed = "recorded"\nkva_percent = 90', "line demand.kva_percent", 'unit = "kW"'),
        ('billed = "recorded"', 'billed = "excess"', "line demand.excess", "prices nothing else"),
        ('billed = "recorded"', 'billed = "recorded"\nsettles = "progressive"', "line demand.settles", "at the close alone"),
        ('billed = "recorded"', 'billed = "recorded"\nzones = ["peak"]', "line demand.zones", "state them at the top"),
        ('of = "contracted"', 'by = "contracted"', "line demand.at_least.of", "of which load"),
        ("rate = 250", "rate = 250\ntelescopic = true", "line demand.telescopic", "it goes with bands"),
        ("at_least =", "ratchet = {periods = 0}\nat_least =", "line demand.ratchet.periods", "1 to 60"),
        ("at_least =", "excess = {percent = 5}\nat_least =", "line demand.excess.above", "above which load"),
        ('{up_to = "0.95"}', '{up_to = "0.85"}', "line factor.table[2].up_to", "not above what is before"),
        ('{up_to = "0.95"}', '{up_to = "95"}', "line factor.table[2].up_to", "below 1, such as 0.90"),
        ('per = "0.01", from = "0.90"', 'per = "0.01"', "line factor.table[1].per", "goes with from"),
        ("{incentive = 1,", '{up_to = "0.99", incentive = 1,', "line factor.table", "must be open"),
        ("round_factor", 'factor_by = "varh"\nround_factor', "line factor.factor_by", "kvarh-lag"),
        ('accrues = "demand"', 'accrues = "minimum-demand"', "line demand.on", "is missing"),
        ('accrues = "demand"', 'accrues = "minimum-demand"\non = ["energy"]\nsettles = "progressive"', "line demand.settles", "at the close alone"),
    ],
)  # fmt: skip
def test_each_fault_of_demand_and_power_factor(old, new, place, words):
    with pytest.raises(TariffError) as error:
        parse_tariff(document(INDUSTRY.replace(old, new, 1)))
    faults = [str(fault) for fault in error.value.faults]
    assert any(fault.startswith(f"{place}: ") and words in fault for fault in faults), faults


# Net metering, by hand

ROOF = """net_metering = {bank = "total", settlement_month = 3}
[[line]]
name = "energy"
accrues = "slabs"
quantity = "netted_import_wh"
slabs = [{from = 0, rate = 6}]
[[line]]
name = "settlement"
accrues = "settlement"
rate = "2.90"
"""
MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))


def roof(text, days_values, bank, billed=MARCH, through=None, *, ends=False):
    """One month of a roof, determinants by days in a row."""
    terms = [RatingTerms(billed.first, (parse_tariff(text),), 0)]
    rows = tuple(
        QuantityUse(Period(billed.first + timedelta(days=n), billed.first + timedelta(days=n + 1)), values)
        for n, values in enumerate(days_values)
    )
    through = through or billed.end
    given_all = {"billed": billed, "through": through, "measured": Measured(rows, bank_wh=bank, ends=ends)}
    return rate_period(terms, [], **given_all), reserve_so_far(terms, [], **given_all)


def test_net_metering_uses_the_bank_and_settles_in_march():
    """The table of docs/tariffs.md."""
    values = [{"import_wh": 300_000, "export_wh": 320_000}]
    result, _ = roof(document(ROOF), values, {0: 40_000})
    assert amounts(result) == {"energy": "0.00", "settlement": "-174.00"}
    (row,) = result.bank
    assert (row.opening_wh, row.exported_wh, row.used_wh, row.settled_wh, row.closing_wh) == (
        40_000, 320_000, 300_000, 60_000, 0,
    )  # fmt: skip
    # In another month they are banked.
    april, _ = roof(document(ROOF), values, {0: 40_000}, APRIL)
    assert amounts(april) == {"energy": "0.00", "settlement": "0.00"}
    assert april.bank[0].closing_wh == 60_000
    # An agreement that ends in April is paid where the document says so.
    assert roof(document(ROOF), values, {0: 40_000}, APRIL, ends=True)[0].bank == april.bank
    at_end = ROOF.replace("settlement_month = 3", 'at_end = "settle"')
    left, _ = roof(document(at_end), values, {0: 40_000}, APRIL, ends=True)
    assert amounts(left) == {"energy": "0.00", "settlement": "-174.00"}
    assert roof(document(at_end), values, {0: 40_000}, APRIL)[0].bank == april.bank


def test_a_period_of_which_nothing_was_measured_takes_its_bank_on_or_settles_it():
    settled, _ = roof(document(ROOF), [], {0: 40_000})
    assert (amounts(settled)["settlement"], settled.bank[0].closing_wh) == ("-116.00", 0)
    kept, _ = roof(document(ROOF), [], {0: 40_000}, APRIL)
    assert (kept.bank[0].opening_wh, kept.bank[0].closing_wh) == (40_000, 40_000)


def test_a_cloudy_day_is_charged_and_a_sunny_one_gives_it_back():
    days_values = [{"import_wh": 20_000, "export_wh": 0}, {"import_wh": 5_000, "export_wh": 15_000}]
    first, reserve = roof(document(ROOF), days_values[:1], {}, through=date(2026, 3, 2))
    second, _ = roof(document(ROOF), days_values, {}, through=date(2026, 3, 3))
    assert (first.amount("energy"), second.amount("energy")) == (12_000, 6_000)
    assert reserve == ()
    assert second.bank[0].left_wh == 10_000


def test_a_bank_of_a_zone_takes_from_no_other():
    zoned = ROOF.replace('bank = "total"', 'bank = "zones"')
    values = [
        {
            "import_wh": 100, "import_wh_z1": 60_000, "import_wh_z2": 40_000, "import_wh_z3": 0,
            "export_wh": 100, "export_wh_z1": 0, "export_wh_z2": 90_000, "export_wh_z3": 0,
        }
    ]  # fmt: skip
    result, _ = roof(document(zoned, ZONES), values, {1: 10_000}, APRIL)
    assert amounts(result)["energy"] == "300.00"
    assert [row.closing_wh for row in result.bank] == [0, 50_000, 0]


def test_a_settlement_year_conserves_units():
    """Twelve periods by a seed: what was exported was used, settled, or is in the bank."""
    source, bank, exported, used, settled = random.Random(7), {}, 0, 0, 0
    for month in range(4, 16):
        first = date(2026 + (month - 1) // 12, (month - 1) % 12 + 1, 1)
        end = date(2026 + month // 12, month % 12 + 1, 1)
        days_values = [
            {"import_wh": source.randint(0, 9_000), "export_wh": source.randint(0, 9_500)}
            for _ in range((end - first).days)
        ]
        result, _ = roof(document(ROOF), days_values, bank, Period(first, end))
        (row,) = result.bank
        assert row.opening_wh == bank.get(0, 0)
        assert row.opening_wh + row.exported_wh == row.used_wh + row.settled_wh + row.closing_wh
        assert result.amount("energy") == round(Fraction(row.left_wh * 6, 10))
        assert bool(row.settled_wh) <= (first.month == 3)
        bank, exported = {0: row.closing_wh}, exported + row.exported_wh
        used, settled = used + row.used_wh, settled + row.settled_wh
    assert (bank[0], exported) == (0, used + settled)
    assert settled


def test_gross_metering_and_net_billing_are_lines():
    """Import at 6.00, export at 3.15 (an example, no published price)."""
    text = document(
        SLABS.replace("rate = 4", "rate = 6")
        + '[[line]]\nname = "export"\naccrues = "slabs"\nquantity = "export_wh"\ncredit = true\nslabs = [{from = 0, rate = "3.15"}]\n'
    )
    assert amounts(rated(text, 80_000, {"export_wh": 200_000})) == {"energy": "480.00", "export": "-630.00"}


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('bank = "total"', 'bank = "year"', "net_metering.bank", "one for all times"),
        ('bank = "total"', 'bank = "zones"', "net_metering.bank", "state them at the top"),
        ("settlement_month = 3", "settlement_month = 13", "net_metering.settlement_month", "1 to 12"),
        (", settlement_month = 3", "", "line settlement.accrues", "nothing is settled without them"),
        ("settlement_month = 3", 'at_end = "pay"', "net_metering.at_end", "keep its units unpaid"),
        (
            'net_metering = {bank = "total", settlement_month = 3}',
            "",
            "line energy.quantity",
            "state net_metering",
        ),
    ],
)
def test_each_fault_of_net_metering(old, new, place, words):
    with pytest.raises(TariffError) as error:
        parse_tariff(document(ROOF.replace(old, new, 1)))
    faults = [str(fault) for fault in error.value.faults]
    assert any(fault.startswith(f"{place}: ") and words in fault for fault in faults), faults


# Money, subsidies and periods, by hand


def test_rebates_on_recharges_and_on_the_balance():
    """2 % of two recharges of 500; 0.5 % by the month on 300 for ten days and 0 after, capped at 0.40 a month."""
    body = (
        '[[line]]\nname = "recharge"\naccrues = "recharge-rebate"\npercent = 2\n'
        '[[line]]\nname = "balance"\naccrues = "balance-rebate"\npercent = "0.5"\n'
    )
    values = {"recharge_minor": 100_000, "balance_minor": 10 * 30_000}
    assert amounts(rated(document(body), 0, values)) == {"recharge": "-20.00", "balance": "-0.50"}
    capped = rated(document(body + 'at_most = "0.40"\n'), 0, values)
    assert amounts(capped)["balance"] == "-0.40"


SUBSIDY = (
    SLABS
    + """[[line]]
name = "subsidy"
accrues = "rebate"
claim_on = "GNCTD"
by_use = [{up_to = 200, percent = 100}, {up_to = 400, percent = 50, at_most = 800}, {percent = 0}]
on = ["energy"]
"""
)


def test_a_subsidy_is_claimed_and_taken_back_on_the_day_that_crosses_its_bound():
    """200 units free, half of all up to 400, nothing above (Delhi's rule, with prices of an example)."""
    text = document(SUBSIDY)
    assert parse_tariff(text).line("subsidy").book == "receivable"
    free, half, none = (
        rated(text, wh, {}, through=date(2026, 4, day))
        for wh, day in ((190_000, 10), (210_000, 11), (401_000, 20))
    )
    # 100 x 4 + 90 x 6; 100 x 4 + 110 x 6; 100 x 4 + 301 x 6.
    assert [result.claims for result in (free, half, none)] == [
        {"GNCTD": {"subsidy": 94_000}},
        {"GNCTD": {"subsidy": 53_000}},
        {"GNCTD": {"subsidy": 0}},
    ]


def test_a_claim_is_on_what_a_consumer_is_given():
    with pytest.raises(TariffError, match=r"line energy\.claim_on: is for what a consumer is given"):
        parse_tariff(document(SLABS + 'claim_on = "GNCTD"\n'))


@pytest.mark.parametrize(
    ("period", "starts_on", "day", "first", "end"),
    [
        ("", 10, "2026-03-09", "2026-02-10", "2026-03-10"),
        ("period = {months = 2, first_month = 1}", 1, "2026-04-30", "2026-03-01", "2026-05-01"),
        ("period = {months = 2, first_month = 12}", 10, "2026-02-09", "2025-12-10", "2026-02-10"),
        ("period = {months = 12, first_month = 4}", 1, "2026-03-31", "2025-04-01", "2026-04-01"),
        ('period = "half-month"', 1, "2026-02-15", "2026-02-01", "2026-02-16"),
        ('period = "half-month"', 1, "2026-02-16", "2026-02-16", "2026-03-01"),
        ('period = "day"', 1, "2026-02-28", "2026-02-28", "2026-03-01"),
        ("period = {days = 28, from = 2026-01-12}", None, "2026-01-11", "2025-12-15", "2026-01-12"),
        ("period = {days = 30, from = 2025-12-05}", None, "2026-01-04", "2026-01-04", "2026-02-03"),
    ],
)
def test_periods(period, starts_on, day, first, end):
    day_of_month = f"period_starts_on = {starts_on}\n" if starts_on else ""
    tariff = parse_tariff(document(SLABS, f"{period}\n{day_of_month}"))
    found = period_of(date.fromisoformat(day), tariff.cycle, tariff.period_starts_on)
    assert (str(found.first), str(found.end)) == (first, end)


@settings(max_examples=60)
@given(
    st.dates(date(2024, 1, 1), date(2030, 1, 1)),
    st.sampled_from(
        [f"{{months = {n}, first_month = {m}}}" for n in (1, 2, 3, 4, 6, 12) for m in (1, 4, 12)]
        + ['"half-month"', '"day"', "{days = 28, from = 2026-12-14}"]
    ),
    st.integers(1, 28),
)
def test_periods_follow_each_other_without_gap(day, period, starts_on):
    cycle = parse_tariff(document(SLABS, f"period = {period}\n")).cycle
    own = period_of(day, cycle, starts_on)
    assert day in own
    assert period_of(own.first, cycle, starts_on) == own
    assert period_of(own.end - timedelta(days=1), cycle, starts_on) == own
    assert period_of(own.end, cycle, starts_on).first == own.end


def test_two_months_have_the_slabs_of_two_months_and_half_months_sum_to_one():
    body = SLABS + '[[line]]\nname = "fixed"\naccrues = "per-month"\nrate = 90\n'
    march_april = Period(date(2026, 3, 1), date(2026, 5, 1))
    both = rated(document(body, "period = {months = 2}\n"), 300_000, {}, billed=march_april)
    # 200 kWh in the first slab.
    assert amounts(both) == {"energy": "1400.00", "fixed": "180.00"}
    halves = [
        rated(
            document(body, 'period = "half-month"\n'),
            70_000,
            {},
            billed=Period(date(2026, 4, first), date(2026, *end)),
        )
        for first, end in ((1, (4, 16)), (16, (5, 1)))
    ]
    assert [amounts(half) for half in halves] == [{"energy": "320.00", "fixed": "45.00"}] * 2


@pytest.mark.parametrize(
    ("period", "place", "words"),
    [
        ("{months = 5}", "period.months", "must divide a year"),
        ("{months = 2, first_month = 0}", "period.first_month", "1 to 12"),
        ('"week"', "period", "half-month, day"),
        ("{days = 0, from = 2026-01-05}", "period.days", "1 to 366"),
        ("{days = 28}", "period.from", "is missing"),
        ("{days = 28, from = 2026-01-05}\nperiod_starts_on = 5", "period", "leave out period_starts_on"),
        (
            '"half-month"\nnet_metering = {bank = "total", settlement_month = 3}',
            "period",
            "one month or more",
        ),
        (
            "{months = 2}\nnet_metering = {bank = 'total', settlement_month = 3}",
            "period",
            "one of 2, 4, 6, 8, 10, 12",
        ),
    ],
)
def test_each_fault_of_a_period(period, place, words):
    with pytest.raises(TariffError, match=f"{place}: .*{words}"):
        parse_tariff(document(SLABS, f"period = {period}\n"))


# From rows of determinants, to postings


def test_days_are_the_differences_of_rows():
    rows = {
        date(2026, 4, 1): {"import_wh": 10, "max_import_va": 70, "max_import_va_at": 1, "mean_power_factor_permille": 980},
        date(2026, 4, 2): {"import_wh": 25, "max_import_va": 70, "export_wh": 4},
        date(2026, 4, 5): {"import_wh": 24, "max_import_va": 90, "export_wh": 9, "load_factor_permille": 1},
    }  # fmt: skip
    assert uses_of_rows(APRIL.first, rows) == (
        QuantityUse(Period(date(2026, 4, 1), date(2026, 4, 2)), {"import_wh": 10, "max_import_va": 70}),
        QuantityUse(Period(date(2026, 4, 2), date(2026, 4, 3)), {"import_wh": 15}),
        QuantityUse(
            Period(date(2026, 4, 3), date(2026, 4, 6)), {"import_wh": -1, "max_import_va": 90, "export_wh": 5}
        ),
    )


@settings(max_examples=15)
@given(situations())
def test_rows_and_days_are_rated_alike(situation):
    """What is added up to rows and taken apart again is rated as the days are, where one bill sees the whole period."""
    used, agreed = situation
    agreed = [(FIRST, agreed[0][1][:1], *agreed[0][2:])]
    terms, uses, rest = inputs(used, agreed, len(used))
    rows, sums = {}, {}
    for n, day in enumerate(used):
        for name, value in day.items():
            sums[name] = (
                max(sums.get(name, 0), value) if name.startswith("max_") else sums.get(name, 0) + value
            )
        rows[FIRST + timedelta(days=n)] = dict(sums)
    measured = replace(rest["measured"], uses=uses_of_rows(FIRST, rows))
    assert rate_period(terms, uses, **rest | {"measured": measured}) == rate_period(terms, uses, **rest)


@settings(max_examples=25)
@given(situations(), st.data())
def test_postings_of_any_steps_sum_to_the_period(situation, data):
    """Close the days in any steps: what is posted adds up to the amounts of the period, and rows to their posting."""
    used, agreed = situation
    steps = [*sorted(data.draw(st.sets(st.integers(1, len(used)), max_size=4))), len(used)]
    posted, kept = {}, {}
    for passed in steps:
        for line in compute(used, agreed, passed).lines:
            difference = line.amount_minor - posted.get(line.name, 0)
            rows = rows_between(kept.get(line.name, {}), line, difference)
            assert sum(row.amount_minor for row in rows) == difference
            if difference:
                posted[line.name] = posted.get(line.name, 0) + difference
                kept[line.name] = rated_state(line)
    final = {
        line.name: line.amount_minor for line in compute(used, agreed, len(used)).lines if line.amount_minor
    }
    assert {name: amount for name, amount in posted.items() if amount} == final


# Faults of the engine are seen


def no_least(span, accrual, recorded, terms):
    return recorded


def no_settlement(zone, opening_wh, imported_wh, exported_wh, *, settles):
    used = min(imported_wh, exported_wh)
    return BankRow(zone, 0, imported_wh, exported_wh, used, 0, exported_wh - used)


EXCESS = """[[line]]
name = "demand"
accrues = "demand"
unit = "kVA"
billed = "excess"
rate = 1
excess = {above = "sanctioned", rate = 9}
"""
REACTIVE = """[[line]]
name = "factor"
accrues = "power-factor"
factor_by = "kvarh-lag"
table = [{up_to = "0.9", penalty = 5}, {}]
on = ["energy"]
"""
CAPPED = '[[line]]\nname = "rebate"\naccrues = "recharge-rebate"\npercent = 2\nat_most = "0.10"\n'
PEAK = ("import_wh_z1", "import_wh_z2", "import_wh_z3")
LEAST = MINIMUM.replace("ratchet = {periods = 6, percent = 80}", "floor = 96")
IN_APRIL = ROOF.replace("settlement_month = 3", "settlement_month = 4")
FAULTS = (
    ("demand_parts._billed", no_least, INDUSTRY, {"import_vah": 9_000, "max_import_va": 10}),
    ("demand_parts._excess", lambda *_: 0, EXCESS, {"max_import_va": 9_000}),
    ("demand_parts.mean_demand", lambda *_: Fraction(1), HOURS.replace("200", "1"), {"max_import_w": 3_000}),
    ("demand_parts._HOURS_OF_A_DAY", 23, LOAD_FACTOR, {"import_vah": 2_880_000}),
    ("demand_parts._apparent", lambda active, _: active, SLABS + REACTIVE, {"lag_varh": 9_000}),
    ("unit_bank.bank_row", no_settlement, IN_APRIL, {"import_wh": 9, "export_wh": 90_000}),
    ("zone_parts.zone_span", lambda span, *_: span, ZONES + SLABS + TIME_OF_DAY, dict.fromkeys(PEAK, 1_000)),
    (
        "demand_parts._billed",
        lambda span, accrual, recorded, terms: recorded,
        LEAST,
        {"max_import_va": 10_000},
    ),
    ("parts._less", lambda *_: iter(()), LEAST, {"max_import_va": 10_000}),
    ("parts._beyond", lambda *_: iter(()), CAPPED, {"recharge_minor": 50_000}),
    ("tariff.ChargeLine.at_close", False, SLABS + 'settles = "at-close"\n', {}),
)


@pytest.mark.parametrize(("target", "wrong", "text", "values"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_the_second_rater_sees_each_fault(monkeypatch, target, wrong, text, values):
    """Each mutation of the arithmetic makes the raters differ on a document that they rated alike before."""
    loads = {"load_va": 1_000, "contracted_va": 5_000}
    through = date(2026, 4, 10) if "at-close" in text else None
    rated(document(text), 9_000, values, through=through, **loads)
    monkeypatch.setattr(f"urja.core.rating.{target}", wrong)
    with pytest.raises(AssertionError):
        rated(document(text), 9_000, values, through=through, **loads)


WRONG = '3 -1 "x" true [] {} [1] [{}] {a=1} 2026-01-01 1.5 "" [[1]] nan 1e999999 ["a"] [{zone=3}] [{slabs=3}] {months="x"} {bank=3}'
WHOLE = (
    document(SLABS + TIME_OF_DAY + ADDED.replace('"tod"', '"added"'), f"{ZONES}period = {{months = 2}}\n{NETTING}"),
    document(INDUSTRY.replace("at_least", 'excess = {above = "contracted", rate = 3}\nratchet = {periods = 2}\nat_least')),
    document(ROOF),
    document(SUBSIDY + CAPPED),
    document(MINIMUM),
    document(HOURS),
    document(LOAD_FACTOR),
)  # fmt: skip


def test_any_value_in_any_place_is_a_fault_or_can_be_rated():
    """600 documents, each with one value replaced, by a seed: no exception but those that name the fault."""
    source, values = random.Random(15), {f"{name}_z{zone}": 5 for name in ZONED for zone in range(1, 9)}
    values |= dict.fromkeys((*ZONED, "max_import_va", "max_import_w", "recharge_minor", "balance_minor"), 40)
    for _ in range(600):
        text = source.choice(WHOLE)
        places = list(re.finditer(r'(?<= = )("[^"\n]*"|[\w.\-]+|\[[^\]\n]*\]|\{[^}\n]*\})', text))
        place = source.choice(places)
        text = text[: place.start()] + source.choice(WRONG.split()) + text[place.end() :]
        try:
            tariff = parse_tariff(text)
        except TariffError:
            continue
        terms = RatingTerms(APRIL.first, (tariff,), 5, SHARES, load_va=9, contracted_w=9, contracted_va=9)
        half = Period(APRIL.first, date(2026, 4, 16))
        rest = {"billed": APRIL, "through": half.end, "measured": Measured((QuantityUse(half, values),))}
        with contextlib.suppress(RatingError):
            rate_period([terms], [EnergyUse(half, 40)], **rest)
            reserve_so_far([terms], [EnergyUse(half, 40)], **rest)
