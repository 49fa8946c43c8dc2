"""Disputes: a payer's bank disputes a captured payment; the merchant wins, or loses the money.

A dispute is opened by the payment's outcome, and decided by it or by the merchant, who accepts. The lost amount is
deducted once, from a settlement.
"""

import sqlite3
from typing import Final

import msgspec

from urja.sandbox.gateway import entities
from urja.sandbox.gateway.context import GatewayContext, PaymentOutcome, find
from urja.sandbox.http import RefusedError

RESPOND_WITHIN_S: Final = 7 * 86_400


def open_dispute(context: GatewayContext, payment_id: str) -> None:
    """Open a dispute about the part of a captured payment that is not refunded; nothing where all is."""
    with context.book.transaction():
        payment = find(context.book, "payments", payment_id)
        left = payment["amount"] - payment["amount_refunded"]
        if left == 0:
            return
        identifier = context.new_id("disp", "disputes")
        context.book.insert(
            "disputes",
            id=identifier,
            payment_id=payment_id,
            amount=left,
            currency=payment["currency"],
            reason_code="goods_or_services_not_received_or_partially_received",
            respond_by=context.now_s() + RESPOND_WITHIN_S,
            created_at=context.now_s(),
        )
        _emit(context, "payment.dispute.created", identifier)
        fate = msgspec.json.decode(payment["fate"], type=PaymentOutcome)
        context.plan(fate.decided_s or RESPOND_WITHIN_S, "decide_dispute", identifier)


def decide(context: GatewayContext, dispute_id: str) -> None:
    """Decide a dispute as the payment's outcome says; nothing where the merchant has accepted before."""
    with context.book.transaction():
        dispute = find(context.book, "disputes", dispute_id)
        if dispute["status"] == "open":
            payment = find(context.book, "payments", dispute["payment_id"])
            _end(context, dispute, won=msgspec.json.decode(payment["fate"], type=PaymentOutcome).dispute_won)


def accept(context: GatewayContext, dispute_id: str) -> dict[str, object]:
    """Accept a dispute for the merchant and return it. Raises RefusedError where it is decided."""
    with context.book.transaction():
        dispute = find(context.book, "disputes", dispute_id)
        if dispute["status"] != "open":
            raise RefusedError("Action not allowed: the dispute is already closed")
        _end(context, dispute, won=False)
        return entities.dispute(find(context.book, "disputes", dispute_id))


def _end(context: GatewayContext, dispute: sqlite3.Row, *, won: bool) -> None:
    status = "won" if won else "lost"
    context.book.run(
        "UPDATE disputes SET status = ?, amount_deducted = ?, decided_at = ? WHERE id = ?",
        status,
        0 if won else dispute["amount"],
        context.now_s(),
        dispute["id"],
    )
    _emit(context, f"payment.dispute.{status}", dispute["id"])


def _emit(context: GatewayContext, name: str, dispute_id: str) -> None:
    dispute = find(context.book, "disputes", dispute_id)
    payment = find(context.book, "payments", dispute["payment_id"])
    payload = {"payment": entities.payment(payment), "dispute": entities.dispute(dispute)}
    context.emit(name, payment["order_id"] or payment["qr_id"], ("dispute", dispute["n"]), payload)
