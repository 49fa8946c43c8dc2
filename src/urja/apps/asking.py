"""Statements that are asked together: all of them are on their way before the answers are waited for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

type Answer[T] = Callable[[], T]
"""What was asked; to be called once."""


@contextmanager
def together() -> Iterator[None]:
    """What is asked while this lasts is sent in one go. Its end waits for the answers: call them then, not before."""
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
