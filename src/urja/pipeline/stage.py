"""The types that all stages of the pipeline share."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import psycopg

from urja.base.clock import wall_now_ms
from urja.stream.consumer import Delivery
from urja.stream.errors import StreamError


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one run of a stage."""

    done: int = 0
    """Number of things handled; after zero the stage rests for a while."""
    lag: int | None = None
    """Number of things that wait for the stage, where it is known."""
    detail: str = ""
    ill: bool = False
    """Whether `detail` describes something that needs an operator."""
    held: Collection[str] | None = None
    """For each account that is held back: why, and what to do; None where the run did not check all accounts."""


type RunOnce = Callable[[datetime], Awaitable[Report]]
"""Handles all that is due at a business instant. A failure leaves everything unchanged."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the pipeline: it reads what was recorded since its last run, and records what follows from it."""

    name: str
    thread: str
    """The thread in which it uses the database."""
    rest_s: float | Callable[[], float]
    """Seconds of pause after a run that found nothing to do; a function where they depend on the speed of the clock, which
    a demonstration changes.
    """
    run_once: RunOnce
    woken: bool = False
    """Whether a wake-up ends the pause, because people wait for what the stage does."""

    def pause_s(self) -> float:
        """Return the seconds to pause now."""
        return self.rest_s() if callable(self.rest_s) else self.rest_s


class InThread(Protocol):
    """Calls a function in a thread: the one with Django's connection, or any."""

    async def __call__[**P, T](
        self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> T: ...


def with_wall_time[T](run: Callable[[datetime, int], T]) -> Callable[[datetime], T]:
    """A run that is also given real time, in Unix milliseconds, by which the chain from payment to reconnection is
    measured.
    """
    return lambda now: run(now, wall_now_ms())


class StageConnection:
    """A stage's own database connection: opened when needed, dropped after a failure."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.Connection | None = None

    def get(self) -> psycopg.Connection:
        """The connection, a new one if the last one broke. Raises psycopg.OperationalError while the database is not
        available.
        """
        if self._connection is None or self._connection.closed:
            # Autocommit: a transaction is opened where one is meant, and none stays open while the stage rests.
            self._connection = psycopg.connect(self._conninfo, autocommit=True)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextlib.asynccontextmanager
async def acknowledging[T](deliveries: list[Delivery[T]]) -> AsyncIterator[list[T]]:
    """The bodies of messages, which are acknowledged once the block has ended: its work is committed by then.

    If the block fails, they are handed back and delivered again at once, not after the consumer's wait. If the broker
    is not available either, that wait has the same effect.
    """
    try:
        yield [delivery.body for delivery in deliveries]
    except Exception:
        with contextlib.suppress(StreamError):
            for delivery in deliveries:
                await delivery.nak()
        raise
    for delivery in deliveries:
        await delivery.ack()
