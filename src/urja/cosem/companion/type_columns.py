"""Checks of a meter type's columns: by themselves, and for the register that a stored one must be."""

from collections.abc import Sequence
from typing import Final

from urja.cosem.companion.model import CLOCK_KEY, Column, Companion
from urja.cosem.companion.units import COUNT, TYPE_TAGS, UNIT_CODES, unit_symbol
from urja.cosem.obis import Obis

_OCTET_STRING: Final = TYPE_TAGS["octet-string"]
_BIT_STRING: Final = TYPE_TAGS["bit-string"]
_STRINGS: Final = frozenset(
    TYPE_TAGS[name] for name in ("octet-string", "visible-string", "utf8-string", "bit-string")
)
_INSTANT_BYTES: Final = 12
_LONGEST: Final = 1024
_REGISTERS: Final = frozenset({3, 4, 5})
_WIDEST_SCALER: Final = 9
"""A scaler beyond 10^9 or 10^-9 is a typing error."""

_ELECTRICITY: Final = 1
_MAIN_CHANNELS: Final = (0, 1)
"""Value group B of the meter's own registers; a generator's are in another channel (IEC 62056-6-1, 5.2)."""
_INCREMENT_D: Final = frozenset({29, 30, 58})
_CUMULATIVE_D: Final = 8
_ENERGY_D: Final = _INCREMENT_D | {8, 9, 10}
_UNITS_BY_C: Final = {
    1: ("W", "Wh"), 2: ("W", "Wh"), 3: ("var", "varh"), 4: ("var", "varh"), 5: ("var", "varh"), 6: ("var", "varh"),
    7: ("var", "varh"), 8: ("var", "varh"), 9: ("VA", "VAh"), 10: ("VA", "VAh"), 11: ("A", None), 12: ("V", None),
    13: ("count", None), 14: ("Hz", None),
}  # fmt: skip
"""Units of a power and of an energy by value group C of the total; L1, L2, L3 are the same plus 20, 40, 60.
"""

_ENERGY_C: Final = {"import_wh": 1, "import_vah": 9, "export_wh": 2, "export_vah": 10}
"""The columns that are stored as energy, and value group C of their registers."""
_MEASURED: Final = {"voltage": (12, "V"), "current": (11, "A")}
"""The columns that are stored as measurements: value group C and unit."""
_STORED: Final = {
    "block": _INCREMENT_D,
    "daily": frozenset({_CUMULATIVE_D}),
    "instantaneous": frozenset({_CUMULATIVE_D}),
}
"""By profile or push, value group D of its energy: increments of an interval, or cumulative registers."""
_CLOCKED: Final = ("block", "daily", "instantaneous")


def column_problems(place: str, column: Column, companion: Companion) -> list[str]:
    """Return the problems of a column by itself: its length, its scaler, its class and its unit."""
    problems = []
    if column.length is not None:
        if column.tag not in (_OCTET_STRING, _BIT_STRING):
            problems.append(f"{place}: only an octet-string or a bit-string has a length: remove it")
        elif not 0 < column.length <= _LONGEST:
            problems.append(f"{place}: length {column.length} is not from 1 to {_LONGEST}: correct it")
    scaled = column.scaler != 0 or column.unit != COUNT
    if scaled and column.tag in _STRINGS:
        problems.append(f"{place}: a string has no scaler and no unit: remove them, or correct the type")
    if column.scaler and column.class_id not in _REGISTERS:
        problems.append(f"{place}: class {column.class_id} has no scaler: remove it, or correct the class")
    if abs(column.scaler) > _WIDEST_SCALER:
        problems.append(f"{place}: scaler {column.scaler} is beyond 10^{_WIDEST_SCALER}: correct it")
    known = companion.objects.get(column.obis)
    if known is not None and known.class_id != column.class_id and column.class_id not in _REGISTERS:
        problems.append(
            f"{place}: {column.obis} is of class {known.class_id} in {companion.title}, not {column.class_id}"
        )
    if column.class_id in _REGISTERS and column.attribute == 2:
        allowed = _unit_of(column) or (
            None if known is None or known.unit is None else unit_symbol(known.unit)
        )
        if allowed is not None and UNIT_CODES[allowed or "count"] != column.unit:
            problems.append(
                f"{place}: {column.obis} is measured in {allowed or 'count'}, not in "
                f"{unit_symbol(column.unit) or 'count'}: correct the unit or the OBIS code"
            )
    return problems


def _unit_of(column: Column) -> str | None:
    """Return the unit that the value groups of an electrical quantity require; None where they require none."""
    obis = Obis.parse(column.obis)
    c = (obis.c - 1) % 20 + 1 if obis.c <= 80 else 0
    if obis.a != _ELECTRICITY or c not in _UNITS_BY_C:
        return None
    power, energy = _UNITS_BY_C[c]
    return energy if obis.d in _ENERGY_D else power


def meaning_problems(where: str, key: str, columns: Sequence[Column], *, pushed: bool = False) -> list[str]:
    """Return the problems of a profile or push whose columns are stored.

    Each key is one register, and no other.

    With `pushed` the clock is not among the columns, as a push sends it before them.
    """
    if key not in _STORED or not columns:
        return []
    problems = []
    clock = columns[0]
    if (
        not pushed
        and key in _CLOCKED
        and (clock.key != CLOCK_KEY or clock.class_id != 8 or clock.length != _INSTANT_BYTES)
    ):
        problems.append(
            f"{where}: begins with {clock.key!r}: put the column 'clock' first, class 8, octet-string of length 12"
        )
    for column in columns:
        problems += _meaning_problems(f"{where}: column {column.key!r}", column, _STORED[key])
    if not any(column.key == "import_wh" for column in columns):
        problems.append(f"{where}: has no column 'import_wh': add the active energy import, which is billed")
    return problems


def _meaning_problems(place: str, column: Column, wanted_d: frozenset[int]) -> list[str]:
    obis = Obis.parse(column.obis)
    if column.key in _ENERGY_C:
        if (
            (obis.a, obis.c, obis.e, obis.f) == (_ELECTRICITY, _ENERGY_C[column.key], 0, 255)
            and obis.d in wanted_d
            and column.attribute == 2
            and column.tag not in _STRINGS
        ):
            return []
        c, d = _ENERGY_C[column.key], min(wanted_d)
        what = "an increment of one interval" if wanted_d is _INCREMENT_D else "a cumulative register"
        return [
            f"{place}: is {column.obis}: {what} is needed here, 1.0.{c}.{d}.0.255: correct the code or the key"
        ]
    # A stored quantity under another key would be read and thrown away: energy that is measured and never
    # billed.
    for key, c in _ENERGY_C.items():
        if (
            (obis.a, obis.c, obis.e) == (_ELECTRICITY, c, 0)
            and obis.b in _MAIN_CHANNELS
            and obis.d in wanted_d
            and column.attribute == 2
        ):
            return [f"{place}: {column.obis} is what is stored as {key!r}: name it so, or it is lost"]
    if column.key in _MEASURED:
        c, unit = _MEASURED[column.key]
        if obis.a != _ELECTRICITY or obis.c != c or column.unit != UNIT_CODES[unit]:
            return [
                f"{place}: is {column.obis} in {unit_symbol(column.unit)}: code C = {c} in {unit} is needed"
            ]
    return []
