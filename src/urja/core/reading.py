"""Reads the tables of a document and collects what is wrong in them, each with its place."""

import re
from dataclasses import dataclass
from typing import Any, Final, Self

MISSING: Final = object()
"""The default of what has to be given."""

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a document: where, and a sentence that says what to do."""

    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


class TableReader:
    """A table of the document that remembers what was asked of it, and where its faults belong."""

    def __init__(self, table: dict[str, Any], where: str, faults: list[Fault]) -> None:
        self.given, self.where, self.faults = table, where, faults
        self.asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self.given

    def place(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where and key else key or self.where

    def fault(self, sentence: str, key: str = "") -> None:
        self.faults.append(Fault(self.place(key), sentence))

    def take(self, key: str, default: Any = MISSING) -> Any:
        self.asked.add(key)
        if key in self.given:
            return self.given[key]
        if default is MISSING:
            self.fault("is missing", key)
            return None
        return default

    def text(self, key: str, default: Any = MISSING) -> str:
        value = self.take(key, default)
        if value is not None and (not isinstance(value, str) or (not value.strip() and default is MISSING)):
            self.fault(f"must be text, not {value!r}", key)
            return ""
        return value or ""

    def identifier(self, key: str) -> str:
        """A name for programs: it stands in addresses, rows and commands."""
        text = self.text(key)
        if text and not _IDENTIFIER.fullmatch(text):
            self.fault(
                f"must be letters, digits, dots, dashes and underscores, at most 64, not {text!r}", key
            )
        return text

    def currency(self) -> str:
        currency = self.text("currency")
        if currency and not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            self.fault(f"must be a three-letter code such as INR, not {currency!r}", "currency")
        return currency

    def tables(self, key: str, each: str = "") -> list[Self]:
        """The tables of a list; where `each` says what they are, it has at least one."""
        value = self.take(key) if each else self.take(key, [])
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fault("must be a list of tables", key)
            return []
        if each and not value:
            self.fault(f"needs at least one {each}", key)
        return [type(self)(item, f"{self.place(key)}[{n}]", self.faults) for n, item in enumerate(value, 1)]

    def finish(self) -> None:
        """Report the keys that nobody asked for: mostly misspellings."""
        for key in sorted(set(self.given) - self.asked):
            self.fault(f"is not known here; known are {', '.join(sorted(self.asked))}", key)
