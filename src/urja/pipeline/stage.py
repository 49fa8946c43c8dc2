"""What the stages of the pipeline have in common."""

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
    """What one run of a stage did."""

    done: int = 0
    """How many things it dealt with; zero sends the stage to rest for a while."""
    lag: int | None = None
    """How many things wait for it, where it knows."""
    detail: str = ""
    ill: bool = False
    """Whether `detail` says of something that a person has to see to."""
    held: Collection[str] | None = None
    """Of each account that is held back: why, and what to do; None where the run did not look at all accounts."""


type RunOnce = Callable[[datetime], Awaitable[Report]]
"""Does what there is to do at a business instant. Any failure leaves everything as it was."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the pipeline: it takes what has been recorded since, and records what follows from it."""

    name: str
    thread: str
    """Where it asks the database."""
    rest_s: float
    """Pause after a run that found nothing to do."""
    run_once: RunOnce


class InThread(Protocol):
    """Calls a function in a thread: where Django's connection is, or in any."""

    async def __call__[**P, T](
        self, function: Callable[P, T], /, *arguments: P.args, **named: P.kwargs
    ) -> T: ...


def with_wall_time[T](run: Callable[[datetime, int], T]) -> Callable[[datetime], T]:
    """A run that also notes real time, in Unix milliseconds: what the chain from paid to powered is measured by."""
    return lambda now: run(now, wall_now_ms())


class StageConnection:
    """A stage's own database connection: opened when needed, thrown away after a failure."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.Connection | None = None

    def get(self) -> psycopg.Connection:
        """The connection, fresh if the last one broke; raises psycopg.OperationalError while the database is away."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._conninfo, autocommit=True)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextlib.asynccontextmanager
async def acknowledging[T](deliveries: list[Delivery[T]]) -> AsyncIterator[list[T]]:
    """The bodies of messages, acknowledged once the block has ended: what it did is committed by then.

    Where it fails they are handed back, and come again at once, not after the consumer's wait. Where the broker is away
    too, that wait does the same.
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
