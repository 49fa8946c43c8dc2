"""The sandbox gateway over HTTP, and the actions of payer, network and clock on it."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from urja.base.certificates import trusted
from urja.base.clock import Anchor, AnchoredClock, write_anchor
from urja.base.settings import UtilitySettings
from urja.sandbox.arguments import parse
from urja.sandbox.gateway.arguments import GatewayArguments
from urja.sandbox.gateway.gateway import Gateway
from urja.sandbox.service import running

KEYS = ("rzp_test_urja", "only-a-key-secret")
WEBHOOK_SECRET = "only-a-webhook-secret"
START = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
"""10:00 in Kolkata."""


@dataclass
class Shop:
    """One gateway. Its webhooks go nowhere; a test hands on those that it wants to arrive."""

    url: str
    anchor: Path
    now: datetime
    api: httpx.Client
    browser: httpx.Client

    def move(self, **by: float) -> datetime:
        """Business time, for the gateway's banks as well."""
        self.now += timedelta(**by)
        write_anchor(self.anchor, Anchor(0.0, self.now.timestamp(), 0.0))
        return self.now

    def pay(self, provider_order_id: str, way: str = "upi", **form: str) -> httpx.Response:
        answer = self.browser.post(f"/pay/{provider_order_id}/{way}", data=form)
        assert answer.status_code == 303, answer.text
        return answer

    def card(self, provider_order_id: str, number: str) -> httpx.Response:
        return self.pay(provider_order_id, "card", number=number, expiry="12/39", cvv="123")

    def get(self, path: str, **query: Any) -> Any:
        answer = self.api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        answer = self.api.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def payments_of(self, provider_order_id: str) -> list[dict[str, Any]]:
        return self.get(f"/v1/orders/{provider_order_id}/payments")["items"]

    def webhooks(self) -> list[bytes]:
        """The bodies of all events so far, in the order in which they happened."""
        return [_bytes(event["body"]) for event in _events(self.get("/book/webhooks"))]

    def until(self, found: Any, seconds: float = 60.0) -> Any:
        """What `found` gives, as soon as it gives something: the banks of the gateway work beside us."""
        end = time.monotonic() + seconds
        while not (value := found()):
            assert time.monotonic() < end, "it has not come"
            time.sleep(0.02)
        return value


def _events(book: Any) -> list[dict[str, Any]]:
    return book if isinstance(book, list) else next(v for v in book.values() if isinstance(v, list))


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def sign(body: bytes, secret: str = WEBHOOK_SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@contextlib.contextmanager
def open_shop(
    directory: Path, webhook_url: str = "http://127.0.0.1:9/hooks", start: datetime = START, **more: Any
) -> Iterator[Shop]:
    """A gateway that stands still in time until a test moves it."""
    directory.mkdir(parents=True, exist_ok=True)
    anchor = directory / "clock.json"
    write_anchor(anchor, Anchor(0.0, start.timestamp(), 0.0))
    given = {
        "port": 0,
        "ready_port": 0,
        "database": str(directory / "book.sqlite3"),
        "webhook_url": webhook_url,
        "webhook_secret": WEBHOOK_SECRET,
        "key_id": KEYS[0],
        "key_secret": KEYS[1],
        # No process takes them.
        "retry_first_s": 3600.0,
        **more,
    }
    with (
        _served(given, anchor) as url,
        httpx.Client(base_url=url, auth=KEYS, trust_env=False, verify=trusted()) as api,
        httpx.Client(base_url=url, trust_env=False, verify=trusted()) as browser,
    ):
        yield Shop(url, anchor, start, api, browser)


@contextlib.contextmanager
def _served(given: dict[str, Any], anchor: Path) -> Iterator[str]:
    """Where the gateway is reached: its event loop has a thread of its own, a process would take longer to start."""
    told: queue.SimpleQueue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = queue.SimpleQueue()

    async def serve() -> None:
        arguments = parse(given, GatewayArguments)
        gateway = Gateway(arguments, UtilitySettings(), AnchoredClock(anchor))
        async with running(gateway, arguments) as at:
            over = asyncio.Event()
            told.put((at.url, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()], name="gateway")
    thread.start()
    url, loop, over = told.get(timeout=60)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


SECRETS = {"key_secret": KEYS[1], "webhook_secret": WEBHOOK_SECRET}


def gateway(url: str, *, methods: tuple[str, ...] = ("upi", "card", "wallet"), secrets: Any = SECRETS) -> Any:
    """The process as a gateway of the settings."""
    from urja.apps.payments.config import GatewayConfig
    from urja.apps.payments.providers.razorpay.settings import Options

    return GatewayConfig("razorpay", "razorpay", Options(base_url=url, key_id=KEYS[0]), methods, secrets)


def config(url: str, **more: Any) -> Any:
    """The settings with it as the only gateway."""
    from urja.apps.payments.config import PaymentsConfig

    return PaymentsConfig((gateway(url, **more),))
