"""Statements that are asked together: all of them are on their way before the first answer is waited for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

type Answer[T] = Callable[[], T]
"""Waits for what was asked; to be called once."""


@contextmanager
def together() -> Iterator[None]:
    """What is asked while this lasts is sent in one go; who calls an answer waits for it and those before it."""
    connection.ensure_connection()
    with connection.connection.pipeline():
        yield


def ask[T](
    statement: str,
    parameters: Sequence[Any] | Mapping[str, Any],
    read: Callable[[list[tuple[Any, ...]]], T],
) -> Answer[T]:
    """Send a statement; the answer is what `read` makes of its rows."""
    cursor = connection.cursor()
    cursor.execute(statement, parameters)

    def answer() -> T:
        with cursor:
            return read(cursor.fetchall())

    return answer
