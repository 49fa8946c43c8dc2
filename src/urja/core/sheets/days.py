"""A column of days written in several ways: which is the day and which the month is decided for the whole column.

Two mistakes are looked for. Texts of both orders in one column: `04/05/2024` may then be either. And days that a
spreadsheet with American settings has converted while they were typed: of `04/05/2024` it makes the 5th of April, and
leaves `13/05/2024`, which it cannot read, as text. A column with such texts, and with no converted day after the 12th,
has probably been typed that way.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Final, Literal

from urja.base.sentences import say
from urja.core.sheets.cells import CellError, read_text, with_ascii_digits
from urja.core.sheets.grid import Cell

Order = Literal["auto", "day", "month"]

_MONTHS: Final = (
    "jan january जन जनवरी",
    "feb february फर फरवरी",
    "mar march मार्च",
    "apr april अप्रैल",
    "may मई",
    "jun june जून",
    "jul july जुल जुलाई",
    "aug august अग अगस्त",
    "sep sept september सित सितंबर सितम्बर",
    "oct october अक्टू अक्टूबर अक्तूबर",
    "nov november नव नवंबर नवम्बर",
    "dec december दिस दिसंबर दिसम्बर",
)
_MONTH: Final = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_NUMERIC: Final = re.compile(r"(\d{1,2})\s*[-/.\s]\s*(\d{1,2})\s*[-/.\s]\s*(\d{4}|\d{2})")
_YEAR_FIRST: Final = re.compile(r"(\d{4})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{1,2})(?:[T ]00:00(?::00)?)?")
_WORDS: Final = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?[\s,.\-/]*([^\W\d_][^\s\d,.\-/]*)[\s,.\-/']*(\d{4}|\d{2})"
)
_MONTH_FIRST: Final = re.compile(
    r"([^\W\d_][^\s\d,.\-/]*)[\s.\-/]*(\d{1,2})(?:st|nd|rd|th)?[\s,.\-/]+(\d{4}|\d{2})"
)
_SERIAL_FROM: Final = date(1899, 12, 30)
_SERIALS: Final = range(18264, 73415)
"""Days of 1950 to 2100 as a spreadsheet counts them."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One cell: the day by both orders; equal where there is no doubt."""

    day_first: date | None
    month_first: date | None
    typed: bool = False
    """Whether the spreadsheet stores it as a day."""

    @property
    def certain(self) -> bool:
        return self.day_first == self.month_first


def read_days(cells: Sequence[Cell], order: Order = "auto") -> list[date | CellError | None]:
    """Return the day of each cell, None for an empty one, or its fault."""
    found = [_read(cell) for cell in cells]
    texts = [one for one in found if isinstance(one, _Read) and not one.typed]
    only_day_first = any(one.month_first is None for one in texts)
    only_month_first = any(one.day_first is None for one in texts)
    typed = [one for one in found if isinstance(one, _Read) and one.typed]
    converted = (
        order == "auto"
        and only_day_first
        and bool(typed)
        and all(one.day_first is not None and one.day_first.day <= 12 for one in typed)
    )
    mixed = order == "auto" and only_day_first and only_month_first
    month_first = order == "month" or (order == "auto" and only_month_first and not only_day_first)
    return [_decide(one, month_first=month_first, mixed=mixed, converted=converted) for one in found]


def _decide(
    one: _Read | CellError | None, *, month_first: bool, mixed: bool, converted: bool
) -> date | CellError | None:
    if one is None or isinstance(one, CellError):
        return one
    if one.typed:
        day = one.day_first
        if converted and day is not None and day.day != day.month:
            return _ambiguous(day, date(day.year, day.day, day.month))
        return day
    if one.certain or one.month_first is None or one.day_first is None:
        return one.day_first or one.month_first
    if mixed:
        return _ambiguous(one.day_first, one.month_first)
    return one.month_first if month_first else one.day_first


def _ambiguous(one: date, other: date) -> CellError:
    return CellError(
        say(
            "it may be {one} or {other}: this column has days in both orders",
            one=one.isoformat(),
            other=other.isoformat(),
        ),
        say("write the month as a word, such as 1 Apr 2024, or choose the order for the column"),
    )


def _read(cell: Cell) -> _Read | CellError | None:
    try:
        return _day(cell)
    except CellError as fault:
        return fault


def _day(cell: Cell) -> _Read | None:
    if isinstance(cell, datetime):
        return _checked(cell.date(), cell.date(), typed=True)
    text = read_text(cell, 60)
    if text is None:
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _of_serial(float(cell))
    text = with_ascii_digits(text).casefold()
    if re.fullmatch(r"\d{5}", text):
        return _of_serial(float(text))
    if match := _YEAR_FIRST.fullmatch(text):
        day = _made(match[1], match[2], match[3])
        return _checked(day, day)
    if match := _NUMERIC.fullmatch(text):
        return _checked(_made(match[3], match[2], match[1]), _made(match[3], match[1], match[2]))
    for pattern, (d, m) in ((_WORDS, (1, 2)), (_MONTH_FIRST, (2, 1))):
        match = pattern.fullmatch(text)
        if match and (month := _MONTH.get(match[m].rstrip("."))):
            day = _made(match[3], str(month), match[d])
            return _checked(day, day)
    raise _no_day()


def _of_serial(number: float) -> _Read:
    if not isfinite(number) or int(number) not in _SERIALS:
        raise _no_day()
    day = _SERIAL_FROM + timedelta(days=int(number))
    return _Read(day, day, typed=True)


def _checked(day_first: date | None, month_first: date | None, *, typed: bool = False) -> _Read:
    if not any(day is not None and 1950 <= day.year <= 2100 for day in (day_first, month_first)):
        raise _no_day()
    return _Read(day_first, month_first, typed)


def _made(year: str, month: str, day: str) -> date | None:
    century = 0 if len(year) == 4 else 2000 if int(year) < 70 else 1900
    try:
        return date(century + int(year), int(month), int(day))
    except ValueError:
        return None


def _no_day() -> CellError:
    return CellError(say("it is not a day"), say("write the day such as 1 Apr 2024 or 01-04-2024"))
