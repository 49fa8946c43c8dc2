"""Streams are copied while messages arrive, and put back into another broker with what consumers had acknowledged."""

import asyncio

import pytest
from tests.stream.servers import SIZES, Server
from tests.stream.test_broker import blocks

from urja.stream.broker import Broker
from urja.stream.errors import BrokerRefusedError
from urja.stream.snapshots import StreamHead
from urja.stream.subjects import Kind, User


async def copied(admin: Broker, stream: str) -> tuple[StreamHead, list[bytes]]:
    head, *chunks = [part async for part in admin.snapshot(stream)]
    assert isinstance(head, StreamHead)
    return head, [chunk for chunk in chunks if isinstance(chunk, bytes)]


async def each(chunks: list[bytes]):
    for chunk in chunks:
        yield chunk


async def test_streams_and_what_was_acknowledged_are_put_back(admin, headend, pipeline, tmp_path):
    for number in range(40):
        await headend.publish_batch(Kind.BLOCK, 0, blocks(200), number)
    consumer = await pipeline.consume("READINGS")
    [*taken] = await consumer.fetch()
    for delivery in taken[:3]:
        await delivery.ack()
    async with asyncio.timeout(60):
        while await consumer.backlog() != 37:  # noqa: ASYNC110 - the broker announces no acknowledgement
            await asyncio.sleep(0.02)
    more = asyncio.create_task(headend.publish_batch(Kind.BLOCK, 0, blocks(1), 99))
    copies = {name: await copied(admin, name) for name in await admin.stream_names()}
    await more
    assert {"READINGS", "KV_devices", "KV_counters"} <= copies.keys()
    assert sum(map(len, copies["READINGS"][1])) > 0

    (tmp_path / "other").mkdir()
    other = Server(tmp_path / "other", SIZES)
    await other.start()
    try:
        operator = await other.connect(User.ADMIN)
        for head, chunks in copies.values():
            await operator.restore(head, each(chunks))
        assert await operator.stream_names() == sorted(copies)
        again = await (await other.connect(User.PIPELINE)).consume("READINGS")
        assert await again.backlog() in (37, 38)
        head, chunks = copies["READINGS"]
        with pytest.raises(BrokerRefusedError, match="READINGS"):
            await operator.restore(head, each(chunks))
        await operator.close()
    finally:
        other.stop()
