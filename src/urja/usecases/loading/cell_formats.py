"""Formats of cells: text becomes a value of the database and a value becomes text again, each format in one place.

A reader takes a cell (text, or a typed value of a spreadsheet) and returns its plain text, or None for an empty one;
`value` converts that text. A reader raises `FieldValueError` with a sentence and a remedy.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from urja.base.keystore import KeyStore
from urja.base.meter_address import parse_meter_address

DEFAULT_MAX_POWER_W: Final = 14_400
"""60 A at 240 V: the largest whole-current single-phase meter."""

Reader = Callable[[Any], str | None]
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


def cell_text(cell: Any) -> str:
    """Return a cell as text, without surrounding space and without line breaks."""
    if type(cell) is str:
        text = cell.strip()
        # Joiners of Indian scripts are not printable to Python, and stay.
        return text if text.isprintable() else " ".join(text.translate(_CONTROLS).split())
    return "" if cell is None else plain_text(cell, NumberFormat())


def plain_text(cell: Any, numbers: NumberFormat) -> str:
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

    def value(self, text: str) -> Any:
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

        def read(cell: Any) -> str | None:
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

        def read(cell: Any) -> str | None:
            text = read_code(cell)
            if text is not None:
                try:
                    parse_meter_address(self.value(text))
                except ValueError as error:
                    raise FieldValueError(str(error), f"write {self.expected(ways)}") from None
            return text

        return read

    def expected(self, ways: ColumnFormat) -> str:  # noqa: ARG002 - the signature is shared
        return "10.20.0.5:4059, or tcp://10.20.0.9:4060?address=17 behind an HDLC gateway"


def email() -> Text:
    return Text(254, r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address such as meera@example.org")


@dataclass(frozen=True)
class Phone(CellFormat):
    """A telephone number in the usual notations."""

    _SPACE: ClassVar = str.maketrans("", "", " ()-\u00a0.")

    def reader(self, ways: ColumnFormat) -> Reader:
        matches = re.compile(r"\+?[0-9]{8,15}").fullmatch
        prefix = ways.prefix

        def read(cell: Any) -> str | None:
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

        def read(cell: Any) -> str | None:
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
        def read(cell: Any) -> str | None:
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


@dataclass(frozen=True)
class Number(CellFormat):
    """A whole number of the smallest unit, which a file may write in a larger one."""

    low: int
    high: int
    scales: Mapping[str, int] = field(default_factory=lambda: {"": 1})
    """How many of the smallest unit one of each unit is; the first unit where the map names none."""

    def scale(self, ways: ColumnFormat) -> int:
        return self.scales[ways.unit] if ways.unit is not None else next(iter(self.scales.values()))

    def reader(self, ways: ColumnFormat) -> Reader:
        scale, low, high, parse = self.scale(ways), self.low, self.high, ways.numbers.parse

        def read(cell: Any) -> str | None:
            if type(cell) is str or cell is None or isinstance(cell, bool):
                text = cell_text(cell)
                if not text:
                    return None
                if scale == 1 and text.isascii() and text.isdecimal():
                    value = int(text)
                    if low <= value <= high:
                        return str(value)
            try:
                exact = parse(text) if type(cell) is str else Decimal(repr(cell))
            except (ValueError, InvalidOperation):
                raise FieldValueError("it is not a number", f"write {self.expected(ways)}") from None
            scaled = exact * scale
            whole = int(scaled)
            if whole != scaled:
                raise FieldValueError(
                    "it has more decimals than can be stored", f"write {self.expected(ways)}"
                )
            if not low <= whole <= high:
                raise FieldValueError(
                    f"it is outside {self._shown(low, ways)} to {self._shown(high, ways)}",
                    f"write {self.expected(ways)}",
                )
            return str(whole)

        return read

    def value(self, text: str) -> int:
        return int(text)

    def writer(self, ways: ColumnFormat) -> Writer:
        scale = Decimal(self.scale(ways))
        return lambda value: ways.numbers.format(Decimal(value) / scale)

    def expected(self, ways: ColumnFormat) -> str:
        unit = ways.unit or next(iter(self.scales))
        return (
            f"a number from {self._shown(self.low, ways)} to {self._shown(self.high, ways)}"
            f"{f' in {unit}' if unit else ''}, written like {ways.numbers.example}"
        )

    def _shown(self, value: int, ways: ColumnFormat) -> str:
        return ways.numbers.format(Decimal(value) / self.scale(ways))


def watts(high: int = 2_000_000_000) -> Number:
    return Number(1, high, {"W": 1, "kW": 1000, "MW": 1_000_000})


def energy() -> Number:
    return Number(0, 10**15, {"Wh": 1, "kWh": 1000, "MWh": 1_000_000})


def money(low: int = 0) -> Number:
    """Return the format of amounts: in the main unit unless the map says `unit = "minor"`."""
    return Number(low, 10**14, {"major": 100, "minor": 1})


@dataclass(frozen=True)
class Degrees(CellFormat):
    """A latitude or longitude in decimal degrees."""

    most: int

    def reader(self, ways: ColumnFormat) -> Reader:
        parse = ways.numbers.parse

        def read(cell: Any) -> str | None:
            if type(cell) is str or cell is None:
                text = cell_text(cell)
                if not text:
                    return None
            try:
                value = parse(text) if type(cell) is str else Decimal(repr(cell))
            except (ValueError, InvalidOperation):
                raise FieldValueError(
                    "it is not a number of degrees", f"write {self.expected(ways)}"
                ) from None
            if abs(value) > self.most:
                raise FieldValueError(f"it is more than {self.most} degrees", f"write {self.expected(ways)}")
            return f"{value:.6f}"

        return read

    def value(self, text: str) -> Decimal:
        return Decimal(text)

    def writer(self, ways: ColumnFormat) -> Writer:
        return lambda value: ways.numbers.format(Decimal(value))

    def expected(self, ways: ColumnFormat) -> str:
        return f"decimal degrees from -{self.most} to {self.most}, such as {ways.numbers.format(Decimal('26.846700'))}"


@dataclass(frozen=True)
class Day(CellFormat):
    def reader(self, ways: ColumnFormat) -> Reader:
        moment = _moments(ways)
        return lambda cell: None if (at := moment(cell)) is None else at.date().isoformat()

    def value(self, text: str) -> date:
        return date.fromisoformat(text)

    def writer(self, ways: ColumnFormat) -> Writer:
        return lambda value: value.strftime(ways.date) if ways.date else value.isoformat()

    def expected(self, ways: ColumnFormat) -> str:
        return f"a date such as {self.writer(replace(ways))(date(2026, 3, 31))}"


@dataclass(frozen=True)
class Instant(CellFormat):
    """An instant in UTC; a day means its local midnight."""

    def reader(self, ways: ColumnFormat) -> Reader:
        moment, zone = _moments(ways), ways.zone
        # The same few dates occur in most rows; the cache is bounded, since a file may have another instant in each.
        remembered: dict[str, str] = {}

        def read(cell: Any) -> str | None:
            if type(cell) is str and (known := remembered.get(cell)) is not None:
                return known
            at = moment(cell)
            if at is None:
                return None
            text = (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC).isoformat()
            if type(cell) is str and len(remembered) < 10_000:
                remembered[cell] = text
            return text

        return read

    def value(self, text: str) -> datetime:
        return datetime.fromisoformat(text)

    def writer(self, ways: ColumnFormat) -> Writer:
        def write(value: datetime) -> str:
            local = value.astimezone(ways.zone)
            if local.time() != time():
                return local.isoformat(sep=" ")
            return local.strftime(ways.date) if ways.date else local.date().isoformat()

        return write

    def expected(self, ways: ColumnFormat) -> str:
        day = date(2026, 3, 31)
        return (
            f"a date such as {day.strftime(ways.date) if ways.date else day.isoformat()}, or one with a time"
        )


def _moments(ways: ColumnFormat) -> Callable[[Any], datetime | None]:
    """Return a reader of dates: in the map's format, as a spreadsheet's value, or ISO 8601."""
    written_as = ways.date
    shown = date(2026, 3, 31).strftime(written_as) if written_as else "2026-03-31"

    def moment(cell: Any) -> datetime | None:
        if isinstance(cell, datetime):
            found = cell
        elif isinstance(cell, date):
            found = datetime.combine(cell, time())
        elif text := cell_text(cell):
            found = _parsed(text, written_as, shown)
        else:
            return None
        if not _YEARS[0] <= found.year <= _YEARS[1]:
            raise FieldValueError(f"it is a day of the year {found.year}", f"write it like {shown}")
        return found

    return moment


_YEARS: Final = (1900, 2200)
"""Years outside this range are typing errors."""


def _parsed(text: str, written_as: str | None, shown: str) -> datetime:
    if written_as:
        try:
            return datetime.strptime(text, written_as)  # noqa: DTZ007 - the zone is the caller's
        except ValueError:
            pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise FieldValueError("it is not a date", f"write it like {shown}") from None


@dataclass(frozen=True)
class Bytes(CellFormat):
    """A number of bytes in hexadecimal digits."""

    length: int

    def reader(self, ways: ColumnFormat) -> Reader:
        def read(cell: Any) -> str | None:
            found = self._bytes(cell, ways)
            return None if found is None else found.hex()

        return read

    def value(self, text: str) -> bytes:
        return bytes.fromhex(text)

    def _bytes(self, cell: Any, ways: ColumnFormat) -> bytes | None:
        text = cell_text(cell)
        if not text:
            return None
        try:
            found = bytes.fromhex(text)
        except ValueError:
            raise FieldValueError("it is not hexadecimal", f"write {self.expected(ways)}") from None
        if len(found) != self.length:
            raise FieldValueError(
                f"it has {len(found)} bytes, not {self.length}", f"write {self.expected(ways)}"
            )
        return found

    def writer(self, ways: ColumnFormat) -> Writer:  # noqa: ARG002 - the signature is shared
        return lambda value: bytes(value).hex()

    def expected(self, ways: ColumnFormat) -> str:  # noqa: ARG002 - the signature is shared
        return f"{2 * self.length} hexadecimal digits"


@dataclass(frozen=True)
class Key(Bytes):
    """A key: wrapped as soon as it is read, and in no message."""

    def reader(self, ways: ColumnFormat) -> Reader:
        keys = ways.keys
        assert keys is not None, "who reads keys has a key store"

        def read(cell: Any) -> str | None:
            found = self._bytes(cell, ways)
            return None if found is None else keys.wrap(found).hex()

        return read

    def writer(self, ways: ColumnFormat) -> Writer:
        keys = ways.keys
        assert keys is not None, "who writes keys has a key store"
        return lambda value: keys.unwrap(bytes(value)).hex()


@dataclass(frozen=True)
class Secret(Key):
    """A secret of a number of bytes, which manufacturers also write as that many characters."""

    def _bytes(self, cell: Any, ways: ColumnFormat) -> bytes | None:
        text = cell_text(cell)
        if len(text) == self.length and text.isascii():
            return text.encode()
        return super()._bytes(cell, ways)

    def expected(self, ways: ColumnFormat) -> str:
        return f"{super().expected(ways)}, or {self.length} characters"
