"""Refunds: requested by the merchant, reversed by the payer's bank, or never captured."""

import json
import sqlite3
from hashlib import sha256
from typing import Final

from urja.sandbox.gateway import entities, payments
from urja.sandbox.gateway.context import GatewayContext, find, money, notes, text
from urja.sandbox.http import RefusedError

PROCESS_AFTER_S: Final = 60
"""Business seconds from a refund's creation until the bank has it."""

_KEY_LENGTHS: Final = range(10, 256)


def create(
    context: GatewayContext, payment_id: str, given: dict[str, object], key: str | None
) -> dict[str, object]:
    """Create a refund for the merchant and return it; a known idempotency key returns the first request's refund.

    Raises RefusedError where the payment cannot be refunded, or where the key was used for another request.
    """
    digest = sha256(json.dumps([payment_id, given], sort_keys=True).encode()).hexdigest()
    with context.book.transaction():
        if key is not None:
            known = _known(context, key, digest)
            if known is not None:
                return entities.refund(known)
        payment = find(context.book, "payments", payment_id)
        amount = _amount(payment, given)
        refund = _book(
            context,
            payment,
            amount,
            cause="merchant",
            notes=notes(given),
            receipt=text(given, "receipt", 40),
            idempotency_key=key,
            request_hash=digest,
        )
    return entities.refund(refund)


def _known(context: GatewayContext, key: str, digest: str) -> sqlite3.Row | None:
    if len(key) not in _KEY_LENGTHS:
        raise RefusedError(
            "The refund idempotency key must have at least 10 characters", field="idempotency_key"
        )
    known = context.book.one("SELECT * FROM refunds WHERE idempotency_key = ?", key)
    if known is not None and known["request_hash"] != digest:
        raise RefusedError("Different request body sent for the same refund idempotency key")
    return known


def _amount(payment: sqlite3.Row, given: dict[str, object]) -> int:
    if not payment["captured"]:
        raise RefusedError("The payment status should be captured for action to be taken")
    left: int = payment["amount"] - payment["amount_refunded"]
    if left == 0:
        raise RefusedError("The payment has been fully refunded already")
    amount = money(given) if given.get("amount") is not None else left
    if amount > left:
        raise RefusedError(
            "The total refund amount is greater than the refund payment amount", field="amount"
        )
    return amount


def reverse(context: GatewayContext, payment_id: str) -> None:
    """Return the unrefunded part of a captured payment to the payer's bank; nothing where all was refunded."""
    with context.book.transaction():
        payment = find(context.book, "payments", payment_id)
        left = payment["amount"] - payment["amount_refunded"]
        if left > 0:
            reason = json.dumps({"reason": "reversed by the payer's bank"})
            _book(context, payment, left, cause="bank", notes=reason)


def give_back(context: GatewayContext, payment_id: str) -> None:
    """Refund an authorised payment that was never captured."""
    with context.book.transaction():
        payment = find(context.book, "payments", payment_id)
        if payment["status"] == "authorized":
            reason = json.dumps({"reason": "not captured in time"})
            _book(context, payment, payment["amount"], cause="uncaptured", notes=reason)


def _book(
    context: GatewayContext, payment: sqlite3.Row, amount: int, *, cause: str, **values: object
) -> sqlite3.Row:
    identifier = context.new_id("rfnd", "refunds")
    context.book.insert(
        "refunds",
        id=identifier,
        payment_id=payment["id"],
        amount=amount,
        currency=payment["currency"],
        cause=cause,
        status="pending",
        created_at=context.now_s(),
        **values,
    )
    payments.sent_back(context, payment, amount)
    if cause == "merchant":
        context.plan(PROCESS_AFTER_S, "process_refund", identifier)
    else:
        # The bank has it already.
        process(context, identifier)
    return find(context.book, "refunds", identifier)


def process(context: GatewayContext, refund_id: str) -> None:
    """Mark a refund as processed by the bank."""
    with context.book.transaction():
        context.book.run(
            "UPDATE refunds SET status = 'processed', processed_at = ? WHERE id = ?",
            context.now_s(),
            refund_id,
        )
        refund = find(context.book, "refunds", refund_id)
        payment = find(context.book, "payments", refund["payment_id"])
        payload = {"refund": entities.refund(refund), "payment": entities.payment(payment)}
        lane = payment["order_id"] or payment["qr_id"]
        context.emit("refund.processed", lane, ("refund", refund["n"]), payload)
