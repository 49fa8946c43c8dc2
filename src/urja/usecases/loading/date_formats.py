"""Formats of cells with a day, or an instant in the installation's zone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Final

from urja.usecases.loading.cell_formats import (
    CellFormat,
    ColumnFormat,
    FieldValueError,
    Reader,
    Writer,
    cell_text,
)


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

        def read(cell: object) -> str | None:
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


def _moments(ways: ColumnFormat) -> Callable[[object], datetime | None]:
    """Return a reader of dates: in the map's format, as a spreadsheet's value, or ISO 8601."""
    written_as = ways.date
    shown = date(2026, 3, 31).strftime(written_as) if written_as else "2026-03-31"

    def moment(cell: object) -> datetime | None:
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
