"""The quantities that a tariff line may price, and the units that its prices may be stated in."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from urja.quantities.catalogue import BILLED_REGISTERS, BY_NAME

_ENERGY: Final = {"kWh": Fraction(1000), "MWh": Fraction(1_000_000)}
_APPARENT: Final = {"kVAh": Fraction(1000)}
_REACTIVE: Final = {"kvarh": Fraction(1000)}
_VOLUME: Final = {"m³": Fraction(1000)}
_STANDARD_VOLUME: Final = {"SCM": Fraction(1000), "m³": Fraction(1000)}
_HEAT: Final = {
    **_ENERGY,
    "MJ": Fraction(1_000_000, 3600),
    "GJ": Fraction(1_000_000_000, 3600),
    # One Btu (IT) is 1055.05585262 J exactly (ISO 80000-5).
    "MMBtu": Fraction(105_505_585_262, 100 * 3600),
}
"""Sizes in Wh."""


@dataclass(frozen=True, slots=True)
class PricedQuantity:
    """A determinant that a line may price: sums of its values over days are what the days have."""

    name: str
    commodity: str
    units: dict[str, Fraction]
    """Size of each unit in the determinant's own unit, such as 1000 Wh for kWh; the first is the default."""
    zoned: bool = False
    """Whether determinants have it by zone."""
    common: bool = False
    """Whether it is a whole building's, of which an agreement bears a share."""


def _catalogued(name: str, units: dict[str, Fraction], *, zoned: bool = False) -> PricedQuantity:
    return PricedQuantity(name, BY_NAME[name].commodity.value, units, zoned)


_QUANTITIES: Final = (
    _catalogued("import_wh", _ENERGY, zoned=True),
    _catalogued("import_vah", _APPARENT, zoned=True),
    _catalogued("export_wh", _ENERGY, zoned=True),
    _catalogued("export_vah", _APPARENT, zoned=True),
    _catalogued("lag_varh", _REACTIVE, zoned=True),
    _catalogued("lead_varh", _REACTIVE, zoned=True),
    _catalogued("dg_import_wh", _ENERGY, zoned=True),
    _catalogued("dg_import_vah", _APPARENT),
    _catalogued("volume_l", _VOLUME),
    _catalogued("converted_volume_l", _STANDARD_VOLUME),
    # What no meter counts: results of gas_by_day, and registers of a building's common meters.
    PricedQuantity("standard_volume_l", "gas", _STANDARD_VOLUME),
    PricedQuantity("gas_energy_wh", "gas", _HEAT),
    PricedQuantity("netted_import_wh", "electricity", _ENERGY, zoned=True),
    PricedQuantity("common_import_wh", "electricity", _ENERGY, common=True),
    PricedQuantity("common_dg_import_wh", "electricity", _ENERGY, common=True),
)

PRICED: Final = {quantity.name: quantity for quantity in _QUANTITIES}
"""Every quantity that a line may name, by name."""

BILLED: Final = BILLED_REGISTERS
"""The quantity of each commodity that a line prices which names none: that of the accruals."""

COMMON: Final = frozenset(quantity.name for quantity in _QUANTITIES if quantity.common)
"""Names of the quantities of which an agreement bears a share."""


def share_of(quantity: str, share: str) -> str:
    """Return the name of an agreement's own part of a common quantity, in Wh, by how it is shared."""
    return f"{quantity}_by_{share}"


def is_own_part(name: str) -> bool:
    """Return whether a name is that of an agreement's own part of a common quantity (`share_of`)."""
    return name.partition("_by_")[0] in COMMON


OF_PERIODS: Final = ("max_", "mean_", "load_factor_")
"""Beginnings of the names of determinants that do not add up over days."""


def adds_up(name: str) -> bool:
    """Return whether the values of a determinant on several days add up."""
    return not name.startswith(OF_PERIODS)
