"""UPI QR codes of their own: on a bill, a wall, a shop's counter."""

import sqlite3
from typing import Final

from urja.sandbox.gateway import entities
from urja.sandbox.gateway.context import GatewayContext, find, money, notes, text
from urja.sandbox.http import RefusedError

_LATEST_S: Final = 1 << 32
"""The latest time at which a code may close, in Unix seconds."""


def create(context: GatewayContext, given: dict[str, object]) -> dict[str, object]:
    """Create a code and return it. Raises RefusedError for an invalid request."""
    if given.get("type") != "upi_qr":
        raise RefusedError("The type must be upi_qr.", field="type")
    usage = given.get("usage")
    if usage not in ("single_use", "multiple_use"):
        raise RefusedError("The usage must be single_use or multiple_use.", field="usage")
    fixed = given.get("fixed_amount") is True
    amount = money(given, "payment_amount") if fixed else None
    close_by = _close_by(context, given)
    with context.book.transaction():
        identifier = context.new_id("qr", "qr_codes")
        context.book.insert(
            "qr_codes",
            id=identifier,
            name=text(given, "name", 80),
            usage=usage,
            fixed_amount=int(fixed),
            payment_amount=amount,
            description=text(given, "description", 255),
            customer_id=text(given, "customer_id", 40),
            notes=notes(given),
            close_by=close_by,
            created_at=context.now_s(),
        )
        if close_by is not None:
            context.plan(close_by - context.now_s(), "expire", identifier)
    return entity(context, find(context.book, "qr_codes", identifier))


def _close_by(context: GatewayContext, given: dict[str, object]) -> int | None:
    value = given.get("close_by")
    if value is None:
        return None
    if type(value) is not int or not context.now_s() < value < _LATEST_S:
        raise RefusedError("close_by must be a time in the future, in Unix seconds.", field="close_by")
    return value


def entity(context: GatewayContext, row: sqlite3.Row) -> dict[str, object]:
    """Return a code as the API shows it."""
    received = context.book.one(
        "SELECT count(*), coalesce(sum(amount), 0) FROM payments WHERE qr_id = ? AND captured = 1", row["id"]
    )
    assert received is not None
    base = context.given.public_url or f"http://{context.given.host}:{context.given.port}"
    return entities.qr_code(row, (received[0], received[1]), f"{base}/qr/{row['id']}.svg")


def amount_due(context: GatewayContext, qr_id: str, amount: int | None) -> int:
    """Return the amount of a payment by this code, in paise. Raises RefusedError where the code takes none."""
    row = find(context.book, "qr_codes", qr_id)
    if row["status"] == "closed":
        raise RefusedError("The QR code is closed", reason="qr_code_closed")
    if row["fixed_amount"]:
        return int(row["payment_amount"])
    return money({"amount": amount})


def credited(context: GatewayContext, qr_id: str) -> dict[str, object]:
    """Return the code after a payment, which closes a single-use one. Within the caller's transaction."""
    row = find(context.book, "qr_codes", qr_id)
    if row["usage"] == "single_use" and row["status"] == "active":
        row = _close(context, row, "paid")
    return entity(context, row)


def expire(context: GatewayContext, qr_id: str) -> None:
    """Close a code whose time is over."""
    row = find(context.book, "qr_codes", qr_id)
    if row["status"] == "active":
        _close(context, row, "expired")


def close(context: GatewayContext, qr_id: str) -> dict[str, object]:
    """Close a code for the merchant and return it. Raises RefusedError where it is closed."""
    row = find(context.book, "qr_codes", qr_id)
    if row["status"] == "closed":
        raise RefusedError("The QR code is already closed")
    return entity(context, _close(context, row, "on_demand"))


def _close(context: GatewayContext, row: sqlite3.Row, reason: str) -> sqlite3.Row:
    context.book.run(
        "UPDATE qr_codes SET status = 'closed', closed_at = ?, close_reason = ? WHERE id = ?",
        context.now_s(),
        reason,
        row["id"],
    )
    return find(context.book, "qr_codes", row["id"])
