"""Formats of cells: text becomes a value of the database and a value becomes text again, each format in one place.

A reader takes a cell (text, or a typed value of a spreadsheet) and returns its plain text, or None for an empty one;
`value` converts that text. A reader raises `FieldValueError` with a sentence and a remedy.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from urja.base.email_addresses import can_be_mailed
from urja.base.keystore import KeyStore
from urja.base.meter_address import parse_meter_address

DEFAULT_MAX_POWER_W: Final = 14_400
"""60 A at 240 V: the largest whole-current single-phase meter."""

Reader = Callable[[object], str | None]
Writer = Callable[[Any], str]


class FieldValueError(Exception):
    """A cell that is not in its format, with a sentence and a remedy."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.sentence, self.remedy = sentence, remedy


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a file writes numbers, shown by an example such as `1,234.56`."""

    thousands: str = ""
    point: str = "."

    @classmethod
    def like(cls, example: str) -> "NumberFormat":
        """Return the notation of an example. Raises ValueError for an ambiguous one."""
        match = re.fullmatch(r"\d{1,3}([,.' \u00a0]?)\d{3}([.,])\d+", example)
        if match is None or match[1] == match[2]:
            raise ValueError(f"{example!r} does not show how numbers are written; 1,234.56 or 1234,56 would")
        return cls(match[1], match[2])

    def parse(self, text: str) -> Decimal:
        """Return the number of a text. Raises ValueError."""
        plain = text
        if self.thousands and self.thousands in text:
            whole = text.partition(self.point)[0]
            if not re.fullmatch(
                rf"-?\d{{1,3}}({re.escape(self.thousands)}\d{{2,3}})*{re.escape(self.thousands)}\d{{3}}",
                whole,
            ):
                raise ValueError(text)
            plain = text.replace(self.thousands, "")
        if self.point != ".":
            if "." in plain:
                raise ValueError(text)
            plain = plain.replace(self.point, ".")
        if not re.fullmatch(r"-?\d+(\.\d+)?", plain):
            raise ValueError(text)
        return Decimal(plain)

    def format(self, value: Decimal) -> str:
        """Return the text of a value, with no more decimals than needed."""
        text = f"{value:,f}" if self.thousands else f"{value:f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return text.translate({ord(","): self.thousands, ord("."): self.point})

    @property
    def example(self) -> str:
        return f"1{self.thousands}234{self.point}56"


@dataclass(frozen=True, slots=True)
class ColumnFormat:
    """How one column is written: the settings of the map, and the installation's zone."""

    zone: ZoneInfo
    numbers: NumberFormat = field(default_factory=NumberFormat)
    date: str | None = None
    """As strptime takes it; None for ISO 8601, which is always understood."""
    unit: str | None = None
    prefix: str = ""
    keys: KeyStore | None = None


_CONTROLS: Final = dict.fromkeys([*range(32), 127], " ")


_UNROUNDED: Final = 10**15
"""A spreadsheet number from here on may have lost its last digits: it is stored as a double."""
_SPREADSHEET_ERRORS: Final = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)


def cell_text(cell: object) -> str:
    """Return a cell as text, without surrounding space and without line breaks."""
    if type(cell) is str:
        text = cell.strip()
        # Joiners of Indian scripts are not printable to Python, and stay.
        return text if text.isprintable() else " ".join(text.translate(_CONTROLS).split())
    return "" if cell is None else plain_text(cell, NumberFormat())


def plain_text(cell: object, numbers: NumberFormat) -> str:
    """Return a spreadsheet's typed value as a person would have written it."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float | Decimal):
        return numbers.format(Decimal(repr(cell) if isinstance(cell, float) else cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return "" if cell is None else str(cell).strip()


@dataclass(frozen=True)
class CellFormat:
    """The format of a field's values."""

    empty: ClassVar[str | None] = None
    """The value stored for an empty cell."""
    units: ClassVar[tuple[str, ...]] = ()
    """Units that a column may be written in; the first where the map names none."""

    def reader(self, ways: ColumnFormat) -> Reader:
        """Return a function from a cell to its plain text, None for an empty one. It raises FieldValueError."""
        raise NotImplementedError

    def writer(self, ways: ColumnFormat) -> Writer:
        """Return a function from a value of the database to the text of a cell."""
        raise NotImplementedError

    def value(self, text: str) -> object:
        """Return the value of a text that a reader has returned."""
        return text

    def expected(self, ways: ColumnFormat) -> str:
        """Return what a cell should look like, for a remedy and the documentation."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(CellFormat):
    """A name, an address: any text up to a length."""

    limit: int
    pattern: str = ""
    sounds: str = ""
    """The pattern in words."""

    empty: ClassVar[str | None] = ""

    def reader(self, ways: ColumnFormat) -> Reader:
        matches = re.compile(self.pattern).fullmatch if self.pattern else None
        limit = self.limit

        def read(cell: object) -> str | None:
            if type(cell) is not str and isinstance(cell, int | float) and abs(cell) >= _UNROUNDED:
                raise FieldValueError(
                    "a spreadsheet stores 15 digits of a number and this one has more",
                    "format the column as text and write it again",
                )
            text = cell_text(cell)
            if not text:
                return None
            if text[0] == "#" and text in _SPREADSHEET_ERRORS:
                raise FieldValueError(
                    "a formula of the spreadsheet has an error",
                    "correct the formula, or leave the cell empty",
                )
            if len(text) > limit:
                raise FieldValueError(f"it has {len(text)} characters, {limit} at most fit", "shorten it")
            if matches is not None and not matches(text):
                raise FieldValueError(f"it is not {self.sounds}", f"write {self.expected(ways)}")
            return text

        return read

    def writer(self, ways: ColumnFormat) -> Writer:  # noqa: ARG002 - the signature is shared
        return str

    def expected(self, ways: ColumnFormat) -> str:  # noqa: ARG002 - the signature is shared
        return self.sounds or f"up to {self.limit} characters"


@dataclass(frozen=True)
class Code(Text):
    """A name by which the file and the registry mean the same thing. None differs from an empty text."""

    empty: ClassVar[str | None] = None


@dataclass(frozen=True)
class MeterAddressText(Code):
    """Address of a meter that does not dial in (`urja.base.meter_address`)."""

    def reader(self, ways: ColumnFormat) -> Reader:
        read_code = super().reader(ways)

        def read(cell: object) -> str | None:
            text = read_code(cell)
            if text is not None:
                try:
                    parse_meter_address(str(self.value(text)))
                except ValueError as error:
                    raise FieldValueError(str(error), f"write {self.expected(ways)}") from None
            return text

        return read

    def expected(self, ways: ColumnFormat) -> str:  # noqa: ARG002 - the signature is shared
        return "10.20.0.5:4059, or tcp://10.20.0.9:4060?address=17 behind an HDLC gateway"


@dataclass(frozen=True)
class Email(Text):
    """An e-mail address to which a mail can be sent (`urja.base.email_addresses`)."""

    def reader(self, ways: ColumnFormat) -> Reader:
        read_text = super().reader(ways)

        def read(cell: object) -> str | None:
            text = read_text(cell)
            if text is not None and not can_be_mailed(text):
                raise FieldValueError(f"it is not {self.sounds}", f"write {self.expected(ways)}")
            return text

        return read


def email() -> Text:
    return Email(254, sounds="an e-mail address such as meera@example.org")


@dataclass(frozen=True)
class Phone(CellFormat):
    """A telephone number in the usual notations."""

    _SPACE: ClassVar = str.maketrans("", "", " ()-\u00a0.")

    def reader(self, ways: ColumnFormat) -> Reader:
        matches = re.compile(r"\+?[0-9]{8,15}").fullmatch
        prefix = ways.prefix

        def read(cell: object) -> str | None:
            text = cell_text(cell).translate(self._SPACE)
            if not text:
                return None
            if prefix and not text.startswith("+"):
                text = prefix + text.lstrip("0")
            if not matches(text):
                raise FieldValueError(
                    "it is not a telephone number", f"write {self.expected(ways)}, or leave it empty"
                )
            return text

        return read

    def writer(self, ways: ColumnFormat) -> Writer:
        prefix = ways.prefix
        return lambda value: value.removeprefix(prefix) if prefix else value

    def expected(self, ways: ColumnFormat) -> str:  # noqa: ARG002 - the signature is shared
        return "8 to 15 digits, with or without a plus sign"


@dataclass(frozen=True)
class Choice(CellFormat):
    """One of a few words."""

    words: tuple[str, ...]

    def reader(self, ways: ColumnFormat) -> Reader:
        known = {word.casefold(): word for word in self.words}

        def read(cell: object) -> str | None:
            text = cell_text(cell)
            if not text:
                return None
            word = known.get(text.casefold())
            if word is None:
                raise FieldValueError(
                    "it is not one of the known words",
                    f"write {self.expected(ways)}, or give the map a table of values",
                )
            return word

        return read

    def writer(self, ways: ColumnFormat) -> Writer:  # noqa: ARG002 - the signature is shared
        return str

    def expected(self, ways: ColumnFormat) -> str:  # noqa: ARG002 - the signature is shared
        return f"{', '.join(self.words[:-1])} or {self.words[-1]}"


@dataclass(frozen=True)
class YesNo(CellFormat):
    _WORDS: ClassVar = {
        "yes": "t",
        "no": "f",
        "y": "t",
        "n": "f",
        "true": "t",
        "false": "f",
        "1": "t",
        "0": "f",
    }

    def reader(self, ways: ColumnFormat) -> Reader:
        def read(cell: object) -> str | None:
            text = cell_text(cell)
            if not text:
                return None
            if (word := self._WORDS.get(text.casefold())) is None:
                raise FieldValueError("it is neither yes nor no", f"write {self.expected(ways)}")
            return word

        return read

    def writer(self, ways: ColumnFormat) -> Writer:  # noqa: ARG002 - the signature is shared
        return lambda value: "yes" if value else "no"

    def value(self, text: str) -> bool:
        return text == "t"

    def expected(self, ways: ColumnFormat) -> str:  # noqa: ARG002 - the signature is shared
        return "yes or no"
