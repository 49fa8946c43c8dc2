"""What an operation is: what is asked for, and the use case that does it."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

import msgspec
from django.db import connection
from django.db.models import Model

from urja.base.ids import compose_id
from urja.base.sentences import say


class Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked to be done to the registry, as `urja.usecases.kinds` has it. Instants are aware."""

    undoable: ClassVar[bool] = True
    """Whether `Undo` may take it back; what has happened in the world is corrected by another operation."""

    instead: ClassVar[str] = say("what follows from it is corrected by another operation")
    """What corrects it, where it is not undoable."""

    either: ClassVar[tuple[str, ...]] = ()
    """Two fields of which one is needed, and not both."""

    secret: ClassVar[frozenset[str]] = frozenset()
    """Fields that the audit does not keep."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, datetime) and value.tzinfo is None:
                raise ValueError(f"{name} needs an offset, such as +05:30")

    def content(self) -> dict[str, Any]:
        """What was asked for, as the audit keeps it."""
        return {name: value for name, value in self.plain().items() if name not in self.secret}

    def plain(self) -> dict[str, Any]:
        """All that was asked for, as JSON gives it back: a list where a tuple was."""
        given: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return given

    @classmethod
    def kind(cls) -> str:
        """Its name in the audit, the API and the table of roles: the class's, in small letters."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


@dataclass(slots=True)
class Execution:
    """An operation under way."""

    id: int
    actor: str
    recorded_at: datetime
    outcome: dict[str, Any] = field(default_factory=dict)
    """The keys of what it makes, for whoever asked."""
    service_point_id: int | None = None
    """The connection whose story it belongs to."""
    reassess_from: dict[int, datetime] = field(default_factory=dict)
    """Service points whose energy has to be evaluated anew, besides those whose periods change."""
    touched: dict[int, datetime] = field(default_factory=dict)
    """All of them, once it is carried out."""
    touched_devices: list[int] = field(default_factory=list)
    undoes: int | None = None
    """The operation that it takes back: what followed from that one's changes follows again."""
    outside: list[list[Any]] = field(default_factory=list)
    """What it asks of others (`operations.outside`), so that undoing can ask for the opposite."""
    takes_over: bool = False
    """What an older system says of the past is believed: no fitter is sent, and meters come later."""
    found: dict[Any, dict[Any, Any]] = field(default_factory=dict)
    """What was looked up, by question and key."""

    @property
    def stamp(self) -> dict[str, Any]:
        """For the rows that it makes."""
        return {"recorded_at": self.recorded_at, "actor": self.actor, "operation_id": self.id}

    def part(self) -> "Execution":
        """One of many operations that are one entry of the audit: what was looked up is known to all of them."""
        return Execution(self.id, self.actor, self.recorded_at, takes_over=self.takes_over, found=self.found)

    def find[K, V](self, question: Callable[[list[K]], dict[K, V]], key: K) -> V | None:
        """The answer to a question for one key; None where there is none."""
        known: dict[K, V | None] = self.found.setdefault(question, {})
        if key not in known:
            known[key] = question([key]).get(key)
        return known[key]

    def find_ahead[K, V](self, question: Callable[[list[K]], dict[K, V]], keys: Iterable[K | None]) -> None:
        """Ask a question once for all that many operations will ask it for."""
        known: dict[K, V | None] = self.found.setdefault(question, {})
        asked = list({key for key in keys if key is not None and key not in known})
        if asked:
            known |= dict.fromkeys(asked) | question(asked)

    def made[K, V](self, question: Callable[[list[K]], dict[K, V]], key: K, row: V) -> V:
        """Remember a row that was made as the answer to a question."""
        self.found.setdefault(question, {})[key] = row
        return row

    def change(self, row: Model, **values: Any) -> None:
        """Change a row that is there; what it was stays in the history."""
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))


class UseCase(Operation):
    """An operation that can be performed: its guards and its doing."""

    def owner(self) -> str:
        """The outside system that speaks; empty for our own people."""
        return ""

    def faults(self, execution: Execution) -> Iterator[str]:
        """What stands against it, in sentences; it is asked within the transaction."""
        raise NotImplementedError

    def carry_out(self, execution: Execution) -> None:
        """Do it, where nothing stands against it."""
        raise NotImplementedError


def next_id(bucket: int) -> int:
    """A new key in a bucket."""
    return compose_id(bucket, next_number())


def next_number() -> int:
    ahead = _AHEAD.get()
    if ahead is None:
        return _draw(1)[0]
    if not ahead:
        ahead += reversed(_draw(_DRAWN))
    return ahead.pop()


_DRAWN: Final = 1_000
_AHEAD: ContextVar[list[int] | None] = ContextVar("numbers_ahead", default=None)


@contextmanager
def numbers_ahead() -> Iterator[None]:
    """Where many rows are made, their numbers are drawn some at a time. Those that are left over are never used."""
    token = _AHEAD.set([])
    try:
        yield
    finally:
        _AHEAD.reset(token)


def _draw(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('journal_number') FROM generate_series(1, %s)", [count])
        return [int(number) for (number,) in cursor.fetchall()]
