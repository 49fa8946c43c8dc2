"""Questions to a part of a box that may be starting again at this moment: asked again until it answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import httpx

_PAUSE_S: Final = 0.2


def unavailable_errors() -> tuple[type[Exception], ...]:
    """What a question fails with while the part that it is put to is away: database, broker, fleet, or a service."""
    # The pipeline's modules need Django set up.
    from urja.pipeline.runner import UNAVAILABLE_ERRORS

    return (*UNAVAILABLE_ERRORS, httpx.HTTPError)


async def until_answered[T](ask: Callable[[], Awaitable[T]], within_s: float) -> T:
    """The answer; the last error where none has come in time. `ask` must be such that asking twice does no harm."""
    give_up_s = time.monotonic() + within_s
    while True:
        try:
            return await ask()
        except unavailable_errors():
            if time.monotonic() >= give_up_s:
                raise
        await asyncio.sleep(_PAUSE_S)


async def in_thread[**P, T](function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What a function returns that asks the database, in a thread; Django's connection there is a fresh one."""
    return await asyncio.to_thread(_with_own_connection, function, *arguments, **named)


def _with_own_connection[**P, T](function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    from django.db import connections

    try:
        return function(*arguments, **named)
    finally:
        # A broken one is not kept for the next question in this thread.
        connections.close_all()
