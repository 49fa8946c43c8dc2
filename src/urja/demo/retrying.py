"""Queries to a part of the installation that may be restarting: repeated until it answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import httpx

_PAUSE_S: Final = 0.2


def unavailable_errors() -> tuple[type[Exception], ...]:
    """Return the errors of a query while its part is restarting: database, broker, fleet, or a service."""
    # The pipeline's modules need Django set up.
    from urja.pipeline.runner import UNAVAILABLE_ERRORS

    return (*UNAVAILABLE_ERRORS, httpx.HTTPError)


async def until_answered[T](ask: Callable[[], Awaitable[T]], within_s: float) -> T:
    """Return the answer; raise the last error after `within_s` real seconds. `ask` must be safe to repeat."""
    give_up_s = time.monotonic() + within_s
    while True:
        try:
            return await ask()
        except unavailable_errors():
            if time.monotonic() >= give_up_s:
                raise
        await asyncio.sleep(_PAUSE_S)


async def in_thread[**P, T](function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Return the result of a function that queries the database, called in a thread with a connection of its own."""
    return await asyncio.to_thread(partial(_with_own_connection, function, *arguments, **named))


def _with_own_connection[**P, T](function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    from django.db import connections

    try:
        return function(*arguments, **named)
    finally:
        # A broken connection must not be used by the next query in this thread.
        connections.close_all()
