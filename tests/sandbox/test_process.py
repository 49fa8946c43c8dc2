"""The processes as the supervisor runs them: started, killed, started again, stopped."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.sandbox.conftest import KEYS, arguments

from urja.base.ports import free_port

PROGRAM = """
import json, sys
from urja.base import log
from urja.base.clock import WallClock
from urja.base.settings import Settings
from urja.site.supervisor.process import call

log.configure("sandbox")
call(sys.argv[1], Settings(), json.loads(sys.argv[2]), WallClock())
"""
GATEWAY = "urja.sandbox.gateway.process:run"
SMS = "urja.sandbox.sms.process:run"


@contextlib.asynccontextmanager
async def started(target: str, given: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, target, json.dumps(given),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(given: dict[str, Any]) -> None:
    transport = httpx.AsyncHTTPTransport(retries=10)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client, asyncio.timeout(60):
        answer = await client.get(f"http://127.0.0.1:{given['ready_port']}/readyz")
        assert answer.json()["ready"] is True


@pytest.mark.parametrize(("target", "path"), [(GATEWAY, "/v1/orders"), (SMS, "/messages")])
async def test_it_serves_logs_and_stops_in_order(tmp_path, receiver, target, path):
    port, ready_port = free_port(), free_port()
    given = arguments(tmp_path, receiver.url, port=port, ready_port=ready_port)
    async with started(target, given) as process:
        await ready(given)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", auth=KEYS, trust_env=False
        ) as client:
            assert (await client.get(path)).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
        lines = [json.loads(line) for line in log.decode().splitlines()]
        assert any(path in line["event"] and line["process"] == "sandbox" for line in lines)
        assert KEYS[1] not in log.decode()


async def test_a_killed_gateway_forgets_nothing(tmp_path, receiver):
    port, ready_port = free_port(), free_port()
    given = arguments(tmp_path, receiver.url, port=port, ready_port=ready_port, retry_first_s=1.0)
    receiver.answers = [503] * 3
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", auth=KEYS, trust_env=False) as client:
        async with started(GATEWAY, given) as process:
            await ready(given)
            order = (await client.post("/v1/orders", json={"amount": 50_000, "currency": "INR"})).json()
            await client.post(f"/pay/{order['id']}/upi")
            await receiver.wait_for(3)
            process.send_signal(signal.SIGKILL)
            await process.wait()

        async with started(GATEWAY, given):
            await ready(given)
            await receiver.wait_for(6)
            payments = (await client.get("/book/payments")).json()["payments"]

    assert [payment["state"] for payment in payments] == ["captured"]
    assert sorted(receiver.names()[3:]) == ["order.paid", "payment.authorized", "payment.captured"]


async def test_a_taken_port_is_said(tmp_path, receiver):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = arguments(tmp_path, receiver.url, port=taken.getsockname()[1])
        async with started(GATEWAY, given) as process:
            _, log = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 1
            assert b"Address already in use" in log
