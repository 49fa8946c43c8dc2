"""A field of a kind of file, and what a kind has to say for itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from urja.usecases.loading.cell_formats import CellFormat


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a row may say."""

    name: str
    form: CellFormat
    help: str
    required: bool = False
    default: str | None = None
    """What stands in the database where the file says nothing, as a cell would write it."""
    outside: bool = False
    """Whether it means something only in a file of an outside system."""


class Kind:
    """A kind of file: its fields, and the order of its rows. What a row asks for is in the module of its name in `asking`."""

    name: ClassVar[str]
    about: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    key: ClassVar[tuple[str, ...]]
    """The fields by which the same row is known again."""
    part_of: ClassVar[str] = ""
    """The field that names the key of a row that has to come before, where there is one."""
    example: ClassVar[Sequence[Mapping[str, str]]]
    exported: ClassVar[str]
    """A query with a column for each field, in the order of the key."""

    def above(self, said: Mapping[str, str | None]) -> str | None:
        """The key of the row that has to come before this one."""
        return said.get(self.part_of)

    def place(self, said: Mapping[str, str | None]) -> int | None:  # noqa: ARG002
        """When a row's turn comes, the lowest first; in the file's own order where all are the same."""
        return None if self.part_of else 0

    def field(self, name: str) -> Field:
        return next(one for one in self.fields if one.name == name)

    def rows_of_example(self) -> Iterator[list[str]]:
        names = [one.name for one in self.fields]
        for row in self.example:
            yield [row.get(name, "") for name in names]
