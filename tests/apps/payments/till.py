"""Orders, webhooks and the stage `collect` around one account and one gateway process."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from tests.apps.payments.cast import Shop, config, open_shop, sign
from tests.apps.town import adopt


@contextmanager
def as_role(role: str):
    """Django's connection has the rights of a process, and no more."""
    from django.db import connections

    connection = connections["default"]
    before = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = role
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = before


def place(gateway: Any, order: Any, now: datetime) -> None:
    """Take an order to the gateway as the stage does."""
    from urja.apps.payments import order_placement

    with as_role("urja_pipeline"):
        placed = gateway.client.place_order(order.receipt, order.amount_minor, order.currency, again=False)
        order_placement.record_placed(order, placed, now)
    order.refresh_from_db()


@dataclass
class Till:
    """What the web and the pipeline do, by hand."""

    shop: Shop
    account_id: int
    gateway: Any
    collector: Any
    connections: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """Django's connection of each role: kept, because the first statements of a new one cost more than those after."""

    @contextmanager
    def acting_as(self, role: str):
        """As `as_role`, with the connection that the role had before."""
        from django.db import connections

        before = connections["default"]
        shared = before.settings_dict
        user = shared["USER"]
        if role not in self.connections:
            self.connections[role] = type(before)({**shared, "USER": role}, "default")
        connections["default"] = self.connections[role]
        shared["USER"] = role  # of threads that the process starts
        try:
            yield
        finally:
            connections["default"] = before
            shared["USER"] = user

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()

    def asked_for(self, amount_minor: int = 20_000, **changes: Any) -> Any:
        """An order as the web records it."""
        from urja.apps.payments import requests
        from urja.apps.payments.queries import gateways

        values = {"account_id": self.account_id, "currency": "INR", **changes}
        with self.acting_as("urja_web"):
            return requests.open_order(
                gateways.config(),
                self.gateway.name,
                user_id=None,
                amount_minor=amount_minor,
                now=self.shop.now,
                **values,
            )

    def order(self, amount_minor: int = 20_000) -> Any:
        """An order at the gateway."""
        order = self.asked_for(amount_minor)
        place(self.gateway, order, self.shop.now)
        return order

    def hook(self, body: bytes, signature: str | None = None) -> bool:
        """The web keeps a webhook; whether it did."""
        from urja.apps.payments import requests

        with self.acting_as("urja_web"):
            return requests.record_webhook(
                self.gateway.name,
                headers={"x-razorpay-signature": sign(body) if signature is None else signature},
                body=body,
                now=self.shop.now,
            )

    def collect(self) -> Any:
        """A run of the stage, then of the ledger's, then of the stage again: as the loops do."""
        from urja.pipeline.credits import post_credits

        with self.acting_as("urja_pipeline"):
            report = self.collector.run_once(self.shop.now)
            post_credits(self.shop.now)
            self.collector.run_once(self.shop.now)
        return report

    def entries(self) -> list[tuple[str, int]]:
        """Lines and amounts of the account, oldest first."""
        from urja.apps.billing.queries import ledger_entries

        return [
            (entry.line, entry.amount_minor)
            for entry in reversed(ledger_entries.entries(self.account_id, 100))
        ]

    def state(self, order: Any) -> str:
        order.refresh_from_db()
        return str(order.state)

    def reasons(self) -> list[str]:
        from urja.apps.payments import queries

        return [kept.reason for kept in queries.unmatched()]


@pytest.fixture(name="till")
def opened_till(database, tmp_path):
    """Nothing is sent by webhook unless a test hands it on; what is late comes when a test moves the clock."""
    with open_shop(tmp_path / "gateway") as shop:
        yield from make_till(shop)


def make_till(shop: Shop):
    from django.test import override_settings
    from tests.apps.town import START

    from urja.apps.payments import clients
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.pipeline.collect import Collector

    load_tariff(bundled_tariffs()["demo-domestic.toml"], START)
    adopted = adopt(1, tariff_code="demo-domestic", sanctioned_load_w=3000)
    with override_settings(URJA_PAYMENTS=config(shop.url)):
        gateway = clients.gateway("razorpay")
        till = Till(shop, adopted.account_id, gateway, Collector(gateway, 0.0))
        yield till
    till.close()
