"""A field of a kind of file, and what a kind has to say for itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from urja.usecases.loading.forms import Form

if TYPE_CHECKING:
    from urja.usecases.loading.staging import Load


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a row may say."""

    name: str
    form: Form
    help: str
    required: bool = False
    default: str | None = None
    """What stands in the database where the file says nothing, as a cell would write it."""
    outside: bool = False
    """Whether it means something only in a file of an outside system."""

    @property
    def absent(self) -> str:
        """What an empty cell stands for, in SQL."""
        return self.form.empty if self.default is None else f"'{self.default}'::{self.form.sql}"


class Kind:
    """A kind of file: its fields, and the statements that judge, place and write its rows.

    The rows stand in `load_row`, numbered by `n`, a column for each field. Everything is set-wise: a statement for
    many rows, never one for each.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    key: ClassVar[tuple[str, ...]]
    """The fields by which the same row is known again."""
    example: ClassVar[Sequence[Mapping[str, str]]]
    written: ClassVar[tuple[str, ...]] = ()
    """The tables that are filled by a first load, while the first of them is empty (`aside`)."""
    exported: ClassVar[str]
    """A query with a column for each field, in the order of the key."""

    def find(self, load: "Load") -> None:
        """Make `load_found`: what is there already of each row."""
        raise NotImplementedError

    def check(self, load: "Load") -> None:
        """Put what stands against rows into `load_fault`."""
        raise NotImplementedError

    def plan(self, load: "Load") -> None:
        """Make `load_plan`: the keys of what each row will make."""
        raise NotImplementedError

    def write(self, load: "Load", low: int, high: int) -> None:
        """Make and change what the rows from `low` to before `high` say."""
        raise NotImplementedError

    def steps(self) -> Sequence["Step"]:
        """What writes the rows, one after the other, each for all rows before the next."""
        return (self.write,)

    def field(self, name: str) -> Field:
        return next(one for one in self.fields if one.name == name)

    def rows_of_example(self) -> Iterator[list[str]]:
        names = [one.name for one in self.fields]
        for row in self.example:
            yield [row.get(name, "") for name in names]


Step = Callable[["Load", int, int], None]
