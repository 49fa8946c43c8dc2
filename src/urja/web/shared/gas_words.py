"""How gas became standard volume and energy, in sentences for a person."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext as _

from urja.apps.determinants.queries import GasConversion, gas_conversion, up_to
from urja.core.gas import SupplyConditions, conditions_text
from urja.web.shared import formats


def of_agreement(agreement_id: int, day: date) -> list[str]:
    """Return what is known of an agreement's gas in the billing period with a local day, up to that day; empty for nothing."""
    row = up_to(agreement_id, day)
    found = gas_conversion(row) if row else None
    return [] if row is None or found is None else sentences(found, row.as_of)


def sentences(found: GasConversion, day: date) -> list[str]:
    """Return the standard volume and the energy of gas up to a local day with their factors, and what is not known of them."""
    if not found.volume_l:
        return []
    if found.standard_l is None:
        return [
            _(
                "The volume at base conditions and the energy of this gas are not known yet: the utility has not stated "
                "temperature, pressure and heat value of all days."
            )
        ]
    said = [_standard(found, found.standard_l, day)]
    if found.energy_wh is None:
        said.append(_("Its energy is not known yet: the utility has not stated the heat value of all days."))
    elif found.standard_l:
        said.append(_energy(found, found.energy_wh, found.standard_l))
    return said


def _standard(found: GasConversion, standard_l: int, day: date) -> str:
    values = {
        "volume": formats.billed(found.volume_l, "gas"),
        "day": formats.day(day),
        "standard": formats.billed(standard_l, "gas"),
        "base": _conditions(found.base.temperature_dc, found.base.pressure_pa),
        "factor": _factor(found.factor, standard_l, found.volume_l, 5),
    }
    said = _(
        "%(volume)s as metered up to %(day)s are %(standard)s at base conditions (%(base)s): times %(factor)s."
    )
    supply = next((span.zone.supply for span in found.spans if span.zone), SupplyConditions())
    at_meter = _conditions(supply.temperature_dc, supply.pressure_pa)
    if not at_meter or all(register.conditions == "converted" for register in found.registers.values()):
        return said % values
    of_supply = _("The gas at the meter counts as having %(conditions)s.") % {"conditions": at_meter}
    return f"{said % values} {of_supply}"


def _energy(found: GasConversion, wh: int, standard_l: int) -> str:
    exact = None if found.joules_per_m3 is None else Fraction(found.joules_per_m3, 3_600_000)
    values = {"energy": formats.energy(wh), "heat": _factor(exact, wh, standard_l, 4)}
    if any(span.document.basis == "net" for span in found.spans if span.document):
        return (
            _("Its energy is %(energy)s: %(heat)s kWh for each m³ at base conditions (net heat value).")
            % values
        )
    return (
        _("Its energy is %(energy)s: %(heat)s kWh for each m³ at base conditions (gross heat value).")
        % values
    )


def _conditions(temperature_dc: int | None, pressure_pa: int | None) -> str:
    return conditions_text(temperature_dc, pressure_pa).replace(" and ", ", ")


def _factor(exact: Fraction | None, above: int, below: int, decimals: int) -> str:
    """Return the factor of all days; where days differ, the quotient of the totals as their average."""
    value = Fraction(above, below) if exact is None else exact
    number = formats.number(Decimal(round(value * 10**decimals)).scaleb(-decimals), "0" * decimals)
    return number if exact is not None else _("%(factor)s on average") % {"factor": number}
