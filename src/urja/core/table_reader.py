"""Reader of the tables of a TOML document that collects every fault, each with its place in the document.

The documents are the dated rules: tariffs, policies and approval thresholds. All faults are reported at once, so that
a document with ten mistakes is corrected in one pass.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Self

from urja.base import toml

MISSING: Final = object()
"""The default of a key that the document must give: an absent key is then a fault."""

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What appears in addresses, table rows and commands without quoting: letters, digits, dots, dashes and underscores."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a document: its place (`line energy.slabs[2].from`) and a sentence that says how to correct it."""

    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


class DocumentError(ValueError):
    """A text that is not a valid document of its kind; `faults` has everything that is wrong with it."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def tables_of(
    text: str,
    error: type[DocumentError],
    example: str = "",
    *,
    parse_float: Callable[[str], object] = Decimal,
) -> dict[str, object]:
    """Return the tables of a document. Raises `error`, which names the page with an example, where the text is not TOML."""
    try:
        return toml.loads(text, parse_float=parse_float)
    except toml.TomlError as wrong:
        see = f"; see the example in {example}" if example else ""
        raise error([Fault("document", f"is not TOML: {wrong}{see}")]) from wrong


class TableReader:
    """One table of a document. It records which keys were read, so that `finish` can report the others as unknown.

    Every reading method returns a harmless value of its type where the key is missing or wrong, and adds a `Fault`;
    nothing is raised. The caller checks the shared list of faults when the whole document has been read.
    """

    def __init__(self, table: dict[str, object], where: str, faults: list[Fault]) -> None:
        self.given, self.where, self.faults = table, where, faults
        self.asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self.given

    def place(self, key: str) -> str:
        """Return the full place of a key in the document, such as `cut.from`; for an empty key that of the table."""
        return f"{self.where}.{key}" if self.where and key else key or self.where

    def fault(self, sentence: str, key: str = "") -> None:
        """Add a fault of a key, or of the table itself."""
        self.faults.append(Fault(self.place(key), sentence))

    def take(self, key: str, default: Any = MISSING) -> Any:
        """Return the raw value of a key, or `default`; without a default an absent key is a fault and None is
        returned.
        """
        self.asked.add(key)
        if key in self.given:
            return self.given[key]
        if default is MISSING:
            self.fault("is missing", key)
            return None
        return default

    def check_format(self, known: int) -> None:
        """Report a document of another format than the one that is known."""
        given = self.take("format")
        if given not in (known, None):
            self.fault(f"is {given!r}; this version of Urja reads format {known}", "format")

    def text(self, key: str, default: Any = MISSING) -> str:
        """Return a text. It may be empty only where a default is given."""
        value = self.take(key, default)
        if value is not None and (not isinstance(value, str) or (not value.strip() and default is MISSING)):
            self.fault(f"must be text, not {value!r}", key)
            return ""
        return value or ""

    def identifier(self, key: str) -> str:
        """Return a name that programs use: at most 64 letters, digits, dots, dashes and underscores."""
        text = self.text(key)
        if text and not _IDENTIFIER.fullmatch(text):
            self.fault(
                f"must be letters, digits, dots, dashes and underscores, at most 64, not {text!r}", key
            )
        return text

    def currency(self) -> str:
        """Return the three-letter currency code of the document, such as INR."""
        currency = self.text("currency")
        if currency and not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            self.fault(f"must be a three-letter code such as INR, not {currency!r}", "currency")
        return currency

    def tables(self, key: str, each: str = "") -> list[Self]:
        """Return a reader for each table of a list. Where `each` names what the entries are, an empty list is a
        fault.
        """
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
        """Report the keys that no code has read: most of them are misspellings."""
        for key in sorted(set(self.given) - self.asked):
            self.fault(f"is not known here; known are {', '.join(sorted(self.asked))}", key)
