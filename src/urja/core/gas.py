"""Gas from the meter's volume to energy: line volume, standard volume, energy, each factor applied once.

    volume of the register ──(pressure, temperature, compressibility)──▶ standard volume ──(heat value)──▶ energy

The standard volume is V · (p / p_b) · (T_b / T) · (Z_b / Z), with absolute pressures and temperatures in kelvin (EN 12405-1,
volume conversion). A meter may have applied a part of that already: the conditions of its register, stated by its type,
decide which factors are still missing. Everything is exact: integers and fractions, rounded by the caller.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal, assert_never

Conditions = Literal["line", "temperature-compensated", "converted"]
"""What a meter's volume register counts: the gas as it flows, at a fixed temperature, or at base conditions."""

HeatBasis = Literal["gross", "net"]
"""Gross: with the heat of the condensed water vapour; net: without. They differ by about 10 % for natural gas."""

_ZERO_CELSIUS_CK: Final = 27_315
"""0 °C in hundredths of a kelvin."""
_TEMPERATURES_DC: Final = (-400, 700)
_PRESSURES_PA: Final = (50_000, 20_000_000)
"""Below the lowest atmospheric pressure at which a town stands, an absolute pressure is a gauge pressure by mistake."""
_COMPRESSIBILITY: Final = (Fraction(1, 2), Fraction(2))
_HEAT_VALUES_J: Final = (15_000_000, 130_000_000)
_JOULES_PER_WH: Final = 3600
_LITRES_PER_M3: Final = 1000


class GasConversionError(ValueError):
    """A volume cannot be converted: a factor is missing, given twice, or out of its range."""


def _check_temperature(temperature_dc: int) -> None:
    least, most = _TEMPERATURES_DC
    if not least <= temperature_dc <= most:
        raise GasConversionError(
            f"temperature {temperature_dc} is not from {least} to {most} tenths of a degree"
        )


def _check_pressure(pressure_pa: int) -> None:
    least, most = _PRESSURES_PA
    if not least <= pressure_pa <= most:
        raise GasConversionError(
            f"pressure {pressure_pa} Pa is not from {least} to {most}: give the absolute pressure, "
            "which is the gauge pressure and the atmosphere's"
        )


@dataclass(frozen=True, slots=True)
class BaseConditions:
    """The conditions of a standard cubic metre: tenths of a degree Celsius, and absolute pressure in Pa.

    Raises GasConversionError for values that no gas is measured at.
    """

    temperature_dc: int = 150
    pressure_pa: int = 101_325

    def __post_init__(self) -> None:
        _check_temperature(self.temperature_dc)
        _check_pressure(self.pressure_pa)


STANDARD: Final = BaseConditions()
"""15 °C and 101.325 kPa: the reference conditions of ISO 13443, used in India."""


@dataclass(frozen=True, slots=True)
class RegisterConditions:
    """The conditions of a volume register, as the meter's type states them.

    `temperature_dc` is the temperature to which a compensated or converted register refers (tenths of a degree Celsius),
    `pressure_pa` the absolute pressure of a converted one. Raises GasConversionError where a condition has too many or
    too few of them.
    """

    conditions: Conditions
    temperature_dc: int | None = None
    pressure_pa: int | None = None

    def __post_init__(self) -> None:
        given = (self.temperature_dc is not None, self.pressure_pa is not None)
        match self.conditions:
            case "line":
                wanted, needs = (False, False), "no temperature and no pressure"
            case "temperature-compensated":
                wanted, needs = (True, False), "the temperature that it refers to, and no pressure"
            case "converted":
                wanted, needs = (True, True), "the temperature and the absolute pressure that it refers to"
            case _:
                assert_never(self.conditions)
        if given != wanted:
            raise GasConversionError(f"a register at {self.conditions!r} conditions states {needs}")
        if self.temperature_dc is not None:
            _check_temperature(self.temperature_dc)
        if self.pressure_pa is not None:
            _check_pressure(self.pressure_pa)


@dataclass(frozen=True, slots=True)
class SupplyConditions:
    """The conditions of the gas at the meters of a zone: tenths of a degree Celsius, and absolute pressure in Pa.

    None where the zone does not state one. Raises GasConversionError for values that no gas is supplied at.
    """

    temperature_dc: int | None = None
    pressure_pa: int | None = None

    def __post_init__(self) -> None:
        if self.temperature_dc is not None:
            _check_temperature(self.temperature_dc)
        if self.pressure_pa is not None:
            _check_pressure(self.pressure_pa)


@dataclass(frozen=True, slots=True)
class StandardVolume:
    """A volume at base conditions, in litres. A type of its own, so that it cannot be converted once more."""

    litres: Fraction
    base: BaseConditions


@dataclass(frozen=True, slots=True)
class HeatValue:
    """The heat of one standard cubic metre in J, gross or net, at the base conditions of its volume.

    Raises GasConversionError for a value below 15 or above 130 MJ: its unit is wrong. Biogas has about 20, natural gas 35 to
    42, butane 121.
    """

    joules_per_m3: int
    basis: HeatBasis
    base: BaseConditions = STANDARD

    def __post_init__(self) -> None:
        least, most = _HEAT_VALUES_J
        if not least <= self.joules_per_m3 <= most:
            raise GasConversionError(
                f"{self.joules_per_m3 / 1e6:g} MJ for one standard m³ are not from {least // 10**6} to {most // 10**6}: "
                "is the unit right?"
            )


def absolute_pressure_pa(gauge_pa: int, atmospheric_pa: int) -> int:
    """Return the absolute pressure of a supply in Pa, from the pressure over the atmosphere and the atmosphere's.

    Raises GasConversionError where the sum is no absolute pressure of a gas supply.
    """
    _check_pressure(atmospheric_pa)
    _check_pressure(gauge_pa + atmospheric_pa)
    return gauge_pa + atmospheric_pa


def standard_volume(
    volume_l: int | Fraction,
    register: RegisterConditions,
    base: BaseConditions = STANDARD,
    *,
    temperature_dc: int | None = None,
    pressure_pa: int | None = None,
    compressibility: Fraction | None = None,
) -> StandardVolume:
    """Return litres of a register at base conditions.

    The temperature of the gas (tenths of a degree Celsius), its absolute pressure (Pa) and Z / Z_b are given exactly where
    the register has not applied them: all for a line volume (Z / Z_b is 1 if left out, as at the pressures of households),
    the pressure for a compensated one, none for a converted one. Between a register's own reference and another base the
    volume is converted by their ratio. Raises GasConversionError where a factor is missing or would be applied twice.
    """
    if isinstance(volume_l, StandardVolume):
        raise GasConversionError("the volume is at base conditions already: it is not converted again")
    temperature = _of_one("temperature_dc", register.temperature_dc, temperature_dc, register.conditions)
    pressure = _of_one("pressure_pa", register.pressure_pa, pressure_pa, register.conditions)
    _check_temperature(temperature)
    _check_pressure(pressure)
    if compressibility is not None and register.conditions == "converted":
        raise GasConversionError(
            "compressibility: a 'converted' register has applied it already: leave it out"
        )
    ratio = Fraction(1) if compressibility is None else compressibility
    least, most = _COMPRESSIBILITY
    if not least <= ratio <= most:
        raise GasConversionError(f"compressibility {ratio} is not from {least} to {most}: give Z / Z_b")
    factor = (
        Fraction(pressure, base.pressure_pa) * (_kelvin(base.temperature_dc) / _kelvin(temperature)) / ratio
    )
    return StandardVolume(volume_l * factor, base)


def energy_wh(volume: StandardVolume, heat: HeatValue) -> Fraction:
    """Return the energy of a standard volume in Wh, gross or net as the heat value is.

    Raises GasConversionError for a volume that is not standard, or a heat value for other base conditions.
    """
    if not isinstance(volume, StandardVolume):
        raise GasConversionError("energy is of a standard volume: convert the register's volume first")
    if volume.base != heat.base:
        raise GasConversionError(
            f"the volume is at {_text(volume.base)}, the heat value at {_text(heat.base)}: use one base"
        )
    return volume.litres * heat.joules_per_m3 / (_LITRES_PER_M3 * _JOULES_PER_WH)


@lru_cache(maxsize=1024)
def conversion_factor(
    register: RegisterConditions, base: BaseConditions, supply: SupplyConditions
) -> Fraction:
    """Return by what litres of a register are multiplied to be at base conditions, without compressibility.

    Of the conditions of the supply only those are used that the register has not applied. Raises GasConversionError where
    the supply does not state one of them.
    """
    applied = register.conditions
    return standard_volume(
        1,
        register,
        base,
        temperature_dc=supply.temperature_dc if applied == "line" else None,
        pressure_pa=None if applied == "converted" else supply.pressure_pa,
    ).litres


def _of_one(name: str, of_register: int | None, given: int | None, conditions: Conditions) -> int:
    """Return a condition from the one place that has it."""
    if of_register is not None and given is not None:
        raise GasConversionError(
            f"{name}: a {conditions!r} register has applied it already: leave it out, or it is applied twice"
        )
    value = given if of_register is None else of_register
    if value is None:
        raise GasConversionError(f"{name}: a {conditions!r} register has not applied it: give the gas's own")
    return value


def _kelvin(temperature_dc: int) -> Fraction:
    return Fraction(_ZERO_CELSIUS_CK + 10 * temperature_dc, 100)


def _text(base: BaseConditions) -> str:
    return conditions_text(base.temperature_dc, base.pressure_pa)


def conditions_text(temperature_dc: int | None, pressure_pa: int | None) -> str:
    """Return a temperature (tenths of a degree Celsius) and a pressure (Pa) as `15 °C and 101.325 kPa`; None is left out."""
    stated = (
        "" if temperature_dc is None else f"{temperature_dc / 10:g} °C",
        "" if pressure_pa is None else f"{pressure_pa / 1000:.7g} kPa",
    )
    return " and ".join(filter(None, stated))
