"""Determinants of a period and its next day, without the period's intervals: a register that was read at the midnight between
divides them, and what both have adds up.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from urja.core.determinants.calculation import DEMANDS, ENERGIES, permille
from urja.core.determinants.inputs import Origin


class Value(NamedTuple):
    """One determinant of an agreement, in the unit of its quantity."""

    value: int
    origin: int
    estimated: int


# Of reactive energy a meter may change the register it is counted by, from one read to the next.
_ADDED: Final = frozenset(name for name, registers, _ in ENERGIES if len(registers) == 1)
_HIGHEST: Final = frozenset(name for name, _ in DEMANDS)
_POWER_FACTOR: Final = "mean_power_factor_permille"


@cache
def _total(name: str) -> str:
    return re.sub(r"_z\d+$", "", name)


def with_day(before: Mapping[str, Value], day: Mapping[str, Value]) -> dict[str, Value] | None:
    """Return the determinants of the days before and of one more day, by name; None where they do not add up.

    A meter without ratio was read at the midnight between the two. Energies add up that registers have counted to the end of
    either time; the maximum is the higher one, and the first of equal ones.
    """
    found: dict[str, Value] = {}
    for name in before.keys() | day.keys():
        total = _total(name)
        of_before, of_day = before.get(name), day.get(name)
        if total in _ADDED:
            counted = Origin.REGISTER if total == name else Origin.SHAPED
            if of_before is None or of_day is None or {of_before.origin, of_day.origin} != {counted}:
                return None
            found[name] = Value(
                of_before.value + of_day.value, counted, of_before.estimated + of_day.estimated
            )
        elif total in _HIGHEST:
            day_is_higher = of_before is None or (of_day is not None and of_day.value > of_before.value)
            higher = day if day_is_higher else before
            found |= {each: higher[each] for each in (name, f"{name}_at")}
        elif not name.endswith("_at") and name != _POWER_FACTOR:
            return None
    if "import_wh" in found and "import_vah" in found and found["import_vah"].value > 0:
        factor = permille(found["import_wh"].value, found["import_vah"].value)
        found[_POWER_FACTOR] = Value(min(factor, 1000), Origin.DERIVED, 0)
    return found
