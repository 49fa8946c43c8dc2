"""Names of OBIS codes: a companion's own name where it has one, else composed from the value groups.

The words are data (`obis.toml`, after IEC 62056-6-1); this module knows what each group says.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

from urja.base.untyped_values import JsonObject
from urja.cosem.companion.loader import load_companion
from urja.cosem.companion.model import Companion
from urja.cosem.obis import Obis

_ABSTRACT, _ELECTRICITY, _GAS = 0, 1, 7
_ENERGY_PROCESSING: Final = frozenset({8, 9, 10, 29, 30, 58})
_PHASES: Final = (("", 0), (" L1", 20), (" L2", 40), (" L3", 60))
_CURRENT_PERIOD: Final = 255
_INDIAN_SPECIFIC: Final = (94, 91)
"""Value groups C and D of codes that India defines (C 94 is country-specific, D the country)."""


@cache
def _words() -> JsonObject:
    return tomllib.loads(files("urja.cosem.companion").joinpath("obis.toml").read_text("utf-8"))


def name_object(obis: Obis, companion: Companion | None = None) -> str:
    """Return the name of `obis` in words; "" where it is unknown.

    The names of `companion` come first. Without one, only codes in India's country-specific range are looked
    up in IS 15959: elsewhere the same code may mean something else.
    """
    if companion is None and (obis.c, obis.d) == _INDIAN_SPECIFIC:
        companion = load_companion()
    known = None if companion is None else companion.objects.get(str(obis))
    return generic_name(obis) if known is None else known.name


def generic_name(obis: Obis) -> str:
    """Return a name composed from the value groups alone; "" where they have no meaning here."""
    if obis.a == _ELECTRICITY:
        return _electricity(obis)
    if obis.a == _ABSTRACT:
        return _abstract(obis)
    if obis.a == _GAS:
        return _gas(obis)
    medium = _words()["media"].get(str(obis.a))
    return "" if medium is None else f"{medium} value {obis.c}.{obis.d}.{obis.e}"


def _electricity(obis: Obis) -> str:
    words = _words()["electricity"]
    general = words["general"].get(f"{obis.c}.{obis.d}")
    if general is not None:
        return f"{general}{_counted(obis.e)}"
    processing = words["processing"].get(str(obis.d))
    if processing is None:
        return ""
    quantities = words["energy" if obis.d in _ENERGY_PROCESSING else "power"]
    # L1, L2 and L3 are the groups C of the total plus 20, 40 and 60 (IEC 62056-6-1).
    for phase, offset in reversed(_PHASES):
        quantity = quantities.get(str(obis.c - offset))
        if quantity is not None and (not offset or offset < obis.c <= offset + 20):
            parts = [f"{quantity}{phase}", processing, _rate(obis)]
            return _joined(parts, obis)
    return ""


def _rate(obis: Obis) -> str:
    if obis.e:
        # E of an instantaneous value numbers harmonics and angles, of every other one tariff rates.
        return f"[{obis.e}]" if obis.d == 7 else f"rate {obis.e}"
    return "total" if obis.d == 8 else ""


def _joined(parts: list[str], obis: Obis) -> str:
    name = " ".join(part for part in parts if part)
    return name if obis.f == _CURRENT_PERIOD else f"{name}, period {obis.f}"


def _abstract(obis: Obis) -> str:
    exact: str | None = _words()["abstract_exact"].get(f"{obis.c}.{obis.d}.{obis.e}")
    channel = f" (channel {obis.b})" if obis.b else ""
    if exact is not None:
        return f"{exact}{channel}"
    name = _words()["abstract"].get(f"{obis.c}.{obis.d}")
    return "" if name is None else f"{name}{_counted(obis.e)}{channel}"


def _counted(number: int) -> str:
    return f" {number}" if number else ""


def _gas(obis: Obis) -> str:
    words = _words()["gas"]
    quantity = words["quantity"].get(str(obis.c))
    if quantity is None:
        return ""
    return _joined([quantity, words["condition"].get(str(obis.d), ""), _counted(obis.e).strip()], obis)
