"""Lists of quantities that a push names in its first element (`lists.toml`): the elements behind it."""

from functools import cache
from importlib.resources import files
from types import MappingProxyType

from urja.cosem.companion.loader import CompanionError, Raw, obis_problems, parse, unit_of
from urja.cosem.companion.model import NamedLists, Quantity
from urja.cosem.obis import Obis


class _RawQuantity(Raw, frozen=True):
    obis: str
    unit: str
    scaler: int = 0


class _RawList(Raw, frozen=True):
    name: str
    quantities: list[str | _RawQuantity]


class _RawLists(Raw, frozen=True):
    list: list[_RawList]


LONGEST_LIST = 200
"""Quantities of one list at most."""


def parse_lists(text: str, origin: str) -> NamedLists:
    """Return the lists in the text of a file.

    Raises CompanionError with all problems, under the name `origin`.
    """
    problems: list[str] = []
    lists: dict[tuple[bytes, int], tuple[Quantity, ...]] = {}
    for number, entry in enumerate(parse(text, origin, _RawLists).list, 1):
        where = f"{origin}: list {number} ({entry.name!r})"
        key = (entry.name.encode(), len(entry.quantities) + 1)
        if key in lists:
            problems.append(f"{where}: is given twice with {key[1]} elements: remove one")
        if not 0 < len(entry.quantities) <= LONGEST_LIST or not entry.name:
            problems.append(f"{where}: give a name and 1 to {LONGEST_LIST} quantities")
        lists[key] = tuple(_quantity(where, one, problems) for one in entry.quantities)
    if problems:
        raise CompanionError(problems)
    return MappingProxyType(lists)


def _quantity(where: str, entry: str | _RawQuantity, problems: list[str]) -> Quantity:
    code = entry if isinstance(entry, str) else entry.obis
    wrong = obis_problems(where, code)
    problems += wrong
    obis = Obis(0, 0, 0, 0, 0, 0) if wrong else Obis.parse(code)
    if isinstance(entry, str):
        return Quantity(obis)
    if not -128 <= entry.scaler <= 127:
        problems.append(f"{where}: scaler {entry.scaler} does not fit an integer8: write -128 to 127")
    return Quantity(obis, entry.scaler, unit_of(where, entry.unit, problems))


def named_list(name: bytes, elements: int, own: NamedLists | None = None) -> tuple[Quantity, ...] | None:
    """Return the quantities behind the name in a list of `elements` elements, the name included.

    None for an unknown list. A meter type's `own` lists come before the shipped ones.
    """
    key = (name, elements)
    return _shipped().get(key) if own is None or key not in own else own[key]


@cache
def _shipped() -> NamedLists:
    text = files("urja.cosem.companion").joinpath("lists.toml").read_text("utf-8")
    return parse_lists(text, "lists.toml")
