"""Columns of a meter type as quantities of the catalogue: by their OBIS code, or as the type names them."""

from functools import cache
from typing import Final

from urja.cosem.companion.model import Column
from urja.quantities import obis
from urja.quantities.catalogue import BY_NAME, QUANTITIES, Kind, Quantity

_VALUE: Final = 2
_CAPTURE_TIME: Final = 5
"""Attribute of an extended register (class 4) with the instant of its value (IEC 62056-6-2, 4.3.3)."""


@cache
def _by_code() -> dict[tuple[str, int], Quantity]:
    """Return the quantities by OBIS code and attribute; of several with one code, the first of the catalogue.

    So quadrants 1 and 4, which IS 15959-2 lists as lag and lead, are found under these names.
    """
    found: dict[tuple[str, int], Quantity] = {}
    for quantity in QUANTITIES:
        attribute = _CAPTURE_TIME if quantity.kind is Kind.TIME else _VALUE
        for code in obis.codes(quantity):
            found.setdefault((code, attribute), quantity)
    return found


def quantity_of(column: Column) -> Quantity | None:
    """Return the quantity of a column; None for a clock, a text, and what the catalogue does not have."""
    if column.quantity is not None:
        return BY_NAME[column.quantity]
    return _by_code().get((column.obis, column.attribute))
