"""Processes that a box under test runs beside its own."""

import asyncio
import signal
from pathlib import Path
from typing import Any

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


async def deaf(_settings: Settings, arguments: dict[str, Any], _clock: Clock) -> None:
    """Answer, and ignore SIGTERM."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    async with serving_status(list, port=arguments["port"]):
        await asyncio.Event().wait()


async def moody(_settings: Settings, arguments: dict[str, Any], _clock: Clock) -> None:
    """Die at once while a file is there, saying why; else answer on a port."""
    if await asyncio.to_thread(Path(arguments["mood"]).exists):
        raise RuntimeError("not in the mood")
    async with serving_status(list, port=arguments["port"]):
        await asyncio.Event().wait()
