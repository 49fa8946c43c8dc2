"""A service's own book: one SQLite file, one connection, one thread."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from urja.base.json_files import DamagedFileError

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
# With a write-ahead log, NORMAL survives any kill of the process; only a power failure may lose the last commits.
_PRAGMAS: Final = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
_DAMAGED: Final = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR})
"""Codes of a file that is no book; other codes are of the file system or of a lock."""


class Book:
    """Rows that survive any kill of the process: write-ahead log, committed before any answer is given."""

    def __init__(self, path: str | Path, schema: str) -> None:
        """Open or create a book. Raises DamagedFileError: a book that began again empty would forget payments."""
        path, schema = Path(path), _SCHEMA + schema
        if path.exists():
            _check(path, schema)
        else:
            _make(path, schema)
        self._connection = _connected(path)
        self._connection.row_factory = sqlite3.Row
        # Creates the tables that a newer version has in addition to those of the file.
        self._connection.executescript(_PRAGMAS + schema)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all changes of the block or none; within a transaction, the block is part of it."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def run(self, sql: str, *values: object) -> int:
        """Execute a statement and return the number of rows that it changed."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, **values: object) -> int:
        """Append a row and return its number."""
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        # Names of table and columns come from our code, values are bound.
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names from our code, values bound
        number = self._connection.execute(statement, tuple(values.values())).lastrowid
        assert number is not None
        return number

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """Return the first row, or None."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return all rows."""
        return self._connection.execute(sql, values).fetchall()

    def value(self, sql: str, *values: Any) -> Any:
        """Return the first column of the first row; there must be one."""
        row = self.one(sql, *values)
        assert row is not None, "the statement gives no row"
        return row[0]

    @property
    def path(self) -> str:
        """Path of the file."""
        return str(self.one("PRAGMA database_list")["file"])  # type: ignore[index]  # the pragma always gives a row

    def setting(self, name: str) -> str | None:
        """Return a setting that survives restarts, or None."""
        row = self.one("SELECT value FROM setting WHERE name = ?", name)
        return None if row is None else str(row["value"])

    def keep_setting(self, name: str, value: str | None) -> None:
        """Store a setting that survives restarts; None deletes it."""
        if value is None:
            self.run("DELETE FROM setting WHERE name = ?", name)
        else:
            self.run("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", name, value)


def _connected(path: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=10.0)


def _make(path: Path, schema: str) -> None:
    """Create a book completely or not at all: an empty file is no book."""
    if path.with_name(f"{path.name}-wal").exists():
        raise _damaged(path, "it is missing, and its write-ahead log is not")
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with contextlib.closing(_connected(draft)) as connection:
        connection.executescript(schema)
    draft.replace(path)


def _check(path: Path, schema: str) -> None:
    """Raise DamagedFileError where a file is no book with these tables, or is incomplete."""
    if not path.stat().st_size:
        raise _damaged(path, "it is empty")
    try:
        with contextlib.closing(_connected(path)) as connection:
            found, faults = _tables(connection), connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in _DAMAGED:
            raise
        raise _damaged(path, str(error)) from None
    except UnicodeDecodeError:
        # In a table's definition, or in SQLite's message about it.
        raise _damaged(path, "it holds text that is no UTF-8") from None
    if faults != "ok":
        raise _damaged(path, " ".join(faults.split()))
    with contextlib.closing(_connected(":memory:")) as connection:
        connection.executescript(schema)
        wanted = _tables(connection)
    if "setting" not in found:
        raise _damaged(path, "it has no table setting")
    if other := sorted(name for name, sql in wanted.items() if found.get(name, sql) != sql):
        raise _damaged(path, f"its table {other[0]} is another than this version's")


def _tables(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())


def _damaged(path: Path, why: str) -> DamagedFileError:
    return DamagedFileError(
        f"{path} is damaged ({why}): restore it from a backup, or remove it and what begins with its name, and the "
        "stand-in begins an empty book"
    )
