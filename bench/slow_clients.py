"""Pages beside clients that send as slowly as they can.

The web server as it ships, on a database of its own. Honest clients ask for the sign-in page at a steady rate; first
alone, then while many others hold a connection each and send a byte of their headers now and then.

    uv run python bench/slow_clients.py [--slow 2000] [--rate 20] [--seconds 20]

Prints one JSON object: milliseconds of the honest pages, p50 and p95, alone and beside the slow ones, and the ratio of
the two p95 in this run. The bar is 2.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from databases import data_directory
from urja.base import log
from urja.base.configuration import load
from urja.site.supervisor.installation import WEB, Installation

BAR = 2
PAUSE_S = 10.0
"""Seconds between two bytes of a slow client."""
ANY_PORT = dict.fromkeys(
    (
        "URJA_BROKER_PORT",
        "URJA_BROKER_MONITOR_PORT",
        "URJA_HEADEND_PORT",
        "URJA_HEADEND_STATUS_PORT",
        "URJA_PIPELINE_STATUS_PORT",
        "URJA_WEB_PORT",
    ),
    "0",
)


async def slow(port: int, number: int) -> None:
    """Hold a connection with headers that never end."""
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /sign-in/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        await asyncio.sleep(PAUSE_S * (number % 100) / 100)
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(PAUSE_S)
    finally:
        writer.close()


async def pages_ms(port: int, rate: float, seconds: float) -> list[float]:
    """Return the seconds of each page at a steady rate of requests, from its due time."""
    taken: list[float] = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

        async def ask(due_s: float) -> None:
            await asyncio.sleep(due_s - time.monotonic())
            (await client.get("/sign-in/")).raise_for_status()
            taken.append((time.monotonic() - due_s) * 1000)

        begins_s = time.monotonic()
        await asyncio.gather(*(ask(begins_s + number / rate) for number in range(int(rate * seconds))))
    return taken


def figures(taken_ms: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(taken_ms), 1),
        "p95_ms": round(statistics.quantiles(taken_ms, n=20)[-1], 1),
        "pages": len(taken_ms),
    }


async def measure(arguments: argparse.Namespace, directory: Path) -> dict[str, object]:
    async with Installation(data_directory(directory), load(None, ANY_PORT), processes=[WEB]) as installation:
        port = installation.settings.web.port
        await pages_ms(port, arguments.rate, 3)
        alone = figures(await pages_ms(port, arguments.rate, arguments.seconds))
        clients = [asyncio.create_task(slow(port, number)) for number in range(arguments.slow)]
        try:
            await asyncio.sleep(2)
            beside = figures(await pages_ms(port, arguments.rate, arguments.seconds))
            held = sum(not client.done() for client in clients)
        finally:
            for client in clients:
                client.cancel()
            with contextlib.suppress(ConnectionError):
                await asyncio.gather(*clients, return_exceptions=True)
    return {
        "bench": "slow_clients",
        "slow": arguments.slow,
        "held": held,
        "rate_per_s": arguments.rate,
        "alone": alone,
        "beside": beside,
        "p95_ratio": round(beside["p95_ms"] / alone["p95_ms"], 2),
        "bar": BAR,
        "load_average": [round(one, 1) for one in os.getloadavg()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    log.configure("bench", "error", json=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, arguments.slow + 500)), hard))
    directory = Path(tempfile.mkdtemp(prefix="urja-bench-"))
    try:
        print(json.dumps(asyncio.run(measure(arguments, directory)), indent=2))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
