"""A service's own book: one SQLite file, one connection, one thread."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


class Book:
    """Rows kept through any kill of the process: write-ahead log, committed before anything is said to anyone."""

    def __init__(self, path: str | Path, schema: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;" + _SCHEMA + schema
        )

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing of it; within a transaction, part of that one."""
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

    def run(self, sql: str, *values: Any) -> int:
        """Execute a statement; how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, **values: Any) -> int:
        """Append a row; its number."""
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        # Table and columns are names in our code, values are bound.
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        number = self._connection.execute(statement, tuple(values.values())).lastrowid
        assert number is not None
        return number

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row, or None."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows."""
        return self._connection.execute(sql, values).fetchall()

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row; there must be one."""
        row = self.one(sql, *values)
        assert row is not None, "the statement gives no row"
        return row[0]

    def setting(self, name: str) -> str | None:
        """A word kept through restarts."""
        row = self.one("SELECT value FROM setting WHERE name = ?", name)
        return None if row is None else str(row["value"])

    def keep_setting(self, name: str, value: str | None) -> None:
        """Keep a word through restarts; None forgets it."""
        if value is None:
            self.run("DELETE FROM setting WHERE name = ?", name)
        else:
            self.run("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", name, value)
