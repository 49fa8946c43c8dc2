"""A cursor of the database, whichever library made it."""

from typing import Any, Protocol

from urja.base.untyped_values import SqlRow


class Cursor(Protocol):
    """The methods that cursors of psycopg and of Django share."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, query: Any, params: Any = ..., /) -> Any: ...
    def fetchall(self) -> list[SqlRow]: ...
    def fetchone(self) -> SqlRow | None: ...
