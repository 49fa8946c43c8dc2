"""The database connection that laws read with, its cursor, and rows that come some at a time: queries return rows of many shapes."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import date
from itertools import count
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus

type Connection = psycopg.Connection[Any]
type Cursor = psycopg.Cursor[Any]

_AT_ONCE: Final = 1000
_NUMBERS: Final = count(1)


class Keys(NamedTuple):
    """A range of keys of agreements, accounts and requests: those of some buckets, which are in their upper bits."""

    first: int
    end: int
    """After the last one."""


def streamed(
    connection: Connection,
    statement: LiteralString,
    given: Mapping[str, object] | None = None,
    *,
    at_once: int = _AT_ONCE,
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement, of which at most `at_once` are in memory.

    For rows that a whole installation has: a plain cursor loads all of them. Of several that are read side by side the
    transaction is the caller's.
    """
    with ExitStack() as stack:
        if connection.info.transaction_status is TransactionStatus.IDLE:
            stack.enter_context(connection.transaction())
        cursor = stack.enter_context(connection.cursor(name=f"rows_{next(_NUMBERS)}"))
        cursor.itersize = at_once
        yield from cursor.execute(statement, given)


def is_date(text: str) -> bool:
    """Return whether the database's text of a date is one that Python has: not before the year 1, after 9999 or infinite."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
