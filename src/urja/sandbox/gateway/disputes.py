"""Disputes: a payer's bank calls a captured payment into question; the merchant wins, or loses the money.

Opened by fate, decided by fate or by the merchant, who accepts. What is lost is deducted once, from what is settled.
"""

import sqlite3
from typing import Any, Final

import msgspec

from urja.sandbox.gateway import entities
from urja.sandbox.gateway.context import GatewayContext, PaymentOutcome, find
from urja.sandbox.http import RefusedError

RESPOND_WITHIN_S: Final = 7 * 86_400


def open_dispute(desk: GatewayContext, payment_id: str) -> None:
    """The payer's bank disputes what is left of a captured payment: nothing, where all was refunded."""
    with desk.book.transaction():
        payment = find(desk.book, "payments", payment_id)
        left = payment["amount"] - payment["amount_refunded"]
        if left == 0:
            return
        identifier = desk.new_id("disp", "disputes")
        desk.book.insert(
            "disputes",
            id=identifier,
            payment_id=payment_id,
            amount=left,
            currency=payment["currency"],
            reason_code="goods_or_services_not_received_or_partially_received",
            respond_by=desk.now_s() + RESPOND_WITHIN_S,
            created_at=desk.now_s(),
        )
        _emit(desk, "payment.dispute.created", identifier)
        fate = msgspec.json.decode(payment["fate"], type=PaymentOutcome)
        desk.plan(fate.decided_s or RESPOND_WITHIN_S, "decide_dispute", identifier)


def decide(desk: GatewayContext, dispute_id: str) -> None:
    """The bank decides as the payment's fate says; nothing, where the merchant has accepted before."""
    with desk.book.transaction():
        dispute = find(desk.book, "disputes", dispute_id)
        if dispute["status"] == "open":
            payment = find(desk.book, "payments", dispute["payment_id"])
            _end(desk, dispute, won=msgspec.json.decode(payment["fate"], type=PaymentOutcome).dispute_won)


def accept(desk: GatewayContext, dispute_id: str) -> dict[str, Any]:
    """The merchant gives in; raises `RefusedError` for what is decided."""
    with desk.book.transaction():
        dispute = find(desk.book, "disputes", dispute_id)
        if dispute["status"] != "open":
            raise RefusedError("Action not allowed: the dispute is already closed")
        _end(desk, dispute, won=False)
        return entities.dispute(find(desk.book, "disputes", dispute_id))


def _end(desk: GatewayContext, dispute: sqlite3.Row, *, won: bool) -> None:
    status = "won" if won else "lost"
    desk.book.run(
        "UPDATE disputes SET status = ?, amount_deducted = ?, decided_at = ? WHERE id = ?",
        status,
        0 if won else dispute["amount"],
        desk.now_s(),
        dispute["id"],
    )
    _emit(desk, f"payment.dispute.{status}", dispute["id"])


def _emit(desk: GatewayContext, name: str, dispute_id: str) -> None:
    dispute = find(desk.book, "disputes", dispute_id)
    payment = find(desk.book, "payments", dispute["payment_id"])
    payload = {"payment": entities.payment(payment), "dispute": entities.dispute(dispute)}
    desk.emit(name, payment["order_id"] or payment["qr_id"], ("dispute", dispute["n"]), payload)
