"""The rows with the columns' names: below titles, one row or two, the upper one with merged cells."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from urja.core.sheets.cells import is_nothing, text_of
from urja.core.sheets.columns import KEYS, PASSED_OVER, Column, field_of, guess
from urja.core.sheets.grid import Cell, Grid

_SEARCHED: Final = 40
"""Rows from the top among which the heading is looked for."""
_SAMPLED: Final = 50
"""Rows below the heading whose cells help to guess."""


@dataclass(frozen=True, slots=True)
class Headings:
    """Where a sheet's columns are named."""

    first: int
    last: int
    """The first and last row of the heading, from 1."""
    columns: tuple[Column, ...]


def find(grid: Grid) -> Headings | None:
    """Return the heading of a sheet; None where no row names two columns that are known."""
    best: tuple[int, int, int] = (0, 0, 0)
    found: Headings | None = None
    for last in range(1, min(grid.height, _SEARCHED) + 1):
        for first in (last, last - 1):
            if first < 1 or (first < last and not _is_upper(grid, first)):
                continue
            headings = Headings(first, last, _columns(grid, first, last))
            # More known columns, else fewer rows, else further up.
            score = (_known(grid, headings), first - last, -last)
            if score[0] >= 2 and (found is None or score > best):
                best, found = score, headings
    return found


def at(grid: Grid, first: int, last: int) -> Headings:
    """Return the heading that is said to be in these rows."""
    return Headings(first, last, _columns(grid, first, last))


def samples(grid: Grid, headings: Headings) -> list[list[Cell]]:
    """Return the first cells of each column."""
    rows = range(headings.last + 1, min(grid.height, headings.last + _SAMPLED) + 1)
    return [[grid.stored(row, column.place) for row in rows] for column in headings.columns]


def _known(grid: Grid, headings: Headings) -> int:
    fields = guess(headings.columns, [[] for _ in headings.columns])
    others = sum(1 for column in headings.columns if field_of(column.heading)[0] in {PASSED_OVER, KEYS})
    # A row of data has cells as well, but few of them are names of columns.
    # Of two rows the lower one may be empty below a name that is alone in its column, and is not merged with it.
    rows = {headings.first, headings.last}
    texts = sum(
        1
        for column in headings.columns
        if any(isinstance(grid.shown(row, column.place), str) for row in rows)
    )
    return 4 * len(fields) + others if 2 * texts >= len(headings.columns) and len(fields) >= 2 else 0


def _is_upper(grid: Grid, row: int) -> bool:
    """Return whether a row may be the upper one of two: it has several names, and is no title over the whole table."""
    filled = [column for column in range(grid.width) if not is_nothing(text_of(grid.stored(row, column)))]
    return len(filled) >= 2 or any(
        (merge := grid.merge_at(row, column)) is not None and merge.right - merge.left + 1 < grid.width * 0.8
        for column in filled
    )


def _columns(grid: Grid, first: int, last: int) -> tuple[Column, ...]:
    named: list[tuple[int, str, str]] = []
    group = ""
    for column in range(grid.width):
        lower = text_of(grid.shown(last, column))
        if first == last:
            heading = lower
        else:
            upper = text_of(grid.shown(first, column))
            if grid.merges is None:
                # A CSV has lost its merged cells: a name holds until the next one.
                group = upper or (group if lower else "")
                upper = group
            heading = lower if upper in ("", lower) else f"{upper} {lower}".strip()
        if heading:
            named.append((column, heading, lower or heading))
    often: Counter[str] = Counter()
    columns = []
    for column, heading, lower in named:
        often[heading] += 1
        twice = f" ({often[heading]})" if often[heading] > 1 else ""
        columns.append(Column(column, heading + twice, lower))
    return tuple(columns)
