"""A file on its way into the registry: its rows in a temporary table, what stands against them in another.

    file ─▶ load_row ─▶ load_found (what is there) ─▶ load_fault ─▶ load_plan (keys of what is new) ─▶ the registry

Memory does not grow with the file: rows go through COPY as they are read, statements work on ranges of rows, and
constraints are judged at the end of each statement, so that nothing waits for the end of the transaction.
"""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db.backends.utils import CursorWrapper

from urja.base.ids import BUCKETS
from urja.usecases.loading.fields import Field
from urja.usecases.loading.forms import Key

if TYPE_CHECKING:
    from urja.usecases.loading.mapping import Map

STRETCH: Final = 20_000
"""Rows that one statement makes: the checks of foreign keys wait in memory until its end."""

_TABLES: Final = """
CREATE TEMP TABLE load_fault (n bigint NOT NULL, field text NOT NULL, value text, sentence text NOT NULL,
    remedy text NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE load_row (n bigint NOT NULL, {columns}) ON COMMIT DROP;
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one cell of one row."""

    n: int
    field: str
    value: str
    sentence: str
    remedy: str


@dataclass(slots=True)
class Load:
    """A load under way, for the statements of its kind."""

    cursor: CursorWrapper
    map: "Map"
    operation_id: int
    actor: str
    recorded_at: datetime
    zone: str
    currency: str
    counts: dict[str, int] = field(default_factory=dict)
    """How many rows of each table were made and changed."""

    def covers(self, name: str) -> bool:
        return name in self.map.covered

    def value(self, name: str, row: str = "r") -> str:
        """A field of a row as it will stand in the database, in SQL."""
        return f"coalesce({row}.{name}, {self._field(name).absent})"

    def _field(self, name: str) -> Field:
        return self.map.kind.field(name)

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "operation": self.operation_id,
            "actor": self.actor,
            "at": self.recorded_at,
            "zone": self.zone,
            "currency": self.currency,
            "system": self.map.system,
            "buckets": BUCKETS,
        }

    def run(self, statement: str, **more: Any) -> int:
        """Carry out a statement; how many rows it touched."""
        self.cursor.execute(statement, self.parameters | more)
        return int(self.cursor.rowcount)

    def made(self, table: str, statement: str, **more: Any) -> None:
        """A statement that makes rows of a table."""
        self.count([(f"{table}: new", self.run(statement, **more))])

    def changed(self, table: str, statement: str, **more: Any) -> None:
        """A statement that changes rows of a table."""
        self.count([(f"{table}: changed", self.run(statement, **more))])

    def count(self, touched: Iterable[tuple[str, int]]) -> None:
        """Remember how many rows were made or changed."""
        for what, rows in touched:
            if rows:
                self.counts[what] = self.counts.get(what, 0) + rows

    def fault(self, name: str, sentence: str, remedy: str, found: str, **more: Any) -> None:
        """Faults of one field: `found` is what comes after SELECT … FROM, with the rows as `r`.

        `sentence` is SQL for a text. The value that is shown is the row's own.
        """
        shown = "NULL" if name in self._secrets() else f"r.{name}::text"
        self.run(
            f"INSERT INTO load_fault (n, field, value, sentence, remedy) "
            f"SELECT r.n, %(field)s, {shown}, {sentence}, %(remedy)s FROM {found}",
            field=name,
            remedy=remedy,
            **more,
        )

    def _secrets(self) -> frozenset[str]:
        return frozenset(one.name for one in self.map.kind.fields if isinstance(one.form, Key))

    def update(self, table: str, columns: Mapping[str, str], rows: str, key: str, **more: Any) -> None:
        """Change what the map covers and a row says: `columns` tells which field is which column, `rows` where they are
        found as `r` and `f`, `key` which row of the table each means. An empty cell says nothing of what is there.
        """
        covered = {name: column for name, column in columns.items() if self.covers(name)}
        if not covered:
            return
        said = [f"coalesce(v.{column}, t.{column})" for column in covered.values()]
        self.changed(
            table,
            f"UPDATE {table} t SET {', '.join(map(' = '.join, zip(covered.values(), said, strict=True)))} "
            f"FROM (SELECT DISTINCT ON ({key}) {key} AS key, "
            f"{', '.join(f'r.{name} AS {column}' for name, column in covered.items())} FROM {rows}) v "
            f"WHERE t.id = v.key AND ROW({', '.join(f't.{column}' for column in covered.values())}) "
            f"IS DISTINCT FROM ROW({', '.join(said)})",
            **more,
        )

    def differs(self, columns: Mapping[str, str], table: str) -> Iterator[tuple[str, str]]:
        """Each covered field, and the condition under which its row says another thing than `table`."""
        for name, column in columns.items():
            if self.covers(name):
                yield name, f"r.{name} IS DISTINCT FROM {table}.{column} AND r.{name} IS NOT NULL"


def begin(load: Load) -> None:
    """Make the tables, and let the database judge statement by statement."""
    columns = ", ".join(f"{one.name} {one.form.sql}" for one in load.map.kind.fields)
    load.run(_TABLES.format(columns=columns))
    load.run(
        "SELECT set_config('urja.operation', %(operation)s::text, true), "
        "set_config('urja.known_at', %(at)s::text, true), set_config('urja.by_statement', 'on', true)"
    )
    load.run("SET CONSTRAINTS ALL IMMEDIATE")


def end(load: Load) -> None:
    """From here on as every other transaction."""
    load.run("SET CONSTRAINTS ALL DEFERRED")
    load.run("SELECT set_config('urja.operation', '', true), set_config('urja.by_statement', '', true)")


@contextmanager
def copying(load: Load) -> Iterator["Copying"]:
    """Rows and faults on their way into the tables."""
    writing = Copying(load)
    yield writing
    writing.flush()


class Copying:
    """Gathers rows and faults, and sends them in bundles."""

    def __init__(self, load: Load) -> None:
        self._load = load
        names = ["n", *(source.field.name for source in load.map.sources)]
        self._copy = f"COPY load_row ({', '.join(names)}) FROM STDIN"
        self._rows: list[str] = []
        self._faults: list[Fault] = []

    def row(self, n: int, values: Sequence[str | None]) -> None:
        self._rows.append(
            f"{n}\t" + "\t".join(["\\N" if value is None else value for value in values]) + "\n"
        )
        if len(self._rows) >= STRETCH:
            self.flush()

    def fault(self, fault: Fault) -> None:
        self._faults.append(fault)
        if len(self._faults) >= STRETCH:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            with self._load.cursor.copy(self._copy) as copy:
                copy.write("".join(self._rows))
            self._rows.clear()
        if self._faults:
            with self._load.cursor.copy(
                "COPY load_fault (n, field, value, sentence, remedy) FROM STDIN"
            ) as copy:
                for one in self._faults:
                    copy.write_row((one.n, one.field, one.value, one.sentence, one.remedy))
            self._faults.clear()


def ready(load: Load) -> None:
    """All rows are there: what the planner must know of them."""
    load.run("CREATE UNIQUE INDEX ON load_row (n)")
    load.run("ANALYZE load_row")


def twice(load: Load) -> None:
    """The same key in two rows: the later ones are faults."""
    key = load.map.kind.key
    named = [name for name in key if load.covers(name)]
    load.fault(
        named[-1],
        "'row ' || r.first || ' says this already'",
        "keep one of the rows",
        f"(SELECT *, min(n) OVER (PARTITION BY {', '.join(key)}) AS first FROM load_row) r WHERE r.n > r.first",
    )


def drop_faulty(load: Load) -> int:
    """Leave out the rows with faults; how many they are."""
    load.run("DELETE FROM load_row r USING (SELECT DISTINCT n FROM load_fault) f WHERE r.n = f.n")
    load.run("ANALYZE load_row")
    return int(load.run("SELECT FROM (SELECT DISTINCT n FROM load_fault) f"))


def faults_by_row(connection: Any) -> Iterator[tuple[int, list[Fault]]]:
    """What stands against the rows, in their order, without holding all of it."""
    with connection.cursor(name="load_faults") as cursor:
        cursor.execute(
            "SELECT n, field, coalesce(value, ''), sentence, remedy FROM load_fault ORDER BY n, field"
        )
        here: list[Fault] = []
        for row in cursor:
            fault = Fault(*row)
            if here and here[0].n != fault.n:
                yield here[0].n, here
                here = []
            here.append(fault)
        if here:
            yield here[0].n, here
