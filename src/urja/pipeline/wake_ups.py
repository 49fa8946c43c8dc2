"""Wake-ups: a stage that people wait for rests until something is recorded, not until the next look.

Two things wake it: a stage that has done something, which may be work for the next one, and a notification of the
database, whose triggers send one for each row that the web records for the pipeline (`journal_notify_pipeline`). A
notification is a hint: one that is lost, or a row written by another way, is found after the stage's rest.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import psycopg
import structlog

log = structlog.get_logger()

CHANNEL: Final = "journal_recorded"
"""PostgreSQL channel of the notifications; they have no content."""
RECONNECT_S: Final = 5.0


class WakeUps:
    """Wakes all stages that take part; used in the event loop alone."""

    def __init__(self) -> None:
        self._events: list[asyncio.Event] = []

    def join(self) -> asyncio.Event:
        """Return an event that each wake-up sets; its owner clears it."""
        event = asyncio.Event()
        self._events.append(event)
        return event

    def wake(self) -> None:
        """Wake all."""
        for event in self._events:
            event.set()


async def follow_notifications(conninfo: str, wake: Callable[[], None]) -> None:
    """Call `wake` for each notification of the database, until cancelled.

    Without a connection stages find their work after their rests, and the connection is tried again.
    """
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                # What was recorded before the connection listened.
                wake()
                async for _ in connection.notifies():
                    wake()
        except psycopg.OperationalError as error:
            log.warning(
                "no notifications from the database", error=str(error).strip(), again_in_s=RECONNECT_S
            )
            await asyncio.sleep(RECONNECT_S)
