"""MAP.toml: which column of a file is which field, and how it is written.

    kind = "consumers"

    [formats]
    date = "%d.%m.%Y"
    decimal = "1,234.56"

    [fields]
    consumer_number = "Consumer No"
    commodity = { value = "electricity" }
    sanctioned_load_w = { column = "Load (kW)", unit = "kW" }
    tariff_code = { column = "Tariff", values = { "DS-II" = "domestic" } }

All faults of a map are reported at once, each with its line.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field as default_field, replace
from datetime import date
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo

from urja.base import toml
from urja.base.keystore import KeyStore
from urja.usecases.loading.cell_formats import (
    CellFormat,
    ColumnFormat,
    FieldValueError,
    NumberFormat,
    Phone,
    Reader,
    Writer,
    cell_text,
)
from urja.usecases.loading.date_formats import Day, Instant
from urja.usecases.loading.key_formats import Key
from urja.usecases.loading.kinds import KINDS, Field, Kind
from urja.usecases.loading.number_formats import Degrees, Number

_TOP: Final = {"kind", "system", "encoding", "delimiter", "sheet", "header", "formats", "fields"}
_FORMATS: Final = {"date", "decimal"}
_COLUMN: Final = {"column", "value", "values", "default", "date", "decimal", "unit", "prefix"}


class MappingFileError(Exception):
    """A map that cannot be used; each of `faults` names its line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Source:
    """Where the values of one field come from."""

    field: Field
    line: int
    column: str | None = None
    value: str | None = None
    """The same value for every row."""
    values: Mapping[str, str] = default_field(default_factory=dict)
    """The registry's word for each of the file's words; empty where they are the same."""
    default: str | None = None
    """The value of an empty cell."""
    date: str | None = None
    numbers: NumberFormat = default_field(default_factory=NumberFormat)
    unit: str | None = None
    prefix: str = ""

    def ways(self, zone: ZoneInfo, keys: KeyStore | None) -> ColumnFormat:
        return ColumnFormat(zone, self.numbers, self.date, self.unit, self.prefix, keys)

    def reader(self, zone: ZoneInfo, keys: KeyStore | None) -> Reader:
        """Return a function from a cell to its plain text. It raises FieldValueError."""
        ways = self.ways(zone, keys)
        read = self.field.form.reader(ways)
        if self.default is not None:
            read = _with_default(read, read(self.default))
        if self.values:
            read = _by_table(read, self.values, self.line)
        if self.field.required:
            read = _required(read, self.field.form.expected(ways))
        return read

    def as_written(self, zone: ZoneInfo) -> Callable[[object], str]:
        """Return a function that writes a value as the column does, in the registry's own words."""
        write = self.field.form.writer(self.ways(zone, None))
        return lambda value: "" if value is None else write(value)

    def writer(self, zone: ZoneInfo, keys: KeyStore | None) -> Writer:
        """Return a function from a value of the database to a cell: the opposite of `reader`. It raises
        MappingFileError.
        """
        write = self.field.form.writer(self.ways(zone, keys))
        if not self.values:
            return write
        words: dict[str, str] = {}
        for word, meaning in self.values.items():
            words.setdefault(meaning, word)

        def write_word(value: object) -> str:
            text = write(value)
            if text not in words:
                raise MappingFileError(
                    [f"line {self.line}: the table of values for {self.field.name} has no word for {text!r}"]
                )
            return words[text]

        return write_word


def _with_default(read: Reader, default: str | None) -> Reader:
    def read_or_default(cell: object) -> str | None:
        text = read(cell)
        return default if text is None else text

    return read_or_default


def _by_table(read: Reader, values: Mapping[str, str], line: int) -> Reader:
    known = {word: read(meaning) for word, meaning in values.items()}

    def look_up(cell: object) -> str | None:
        text = cell_text(cell)
        if text in known:
            return known[text]
        if not text:
            return read("")
        raise FieldValueError(
            "the table of values does not have it", f"add it to line {line} of the map, or correct the row"
        )

    return look_up


def _required(read: Reader, expected: str) -> Reader:
    def read_something(cell: object) -> str | None:
        text = read(cell)
        if text is None:
            raise FieldValueError("it is empty", f"write {expected}")
        return text

    return read_something


@dataclass(frozen=True, slots=True)
class Map:
    """A map without faults."""

    kind: Kind
    sources: tuple[Source, ...]
    system: str = ""
    """Name of the outside system that the file comes from; empty for an export of this installation."""
    encoding: str = "utf-8"
    delimiter: str = ","
    sheet: str | None = None
    header: int = 1
    """Number of the row with the column names; rows above it are skipped."""

    @property
    def covered(self) -> frozenset[str]:
        """The fields that the file has."""
        return frozenset(source.field.name for source in self.sources)

    def column_of(self, name: str) -> str:
        """Return the file's name of a field, for a message."""
        return next((s.column for s in self.sources if s.field.name == name and s.column), name)


def canonical(kind: Kind, *, without: frozenset[str] = frozenset()) -> Map:
    """Return the map of a file whose columns have the names of the fields."""
    fields = [one for one in kind.fields if one.name not in without]
    return Map(kind, tuple(Source(one, number, column=one.name) for number, one in enumerate(fields, 4)))


def as_toml(the_map: Map) -> str:
    """Return the text of a canonical map, each field with its meaning."""
    fields = [f'{one.field.name} = "{one.column}"  # {one.field.help}' for one in the_map.sources]
    return "\n".join([f'kind = "{the_map.kind.name}"', "", "[fields]", *fields, ""])


def parse(text: str) -> Map:
    """Return the map of a text. Raises MappingFileError with every fault."""
    try:
        content = toml.loads(text)
    except toml.TomlError as error:
        raise MappingFileError([_located(error, text)]) from None
    reading = _Reading(text, content)
    found = reading.map()
    if reading.faults or found is None:
        raise MappingFileError([f"line {line}: {sentence}" for line, sentence in sorted(reading.faults)])
    return found


def _located(error: toml.TomlError, text: str) -> str:
    match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    if match is None:
        said = str(error).replace("(at end of document)", "").strip()
        return f"line {max(1, len(text.splitlines()))}: it is not TOML: {said}"
    return f"line {match[1]}: it is not TOML: {str(error).replace(match[0], '').strip()} (column {match[2]})"


class _Reading:
    """A map that is being parsed, with the faults found so far."""

    def __init__(self, text: str, content: dict[str, object]) -> None:
        self.content = content
        self.lines = _lines_of(text)
        self.faults: list[tuple[int, str]] = []

    def map(self) -> Map | None:
        self._only(_TOP, self.content, ())
        kind = self._kind()
        formats = self._table("formats")
        self._only(_FORMATS, formats, ("formats",))
        day = self._date(formats.get("date"), ("formats", "date"))
        numbers = self._numbers(formats.get("decimal"), ("formats", "decimal"))
        header = self.content.get("header", 1)
        if not isinstance(header, int) or header < 1:
            self._fault(("header",), "header is the number of the row with the columns' names, from 1")
        encoding = self._text("encoding", "utf-8")
        try:
            "".encode(encoding)
        except LookupError:
            self._fault(("encoding",), f"the encoding {encoding!r} is not known; utf-8 or cp1252 are")
        delimiter = self._text("delimiter", ",")
        if len(delimiter) != 1:
            self._fault(("delimiter",), "a delimiter is one character")
        if kind is None:
            return None
        sources = tuple(self._sources(kind, day, numbers))
        return Map(
            kind,
            sources,
            self._text("system", ""),
            encoding,
            delimiter,
            self._text("sheet", "") or None,
            header if isinstance(header, int) else 1,
        )

    def _kind(self) -> Kind | None:
        name = self.content.get("kind")
        if not isinstance(name, str) or name not in KINDS:
            self._fault(
                ("kind",), f"kind is one of {', '.join(KINDS)}{'' if name is None else f', not {name!r}'}"
            )
            return None
        return KINDS[name]

    def _sources(self, kind: Kind, day: str | None, numbers: NumberFormat) -> Iterator[Source]:
        given = self._table("fields")
        known = {one.name: one for one in kind.fields}
        for name, says in given.items():
            at = ("fields", name)
            if name not in known:
                near = get_close_matches(name, known, 1)
                self._fault(
                    at, f"{kind.name} have no field {name}{f'; did you mean {near[0]}?' if near else ''}"
                )
                continue
            source = self._source(known[name], says, at)
            if source is not None:
                own = isinstance(says, dict) and "decimal" in says
                yield replace(source, date=source.date or day, numbers=source.numbers if own else numbers)
            if known[name].outside and not self.content.get("system"):
                self._fault(at, f'{name} needs the outside system\'s name: system = "..." at the top')
        missing = [one.name for one in kind.fields if one.required and one.name not in given]
        if missing:
            self._fault(("fields",), f"{kind.name} need {', '.join(missing)}: say which column, or a value")

    def _source(self, known: Field, says: object, at: tuple[str, ...]) -> Source | None:
        line = self._line(at)
        if isinstance(says, str):
            says = {"column": says}
        if not isinstance(says, dict):
            self._fault(at, f"{known.name} is a column's name, or a table with column or value")
            return None
        self._only(_COLUMN, says, at)
        if ("column" in says) == ("value" in says):
            self._fault(at, f"{known.name} needs either column or value")
            return None
        if not self._fits(known.form, says, at):
            return None
        values = says.get("values", {})
        if not isinstance(values, dict) or not all(isinstance(meaning, str) for meaning in values.values()):
            self._fault(at, 'values is a table of words, such as { "DS-II" = "domestic" }')
            return None
        source = Source(
            known,
            line,
            column=_as_text(says.get("column")),
            value=_as_text(says.get("value")),
            values=values,
            default=_as_text(says.get("default")),
            date=self._date(says.get("date"), at),
            numbers=self._numbers(says.get("decimal"), at),
            unit=says.get("unit"),
            prefix=says.get("prefix", ""),
        )
        self._try_out(source, at)
        return source

    def _fits(self, form: CellFormat, says: dict[str, object], at: tuple[str, ...]) -> bool:
        """Return whether a column's settings apply to its format."""
        only: dict[str, tuple[type[CellFormat], ...]] = {
            "unit": (Number,),
            "decimal": (Number, Degrees),
            "date": (Day, Instant),
            "prefix": (Phone,),
        }
        wrong = [name for name, forms in only.items() if name in says and not isinstance(form, forms)]
        for name in wrong:
            self._fault(at, f"{name} does not apply to {at[-1]}")
        if isinstance(form, Key) and ("value" in says or "default" in says):
            self._fault(at, f"{at[-1]} is a key: it must be in a column, not in the map")
            return False
        if isinstance(form, Number) and "unit" in says and says["unit"] not in form.scales:
            self._fault(
                at, f"the unit is {' or '.join(filter(None, form.scales)) or 'none'}, not {says['unit']!r}"
            )
            return False
        return not wrong

    def _try_out(self, source: Source, at: tuple[str, ...]) -> None:
        """Check the values that the map itself gives like cells."""
        read = (
            source.field.form.reader(source.ways(ZoneInfo("UTC"), None))
            if not isinstance(source.field.form, Key)
            else None
        )
        if read is None:
            return
        for text in (source.value, source.default, *source.values.values()):
            if text is None:
                continue
            try:
                read(text)
            except FieldValueError as bad:
                self._fault(at, f"{text!r}: {bad.sentence}; {bad.remedy}")

    def _date(self, given: object, at: tuple[str, ...]) -> str | None:
        if given is None:
            return None
        shown = date(2026, 3, 31)
        if isinstance(given, str) and "%" in given:
            try:
                from datetime import datetime

                if datetime.strptime(shown.strftime(given), given).date() == shown:  # noqa: DTZ007 - a day without a zone
                    return given
            except ValueError:
                pass
        self._fault(at, f"{given!r} is no date format; %d.%m.%Y or %Y-%m-%d are")
        return None

    def _numbers(self, given: object, at: tuple[str, ...]) -> NumberFormat:
        if given is None:
            return NumberFormat()
        try:
            return NumberFormat.like(str(given))
        except ValueError as error:
            self._fault(at, str(error))
            return NumberFormat()

    def _table(self, name: str) -> dict[str, object]:
        found = self.content.get(name, {})
        if not isinstance(found, dict):
            self._fault((name,), f"{name} is a table: [{name}]")
            return {}
        return found

    def _text(self, name: str, default: str) -> str:
        found = self.content.get(name, default)
        if not isinstance(found, str):
            self._fault((name,), f"{name} is a text, not {found!r}")
            return default
        return found

    def _only(self, known: set[str], given: dict[str, object], at: tuple[str, ...]) -> None:
        for name in given.keys() - known:
            where = (*at, name)
            self._fault(
                where if where in self.lines else at or where, f"{name} is none of {', '.join(sorted(known))}"
            )

    def _line(self, at: tuple[str, ...]) -> int:
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def _fault(self, at: tuple[str, ...], sentence: str) -> None:
        self.faults.append((self._line(at), sentence))


def _as_text(given: object) -> str | None:
    return None if given is None else cell_text(given)


_HEADING: Final = re.compile(r"\s*\[([^\[\]]+)\]")
_SETTING: Final = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")


def _lines_of(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of each table, by its heading, and of each setting, by its name."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if heading := _HEADING.match(line):
            table = tuple(part.strip().strip("\"'") for part in heading[1].split("."))
            lines.setdefault(table, number)
        elif setting := _SETTING.match(line):
            lines.setdefault((*table, setting[1].strip("\"'")), number)
    return lines
