"""A gateway and an SMS service on real sockets, with stepped business time and a receiver of webhooks."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from urja.base.certificates import trusted
from urja.base.clock import Clock, SteppedClock
from urja.base.settings import UtilitySettings
from urja.sandbox.arguments import parse
from urja.sandbox.gateway.arguments import GatewayArguments
from urja.sandbox.gateway.gateway import Gateway
from urja.sandbox.outbox import sign
from urja.sandbox.service import running
from urja.sandbox.sms.arguments import SmsArguments
from urja.sandbox.sms.service import SmsService

KEYS = ("rzp_test_key", "key-secret")
WEBHOOK_SECRET = "webhook-secret"
# 10:00 in India.
START = datetime(2026, 10, 5, 4, 30, tzinfo=UTC)


@dataclass
class Received:
    """One webhook as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def name(self) -> str:
        return self.event["event"]


@dataclass
class Receiver:
    """Takes webhooks on a socket of its own.

    `answers` are the statuses of the next answers; then 200. What mentions `deaf_to` is never answered.
    """

    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    deaf_to: str = ""
    url: str = ""
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    def names(self) -> list[str]:
        return [webhook.name for webhook in self.received]

    async def wait_for(self, number: int) -> list[Received]:
        """The webhooks once there are `number` of them."""
        async with asyncio.timeout(60), self._more:
            await self._more.wait_for(lambda: len(self.received) >= number)
        return self.received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                await self._take(reader, writer)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        pairs = (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        if self.deaf_to and self.deaf_to.encode() in body:
            await reader.read()
            raise ConnectionResetError("the sender gave up")
        status = self.answers.pop(0) if self.answers else 200
        async with self._more:
            self.received.append(Received(headers, body))
            self._more.notify_all()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    yield receiver
    server.close()
    server.close_clients()
    await server.wait_closed()


def arguments(tmp_path: Path, receiver_url: str, **more: Any) -> dict[str, Any]:
    return {
        "port": 0,
        "ready_port": 0,
        "database": str(tmp_path / "book.sqlite3"),
        "webhook_url": receiver_url,
        "webhook_secret": WEBHOOK_SECRET,
        "key_id": KEYS[0],
        "key_secret": KEYS[1],
        "retry_first_s": 0.02,
        **more,
    }


@dataclass
class Shop:
    """A merchant's and a payer's hands on one gateway."""

    gateway: Gateway
    clock: SteppedClock
    url: str
    ready_port: int
    api: httpx.AsyncClient
    browser: httpx.AsyncClient

    async def post(
        self, path: str, status: int = 200, headers: dict[str, str] | None = None, **body: Any
    ) -> Any:
        response = await self.api.post(path, json=body, headers=headers)
        assert response.status_code == status, response.text
        return response.json()

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        response = await self.api.get(path, params=query)
        assert response.status_code == status, response.text
        return response.json()

    async def order(self, amount: int = 50_000, **more: Any) -> dict[str, Any]:
        return await self.post("/v1/orders", amount=amount, currency="INR", **more)

    async def pay(self, order_id: str, way: str = "upi", **form: Any) -> httpx.Response:
        response = await self.browser.post(f"/pay/{order_id}/{way}", data=form)
        assert response.status_code == 303, response.text
        return response

    async def payments_of(self, order_id: str) -> list[dict[str, Any]]:
        return (await self.get(f"/v1/orders/{order_id}/payments", count=100))["items"]

    async def paid(self, amount: int = 50_000, way: str = "upi", **form: Any) -> dict[str, Any]:
        """A fresh order, paid; its payment."""
        order = await self.order(amount)
        await self.pay(order["id"], way, **form)
        return (await self.payments_of(order["id"]))[0]

    async def book(self) -> dict[str, Any]:
        return await self.get("/book/payments")


@contextlib.asynccontextmanager
async def open_shop(
    tmp_path: Path,
    receiver_url: str,
    *,
    clock: SteppedClock | None = None,
    link_clock: Clock | None = None,
    stepped: bool = False,
    **more: Any,
) -> AsyncIterator[Shop]:
    given = parse(arguments(tmp_path, receiver_url, **more), GatewayArguments)
    clock = clock or SteppedClock(START)
    gateway = Gateway(given, UtilitySettings(name="Urja Nagar"), clock, link_clock)
    async with (
        running(gateway, given, stepped=stepped) as at,
        httpx.AsyncClient(base_url=at.url, auth=KEYS, trust_env=False, verify=trusted()) as api,
        httpx.AsyncClient(base_url=at.url, trust_env=False, verify=trusted()) as browser,
    ):
        yield Shop(gateway, clock, at.url, at.ready_port, api, browser)


@pytest.fixture
async def shop(tmp_path: Path, receiver: Receiver) -> AsyncIterator[Shop]:
    """A gateway without faults."""
    async with open_shop(tmp_path, receiver.url) as shop:
        yield shop


@dataclass
class Post:
    """A sender's hands on one SMS service."""

    service: SmsService
    clock: SteppedClock
    api: httpx.AsyncClient

    async def send(self, to: str, text: str, ref: str, status: int = 202) -> dict[str, Any]:
        response = await self.api.post("/messages", json={"to": to, "text": text, "ref": ref})
        assert response.status_code == status, response.text
        return response.json()


@contextlib.asynccontextmanager
async def open_post(tmp_path: Path, receiver_url: str, **more: Any) -> AsyncIterator[Post]:
    given = parse(arguments(tmp_path, receiver_url, **more), SmsArguments)
    clock = SteppedClock(START)
    service = SmsService(given, UtilitySettings(name="Urja Nagar"), clock)
    async with (
        running(service, given) as at,
        httpx.AsyncClient(base_url=at.url, auth=KEYS, trust_env=False, verify=trusted()) as api,
    ):
        yield Post(service, clock, api)


def signed(webhook: Received, header: str = "x-razorpay-signature") -> bool:
    """Whether the signature is that of the raw body under the webhook secret."""
    return webhook.headers[header] == sign(WEBHOOK_SECRET, webhook.body)
