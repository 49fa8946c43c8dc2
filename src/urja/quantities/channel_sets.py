"""Channel sets: immutable ordered tuples of quantities, by which the values of a batch or a row are read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from urja.quantities.catalogue import BY_ID, BY_NAME, Accumulation, Commodity, Kind, Quantity

MOST: Final = 96
"""Quantities of one set. The billing profile of a three-phase meter has 61: energy and maximum demand with its
instant, in Wh and VAh, each for the total and eight zones (IS 15959-2).
"""

BILLED: Final = frozenset(
    {
        "interval_import_wh",
        "import_wh",
        "interval_volume_l",
        "volume_l",
        "interval_converted_volume_l",
        "converted_volume_l",
    }
)
"""What may come first: the quantity by which its commodity is billed, so that SQL of billing reads `values[1]`."""


_NAME: Final = re.compile("[a-z0-9][a-z0-9-]{0,39}")


class ChannelSetError(ValueError):
    """A set of quantities that no batch and no row can have; the text says why."""


@dataclass(frozen=True, slots=True)
class ChannelSet:
    """Quantities in the order of their values.

    Two sets with the same quantities are the same set, whatever their names: `hash` tells. Raises
    ChannelSetError for a name of other characters than small letters, digits and hyphens, for no or more than 96 quantities, for one that is there twice, for a first one that is
    not billed, and for a maximum whose instant does not follow it.
    """

    name: str = field(compare=False)
    quantities: tuple[Quantity, ...]
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The names of its quantities, in their order."""
    ids: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """The numbers of its quantities, in their order."""

    def __post_init__(self) -> None:
        # Stored, as they are asked for with each row of a batch.
        object.__setattr__(self, "names", tuple(quantity.name for quantity in self.quantities))
        object.__setattr__(self, "ids", tuple(quantity.id for quantity in self.quantities))
        if not _NAME.fullmatch(self.name):
            raise ChannelSetError(
                f"{self.name!r} is no name of a channel set: use small letters, digits and hyphens"
            )
        if not 0 < len(self) <= MOST:
            raise ChannelSetError(f"{self.name} has {len(self)} quantities: it needs 1 to {MOST}")
        if len(set(self.quantities)) != len(self.quantities):
            raise ChannelSetError(f"{self.name} has a quantity twice: {', '.join(self.names)}")
        if self.quantities[0].name not in BILLED:
            raise ChannelSetError(
                f"{self.name} begins with {self.quantities[0].name}: put what is billed first"
                f" ({', '.join(sorted(BILLED))})"
            )
        commodities = {one.commodity for one in self.quantities if one.kind not in (Kind.COUNT, Kind.STATUS)}
        if len(commodities) > 1:
            raise ChannelSetError(f"{self.name} has quantities of {' and '.join(sorted(commodities))}")
        self._check_maxima()

    def _check_maxima(self) -> None:
        before: Quantity | None = None
        for quantity in (*self.quantities, None):
            open_maximum = (
                before is not None
                and before.accumulation is Accumulation.MAXIMUM
                and before.kind is not Kind.TIME
            )
            follows = quantity is not None and before is not None and quantity.name == f"{before.name}_at"
            if open_maximum and not follows:
                raise ChannelSetError(
                    f"{self.name}: {before.name if before else ''} is not followed by its instant"
                )
            if quantity is not None and quantity.kind is Kind.TIME and not (open_maximum and follows):
                raise ChannelSetError(f"{self.name}: {quantity.name} does not follow its maximum")
            before = quantity

    def __len__(self) -> int:
        return len(self.quantities)

    @property
    def hash(self) -> str:
        """The first 8 bytes of SHA-256 over the numbers, in 16 hexadecimal digits, as headers have it."""
        return sha256(",".join(map(str, self.ids)).encode()).hexdigest()[:16]

    def position(self, name: str) -> int | None:
        """Return the place of a quantity from 0; None where the set does not have it.

        In SQL, where arrays begin at 1, the value is `values[position + 1]`.
        """
        names = self.names
        return names.index(name) if name in names else None


def channel_set(name: str, quantities: Iterable[str]) -> ChannelSet:
    """Return the set of the quantities with these names.

    Raises ChannelSetError for a name that the catalogue does not have, and as `ChannelSet`.
    """
    wanted = tuple(quantities)
    unknown = [one for one in wanted if one not in BY_NAME]
    if unknown:
        raise ChannelSetError(f"{name}: no quantity is named {', '.join(unknown)}: see docs/quantities.md")
    return ChannelSet(name, tuple(BY_NAME[one] for one in wanted))


def channel_set_of_ids(name: str, ids: Iterable[int]) -> ChannelSet:
    """Return the set of the quantities with these numbers.

    Raises ChannelSetError for a number that the catalogue does not have, and as `ChannelSet`.
    """
    wanted = tuple(ids)
    unknown = [str(one) for one in wanted if one not in BY_ID]
    if unknown:
        raise ChannelSetError(f"{name}: no quantity has the number {', '.join(unknown)}")
    return ChannelSet(name, tuple(BY_ID[one] for one in wanted))


D1_BLOCK: Final = channel_set(
    "d1-block",
    (
        "interval_import_wh",
        "interval_import_vah",
        "interval_export_wh",
        "interval_export_vah",
        "mean_voltage_cv",
        "mean_current_ca",
        "meter_health",
    ),
)
"""Block load profile of a single-phase meter (IS 15959-2, category D1); all rows of 0.1.0 have it."""

D1_REGISTERS: Final = channel_set(
    "d1-registers", ("import_wh", "import_vah", "export_wh", "export_vah", "tamper_count")
)
"""Cumulative registers of a single-phase meter, with the tamper count of an instantaneous read."""

D2_BLOCK: Final = channel_set(
    "d2-block",
    (
        "interval_import_wh",
        "interval_import_vah",
        "interval_export_wh",
        "interval_export_vah",
        "interval_lag_varh",
        "interval_q2_varh",
        "interval_q3_varh",
        "interval_lead_varh",
        "mean_voltage_cv_l1",
        "mean_voltage_cv_l2",
        "mean_voltage_cv_l3",
        "mean_current_ca_l1",
        "mean_current_ca_l2",
        "mean_current_ca_l3",
        "meter_health",
    ),
)
"""Block load profile of a three-phase meter (IS 15959-2, category D2; IS 15959-3, D3)."""

D2_REGISTERS: Final = channel_set(
    "d2-registers",
    (
        "import_wh",
        "import_vah",
        "export_wh",
        "export_vah",
        "lag_varh",
        "q2_varh",
        "q3_varh",
        "lead_varh",
        "tamper_count",
    ),
)
"""Cumulative registers of a three-phase meter, with the tamper count of an instantaneous read."""

GAS_BLOCK: Final = channel_set("gas-block", ("interval_volume_l", "mean_temperature_dc", "mean_pressure_pa"))
"""An interval of a gas meter."""

GAS_REGISTERS: Final = channel_set("gas-registers", ("volume_l", "converted_volume_l", "tamper_count"))
"""Registers of a gas meter."""

INTERVALS_ALONE: Final = {
    Commodity.ELECTRICITY: channel_set("interval-energy", ("interval_import_wh",)),
    Commodity.GAS: channel_set("interval-volume", ("interval_volume_l",)),
}
"""An interval of which what is billed is known and nothing else, such as one without power."""

REGISTERS_ALONE: Final = {
    Commodity.ELECTRICITY: channel_set("energy", ("import_wh",)),
    Commodity.GAS: channel_set("volume", ("volume_l",)),
}
"""A billed register alone, as a person reads it or as it is estimated."""
