"""Threads that hold Django's connections."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db import close_old_connections, connections


class DjangoThread:
    """One thread that holds Django's connection: what is synchronous runs there, out of the event loop's way."""

    def __init__(self, name: str = "django") -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def __call__[**P, T](self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        call = partial(_with_whole_connection, function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def runs[T, R](self, function: Callable[[T], R]) -> Callable[[T], Awaitable[R]]:
        """The function, to be awaited, that runs in this thread."""
        return partial(self.__call__, function)

    async def close(self) -> None:
        await self(connections.close_all)
        self._pool.shutdown()


def _with_whole_connection[**P, T](function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    # As at a request's beginning and end: a broken connection is replaced, not kept.
    close_old_connections()
    try:
        return function(*arguments, **named)
    finally:
        close_old_connections()
