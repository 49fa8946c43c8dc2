"""Reads the tables of a tariff document and collects what is wrong in them, each with its place."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any

from urja.core.units import Mode, Step, shown, written_number

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a document: where, and a sentence that says what to do."""

    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


class Reader:
    """A table of the document that remembers what was asked of it, and where faults belong."""

    def __init__(self, table: dict[str, Any], where: str, faults: list[Fault]) -> None:
        self.table, self.where, self.faults = table, where, faults
        self.asked: set[str] = set()

    def fault(self, sentence: str, key: str = "") -> None:
        self.faults.append(
            Fault(f"{self.where}.{key}" if key and self.where else key or self.where, sentence)
        )

    def take(self, key: str, default: Any = _MISSING) -> Any:
        self.asked.add(key)
        if key in self.table:
            return self.table[key]
        if default is _MISSING:
            self.fault("is missing", key)
            return None
        return default

    def text(self, key: str, default: Any = _MISSING) -> str:
        value = self.take(key, default)
        if value is not None and (not isinstance(value, str) or (not value.strip() and default is _MISSING)):
            self.fault(f"must be text, not {value!r}", key)
            return ""
        return value or ""

    def number(self, key: str, default: Any = _MISSING) -> Fraction | None:
        """A number of zero or more, exact; None where it is missing or wrong."""
        value = self.take(key, default)
        if value is None or isinstance(value, Fraction):
            return value
        number = written_number(value)
        if number is None:
            self.fault(f'must be a number such as 3 or "4.50", not {shown(value)}', key)
        elif number < 0:
            self.fault(f"must not be negative, and is {value}", key)
        else:
            return number
        return None

    def day(self, key: str, default: Any = _MISSING) -> date | None:
        value = self.take(key, default)
        if value is None:
            return None
        if isinstance(value, str):
            with suppress(ValueError):
                value = date.fromisoformat(value)
        if not isinstance(value, date) or isinstance(value, datetime):
            self.fault(f"must be a day such as 2026-04-01, not {value!r}", key)
            return None
        return value

    def choice[E: StrEnum](self, key: str, kind: type[E], default: E) -> E:
        value = self.take(key, default.value)
        if value not in [member.value for member in kind]:
            allowed = ", ".join(member.value for member in kind)
            self.fault(f"is {value!r}; allowed are {allowed}", key)
            return default
        return kind(value)

    def tables(self, key: str, each: str) -> "list[Reader]":
        """The tables of a list, which has at least one of what `each` names."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fault("must be a list of tables", key)
            return []
        if not value:
            self.fault(f"needs at least one {each}", key)
        where = f"{self.where}.{key}" if self.where else key
        return [Reader(item, f"{where}[{n}]", self.faults) for n, item in enumerate(value, 1)]

    def inner(self, key: str) -> "Reader | None":
        value = self.take(key, None)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault('must be a table such as {to = "0.01"}', key)
            return None
        return Reader(value, f"{self.where}.{key}" if self.where else key, self.faults)

    def step(self, key: str, unit: str) -> Step | None:
        """A rounding step in the unit of the quantity."""
        reader = self.inner(key)
        if reader is None:
            return None
        to = reader.number("to")
        mode = reader.choice("mode", Mode, Mode.HALF_UP)
        if to == 0:
            reader.fault(f"a rounding needs a step above zero, in {unit}", "to")
        if key != "round":
            reader.finish()
        return Step(to, mode) if to else None

    def finish(self) -> None:
        """Report the keys that nobody asked for: mostly misspellings."""
        for key in sorted(set(self.table) - self.asked):
            self.fault(f"is not known here; known are {', '.join(sorted(self.asked))}", key)
