"""UPI QR codes on their own: on a bill, a wall, a shop's counter."""

import sqlite3
from typing import Any, Final

from urja.sandbox.gateway import entities
from urja.sandbox.gateway.context import GatewayContext, find, money, notes, text
from urja.sandbox.http import RefusedError

_LATEST_S: Final = 1 << 32
"""The latest time at which a code may close, in Unix seconds."""


def create(desk: GatewayContext, given: dict[str, Any]) -> dict[str, Any]:
    """A new code."""
    if given.get("type") != "upi_qr":
        raise RefusedError("The type must be upi_qr.", field="type")
    usage = given.get("usage")
    if usage not in ("single_use", "multiple_use"):
        raise RefusedError("The usage must be single_use or multiple_use.", field="usage")
    fixed = given.get("fixed_amount") is True
    amount = money(given, "payment_amount") if fixed else None
    close_by = _close_by(desk, given)
    with desk.book.transaction():
        identifier = desk.new_id("qr", "qr_codes")
        desk.book.insert(
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
            created_at=desk.now_s(),
        )
        if close_by is not None:
            desk.plan(close_by - desk.now_s(), "expire", identifier)
    return entity(desk, find(desk.book, "qr_codes", identifier))


def _close_by(desk: GatewayContext, given: dict[str, Any]) -> int | None:
    value = given.get("close_by")
    if value is None:
        return None
    if type(value) is not int or not desk.now_s() < value < _LATEST_S:
        raise RefusedError("close_by must be a time in the future, in Unix seconds.", field="close_by")
    return value


def entity(desk: GatewayContext, row: sqlite3.Row) -> dict[str, Any]:
    """The code as the API tells it."""
    received = desk.book.one(
        "SELECT count(*), coalesce(sum(amount), 0) FROM payments WHERE qr_id = ? AND captured = 1", row["id"]
    )
    assert received is not None
    base = desk.given.public_url or f"http://{desk.given.host}:{desk.given.port}"
    return entities.qr_code(row, (received[0], received[1]), f"{base}/qr/{row['id']}.svg")


def amount_due(desk: GatewayContext, qr_id: str, amount: int | None) -> int:
    """What a payment by this code comes to; raises `RefusedError` where the code takes none."""
    row = find(desk.book, "qr_codes", qr_id)
    if row["status"] == "closed":
        raise RefusedError("The QR code is closed", reason="qr_code_closed")
    if row["fixed_amount"]:
        return int(row["payment_amount"])
    return money({"amount": amount})


def credited(desk: GatewayContext, qr_id: str) -> dict[str, Any]:
    """The code after a payment: a single-use one is closed by it. Within the caller's transaction."""
    row = find(desk.book, "qr_codes", qr_id)
    if row["usage"] == "single_use" and row["status"] == "active":
        row = _close(desk, row, "paid")
    return entity(desk, row)


def expire(desk: GatewayContext, qr_id: str) -> None:
    """The time of a code is over."""
    row = find(desk.book, "qr_codes", qr_id)
    if row["status"] == "active":
        _close(desk, row, "expired")


def close(desk: GatewayContext, qr_id: str) -> dict[str, Any]:
    """Close a code on the merchant's request."""
    row = find(desk.book, "qr_codes", qr_id)
    if row["status"] == "closed":
        raise RefusedError("The QR code is already closed")
    return entity(desk, _close(desk, row, "on_demand"))


def _close(desk: GatewayContext, row: sqlite3.Row, reason: str) -> sqlite3.Row:
    desk.book.run(
        "UPDATE qr_codes SET status = 'closed', closed_at = ?, close_reason = ? WHERE id = ?",
        desk.now_s(),
        reason,
        row["id"],
    )
    return find(desk.book, "qr_codes", row["id"])
