"""Usage as people have it: CSV of intervals, of register reads, or of days. Each fault names its row and column.

The format is in docs/bill.md. The first column says which of the three a file is: `start` or `end`, `at`, or `day`.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from urja.core.calendar import midnight
from urja.core.determinants import ENERGIES
from urja.core.vee import NULL
from urja.quantities.catalogue import BY_NAME, ZONES, Commodity

_ZONED: Final = ("import_wh", "import_vah", "export_wh", "export_vah", "lag_varh", "lead_varh")
_MAXIMA: Final = tuple(
    f"{name}{suffix}"
    for name in ("max_import_w", "max_import_va")
    for suffix in ("", *(f"_z{number}" for number in range(1, ZONES + 1)))
)
INCREMENTS: Final = tuple(name for _, _, names in ENERGIES for name in names)
"""Columns of intervals, by their names in the catalogue of quantities."""
REGISTERS: Final = (
    *(name for _, names, _ in ENERGIES for name in names),
    *(f"{name}_z{number}" for name in _ZONED for number in range(1, ZONES + 1)),
    *_MAXIMA,
)
"""Columns of register reads; maxima are those since the reset at the period's beginning."""
OF_DAYS: Final = {
    "common_import_wh": "Wh",
    "common_dg_import_wh": "Wh",
    "standard_volume_l": "L",
    "gas_energy_wh": "Wh",
    "recharge_minor": "minor units",
    "balance_minor": "minor units",
}
"""Columns of days, with their units: what no register of the agreement's own meter counts."""
_MOST: Final = 10**15
"""Far above any register, and far below what arithmetic in 64 bits allows."""
_LONGEST_MIN: Final = 1440
_YEARS: Final = (1990, 2200)
"""Years near the ends of the calendar have instants that no other zone has."""


class UsageError(ValueError):
    """Usage that cannot be read; `faults` has a sentence for each fault, with its file, row and column."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One interval: its start and end in Unix seconds, and increments in the units of their names."""

    start_at: int
    end_at: int
    estimated: bool
    values: dict[str, int]
    place: str
    column: str = "start"
    """The column that its time was in: `start` or `end`."""


@dataclass(frozen=True, slots=True)
class ReadRow:
    """Registers at one instant (Unix seconds), in the units of their names."""

    read_at: int
    values: dict[str, int]
    place: str


@dataclass(slots=True)
class Usage:
    """The usage of one agreement: intervals and reads in order of time, and what is known by days."""

    zone: ZoneInfo
    intervals: list[IntervalRow] = field(default_factory=list)
    reads: list[ReadRow] = field(default_factory=list)
    days: dict[date, dict[str, int]] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Names of all columns that have a value."""
        found = {name for row in self.intervals for name in row.values}
        found |= {name for read in self.reads for name in read.values}
        return found | {name for values in self.days.values() for name in values}

    @property
    def instants(self) -> tuple[int, int]:
        """The first and the last instant (Unix seconds) between which energy is known."""
        begins = [row.start_at for row in self.intervals[:1]] + [row.read_at for row in self.reads[:1]]
        ends = [row.end_at for row in self.intervals[-1:]] + [row.read_at for row in self.reads[-1:]]
        return min(begins), max(ends)


def read_usage(texts: Sequence[tuple[str, str]], zone: ZoneInfo, length_min: int | None = None) -> Usage:
    """Return the usage that CSV files, as (name, text), have together.

    Local times without an offset, and days, are those of `zone`; `length_min` is the length of intervals (minutes) in files
    that have no such column. Raises UsageError with every fault: unknown columns, values that are no integers, times that
    summer time makes ambiguous, intervals that overlap or are missing, registers that count backwards.
    """
    usage, faults = Usage(zone), list[str]()
    for name, text in texts:
        _File(name, zone, length_min, faults).add(text, usage)
    usage.intervals = list(_together(sorted(usage.intervals, key=lambda row: row.start_at)))
    usage.reads.sort(key=lambda row: row.read_at)
    if not faults:
        faults += [*_overlaps_and_gaps(usage), *_columns_that_end(usage), *_reads_that_contradict(usage)]
    usage.reads = list(_together(usage.reads))
    if not faults and not usage.intervals and not usage.reads:
        faults.append(
            "the usage has neither intervals nor register reads: give a CSV whose first column is start, end or at"
        )
    if faults:
        raise UsageError(faults)
    return usage


class _File:
    """One CSV file as it is read."""

    def __init__(self, name: str, zone: ZoneInfo, length_min: int | None, faults: list[str]) -> None:
        self._name, self._zone, self._length_min, self._faults = name, zone, length_min, faults

    def add(self, text: str, usage: Usage) -> None:
        """Add the rows of the file to the usage, and its faults to the list of faults."""
        rows = csv.reader(text.splitlines(keepends=True), delimiter=_separator(text), strict=True)
        try:
            head = _without_end([_plain(cell).lower() for cell in next(rows, [])], 0)
            numbered = [(rows.line_num, [_plain(cell) for cell in row]) for row in rows]
        except csv.Error as error:
            self._faults.append(f"{self._name}, row {rows.line_num}: is not CSV: {error}")
            return
        kind = head[0] if head else ""
        of_intervals = ("length_min", "zone", "estimated", *INCREMENTS)
        allowed = {
            "start": of_intervals,
            "end": of_intervals,
            "at": ("zone", *REGISTERS, *(f"{name}_at" for name in _MAXIMA)),
            "day": tuple(OF_DAYS),
        }.get(kind)
        if allowed is None:
            said = f"is {kind!r}" if kind else "is missing"
            self._fault(
                1,
                "",
                f"the first column {said}; it must be start or end (of intervals), at (registers) or day (days){_no_head(text)}",
            )
            return
        known = len(self._faults)
        for place, column in enumerate(head[1:], 2):
            if not column:
                self._fault(1, str(place), "has no name: give it one, or remove it")
            elif column in head[: place - 1]:
                self._fault(1, column, "is there twice: keep one of them")
            elif column not in allowed:
                self._fault(1, column, f"is not known; {_advice(column, allowed)}")
        if allowed is of_intervals and "length_min" not in head and self._length_min is None:
            self._fault(1, "length_min", "is missing: add it, or give --interval-min")
        if len(self._faults) > known:
            return
        for number, cells in numbered:
            row = _without_end(cells, len(head))
            if len(row) != len(head):
                self._fault(number, "", f"has {len(row)} cells, and the first row has {len(head)}")
            elif any(row):
                self._row(kind, number, dict(zip(head, row, strict=True)), usage)

    def _row(self, kind: str, number: int, row: dict[str, str], usage: Usage) -> None:
        place = f"{self._name}, row {number}"
        if kind == "day":
            self._day(number, row, usage)
            return
        zone = self._zone_of(number, row.pop("zone", ""))
        at = self._instant(number, kind, row.pop(kind), zone)
        if kind == "at":
            values = self._values(number, row, empty=True, zone=zone)
            if at is not None:
                usage.reads.append(ReadRow(at, values, place))
            return
        minutes = self._minutes(number, row.pop("length_min", None))
        estimated = row.pop("estimated", "")
        if estimated not in ("", "0", "1"):
            self._fault(number, "estimated", f"is {estimated!r}; write 1 for an estimated interval, else 0")
        values = self._values(number, row, empty=False, zone=zone)
        if at is not None and minutes:
            begins = at - 60 * minutes if kind == "end" else at
            usage.intervals.append(
                IntervalRow(begins, begins + 60 * minutes, estimated == "1", values, place, kind)
            )

    def _day(self, number: int, row: dict[str, str], usage: Usage) -> None:
        text = row.pop("day")
        values = self._values(number, row, empty=True, zone=self._zone)
        try:
            day = date.fromisoformat(text)
        except ValueError:
            self._fault(number, "day", f"is {text!r}; write a day such as 2026-04-01{_spreadsheet(text)}")
            return
        for name in values.keys() & usage.days.get(day, {}).keys():
            self._fault(number, name, f"is given twice for {day}: keep one of them")
        usage.days.setdefault(day, {}).update(values)

    def _minutes(self, number: int, text: str | None) -> int:
        if text is None:
            assert self._length_min is not None
            return self._length_min
        if not re.fullmatch(r"\d{1,4}", text) or not 1 <= int(text) <= _LONGEST_MIN:
            self._fault(
                number, "length_min", f"is {text!r}; write whole minutes, 1 to {_LONGEST_MIN}, such as 30"
            )
            return 0
        return int(text)

    def _values(
        self, number: int, row: dict[str, str], *, empty: bool, zone: ZoneInfo | None
    ) -> dict[str, int]:
        found: dict[str, int] = {}
        for column, text in row.items():
            if column.endswith("_at"):
                at = self._instant(number, column, text, zone) if text else None
                if at is not None:
                    found[column] = at
            elif not text and not empty:
                self._fault(
                    number,
                    column,
                    "is empty: write 0 where nothing was counted; leave out a missing interval",
                )
            elif text:
                self._value(number, column, text, found)
        return found

    def _value(self, number: int, column: str, text: str, found: dict[str, int]) -> None:
        unit = OF_DAYS[column] if column in OF_DAYS else BY_NAME[column].unit
        if re.fullmatch(r"-?\d{1,99}", text) is None:
            self._fault(
                number,
                column,
                f"is {text!r}, which is no integer: write whole {unit}{_thousandfold(text, unit)}",
            )
        elif not 0 <= int(text) <= _MOST:
            self._fault(number, column, f"is {text}; a value in {unit} is 0 to {_MOST}")
        else:
            found[column] = int(text)

    def _zone_of(self, number: int, name: str) -> ZoneInfo | None:
        if not name:
            return self._zone
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self._fault(
                number, "zone", f"is {name!r}; write a zone of the IANA database, such as Asia/Kolkata"
            )
            return None

    def _instant(self, number: int, column: str, text: str, zone: ZoneInfo | None) -> int | None:
        """Return an instant in Unix seconds; a day alone is its first instant."""
        try:
            local = datetime.fromisoformat(_without_24(text))
        except (ValueError, OverflowError):
            self._fault(
                number,
                column,
                f"is {text!r}; write 2026-04-01T00:30+05:30, or the local time 2026-04-01T00:30{_spreadsheet(text)}",
            )
            return None
        if not _YEARS[0] <= local.year <= _YEARS[1]:
            self._fault(
                number, column, f"is {text}, outside the years {_YEARS[0]} to {_YEARS[1]}: correct the year"
            )
            return None
        if zone is None:
            return None
        if local.tzinfo is not None:
            return int(local.timestamp())
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return int(midnight(local.date(), zone).timestamp())
        first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first == second:
            return int(first.timestamp())
        happens = "occurs twice" if first < second else "does not occur"
        offsets = " or ".join(
            local.replace(tzinfo=zone, fold=fold).isoformat(timespec="minutes") for fold in (0, 1)
        )
        self._fault(
            number,
            column,
            f"{text} {happens} in {zone.key}, as summer time changes: write the offset, {offsets}",
        )
        return None

    def _fault(self, number: int, column: str, sentence: str) -> None:
        place = f"{self._name}, row {number}" + (f", column {column}" if column else "")
        self._faults.append(f"{place}: {sentence}")


def _without_24(text: str) -> str:
    """Return a time at 24:00, the end of its day, as the next day's 00:00; any other text as it is."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)([T ])24(?::00){1,2}(|Z|[+-].*)", text)
    return f"{date.fromisoformat(found[1]) + timedelta(1)}{found[2]}00:00{found[3]}" if found else text


def _separator(text: str) -> str:
    """Return what is between the cells of the first row: a comma, a semicolon or a tab."""
    found = re.match(r'\s*"?\w+"?[ ]*([;\t])', text)
    return found[1] if found else ","


def _plain(cell: str) -> str:
    """Return a cell without space around it; digits of other scripts become those that numbers and dates are written with."""
    cell = cell.strip()
    return cell if cell.isascii() else re.sub(r"\d", lambda digit: str(int(digit[0])), cell)


def _without_end(cells: list[str], count: int) -> list[str]:
    """Return the cells of a row without empty ones after the first `count`, which spreadsheets add."""
    while len(cells) > count and not cells[-1]:
        cells = cells[:-1]
    return cells


def _spreadsheet(text: str) -> str:
    """Return what to do with a number that is a spreadsheet's day, as half a sentence; empty for anything else."""
    if re.fullmatch(r"\d{5}([.,]\d+)?", text) is None:
        return ""
    return ". It is a spreadsheet's number of a day: give the column the format yyyy-mm-dd hh:mm and save it again"


def _thousandfold(text: str, unit: str) -> str:
    """Return how a number of kWh, or one with separators, is written in whole Wh, as half a sentence; empty where it is none."""
    if re.fullmatch(r"\d{1,3}(,\d{2,3})*,\d{3}", text):
        return f", as {text.replace(',', '')} for {text}"
    if unit not in ("Wh", "VAh", "varh", "W", "VA") or re.fullmatch(r"\d{1,9}\.\d{1,3}", text) is None:
        return ""
    whole, _, rest = text.partition(".")
    return f", as {int(whole) * 1000 + int(rest.ljust(3, '0'))} for {text} k{unit}"


def _no_head(text: str) -> str:
    """Return what to do with a file that does not begin with the names of its columns, as half a sentence; empty else."""
    if text.startswith("PK\x03\x04"):
        return ". It is a workbook: save its sheet as CSV (UTF-8)"
    begins = re.search(r"^\W*(start|end|at|day)\W*[,;\t]", text, re.MULTILINE | re.IGNORECASE)
    return ". Remove the rows above the names of the columns" if begins else ""


def _advice(column: str, allowed: Sequence[str]) -> str:
    plain = re.sub(r"[^a-z0-9]", "", column.lower())
    in_units = re.sub(r"k(wh|vah?|varh|w)", r"\1", plain)
    like = [name for name in allowed if name.replace("_", "").endswith(in_units)] if plain else []
    if not like:
        return f"known are {', '.join(allowed)}"
    unit = BY_NAME[like[0]].unit if like[0] in BY_NAME else ""
    return f"is it {like[0]}?" + (
        f" Its values are in {unit}: 1000 for 1 k{unit}" if plain != in_units else ""
    )


def _together[Row: (IntervalRow, ReadRow)](rows: Sequence[Row]) -> Iterator[Row]:
    """Yield rows in order, those of one time as one: files may have a quantity each. Rows that share a column stay apart."""
    kept: Row | None = None
    for row in rows:
        if kept is not None and _time(kept) == _time(row) and kept.values.keys().isdisjoint(row.values):
            kept = replace(kept, values={**kept.values, **row.values})
            continue
        if kept is not None:
            yield kept
        kept = row
    if kept is not None:
        yield kept


def _time(row: IntervalRow | ReadRow) -> tuple[int, int, bool]:
    if isinstance(row, ReadRow):
        return row.read_at, row.read_at, False
    return row.start_at, row.end_at, row.estimated


def _columns_that_end(usage: Usage) -> Iterator[str]:
    """Yield what some intervals have and others do not: what is missing is not known, and not zero."""
    for name in sorted({name for row in usage.intervals for name in row.values}):
        lacking = [row for row in usage.intervals if name not in row.values]
        register = name.removeprefix("interval_")
        read_at = [row.read_at for row in usage.reads if register in row.values]
        lacking = [
            row
            for row in lacking
            if not (read_at and read_at[0] <= row.start_at and row.end_at <= read_at[-1])
        ]
        if lacking:
            yield (
                f"{lacking[0].place}, column {name}: is not given for {len(lacking)} intervals, the first from "
                f"{_local(lacking[0].start_at, usage.zone)}, and for others it is: add it, with 0 where nothing was counted"
            )


def _overlaps_and_gaps(usage: Usage) -> Iterator[str]:
    for before, after in pairwise(usage.intervals):
        begins, ends = (_local(at, usage.zone) for at in (after.start_at, before.end_at))
        if after.start_at < before.end_at:
            yield (
                f"{after.place}, column {after.column}: the interval from {begins} overlaps the one of {before.place}, "
                f"which ends at {ends}: keep one of them, or correct length_min"
            )
        elif after.start_at > before.end_at and not _read_over(usage, before.end_at, after.start_at):
            minutes = (after.start_at - before.end_at) // 60
            yield (
                f"{after.place}, column {after.column}: {minutes} minutes are missing, from {ends} to {begins}: add the "
                "intervals, or give register reads from before and after them"
            )


def _read_over(usage: Usage, begins: int, ends: int) -> bool:
    """Return whether registers were read before and after a time, so that the energy in it is known."""
    return bool(usage.reads) and usage.reads[0].read_at <= begins and ends <= usage.reads[-1].read_at


def _reads_that_contradict(usage: Usage) -> Iterator[str]:
    last: dict[str, tuple[int, int]] = {}
    for row in usage.reads:
        for name, value in row.values.items():
            at, before = last.get(name, (None, 0))
            if at == row.read_at:
                yield f"{row.place}, column {name}: the register is read twice at {_local(row.read_at, usage.zone)}: keep one"
            elif value < before and not name.startswith("max_"):
                yield (
                    f"{row.place}, column {name}: {value} is below {before} of the read before it: correct it, or add what "
                    "the old register had if the meter was exchanged"
                )
            last[name] = (row.read_at, value)


def _local(at: int, zone: ZoneInfo) -> str:
    return (
        (datetime.fromtimestamp(0, UTC) + timedelta(seconds=at))
        .astimezone(zone)
        .isoformat(timespec="minutes")
    )


def columns(
    rows: Sequence[IntervalRow] | Sequence[ReadRow],
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the values of rows as arrays by name, `NULL` where a row has none."""
    names = sorted({name for row in rows for name in row.values})
    return {name: np.array([row.values.get(name, NULL) for row in rows], np.int64) for name in names}


def commodity_of(name: str) -> Commodity:
    """Return what a column measures the supply of."""
    if name in BY_NAME:
        return BY_NAME[name].commodity
    return Commodity.GAS if name in ("standard_volume_l", "gas_energy_wh") else Commodity.ELECTRICITY
