"""Orders: amounts that the merchant wants to be paid."""

import sqlite3

import structlog

from urja.sandbox.gateway import entities
from urja.sandbox.gateway.context import GatewayContext, currency, find, money, notes, text
from urja.sandbox.http import RefusedError

log = structlog.get_logger()


def create(context: GatewayContext, given: dict[str, object]) -> dict[str, object]:
    """Create an order and return it; with `unique_receipt`, return the existing order of that receipt.

    Raises RefusedError where the receipt belongs to an order of another amount.
    """
    amount, unit, receipt = money(given), currency(given), text(given, "receipt", 40)
    noted = notes(given)
    with context.book.transaction():
        if given.get("unique_receipt") and receipt is not None:
            known = context.book.one("SELECT * FROM orders WHERE receipt = ? ORDER BY n LIMIT 1", receipt)
            if known is not None:
                return _same(known, amount)
        identifier = context.new_id("order", "orders")
        context.book.insert(
            "orders",
            id=identifier,
            amount=amount,
            currency=unit,
            receipt=receipt,
            notes=noted,
            auto_capture=int(_auto_capture(context, given)),
            created_at=context.now_s(),
        )
    order = entities.order(find(context.book, "orders", identifier))
    # Notes may contain the merchant's correlation id, so that one search finds both logs.
    log.info("order", id=identifier, amount=amount, receipt=receipt, notes=order["notes"])
    return order


def _same(known: sqlite3.Row, amount: int) -> dict[str, object]:
    if known["amount"] != amount:
        raise RefusedError("The receipt belongs to an order of another amount.", field="receipt")
    return entities.order(known)


def _auto_capture(context: GatewayContext, given: dict[str, object]) -> bool:
    wanted = given.get("payment_capture")
    return context.given.auto_capture if wanted is None else wanted in (True, "1", "true")


def mark_attempted(context: GatewayContext, order_id: str) -> None:
    """Count an attempt; within the caller's transaction."""
    context.book.run(
        "UPDATE orders SET attempts = attempts + 1, status = 'attempted' WHERE id = ? AND status <> 'paid'",
        order_id,
    )


def mark_paid(context: GatewayContext, order_id: str, amount: int) -> None:
    """Mark an order as paid, which is final; within the caller's transaction."""
    context.book.run("UPDATE orders SET amount_paid = ?, status = 'paid' WHERE id = ?", amount, order_id)
