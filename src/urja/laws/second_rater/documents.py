"""What a tariff's document says, as the second rater reads it: which text is in force, which lines rest on which, what a line means."""

import tomllib
from contextlib import suppress
from datetime import date
from fractions import Fraction
from functools import cache
from itertools import pairwise

from urja.laws.second_rater.numbers import Table, as_day


def terms_on(terms: list[tuple[date, list[str], int]], day: date) -> tuple[date, list[str], int]:
    return [each for each in terms if each[0] <= day][-1]


@cache
def read(text: str) -> Table:
    said = tomllib.loads(text, parse_float=str)
    return {key: with_quotients(key, value) for key, value in said.items()}


def with_quotients(key: str, said: object) -> object:
    """Return what a key says, with the value of each number that is written as a quotient, such as "5/1.05"."""
    if isinstance(said, dict):
        return {inner: with_quotients(inner, value) for inner, value in said.items()}
    if isinstance(said, list):
        return [with_quotients(key, value) for value in said]
    if isinstance(said, str) and "/" in said and key not in ("title", "modelled_on", "claim_on"):
        above, _, below = said.partition("/")
        with suppress(ValueError):
            return Fraction(above) / Fraction(below)
    return said


@cache
def begins(text: str) -> date:
    return as_day(read(text)["valid_from"])


def text_in_force(texts: list[str], day: date) -> str:
    """Return the text that began last; of two that began on one day the later in the list."""
    begun = [(begins(text), number, text) for number, text in enumerate(texts) if begins(text) <= day]
    return max(begun)[2]


def bases_first(documents: list[Table]) -> list[str]:
    """Return the names of all lines, each after those it depends on in any version; without those in a cycle."""
    rests_on: dict[str, set[str]] = {}
    for document in documents:
        for line in document["line"]:
            rests_on.setdefault(line["name"], set()).update(name for name, _ in bases_of(line))
    order: list[str] = []
    while ready := [name for name in rests_on if name not in order and rests_on[name] <= set(order)]:
        order += ready
    return order


def bases_of(line: Table) -> list[tuple[str, Fraction]]:
    """Return the lines that a line depends on, and which share of each."""
    found = []
    for base in line.get("on", []):
        if isinstance(base, dict):
            found.append((base["line"], Fraction(base.get("percent", 100)) / 100))
        else:
            found.append((base, Fraction(1)))
    return found


def said_of(document: Table, name: str) -> Table | None:
    for line in document["line"]:
        if line["name"] == name:
            return dict(line)
    return None


def last_change(versions: list[tuple[date, Table]], name: str) -> date | None:
    """Return the day since which a line says what it says in the newest version; None if it always has."""
    changed = None
    for (_, old), (first, new) in pairwise(versions):
        if meaning(old, name) != meaning(new, name):
            changed = first
    newest = said_of(versions[-1][1], name)
    if newest and at_close(newest):
        # One calculation for all days since it settles at close, whatever else it says.
        changed = None
        for (_, old), (first, new) in pairwise(versions):
            before, after = said_of(old, name), said_of(new, name)
            if after and at_close(after) and not (before and at_close(before)):
                changed = first
    if is_round_off(versions[-1][1], name):
        # It replaces the rounding of older ones; only its amount as another kind of line remains.
        changed = None
        for (_, old), (first, _) in pairwise(versions):
            if said_of(old, name) and not is_round_off(old, name):
                changed = first
    return changed


AT_CLOSE = ("demand", "minimum-demand", "power-factor", "load-factor", "settlement")
"""Kinds of lines that are charged at the close alone."""


def at_close(line: Table) -> bool:
    by_record = line["accrues"] == "slabs" and line.get("demand", {}).get("billed") == "recorded"
    by_itself = "at-close" if line["accrues"] in AT_CLOSE or by_record else "otherwise"
    return bool(line.get("settles", by_itself) == "at-close")


def is_round_off(document: Table, name: str) -> bool:
    line = said_of(document, name)
    return line is not None and bool(line["accrues"] == "round-off")


def meaning(document: Table, name: str) -> object:
    """Return the meaning of a line: defaults filled in, numbers by value, without its title and contra account."""
    line = said_of(document, name)
    if line is None:
        return None
    said = {
        "prorate": "month-fraction",
        "credit": False,
        "telescopic": False,
        "per": "connection",
        "load": "sanctioned",
        "settles": "at-close" if at_close(line) else "otherwise",
        **{key: value for key, value in line.items() if key != "settles"},
    }
    said["round"] = {
        "to": Fraction(1, 10 ** document.get("decimals", 2)),
        "mode": "half-up",
        "each": "line",
        **line.get("round", {}),
    }
    for rounding in ("round_width", "round_energy", "round_load"):
        if rounding in said:
            said[rounding] = {"mode": "half-up", **said[rounding]}
    if said["accrues"] in ("slabs", "zones", "zone-percent"):
        said["quantity"], said["unit"] = measure_of(document, line)
    if "demand" in said:
        said["demand"] = {"bounds": "hours", **said["demand"]}
        for key, default in (("ratchet", {"percent": 100}), ("round_demand", {"mode": "half-up"})):
            if key in said["demand"]:
                said["demand"][key] = {**default, **said["demand"][key]}
    if "priced_by" in said:
        said["priced_by"] = list(measure_of(document, said["priced_by"]))
    if said["accrues"] == "zones":
        said.setdefault("zones_and_slabs", "none")
    if "rate" in said:
        said["bands"] = [{"rate": said.pop("rate")}]
    if "slabs" in said:
        said["by_use"] = [{"slabs": said.pop("slabs")}]
    if "percent" in said:
        said["rates"] = [{"percent": said.pop("percent")}]
    said["on"] = bases_of(line)
    return by_value({key: value for key, value in said.items() if key not in ("title", "book")})


def by_value(said: object) -> object:
    """Return a definition with numbers and dates in place of their texts, so that 3 and "3.00" are equal."""
    if isinstance(said, dict):
        return {key: by_value(value) for key, value in said.items()}
    if isinstance(said, list):
        return [by_value(value) for value in said]
    if isinstance(said, str):
        with suppress(ValueError):
            return Fraction(said)
        with suppress(ValueError):
            return date.fromisoformat(said)
    return said


def billed_by(document: Table) -> str:
    """Return the quantity that a line prices which names none."""
    return "volume_l" if document.get("commodity") == "gas" else "import_wh"


def measure_of(document: Table, line: Table) -> tuple[str, str]:
    """Return the quantity of a line and the unit of its prices: the one it states, or the first of the quantity."""
    name = line.get("quantity", billed_by(document))
    of_name = {"vah": "kVAh", "varh": "kvarh", "wh": "kWh"}.get(name.split("_")[-1])
    first = of_name or ("SCM" if name in ("standard_volume_l", "converted_volume_l") else "m3")
    return name, str(line.get("unit", first))
