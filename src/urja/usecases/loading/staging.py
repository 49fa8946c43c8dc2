"""A load in progress: rows of the file in a temporary table, their faults in another.

Rows go in by COPY as they are read, and come back in batches, parents first. Memory does not grow with the file.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from django.db.backends.utils import CursorWrapper

from urja.apps.journal.operation import Execution
from urja.apps.local_zone import local_zone
from urja.base.sentences import from_plain, to_plain
from urja.base.untyped_values import JsonObject
from urja.core.calendar import local_day
from urja.usecases.loading.key_formats import Key

if TYPE_CHECKING:
    from urja.usecases.loading.column_map import Map

BATCH_ROWS: Final = 500
"""Rows that are looked up, performed and judged at a time."""

MAX_DEPTH: Final = 6
"""Levels of rows below rows: enough for a complex, its society, a tower, a flat and its rooms."""

_TABLES: Final = (
    """
CREATE TEMP TABLE load_fault (n bigint NOT NULL, field text NOT NULL, value text NOT NULL, sentence text NOT NULL,
    remedy text NOT NULL) ON COMMIT DROP
""",
    """
CREATE TEMP TABLE load_row (n bigint NOT NULL, key text NOT NULL, above text, place bigint, cells jsonb NOT NULL)
    ON COMMIT DROP
""",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one cell, or of one row."""

    n: int
    field: str
    """`row` for the row as a whole."""
    value: str
    sentence: str
    remedy: str


@dataclass(slots=True)
class Row:
    """A row of a file as values; None for an empty cell."""

    n: int
    values: JsonObject
    """By field, as far as the map has them."""
    shown: Mapping[str, Callable[[Any], str]]
    """How the file writes each value; keys are left out, since they are never shown."""
    faults: list[Fault] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    def fault(self, name: str, sentence: str, remedy: str) -> None:
        """Add a fault that only a file can have."""
        self.faults.append(
            Fault(self.n, name, self.shown.get(name, lambda _: "")(self.values.get(name)), sentence, remedy)
        )


@dataclass(frozen=True, slots=True)
class Load:
    """A load in progress."""

    cursor: CursorWrapper
    map: "Map"
    execution: Execution
    currency: str

    def covers(self, name: str) -> bool:
        return name in self.map.covered

    def value(self, row: Row, name: str) -> Any:
        """Return a field of a row as a new object stores it."""
        found = row[name]
        if found is not None:
            return found
        known = self.map.kind.field(name)
        return known.form.empty if known.default is None else known.form.value(known.default)

    def said(self, row: Row, columns: dict[str, str]) -> JsonObject:
        """Return the cells that are not empty, by column; `columns` gives the column of each field."""
        return {column: row[name] for name, column in columns.items() if row[name] is not None}

    def local_day(self, at: datetime) -> date:
        return local_day(at, local_zone())


def create_tables(load: Load) -> None:
    # One by one: a connection prepares what it executes often, and several statements cannot be prepared.
    for statement in _TABLES:
        load.cursor.execute(statement)


def drop_tables(cursor: CursorWrapper) -> None:
    """Drop the tables of a load, so that the transaction can have another one."""
    cursor.execute("DROP TABLE IF EXISTS load_fault, load_row, load_touched")


@contextmanager
def copy_buffer(load: Load) -> Iterator["CopyBuffer"]:
    """Return a buffer that writes rows and faults to the tables; it is flushed at the end."""
    writing = CopyBuffer(load)
    yield writing
    writing.flush()


class CopyBuffer:
    """Collects rows and faults, and writes them in batches."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._names = [source.field.name for source in load.map.sources]
        self._rows: list[tuple[int, str, str | None, int | None, str]] = []
        self._faults: list[Fault] = []

    def row(self, n: int, texts: Sequence[str | None]) -> None:
        said = dict(zip(self._names, texts, strict=True))
        kind = self._load.map.kind
        key = "\x1f".join(said.get(name) or "" for name in kind.key)
        self._rows.append((n, key, kind.above(said), kind.place(said), json.dumps(texts)))
        if len(self._rows) >= BATCH_ROWS:
            self.flush()

    def fault(self, fault: Fault) -> None:
        self._faults.append(fault)
        if len(self._faults) >= BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        cursor = self._load.cursor
        if self._rows:
            with cursor.copy("COPY load_row (n, key, above, place, cells) FROM STDIN") as copy:
                for row in self._rows:
                    copy.write_row(row)
            self._rows.clear()
        if self._faults:
            add_faults(self._load, self._faults)
            self._faults.clear()


def add_faults(load: Load, faults: Sequence[Fault]) -> None:
    with load.cursor.copy("COPY load_fault (n, field, value, sentence, remedy) FROM STDIN") as copy:
        for one in faults:
            # With their patterns, so that a page shows them in its language.
            copy.write_row((one.n, one.field, one.value, _stored(one.sentence), _stored(one.remedy)))


def _stored(sentence: str) -> str:
    return json.dumps(to_plain(sentence))


def fault_of(row: Sequence[Any]) -> Fault:
    """Return a fault of a row of `load_fault`."""
    n, field_name, value, sentence, remedy = row
    return Fault(n, field_name, value, from_plain(json.loads(sentence)), from_plain(json.loads(remedy)))


_TWICE: Final = """
INSERT INTO load_fault SELECT n, %(field)s, replace(key, E'\\x1f', ' '), to_json('row ' || first || ' has this already')::text, '"remove one of the rows"'
FROM (SELECT n, key, min(n) OVER (PARTITION BY key) AS first FROM load_row) r WHERE n > first
"""
_ORDERED: Final = """
WITH RECURSIVE chain AS (
    SELECT r.n, r.key, 0 AS depth FROM load_row r WHERE NOT EXISTS (SELECT FROM load_row u WHERE u.key = r.above)
    UNION ALL SELECT r.n, r.key, c.depth + 1 FROM load_row r JOIN chain c ON c.key = r.above WHERE c.depth < %(deep)s
) UPDATE load_row r SET place = c.depth FROM (SELECT n, min(depth) AS depth FROM chain GROUP BY n) c WHERE c.n = r.n
"""
_CIRCLES: Final = """
INSERT INTO load_fault SELECT n, %(field)s, above, to_json('it is part of itself, or more than ' || %(deep)s || ' levels deep')::text,
    '"correct what it is part of"' FROM load_row WHERE place IS NULL
"""


def order_rows(load: Load) -> None:
    """Mark repeated rows as faults and put the others in order, once all rows are read."""
    kind = load.map.kind
    named = [name for name in kind.key if load.covers(name)]
    load.cursor.execute(_TWICE, {"field": named[-1]})
    load.cursor.execute("CREATE INDEX ON load_row (key)")
    load.cursor.execute("ANALYZE load_row")
    if kind.part_of:
        load.cursor.execute(_ORDERED, {"deep": MAX_DEPTH})
        load.cursor.execute(_CIRCLES, {"deep": MAX_DEPTH, "field": kind.part_of})
    load.cursor.execute("CREATE INDEX ON load_row (place, n)")


def batches(load: Load) -> Iterator[list[Row]]:
    """Yield the rows without faults so far in their order, in batches."""
    sources = load.map.sources
    last = (-(10**18), -1)
    zone = local_zone()
    shown = {
        source.field.name: source.as_written(zone)
        for source in sources
        if not isinstance(source.field.form, Key)
    }
    while True:
        load.cursor.execute(
            "SELECT place, n, cells FROM load_row r WHERE (place, n) > (%s, %s) "
            "AND NOT EXISTS (SELECT FROM load_fault f WHERE f.n = r.n) ORDER BY place, n LIMIT %s",
            [*last, BATCH_ROWS],
        )
        found = load.cursor.fetchall()
        if not found:
            return
        last = found[-1][:2]
        yield [
            Row(
                n,
                {
                    source.field.name: None if text is None else source.field.form.value(text)
                    for source, text in zip(sources, json.loads(cells), strict=True)
                },
                shown,
            )
            for _, n, cells in found
        ]


def faults_by_row(connection: Any) -> Iterator[tuple[int, list[Fault]]]:
    """Yield the faults of each row in order, without holding all of them in memory."""
    with connection.cursor(name="load_faults") as cursor:
        cursor.execute("SELECT n, field, value, sentence, remedy FROM load_fault ORDER BY n, field")
        here: list[Fault] = []
        for row in cursor:
            fault = fault_of(row)
            if here and here[0].n != fault.n:
                yield here[0].n, here
                here = []
            here.append(fault)
        if here:
            yield here[0].n, here
