"""Operations on the registry: the requested content, and the use case that carries it out."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, dataclass_transform

import msgspec
from django.db import connection
from django.db.models import Model

from urja.base.ids import compose_id
from urja.base.sentences import say
from urja.base.untyped_values import JsonObject


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of an operation as requested (`urja.usecases.kinds`). Instants have an offset."""

    undoable: ClassVar[bool] = True
    """Whether `Undo` may take it back. What has happened in the world is corrected by another operation."""

    instead: ClassVar[str] = say("what follows from it is corrected by another operation")
    """What corrects it, where it is not undoable."""

    either: ClassVar[tuple[str, ...]] = ()
    """Two fields of which exactly one is required."""

    needed_register: ClassVar[str] = ""
    """A register that is required, in one of its fields: `register` stands for `register_wh` and `register_l`."""

    sums: ClassVar[frozenset[str]] = frozenset()
    """Fields of money that are sums over many accounts; the bound of one amount (`MOST_MINOR`) is not theirs."""

    secret: ClassVar[frozenset[str]] = frozenset()
    """Fields that the audit does not store."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, datetime) and value.tzinfo is None:
                raise ValueError(f"{name} needs an offset, such as +05:30")

    def content(self) -> dict[str, object]:
        """Return the content as the audit stores it: JSON values, without secret fields."""
        return {name: value for name, value in self.plain().items() if name not in self.secret}

    def plain(self) -> dict[str, object]:
        """Return the whole content as JSON values: a list for a tuple."""
        given: JsonObject = msgspec.json.decode(msgspec.json.encode(self))
        return given

    @classmethod
    def kind(cls) -> str:
        """Return its name in the audit, the API and the table of roles: the class name in snake case."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


@dataclass(slots=True)
class Execution:
    """An operation that is being carried out, with what it has created and looked up so far."""

    id: int
    actor: str
    recorded_at: datetime
    outcome: JsonObject = field(default_factory=dict)
    """Numbers of the rows that it creates, by name: the answer to the request."""
    service_point_id: int | None = None
    """The service point whose history it belongs to."""
    reassess_from: dict[int, datetime] = field(default_factory=dict)
    """Service points whose energy must be evaluated again from an instant on, besides those whose periods change."""
    touched: dict[int, datetime] = field(default_factory=dict)
    """All service points to evaluate again, with the instant; set once it is carried out."""
    touched_devices: list[int] = field(default_factory=list)
    """Devices whose entries for the head end are to be written again."""
    undoes: int | None = None
    """Number of the operation that it undoes: consequences of that one's changes are evaluated again."""
    outside: list[list[Any]] = field(default_factory=list)
    """What it requests of other apps (`urja.usecases.side_effects`), so that an undo can request the opposite."""
    takes_over: bool = False
    """Whether it takes over the past from an older system: no work order is opened, and meters come later."""
    found: dict[Any, dict[Any, Any]] = field(default_factory=dict)
    """Results of lookups, by query and key."""

    @property
    def stamp(self) -> dict[str, object]:
        """The fields that every row it creates has: when, by whom, in which operation."""
        return {"recorded_at": self.recorded_at, "actor": self.actor, "operation_id": self.id}

    def part(self) -> "Execution":
        """Return an execution for one of many operations that share an audit entry; lookups are shared as well."""
        return Execution(self.id, self.actor, self.recorded_at, takes_over=self.takes_over, found=self.found)

    def find[K, V](self, question: Callable[[list[K]], dict[K, V]], key: K) -> V | None:
        """Return the result of a query for one key, or None; each key is queried once."""
        known: dict[K, V | None] = self.found.setdefault(question, {})
        if key not in known:
            known[key] = question([key]).get(key)
        return known[key]

    def find_existing[K, V](self, question: Callable[[list[K]], dict[K, V]], key: K) -> V:
        """Return the answer to a question for a key that a guard has found to have one."""
        found = self.find(question, key)
        assert found is not None, f"a guard has refused {key!r} before"
        return found

    def find_ahead[K, V](self, question: Callable[[list[K]], dict[K, V]], keys: Iterable[K | None]) -> None:
        """Run a query once for all keys that many operations will look up."""
        known: dict[K, V | None] = self.found.setdefault(question, {})
        asked = list({key for key in keys if key is not None and key not in known})
        if asked:
            known |= dict.fromkeys(asked) | question(asked)

    def made[K, V](self, question: Callable[[list[K]], dict[K, V]], key: K, row: V) -> V:
        """Remember a row that was created as the result of a query for its key, and return it."""
        self.found.setdefault(question, {})[key] = row
        return row

    def change(self, row: Model, **values: object) -> None:
        """Change fields of an existing row; a trigger stores its state before in the history."""
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))


class UseCase(Operation):
    """An operation that can be carried out, with its guards."""

    def owner(self) -> str:
        """Return the outside system that requests it; empty for a person."""
        return ""

    def faults(self, execution: Execution) -> Iterator[str]:
        """Yield why it is refused, as sentences; called within the transaction that carries it out."""
        raise NotImplementedError

    def carry_out(self, execution: Execution) -> None:
        """Carry it out, where no guard refuses it."""
        raise NotImplementedError


def next_id(bucket: int) -> int:
    """Return a new key in a bucket: the bucket in its upper bits (`urja.base.ids`)."""
    return compose_id(bucket, next_number())


def next_number() -> int:
    """Return the next number of the journal's sequence; within `numbers_ahead` numbers are drawn 1,000 at a time."""
    ahead = _AHEAD.get()
    if ahead is None:
        return _draw(1)[0]
    if not ahead:
        ahead += reversed(_draw(_DRAWN))
    return ahead.pop()


# A context variable and not a global: threads of one process create rows at the same time.
_DRAWN: Final = 1_000
_AHEAD: ContextVar[list[int] | None] = ContextVar("numbers_ahead", default=None)


@contextmanager
def numbers_ahead() -> Iterator[None]:
    """Draw numbers in batches while many rows are created. Numbers that remain are never used."""
    token = _AHEAD.set([])
    try:
        yield
    finally:
        _AHEAD.reset(token)


def _draw(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('journal_number') FROM generate_series(1, %s)", [count])
        return [int(number) for (number,) in cursor.fetchall()]
