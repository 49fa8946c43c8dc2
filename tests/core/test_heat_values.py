"""Documents of heat values: checked for cover, overlap and plausibility, each fault with its place; the last one decides."""

from datetime import date

import pytest

from urja.core.gas import STANDARD, BaseConditions, SupplyConditions
from urja.core.heat_values import HeatValuesError, in_force, parse_heat_values

APRIL = """
format = 1
code = "city-gas"
version = "2026-04"
title = "Heat values of April 2026"
valid_from = 2026-04-01
valid_to = 2026-04-30
basis = "gross"
unit = "MJ/m³"

[base]
temperature_c = 15
pressure_kpa = 101.325

[[zone]]
temperature_c = 25
gauge_pressure_kpa = 2.1
atmospheric_pressure_kpa = 99.3
values = [
    { from = 2026-04-01, to = 2026-04-15, value = 38.52 },
    { from = 2026-04-16, to = 2026-04-30, value = 38.71 },
]
"""


def changed(*pairs, text=APRIL):
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_document_is_read_exactly():
    document = parse_heat_values(APRIL)
    (zone,) = document.zones
    assert (document.base, document.basis, zone.area) == (STANDARD, "gross", "")
    assert zone.supply == SupplyConditions(250, 101_400)
    assert [zone.on(date(2026, 4, day)).joules_per_m3 for day in (1, 15, 16, 30)] == [
        38_520_000, 38_520_000, 38_710_000, 38_710_000,
    ]  # fmt: skip
    assert [document.covers(date(2026, *day)) for day in ((3, 31), (4, 1), (4, 30), (5, 1))] == [
        False, True, True, False,
    ]  # fmt: skip
    in_kwh = parse_heat_values(changed(('"MJ/m³"', '"kWh/m3"'), ("38.52", "10.7"), ("38.71", "10.75")))
    assert in_kwh.zones[0].on(date(2026, 4, 2)).joules_per_m3 == 38_520_000


def test_base_conditions_that_are_not_stated_are_the_standard_ones():
    assert (
        parse_heat_values(changed(("[base]\ntemperature_c = 15\npressure_kpa = 101.325\n", ""))).base
        == STANDARD
    )
    other = changed(("temperature_c = 15", "temperature_c = 0"))
    assert parse_heat_values(other).base == BaseConditions(0, 101_325)


def test_a_document_until_further_notice():
    document = parse_heat_values(changed(("valid_to = 2026-04-30\n", ""), ("to = 2026-04-30, ", "")))
    assert document.covers(date(2031, 1, 1))
    assert document.zones[0].on(date(2031, 1, 1)).joules_per_m3 == 38_710_000


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("to = 2026-04-15", "to = 2026-04-13", "zone[1].values: 2026-04-14 to 2026-04-15 has no heat value"),
        ("to = 2026-04-15", "to = 2026-04-17", "zone[1].values: 2026-04-16 to 2026-04-17 has two heat values"),
        ("valid_to = 2026-04-30", "valid_to = 2026-05-02", "zone[1].values: 2026-05-01 to 2026-05-02 has no heat value"),
        ("valid_to = 2026-04-30\n", "", "zone[1].values: 2026-05-01 and later days have no heat value"),
        ("valid_to = 2026-04-30", "valid_to = 2026-03-01", "valid_to: is 2026-03-01, before valid_from 2026-04-01"),
        ("to = 2026-04-30, ", "to = 2026-05-30, ", "zone[1].values[2].from: 2026-04-16 to 2026-05-30 is not within"),
        ("to = 2026-04-15", "to = 2026-03-15", "zone[1].values[1].to: is 2026-03-15, before its beginning"),
        ("38.71", "10.7", "zone[1].values[2].value: is 10.7 MJ/m³: 10.7 MJ for one standard m³ are not from 15 to 130"),
        ('"MJ/m³"', '"kWh/m³"', "zone[1].values[1].value: is 38.52 kWh/m³: 138.672 MJ"),
        ("38.71", "48.71", "differs from the one before it by more than a quarter"),
        ("38.71", "38.7100001", "is 38.7100001, which is finer than 1/1000000: round it"),
        ("38.71", '"38.71"', "zone[1].values[2].value: must be a number of MJ/m³"),
        ("38.71", "nan", "must be a number"),
        ('"MJ/m³"', '"BTU"', "unit: must be one of MJ/m3"),
        ('"gross"', '"upper"', "basis: must be one of gross, net"),
        ("pressure_kpa = 101.325", "pressure_kpa = 1.013", "base.pressure_kpa: is 1.013 kPa, no base condition"),
        ("pressure_kpa = 101.325", "", "base: states both temperature_c and pressure_kpa"),
        ("temperature_c = 15", "temperature_c = 288.15", "finer than 1/10"),
        ("temperature_c = 25", "temperature_c = 298", "zone[1].temperature_c: temperature 2980"),
        ("atmospheric_pressure_kpa = 99.3", "", "zone[1].atmospheric_pressure_kpa: is missing"),
        ("gauge_pressure_kpa = 2.1\natmospheric_pressure_kpa = 99.3", "pressure_kpa = 2.1", "give the absolute pressure"),
        ("gauge_pressure_kpa", "pressure_kpa = 101\ngauge_pressure_kpa", "stated beside gauge_pressure_kpa"),
        ("[[zone]]", '[[zone]]\narea = "North"', 'such as "section North-2", not \'North\''),
        ("[[zone]]", "[[zone]]\nvalues = []\n[[zone]]", "everywhere else is another zone's already"),
        ("valid_from = 2026-04-01", "valid_form = 2026-04-01", "valid_form: is not known here"),
        ("format = 1", "format = 2", "format: is 2; this version of Urja reads format 1"),
    ],
)  # fmt: skip
def test_each_fault_has_its_place(old, new, said):
    with pytest.raises(HeatValuesError) as refused:
        parse_heat_values(changed((old, new)))
    assert said in str(refused.value)


def test_the_last_document_that_covers_day_and_area_decides():
    month = parse_heat_values(APRIL)
    north = parse_heat_values(
        changed(("[[zone]]", '[[zone]]\narea = "section North"'), ("38.52", "36.1"), ("38.71", "36.1"))
    )
    correction = parse_heat_values(
        changed(
            ("valid_from = 2026-04-01", "valid_from = 2026-04-10"),
            ("valid_to = 2026-04-30", "valid_to = 2026-04-10"),
            ("    { from = 2026-04-01, to = 2026-04-15, value = 38.52 },\n", ""),
            ("from = 2026-04-16, to = 2026-04-30", "from = 2026-04-10"),
        )
    )
    loaded = [month, north, correction]

    def found(day, *areas):
        decided = in_force(loaded, date(2026, 4, day), areas)
        return decided and (decided[0], decided[1].area)

    assert found(9, "section Old") == (month, "")
    assert found(9, "section North", "zone City") == (north, "section North")
    assert found(10, "section North") == (correction, "")
    assert found(11, "section North") == (north, "section North")
    assert in_force(loaded, date(2026, 5, 1), ["section North"]) is None
