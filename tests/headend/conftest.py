"""Fixtures: a broker with its permissions, the pipeline's side of it, and head ends that can be restarted."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from tests.headend.ordering import SIGNING_KEY, put_device
from tests.headend.pushing import KEK, PushMeter
from tests.records import as_fields
from tests.stream.servers import PASSWORDS, SIZES, Server

from urja.base.clock import SteppedClock
from urja.base.process_secrets import HeadendSecrets
from urja.base.restored import Restored
from urja.base.settings import HeadendSettings, Settings
from urja.headend.process import HeadEnd
from urja.stream.broker import Broker
from urja.stream.codec import Batch
from urja.stream.definitions import ensure_streams
from urja.stream.records import DTYPES
from urja.stream.signing import public_key
from urja.stream.subjects import User


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path, SIZES)
    await server.start()
    yield server
    server.stop()


@pytest.fixture
async def admin(nats_server: Server) -> AsyncIterator[Broker]:
    broker = await nats_server.connect(User.ADMIN)
    await ensure_streams(broker, SIZES)
    yield broker
    await broker.close()


@pytest.fixture
async def pipeline(nats_server: Server, admin: Broker) -> AsyncIterator[Broker]:
    broker = await nats_server.connect(User.PIPELINE)
    yield broker
    await broker.close()


Start = Callable[..., contextlib.AbstractAsyncContextManager[HeadEnd]]


@pytest.fixture
def start_headend(nats_server: Server, admin: Broker, stepped_clock: SteppedClock, tmp_path: Path) -> Start:
    """`async with start_headend() as headend`: a head end of its own registry, listening on a free port."""
    secrets = HeadendSecrets(
        broker_url=nats_server.url,
        broker_user="headend",
        broker_password=PASSWORDS[User.HEADEND],
        kek=KEK,
        orders_key=public_key(SIGNING_KEY),
        approvers_file=str(tmp_path / "approvers.json"),
    )

    def start(
        restored: Restored | None = None, **changes: object
    ) -> contextlib.AbstractAsyncContextManager[HeadEnd]:
        listen = HeadendSettings(hosts=("127.0.0.1",), port=0)
        settings = Settings(headend=msgspec.structs.replace(listen, **changes))
        told = msgspec.structs.replace(secrets, restored=restored)
        return HeadEnd.running(settings, told, stepped_clock, CollectorRegistry())

    return start


class Stored:
    """The pipeline's view: every batch taken from the stream so far."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.batches: list[Batch] = []

    async def take(self, wait_s: float = 0.3) -> None:
        """Take and acknowledge whatever is there."""
        consumer = await self._broker.consume("READINGS")
        while deliveries := await consumer.fetch(200, wait_s):
            for delivery in deliveries:
                self.batches.append(delivery.body)
                await delivery.ack()
        await consumer.close()

    def records(self, kind: str) -> np.ndarray:
        """The records of one kind, with a field for each quantity of a single-phase meter."""
        found = [as_fields(batch.records) for batch in self.batches if batch.kind == kind]
        return np.concatenate([as_fields(np.zeros(0, DTYPES[kind])), *found])


@pytest.fixture
def stored(pipeline: Broker) -> Stored:
    return Stored(pipeline)


async def adopt(pipeline: Broker, headend: HeadEnd | None, *meters: PushMeter) -> None:
    """Write meters into the projection; wait until the head end knows them."""
    # Not all at once: on a busy machine the broker, which syncs each, takes longer than an answer is waited for.
    for some in itertools.batched(meters, 100):
        await asyncio.gather(*(put_device(pipeline, meter.entry()) for meter in some))
    if headend is not None:
        await until(lambda: all(meter.title in headend.roster.meters for meter in meters))


def value(headend: HeadEnd, name: str, **labels: str) -> float:
    """A counter of this head end."""
    found = headend.registry.get_sample_value(f"urja_headend_{name}", labels)
    return 0.0 if found is None else found


async def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Return once a condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - conditions over counters have no event
            await asyncio.sleep(0.01)
