"""Orders: what the merchant wants to be paid."""

import sqlite3
from typing import Any

import structlog

from urja.sandbox.gateway import entities
from urja.sandbox.gateway.context import GatewayContext, currency, find, money, notes, text
from urja.sandbox.http import RefusedError

log = structlog.get_logger()


def create(desk: GatewayContext, given: dict[str, Any]) -> dict[str, Any]:
    """A new order; with `unique_receipt`, the order of that receipt if there is one."""
    amount, unit, receipt = money(given), currency(given), text(given, "receipt", 40)
    noted = notes(given)
    with desk.book.transaction():
        if given.get("unique_receipt") and receipt is not None:
            known = desk.book.one("SELECT * FROM orders WHERE receipt = ? ORDER BY n LIMIT 1", receipt)
            if known is not None:
                return _same(known, amount)
        identifier = desk.new_id("order", "orders")
        desk.book.insert(
            "orders",
            id=identifier,
            amount=amount,
            currency=unit,
            receipt=receipt,
            notes=noted,
            auto_capture=int(_auto_capture(desk, given)),
            created_at=desk.now_s(),
        )
    order = entities.order(find(desk.book, "orders", identifier))
    # Notes may carry the merchant's correlation id: it stands in our log as well.
    log.info("order", id=identifier, amount=amount, receipt=receipt, notes=order["notes"])
    return order


def _same(known: sqlite3.Row, amount: int) -> dict[str, Any]:
    if known["amount"] != amount:
        raise RefusedError("The receipt belongs to an order of another amount.", field="receipt")
    return entities.order(known)


def _auto_capture(desk: GatewayContext, given: dict[str, Any]) -> bool:
    wanted = given.get("payment_capture")
    return desk.given.auto_capture if wanted is None else wanted in (True, "1", "true")


def mark_attempted(desk: GatewayContext, order_id: str) -> None:
    """One attempt more; within the caller's transaction."""
    desk.book.run(
        "UPDATE orders SET attempts = attempts + 1, status = 'attempted' WHERE id = ? AND status <> 'paid'",
        order_id,
    )


def mark_paid(desk: GatewayContext, order_id: str, amount: int) -> None:
    """The order is paid, for good; within the caller's transaction."""
    desk.book.run("UPDATE orders SET amount_paid = ?, status = 'paid' WHERE id = ?", amount, order_id)
