"""The residents as a process of the demonstration."""

import asyncio
import contextlib
import logging
import signal
from datetime import datetime
from typing import Annotated, Final

import httpx
import msgspec
from msgspec import Meta, Struct

from urja.base.clock import Clock
from urja.base.http import serving_status
from urja.base.settings import Settings
from urja.base.untyped_values import JsonObject
from urja.sandbox.residents.resident import Counts, Person, Resident

_TIMEOUT_S: Final = 20.0
_LEAST_PAUSE_S: Final = 2.0
"""Real seconds between two visits of one person, however fast business time runs."""
_BETWEEN_SIGN_INS_S: Final = 4.0
"""Real seconds between sign-ins: the portal limits the codes per minute to one network."""


class Arguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Address of the portal, the residents, and the port of `/readyz`."""

    portal_url: Annotated[str, Meta(pattern="^https?://")]
    ready_port: Annotated[int, Meta(ge=0, le=65_535)]
    people: list[Person]
    outbox: str = "/demo/outbox/"


async def run(_settings: Settings, arguments: JsonObject, clock: Clock) -> None:
    """Let the residents live until SIGTERM. Raises ValueError for invalid arguments."""
    given = msgspec.convert(arguments, Arguments)
    # A log line for each requested page would hide the recharges.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    counts = Counts()
    door = asyncio.Lock()

    def status() -> JsonObject:
        return {
            "people": len(given.people),
            "looks": counts.looks,
            "recharges": counts.recharges,
            "failures": counts.failures,
        }

    async with serving_status(list, status, port=given.ready_port), asyncio.TaskGroup() as town:
        lives = [town.create_task(_live(person, given, counts, clock, door)) for person in given.people]
        await stop.wait()
        for life in lives:
            life.cancel()


async def _live(person: Person, given: Arguments, counts: Counts, clock: Clock, door: asyncio.Lock) -> None:
    async with httpx.AsyncClient(
        base_url=given.portal_url, follow_redirects=True, timeout=_TIMEOUT_S
    ) as client:
        resident = Resident(person, client, given.outbox, counts)
        look_at = resident.first_look(clock.now())
        while True:
            await _until(look_at, clock)
            if not resident.account:
                # Sign-ins one after the other: in parallel they would exceed the limit on codes.
                async with door:
                    look_at = await resident.visit(clock.now())
                    await asyncio.sleep(_BETWEEN_SIGN_INS_S)
            else:
                look_at = await resident.visit(clock.now())


async def _until(look_at: datetime, clock: Clock) -> None:
    """Sleep to a business instant; a clock that is re-anchored meanwhile is read again."""
    await asyncio.sleep(_LEAST_PAUSE_S)
    while (ahead := (look_at - clock.now()).total_seconds()) > 0:
        speed = max(clock.speed, 1e-9)
        with contextlib.suppress(OverflowError):
            await asyncio.sleep(min(ahead / speed, _LEAST_PAUSE_S))
