"""A thread that holds Django's database connection."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db import close_old_connections, connections


class DjangoThread:
    """One thread with a Django connection of its own: synchronous code runs there and does not block the event loop."""

    def __init__(self, name: str = "django") -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def __call__[**P, T](self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        call = partial(_with_whole_connection, function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def runs[T, R](self, function: Callable[[T], R]) -> Callable[[T], Awaitable[R]]:
        """An async function that runs `function` in this thread."""
        return lambda argument: self(function, argument)

    async def close(self) -> None:
        await self(connections.close_all)
        self._pool.shutdown()


def _with_whole_connection[**P, T](function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    # As Django does at a request's beginning and end: a broken connection is replaced.
    close_old_connections()
    try:
        return function(*arguments, **named)
    finally:
        close_old_connections()
