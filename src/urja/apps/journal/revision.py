"""The revision of the registry: it goes up with each operation, so that what was read from it before is read anew."""

from django.db.backends.utils import CursorWrapper as Cursor


def lock(cursor: Cursor) -> None:
    """Let no other operation be written down until the transaction ends."""
    cursor.execute("SELECT revision FROM journal_revision FOR UPDATE")


def advance(cursor: Cursor) -> None:
    """Tell the readers that the registry has changed."""
    cursor.execute("UPDATE journal_revision SET revision = revision + 1")
