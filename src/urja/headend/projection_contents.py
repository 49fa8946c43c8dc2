"""Digests of the registry's projection: read whole from time to time and reported to the pipeline, which compares
them.

The head end follows changes only, and a key that is purged from the store is no change: without this comparison the
meter would be missing at the next start.
"""

import asyncio
import secrets
import time
from typing import Final

import structlog

from urja.stream.broker import Broker
from urja.stream.bucket_contents import BucketContents, digests_of_parts
from urja.stream.errors import StreamError

log = structlog.get_logger()

LEAST_S: Final = 30.0
"""Seconds between two readings ..."""
_RESTS: Final = 100
"""... and at least this many times the duration of the last one: 100,000 meters take about three seconds."""


async def report_contents(broker: Broker, name: str) -> None:
    """Read the projection and report its digests to the pipeline. Raises StreamError."""
    sequence, digests = await broker.read_devices()
    parts = digests_of_parts(digests.items())
    found = BucketContents(
        headend=name, reading=secrets.token_hex(8), sequence=sequence, entries=len(digests), parts=parts
    )
    await broker.report_contents(found)


async def report_contents_periodically(broker: Broker, name: str) -> None:
    """Call `report_contents` from time to time for as long as the process runs."""
    while True:
        began_s = time.monotonic()
        try:
            await report_contents(broker, name)
        except StreamError as error:
            log.warning("the projection was not read", why=str(error))
        await asyncio.sleep(max(LEAST_S, _RESTS * (time.monotonic() - began_s)))
