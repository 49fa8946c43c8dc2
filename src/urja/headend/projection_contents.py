"""What lies in the registry's projection, read whole now and then and told to the pipeline, which compares it.

The head end follows changes, and so is not told of a key that is purged: it would miss its meter at the next start.
"""

import asyncio
import secrets
import time
from typing import Final

import structlog

from urja.stream import Broker
from urja.stream.bucket_contents import BucketContents, digests_of_parts
from urja.stream.errors import StreamError

log = structlog.get_logger()

LEAST_S: Final = 30.0
"""Between two readings ..."""
_RESTS: Final = 100
"""... and at least so many times as long as the last one took: 100,000 meters take about three seconds."""


async def report_contents(broker: Broker, name: str) -> None:
    """Read the projection and tell what is there; raises StreamError."""
    sequence, digests = await broker.read_devices()
    parts = digests_of_parts(digests.items())
    found = BucketContents(
        headend=name, reading=secrets.token_hex(8), sequence=sequence, entries=len(digests), parts=parts
    )
    await broker.tell_contents(found)


async def report_contents_periodically(broker: Broker, name: str) -> None:
    """`report_contents`, at rest in between."""
    while True:
        began_s = time.monotonic()
        try:
            await report_contents(broker, name)
        except StreamError as error:
            log.warning("the projection is not read", why=str(error))
        await asyncio.sleep(max(LEAST_S, _RESTS * (time.monotonic() - began_s)))
