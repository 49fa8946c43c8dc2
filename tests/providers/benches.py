"""Test benches for gateways: the same few actions of payer, bank, network and clock on each.

A new gateway gets a class here, and runs the suite of `test_gateways.py`.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import pytest
from tests.apps.payments import cast
from tests.providers.coinbox import webhook as coinbox_webhook
from tests.providers.coinbox_service import Coinbox, open_coinbox
from tests.providers.line import Line, open_line

START = cast.START
"""10:00 in Kolkata."""

type Webhook = tuple[dict[str, str], bytes]
"""Headers and body."""


class Bench(Protocol):
    """One gateway with hands on it."""

    provider: str
    line: Line
    now: datetime
    secrets: dict[str, str]

    def options(self) -> dict[str, Any]:
        """As a person writes them; the API is reached over the line."""
        ...

    def move(self, **by: float) -> None: ...

    def pay(self, provider_order_id: str, amount_minor: int) -> str:
        """A payment that succeeds; its id."""
        ...

    def decline(self, provider_order_id: str) -> str:
        """A payment that the bank declines; its id."""
        ...

    def hold(self, provider_order_id: str | None = None) -> str:
        """A payment that is authorised and not captured; its id."""
        ...

    def give_back(self, payment_id: str, amount_minor: int) -> str:
        """A refund that is carried out; its id."""
        ...

    def disputed(self, provider_order_id: str, *, lost: bool) -> tuple[str, str]:
        """A payment that succeeds and is disputed; the payment's id and the dispute's."""
        ...

    def decide(self, dispute_id: str) -> None:
        """The dispute ends as was said when it began."""
        ...

    def settle(self) -> date:
        """What is captured is paid out; the local day of it."""
        ...

    def webhooks(self) -> list[Webhook]:
        """Of all events so far, in their order, as they are sent."""
        ...

    def signed(self, body: bytes, secrets: dict[str, str]) -> dict[str, str]:
        """The headers of a body, signed with these secrets."""
        ...

    def returned(self, provider_order_id: str, payment_id: str, secrets: dict[str, str]) -> str:
        """The query of an address by which a payer comes back."""
        ...

    def orders(self, receipt: str) -> int:
        """How many orders it has under a receipt."""
        ...

    def small_pages(self, patch: pytest.MonkeyPatch) -> None:
        """Lists come two rows at a time."""
        ...


@dataclass
class RazorpayBench:
    shop: cast.Shop
    line: Line
    provider: str = "razorpay"

    @property
    def now(self) -> datetime:
        return self.shop.now

    @property
    def secrets(self) -> dict[str, str]:
        return dict(cast.SECRETS)

    def options(self) -> dict[str, Any]:
        return {"base_url": self.line.url, "key_id": cast.KEYS[0]}

    def move(self, **by: float) -> None:
        self.shop.move(**by)

    def pay(self, provider_order_id: str, amount_minor: int) -> str:
        self.shop.pay(provider_order_id)
        return self.shop.payments_of(provider_order_id)[0]["id"]

    def decline(self, provider_order_id: str) -> str:
        self.shop.card(provider_order_id, "4000 0000 0000 0002")
        return self.shop.payments_of(provider_order_id)[0]["id"]

    def hold(self, provider_order_id: str | None = None) -> str:
        asked = {"amount": 20_000, "currency": "INR", "receipt": "by hand", "payment_capture": False}
        return self.pay(self.shop.post("/v1/orders", **asked)["id"], 20_000)

    def give_back(self, payment_id: str, amount_minor: int) -> str:
        refund = self.shop.post(f"/v1/payments/{payment_id}/refund", amount=amount_minor)["id"]
        self.move(hours=2)
        self.shop.until(lambda: self.shop.get(f"/v1/refunds/{refund}")["status"] == "processed")
        return refund

    def disputed(self, provider_order_id: str, *, lost: bool) -> tuple[str, str]:
        known = len(self.shop.get("/v1/disputes")["items"])
        self.shop.card(provider_order_id, "4000 0000 0000 0259" if lost else "4000 0000 0000 1976")
        self.move(hours=2)
        found = self.shop.until(lambda: self.shop.get("/v1/disputes")["items"][: -known or None])
        return found[0]["payment_id"], found[0]["id"]

    def decide(self, dispute_id: str) -> None:
        self.move(hours=3)
        self.shop.until(lambda: self.shop.get(f"/v1/disputes/{dispute_id}")["status"] != "open")

    def settle(self) -> date:
        known = len(self.shop.get("/book/payments")["settlement_rows"])
        self.move(hours=24)
        self.shop.until(lambda: len(self.shop.get("/book/payments")["settlement_rows"]) > known)
        return (self.now + timedelta(hours=5, minutes=30)).date()

    def webhooks(self) -> list[Webhook]:
        return [(self.signed(body, self.secrets), body) for body in self.shop.webhooks()]

    def signed(self, body: bytes, secrets: dict[str, str]) -> dict[str, str]:
        return {"x-razorpay-signature": cast.sign(body, secrets["webhook_secret"])}

    def returned(self, provider_order_id: str, payment_id: str, secrets: dict[str, str]) -> str:
        message = f"{provider_order_id}|{payment_id}".encode()
        return urlencode(
            {
                "razorpay_payment_id": payment_id,
                "razorpay_order_id": provider_order_id,
                "razorpay_signature": cast.sign(message, secrets["key_secret"]),
            }
        )

    def orders(self, receipt: str) -> int:
        return len(self.shop.get("/v1/orders", receipt=receipt)["items"])

    def small_pages(self, patch: pytest.MonkeyPatch) -> None:
        from urja.apps.payments.providers.razorpay import client

        patch.setattr(client, "_PAGE", 2)
        patch.setattr(client, "_SETTLED_PAGE", 2)


@dataclass
class CoinboxBench:
    coinbox: Coinbox
    line: Line
    provider: str = "tests.providers.coinbox"

    @property
    def now(self) -> datetime:
        return self.coinbox.now

    @property
    def secrets(self) -> dict[str, str]:
        return {"token": self.coinbox.token, "mac_key": "only-a-mac-key"}

    def options(self) -> dict[str, Any]:
        return {"base_url": self.line.url}

    def move(self, **by: float) -> None:
        self.coinbox.now += timedelta(**by)

    def pay(self, provider_order_id: str, amount_minor: int) -> str:
        return self.coinbox.pay(provider_order_id)

    def decline(self, provider_order_id: str) -> str:
        return self.coinbox.pay(provider_order_id, "DECLINED", "PAN", "no money")

    def hold(self, provider_order_id: str | None = None) -> str:
        if provider_order_id is None:
            asked = {"amount": "200.00", "currency": "INR"}
            provider_order_id = self.coinbox.answer("PUT", "/charges/by-hand", {}, asked)["token"]
        return self.coinbox.pay(provider_order_id, "HELD")

    def give_back(self, payment_id: str, amount_minor: int) -> str:
        return self.coinbox.give_back(payment_id, f"{amount_minor / 100:.2f}")

    def disputed(self, provider_order_id: str, *, lost: bool) -> tuple[str, str]:
        payment = self.coinbox.pay(provider_order_id, "TAKEN", "PAN")
        self._verdict = "CARDHOLDER" if lost else "MERCHANT"
        return payment, self.coinbox.claim(payment)

    def decide(self, dispute_id: str) -> None:
        self.coinbox.judge(dispute_id, self._verdict)

    def settle(self) -> date:
        self.move(hours=24)
        self.coinbox.pay_out()
        return (self.now + timedelta(hours=5, minutes=30)).date()

    def webhooks(self) -> list[Webhook]:
        bodies = [
            json.dumps({"topic": topic, "number": number}).encode() for topic, number in self.coinbox.told
        ]
        return [(self.signed(body, self.secrets), body) for body in bodies]

    def signed(self, body: bytes, secrets: dict[str, str]) -> dict[str, str]:
        at = self.now.isoformat()
        return {
            "coinbox-time": at,
            "coinbox-mac": coinbox_webhook.mac(secrets["mac_key"], at.encode() + b"." + body),
        }

    def returned(self, provider_order_id: str, payment_id: str, secrets: dict[str, str]) -> str:
        mac = coinbox_webhook.mac(secrets["mac_key"], provider_order_id.encode())
        return urlencode({"coinbox": provider_order_id, "mac": mac})

    def orders(self, receipt: str) -> int:
        return int(receipt in self.coinbox.charges)

    def small_pages(self, patch: pytest.MonkeyPatch) -> None:
        """Its own are two rows long."""


@contextlib.contextmanager
def razorpay(directory: Path) -> Iterator[RazorpayBench]:
    with cast.open_shop(directory) as shop, open_line(shop.url) as line:
        yield RazorpayBench(shop, line)


@contextlib.contextmanager
def coinbox(_directory: Path) -> Iterator[CoinboxBench]:
    with open_coinbox("only-a-token", START) as (book, url), open_line(url) as line:
        yield CoinboxBench(book, line)


GATEWAYS = {"razorpay": razorpay, "coinbox": coinbox}
"""Each gateway that there is; the second lives outside the package."""
