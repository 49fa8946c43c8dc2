"""Checks of a gas meter type's columns: the register that a stored volume must be."""

from collections.abc import Sequence
from typing import Final

from urja.cosem.companion.gas_types import GasRegister, VolumeConditions
from urja.cosem.companion.model import CLOCK_KEY, Column
from urja.cosem.companion.units import TYPE_TAGS, UNIT_CODES, unit_symbol
from urja.cosem.obis import Obis
from urja.quantities.catalogue import BY_NAME
from urja.quantities.obis import codes

_GAS: Final = 7
_VOLUME_CODES: Final[dict[VolumeConditions, tuple[tuple[int, int], ...]]] = {
    "line": ((3, 0), (13, 0)),
    "temperature-compensated": ((3, 1),),
    "converted": ((3, 2), (13, 2)),
}
"""Value groups C and D of the total volume by the conditions that it is counted at (Blue Book, gas): C 3 is the meter, 13 its
converter.
"""
_MANUFACTURER_D: Final = range(128, 255)
"""The Blue Book leaves these to the maker: the increment of an interval has no code that all use."""
_VOLUME_UNITS: Final = frozenset({UNIT_CODES["m³"], UNIT_CODES["m³ (corrected)"]})
_STRINGS: Final = frozenset(
    TYPE_TAGS[name] for name in ("octet-string", "visible-string", "utf8-string", "bit-string")
)
_STORED: Final = ("block", "daily", "instantaneous")
_INSTANT_BYTES: Final = 12


_VALUE: Final = 2
LINE_VOLUME_CODES: Final = codes(BY_NAME["volume_l"])


def gas_column_problems(
    where: str, key: str, columns: Sequence[Column], register: GasRegister, *, pushed: bool = False
) -> list[str]:
    """Return the problems of a profile or push of a gas meter whose columns are stored.

    Its volume is the register at the stated conditions, or the maker's code for an interval's volume in a block. With
    `pushed` the clock is not among the columns.
    """
    if key not in _STORED or not columns:
        return []
    clock = columns[0]
    problems = []
    if not pushed and (clock.key != CLOCK_KEY or clock.class_id != 8 or clock.length != _INSTANT_BYTES):
        problems.append(
            f"{where}: begins with {clock.key!r}: put the column 'clock' first, class 8, octet-string of length 12"
        )
    volume = next((column for column in columns if column.key == "volume_l"), None)
    if volume is None:
        return [*problems, f"{where}: has no column 'volume_l': add the volume, which is billed"]
    obis, place = Obis.parse(volume.obis), f"{where}: column 'volume_l'"
    if volume.attribute != 2 or volume.tag in _STRINGS or volume.unit not in _VOLUME_UNITS:
        problems.append(
            f"{place}: is in {unit_symbol(volume.unit) or 'no unit'}: a register's value in m³ is needed"
        )
    pairs = _VOLUME_CODES[register.conditions]
    if key == "block":
        fits = obis.a == _GAS and obis.c == pairs[0][0] and obis.d in _MANUFACTURER_D
        wanted = f"7.0.{pairs[0][0]}.D.0.255 with D from 128 to 254, the increment of one interval"
    else:
        fits = obis.a == _GAS and (obis.c, obis.d) in pairs and (obis.e, obis.f) == (0, 255)
        wanted = " or ".join(f"7.0.{c}.{d}.0.255" for c, d in pairs)
    if not fits:
        problems.append(f"{place}: is {volume.obis}: a {register.conditions!r} register needs {wanted} here")
    elif key != "block" and volume.obis not in LINE_VOLUME_CODES and volume.quantity != "volume_l":
        # The catalogue has the code of the line volume alone: a type may have both registers, and bills one.
        problems.append(
            f'{place}: is {volume.obis}: add quantity = "volume_l", as this register is the billed one'
        )
    problems += [
        f"{where}: column {column.key!r}: {column.obis} would be stored as the billed volume too: leave it out"
        for column in columns
        if column is not volume and column.attribute == _VALUE and column.obis in LINE_VOLUME_CODES
    ]
    return problems
