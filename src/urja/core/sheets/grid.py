"""The cells of one sheet, with its merged ranges."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

Cell = str | int | float | bool | datetime | None
"""A cell's stored value. A spreadsheet's day is a datetime at midnight."""

NO_VALUE = "#FORMULA"
"""A formula whose value no program has stored: formulas are never calculated here."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A merged range: rows count from 1, columns from 0, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A sheet: `rows[0]` is row 1."""

    name: str
    rows: Sequence[Sequence[Cell]]
    merges: Sequence[Merge] | None = None
    """None where the format knows no merged cells (CSV)."""
    _covered: dict[tuple[int, int], Merge] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        covered = {
            (row, column): merge
            for merge in self.merges or ()
            for row in range(merge.top, merge.bottom + 1)
            for column in range(merge.left, merge.right + 1)
        }
        object.__setattr__(self, "_covered", covered)

    @property
    def width(self) -> int:
        return max((len(row) for row in self.rows), default=0)

    @property
    def height(self) -> int:
        return len(self.rows)

    def merge_at(self, row: int, column: int) -> Merge | None:
        return self._covered.get((row, column))

    def stored(self, row: int, column: int) -> Cell:
        """Return the value of a cell; of a merged range only the first cell has one."""
        cells = self.rows[row - 1] if 0 < row <= len(self.rows) else ()
        return cells[column] if column < len(cells) else None

    def shown(self, row: int, column: int) -> Cell:
        """Return the value that a reader sees there: a merged range shows its first cell's."""
        merge = self.merge_at(row, column)
        return self.stored(row, column) if merge is None else self.stored(merge.top, merge.left)


def column_letters(column: int) -> str:
    """Return the letters of a column that counts from 0, as a spreadsheet shows them."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
