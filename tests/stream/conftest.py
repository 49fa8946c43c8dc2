"""A broker per test, and a connection per user."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.stream.servers import SIZES, Server

from urja.stream.broker import Broker
from urja.stream.definitions import ensure_streams
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
async def headend(nats_server: Server, admin: Broker) -> AsyncIterator[Broker]:
    broker = await nats_server.connect(User.HEADEND)
    yield broker
    await broker.close()


@pytest.fixture
async def pipeline(nats_server: Server, admin: Broker) -> AsyncIterator[Broker]:
    broker = await nats_server.connect(User.PIPELINE)
    yield broker
    await broker.close()
