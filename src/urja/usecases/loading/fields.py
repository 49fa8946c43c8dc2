"""The fields of a kind of file, and what a kind declares."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from urja.usecases.loading.cell_formats import CellFormat


@dataclass(frozen=True, slots=True)
class Field:
    """One field that a row may have."""

    name: str
    form: CellFormat
    help: str
    required: bool = False
    default: str | None = None
    """The value, as a cell would write it, that is stored where the file has none."""
    outside: bool = False
    """Whether it only has a meaning in the file of an outside system."""


class Kind:
    """A kind of file: its fields and the order of its rows. Its operations are in the module of its name in `row_operations`."""

    name: ClassVar[str]
    about: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    key: ClassVar[tuple[str, ...]]
    """Fields that identify a row."""
    part_of: ClassVar[str] = ""
    """The field that names the key of a row that must come before, where there is one."""
    example: ClassVar[Sequence[Mapping[str, str]]]
    exported: ClassVar[str]
    """A query with a column for each field, in the order of the key."""

    def above(self, said: Mapping[str, str | None]) -> str | None:
        """Return the key of the row that must come before this one."""
        return said.get(self.part_of)

    def place(self, said: Mapping[str, str | None]) -> int | None:  # noqa: ARG002 - the signature is shared
        """Return the position of a row, the lowest first; None where it follows from the parent rows."""
        return None if self.part_of else 0

    def field(self, name: str) -> Field:
        return next(one for one in self.fields if one.name == name)

    def rows_of_example(self) -> Iterator[list[str]]:
        names = [one.name for one in self.fields]
        for row in self.example:
            yield [row.get(name, "") for name in names]
