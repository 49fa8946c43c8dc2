"""Pushes whose first element names a list (`lists.toml`): what follows in them, in order."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Self

from urja.cosem.companion.units import UNIT_CODES
from urja.cosem.obis import Obis


@dataclass(frozen=True, slots=True)
class Quantity:
    """One element of a list; without a unit it is text or a clock."""

    obis: Obis
    scaler: int = 0
    unit: int | None = None

    @classmethod
    def of(cls, entry: str | dict[str, Any]) -> Self:
        """From an entry of the file."""
        if isinstance(entry, str):
            return cls(Obis.parse(entry))
        return cls(Obis.parse(entry["obis"]), entry.get("scaler", 0), UNIT_CODES[entry["unit"]])


def push_list(name: bytes, elements: int) -> tuple[Quantity, ...] | None:
    """What follows the name in a list of so many elements, the name included; None for a list nobody has told of."""
    return _lists().get((name, elements))


@cache
def _lists() -> dict[tuple[bytes, int], tuple[Quantity, ...]]:
    told = tomllib.loads(files("urja.cosem.companion").joinpath("lists.toml").read_text("utf-8"))
    lists = [(entry["name"].encode(), tuple(map(Quantity.of, entry["quantities"]))) for entry in told["list"]]
    return {(name, len(quantities) + 1): quantities for name, quantities in lists}
