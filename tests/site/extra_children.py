"""Processes that an installation under test runs beside its own."""

import asyncio
import itertools
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from urja.base.clock import Clock
from urja.base.http import serving_status
from urja.base.settings import Settings


async def steady(settings: Settings, arguments: dict[str, Any], clock: Clock) -> None:
    """Answer on a port until SIGTERM, then leave a word in a file."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    status = {"zone": settings.utility.timezone, "business": clock.now().isoformat(), "speed": clock.speed}
    async with serving_status(list, lambda: status, port=arguments["port"]):
        await stop.wait()
    await asyncio.to_thread(Path(arguments["farewell"]).write_text, "stopped in order")


def hopeless(_settings: Settings, arguments: dict[str, Any], _clock: Clock) -> None:
    """Die at once, saying why."""
    raise RuntimeError(f"no {arguments['what']} in the house")


async def moody(_settings: Settings, arguments: dict[str, Any], _clock: Clock) -> None:
    """Die at once while a file is there, saying why; else answer on a port."""
    if await asyncio.to_thread(Path(arguments["mood"]).exists):
        raise RuntimeError("not in the mood")
    async with serving_status(list, port=arguments["port"]):
        await asyncio.Event().wait()


def posting(settings: Settings, arguments: dict[str, Any], _clock: Clock) -> None:
    """Post entries without end, and note the number of each that was committed; a day is sealed when a file asks for it.

    `login`: of the database's owner. `key`: what signs heads. `noted`, `days`: files.
    """
    from urja.site.django import options as django_options

    zone = settings.utility.timezone
    django_options.setup(django_options.DjangoOptions(conninfo=arguments["login"], timezone=zone))
    from urja.apps.billing.posting import post_credit_requests
    from urja.apps.books.operations import open_account, request_credit
    from urja.pipeline.seal import Sealer

    noted, days = Path(arguments["noted"]), Path(arguments["days"])
    sealer = Sealer(ZoneInfo(zone), bytes.fromhex(arguments["key"]), Path(arguments["heads"]))
    morning = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    account, sealed = open_account(bucket=7, currency="INR", opened_at=morning).id, 0
    for number in itertools.count(1):
        now = morning + timedelta(days=sealed)
        request_credit(
            account_id=account,
            amount_minor=100,
            kind="adjustment",
            idempotency_key=f"k{number}",
            requested_at=now,
        )
        post_credit_requests(7, now.date(), now)
        noted.write_text(str(number))
        # Without a pause the log of the database grows by megabytes a second, which are archived and restored again.
        time.sleep(0.1)
        if days.exists() and int(days.read_text() or 0) > sealed:
            sealed += 1
            sealer.run_once(morning + timedelta(days=sealed))
