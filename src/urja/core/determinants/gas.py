"""Gas of a period: from the litres of registers to standard volume and energy, each factor applied once, rounded once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import floor
from typing import Final

from urja.core.gas import (
    STANDARD,
    GasConversionError,
    HeatValue,
    RegisterConditions,
    StandardVolume,
    SupplyConditions,
    conversion_factor,
    energy_wh,
)

_NOT_STATED: Final = SupplyConditions()


@dataclass(frozen=True, slots=True)
class GasDay:
    """What the gas of a local day is converted by."""

    supply: SupplyConditions
    heat: HeatValue


@dataclass(frozen=True, slots=True)
class GasTotals:
    """Standard litres and Wh of a period; None where they are not known, and why as a sentence."""

    standard_l: int | None
    energy_wh: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class RegisterDay:
    """Litres that one register counted on a local day; no conditions where its meter's type is not known."""

    day: date
    litres: int
    register: RegisterConditions | None
    by: GasDay | None
    """None where no heat value is in force."""


def gas_totals(volumes: Iterable[RegisterDay]) -> GasTotals:
    """Return the standard volume and the energy of volumes by day, each rounded down once.

    Rounding the total and not its days makes a later day the difference of two totals, so that days sum to the period. A day
    on which nothing was counted needs no factors. Nothing is guessed: one day without a factor leaves the total unknown.
    """
    counted = [one for one in volumes if one.litres]
    kinds = {(one.by.heat.base, one.by.heat.basis) for one in counted if one.by is not None}
    if len(kinds) > 1:
        return GasTotals(
            None, None, "heat values of the period have two base conditions, or are gross and net"
        )
    base = next((base for base, _ in kinds), STANDARD)
    standard, wh, without = Fraction(0), Fraction(0), ""
    for one in counted:
        if one.register is None:
            return GasTotals(None, None, "the conditions of the meter's register are not known")
        try:
            litres = one.litres * conversion_factor(
                one.register, base, _NOT_STATED if one.by is None else one.by.supply
            )
        except GasConversionError:
            missing = (
                "document of heat values covers" if one.by is None else "temperature or pressure is stated of"
            )
            return GasTotals(
                None,
                None,
                f"no {missing} the gas of {one.day}, which a {one.register.conditions} register needs",
            )
        standard += litres
        if one.by is None:
            without = without or f"no heat value of {one.day}"
        else:
            wh += energy_wh(StandardVolume(litres, base), one.by.heat)
    return GasTotals(floor(standard), None if without else floor(wh), without)
