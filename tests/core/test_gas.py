"""Gas: line volume, standard volume, energy, each factor once. Examples by hand, and properties."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from urja.core.gas import (
    STANDARD,
    BaseConditions,
    GasConversionError,
    HeatValue,
    RegisterConditions,
    StandardVolume,
    SupplyConditions,
    absolute_pressure_pa,
    conversion_factor,
    energy_wh,
    standard_volume,
)

LINE = RegisterConditions("line")
COMPENSATED = RegisterConditions("temperature-compensated", temperature_dc=150)
CONVERTED = RegisterConditions("converted", temperature_dc=150, pressure_pa=101_325)

volumes = st.integers(0, 10**9)
temperatures = st.integers(-400, 700)
pressures = st.integers(50_000, 2_000_000)


# --- worked examples --------------------------------------------------------------------------------------


def test_a_british_household_at_fixed_conditions():
    """12.2 °C and 1026.12 mbar absolute give the factor 1.02264 that is printed on bills; 100 m³ at 39.5 MJ/m³."""
    standard = standard_volume(100_000, LINE, temperature_dc=122, pressure_pa=102_612)
    assert round(standard.litres / 100_000, 5) == Fraction(102_264, 100_000)
    heat = HeatValue(39_500_000, "gross")
    assert round(energy_wh(standard, heat) / 1000, 1) == Fraction(1_122_1, 10)


def test_an_indian_kitchen_at_21_mbar_and_30_degrees():
    """12 m³ in Agra (atmosphere 99.3 kPa): 12 * (101400 / 101325) * (288.15 / 303.15)."""
    pressure_pa = absolute_pressure_pa(2_100, 99_300)
    standard = standard_volume(12_000, LINE, temperature_dc=300, pressure_pa=pressure_pa)
    assert standard.litres == 12_000 * Fraction(101_400, 101_325) * Fraction(28_815, 30_315)
    assert int(standard.litres) == 11_414


def test_a_compensated_meter_lacks_the_pressure_alone():
    standard = standard_volume(12_000, COMPENSATED, pressure_pa=101_400)
    assert standard.litres == 12_000 * Fraction(101_400, 101_325)


def test_a_converted_register_is_the_standard_volume():
    assert standard_volume(12_345, CONVERTED) == StandardVolume(Fraction(12_345), STANDARD)


def test_a_register_of_another_base_is_brought_to_this_one():
    """A register at 0 °C shows less than one at 15 °C, by 273.15 / 288.15."""
    at_zero = RegisterConditions("converted", temperature_dc=0, pressure_pa=101_325)
    assert standard_volume(27_315, at_zero).litres == 28_815


def test_compressibility_raises_the_standard_volume_where_gas_is_denser_than_ideal():
    plain = standard_volume(1000, LINE, temperature_dc=150, pressure_pa=2_000_000)
    dense = standard_volume(
        1000, LINE, temperature_dc=150, pressure_pa=2_000_000, compressibility=Fraction(96, 100)
    )
    assert dense.litres == plain.litres * Fraction(100, 96)


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("register", "given_factors", "said"),
    [
        (COMPENSATED, {"temperature_dc": 300, "pressure_pa": 101_400}, "temperature_dc.*applied twice"),
        (CONVERTED, {"pressure_pa": 101_400}, "pressure_pa.*applied twice"),
        (CONVERTED, {"temperature_dc": 150}, "temperature_dc.*applied twice"),
        (CONVERTED, {"compressibility": Fraction(1)}, "compressibility.*already"),
        (LINE, {"pressure_pa": 101_400}, "temperature_dc.*not applied"),
        (LINE, {"temperature_dc": 300}, "pressure_pa.*not applied"),
        (COMPENSATED, {}, "pressure_pa.*not applied"),
        (LINE, {"temperature_dc": 300, "pressure_pa": 2_100}, "absolute pressure"),
        (LINE, {"temperature_dc": 3_000, "pressure_pa": 101_400}, "tenths of a degree"),
        (
            LINE,
            {"temperature_dc": 300, "pressure_pa": 101_400, "compressibility": Fraction(0)},
            "Z / Z_b",
        ),
    ],
)
def test_a_factor_is_applied_once_and_only_once(register, given_factors, said):
    with pytest.raises(GasConversionError, match=said):
        standard_volume(1000, register, **given_factors)


def test_a_standard_volume_is_not_converted_again_nor_a_line_volume_priced():
    standard = standard_volume(1000, CONVERTED)
    with pytest.raises(GasConversionError, match="already"):
        standard_volume(standard, LINE, temperature_dc=300, pressure_pa=101_400)
    with pytest.raises(GasConversionError, match="convert the register's volume first"):
        energy_wh(1000, HeatValue(38_000_000, "gross"))


def test_a_heat_value_belongs_to_its_base_conditions():
    normal = BaseConditions(temperature_dc=0)
    with pytest.raises(GasConversionError, match="use one base"):
        energy_wh(standard_volume(1000, CONVERTED, normal), HeatValue(38_000_000, "gross"))


@pytest.mark.parametrize(
    ("conditions", "stated"),
    [
        ("line", {"temperature_dc": 150}),
        ("temperature-compensated", {}),
        ("temperature-compensated", {"temperature_dc": 150, "pressure_pa": 101_325}),
        ("converted", {"temperature_dc": 150}),
    ],
)
def test_a_register_states_what_it_refers_to_and_no_more(conditions, stated):
    with pytest.raises(GasConversionError, match="states"):
        RegisterConditions(conditions, **stated)


@pytest.mark.parametrize("joules", [10_700_000, 138_600_000, 38])
def test_a_heat_value_in_another_unit_is_refused(joules):
    with pytest.raises(GasConversionError, match="is the unit right"):
        HeatValue(joules, "gross")


@pytest.mark.parametrize(
    ("register", "used"),
    [
        (LINE, {"temperature_dc": 300, "pressure_pa": 101_400}),
        (COMPENSATED, {"pressure_pa": 101_400}),
        (CONVERTED, {}),
    ],
)
def test_the_factor_of_a_register_uses_what_it_has_not_applied(register, used):
    factor = conversion_factor(register, STANDARD, SupplyConditions(300, 101_400))
    assert standard_volume(7_777, register, **used).litres == 7_777 * factor
    if used:
        with pytest.raises(GasConversionError, match="has not applied it"):
            conversion_factor(register, STANDARD, SupplyConditions())


# --- properties -------------------------------------------------------------------------------------------


@given(volumes, temperatures, pressures)
def test_the_conditions_decide_where_a_factor_is_applied_and_the_result_is_one(
    volume_l, temperature_dc, pressure_pa
):
    """A compensated meter and a converted one that see the same gas lead to the same standard volume."""
    of_line = standard_volume(volume_l, LINE, temperature_dc=temperature_dc, pressure_pa=pressure_pa)
    at_temperature = volume_l * Fraction(28_815, 27_315 + 10 * temperature_dc)
    of_compensated = standard_volume(at_temperature, COMPENSATED, pressure_pa=pressure_pa)
    of_converted = standard_volume(of_line.litres, CONVERTED)
    assert of_line == of_compensated == of_converted


@given(st.lists(volumes, max_size=6), temperatures, pressures)
def test_parts_add_up_to_the_whole(parts, temperature_dc, pressure_pa):
    def converted(volume_l):
        return standard_volume(volume_l, LINE, temperature_dc=temperature_dc, pressure_pa=pressure_pa).litres

    assert sum((converted(part) for part in parts), Fraction(0)) == converted(sum(parts))


@given(volumes, temperatures, pressures, st.integers(-400, 700), pressures)
def test_going_over_another_base_changes_nothing(volume_l, temperature_dc, pressure_pa, base_dc, base_pa):
    other = BaseConditions(base_dc, base_pa)
    direct = standard_volume(volume_l, LINE, temperature_dc=temperature_dc, pressure_pa=pressure_pa)
    first = standard_volume(volume_l, LINE, other, temperature_dc=temperature_dc, pressure_pa=pressure_pa)
    register = RegisterConditions("converted", temperature_dc=base_dc, pressure_pa=base_pa)
    assert standard_volume(first.litres, register) == direct
