"""The revision of the registry: increased by each operation, so that cached reads of it are repeated."""

from typing import Any, Protocol


class Cursor(Protocol):
    """The method that cursors of psycopg and of Django share here."""

    def execute(self, query: Any, params: Any = ..., /) -> Any: ...


def lock(cursor: Cursor) -> None:
    """Lock the revision, so that no other operation can commit until the transaction ends."""
    cursor.execute("SELECT revision FROM journal_revision FOR UPDATE")


def advance(cursor: Cursor) -> None:
    """Increase the revision."""
    cursor.execute("UPDATE journal_revision SET revision = revision + 1")
