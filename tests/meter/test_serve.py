"""A meter served alone: the printed parameters are enough for a client."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.meter.wire import client_for

from urja.base.clock import WallClock
from urja.cosem.association import Associated
from urja.cosem.obis import CosemAttribute
from urja.cosem.time import CosemDateTime, DeviationSign
from urja.cosem.wrapper import Frame, Splitter
from urja.meter.identity import seeded_identity
from urja.meter.meter import Meter
from urja.meter.object_model import Role
from urja.meter.serve import serve_until


class Line:
    """A client's socket: sends frames, receives frames."""

    def __init__(self, reader, writer):
        self._reader, self._writer, self._splitter = reader, writer, Splitter()

    async def ask(self, apdu, sap):
        self._writer.write(Frame(sap, 1, apdu).encode())
        while True:
            if frames := self._splitter.feed(await asyncio.wait_for(self._reader.read(65536), 60)):
                [frame] = frames
                return frame.apdu

    async def send_garbage(self):
        self._writer.write(b"GET / HTTP/1.1\r\n\r\n")
        return await asyncio.wait_for(self._reader.read(), 60)

    def close(self):
        self._writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_served_meter_answers_over_tcp(host):
    identity = seeded_identity("00000001", "urja-d1-listen", 1, listen=f"{host}:0")
    facts, stopping = asyncio.get_running_loop().create_future(), asyncio.Event()
    serving = asyncio.create_task(
        serve_until(
            identity, host, 0, days=2, clock=WallClock(), announce=facts.set_result, stopping=stopping
        )
    )
    told = await asyncio.wait_for(facts, 60)
    assert json.loads(json.dumps(told)) == told
    line = Line(*await asyncio.open_connection(told["host"], told["port"]))
    meter = Meter(identity, datetime(2026, 4, 1, tzinfo=UTC))  # only to know the keys
    client = client_for(meter, Role.PUBLIC)
    [event] = client.receive(await line.ask(client.associate(), 16))
    assert isinstance(event, Associated)
    [event] = client.receive(await line.ask(client.get(CosemAttribute.of(8, "0.0.1.0.0.255", 2)), 16))
    shown = CosemDateTime.from_bytes(event.data.value).to_utc(DeviationSign.INDIAN)
    assert abs(shown - datetime.now(UTC)) < timedelta(seconds=30)
    assert await line.send_garbage() == b""  # the stream cannot be followed: the meter is_installed up
    line.close()
    stopping.set()
    await serving
