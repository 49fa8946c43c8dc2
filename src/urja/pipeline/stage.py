"""What the stages of the pipeline have in common."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import psycopg

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


@runtime_checkable
class Stage(Protocol):
    """One step of the pipeline: it takes what has been recorded since, and records what follows from it."""

    name: str

    async def run_once(self, now: datetime) -> Report:
        """Do what there is to do at the business instant `now`. Any failure leaves everything as it was."""
        ...


class Session:
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


async def give_back(deliveries: Iterable[Delivery[Any]]) -> None:
    """Hand back what could not be dealt with: it comes again at once, not after the consumer's wait.

    Where the broker is away too, that wait does the same.
    """
    with contextlib.suppress(StreamError):
        for delivery in deliveries:
            await delivery.nak()
