"""States of a payment: created, then authorised or failed (or failed, then authorised late), captured, refunded.

States only move forward. Nothing here waits: later actions of a bank are stored as due, and carried out in business
time.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from urja.sandbox.faults import seeded_random
from urja.sandbox.gateway import entities, orders, qr_codes
from urja.sandbox.gateway.context import GatewayContext, PaymentOutcome, find
from urja.sandbox.http import RefusedError

log = structlog.get_logger()

AUTO_REFUND_AFTER_S: Final = 5 * 86_400
"""Business seconds after which an authorised payment that was not captured is refunded (Razorpay's default: 5 days)."""

_FROM: Final = {
    "failed": ("created",),
    # Late authorisation: a bank may answer after the payment was reported as failed.
    "authorized": ("created", "failed"),
    "captured": ("authorized",),
    "refunded": ("authorized", "captured"),
}

_DECLINED: Final = {
    "code": "BAD_REQUEST_ERROR",
    "description": "Your payment was declined by the bank. Try another way to pay.",
    "source": "bank",
    "step": "payment_authorization",
    "reason": "payment_declined",
}
_TIMED_OUT: Final = {
    "code": "BAD_REQUEST_ERROR",
    "description": "The bank did not answer in time.",
    "source": "bank",
    "step": "payment_authorization",
    "reason": "payment_timed_out",
}

_FEE_PERCENT: Final = {"upi": 0, "card": 2, "wallet": 2}
_TAX_PERCENT: Final = 18


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay. A given outcome applies; without one it is drawn by seed."""

    kind: str
    instrument: dict[str, object]
    fate: PaymentOutcome | None = None


def attempt_order(context: GatewayContext, order_id: str, method: Method) -> sqlite3.Row:
    """Pay an order and return the payment as it is at once. Raises RefusedError for an order that is paid."""
    with context.book.transaction():
        order = find(context.book, "orders", order_id)
        if order["status"] == "paid":
            raise RefusedError("The order is already paid", field="order_id")
        orders.mark_attempted(context, order_id)
        return _attempt(context, method, order["amount"], order_id=order_id)


def attempt_qr(context: GatewayContext, qr_id: str, method: Method, amount: int | None) -> sqlite3.Row:
    """Pay by a QR code; `amount` in paise counts only where the code has none. Raises RefusedError for a closed code."""
    with context.book.transaction():
        due = qr_codes.amount_due(context, qr_id, amount)
        return _attempt(context, method, due, qr_id=qr_id)


def _attempt(
    context: GatewayContext,
    method: Method,
    amount: int,
    *,
    order_id: str | None = None,
    qr_id: str | None = None,
) -> sqlite3.Row:
    identifier = context.new_id("pay", "payments")
    number = context.book.value("SELECT coalesce(max(n), 0) + 1 FROM payments")
    fate = method.fate or context.payment_fate(number)
    context.book.insert(
        "payments",
        id=identifier,
        order_id=order_id,
        qr_id=qr_id,
        amount=amount,
        currency="INR",
        method=method.kind,
        instrument=json.dumps(method.instrument | _traces(context, method, number)),
        fate=msgspec.json.encode(fate).decode(),
        created_at=context.now_s(),
    )
    if fate.declined:
        _fail(context, identifier, _DECLINED)
    elif fate.late_s is not None:
        if fate.as_failed:
            _fail(context, identifier, _TIMED_OUT)
        context.plan(fate.late_s, "authorise", identifier)
    else:
        authorise(context, identifier)
    payment = find(context.book, "payments", identifier)
    log.info(
        "payment",
        id=identifier,
        order=order_id,
        qr=qr_id,
        method=method.kind,
        status=payment["status"],
        faults=fate.names(),
    )
    return payment


def _traces(context: GatewayContext, method: Method, number: int) -> dict[str, object]:
    """Return the reference that a bank gives a payment."""
    reference = seeded_random(context.given.seed, "reference", number).randrange(10**11, 10**12)
    traces = {"upi": {"rrn": str(reference)}, "card": {"auth_code": str(reference)[:6]}}
    return {"acquirer_data": traces.get(method.kind, {"transaction_id": None})}


def _move(context: GatewayContext, payment_id: str, status: str, **values: object) -> sqlite3.Row:
    """Move a payment to a later state, and return it."""
    marks = ", ".join("?" * len(_FROM[status]))
    columns = "".join(f", {name} = ?" for name in values)
    moved = context.book.run(
        f"UPDATE payments SET status = ?{columns} WHERE id = ? AND status IN ({marks})",  # noqa: S608 - names from our code, values bound
        status,
        *values.values(),
        payment_id,
        *_FROM[status],
    )
    assert moved == 1, f"{payment_id} cannot become {status}"
    return find(context.book, "payments", payment_id)


def _fail(context: GatewayContext, payment_id: str, error: dict[str, str]) -> None:
    payment = _move(context, payment_id, "failed", failed_at=context.now_s(), error=json.dumps(error))
    _emit(context, "payment.failed", payment)


def authorise(context: GatewayContext, payment_id: str) -> None:
    """Authorise a payment; capture it at once where its order wants that and is not paid by another payment."""
    with context.book.transaction():
        payment = _move(context, payment_id, "authorized", authorized_at=context.now_s(), error=None)
        _emit(context, "payment.authorized", payment)
        if _captures(context, payment):
            _capture(context, payment)
        else:
            context.plan(AUTO_REFUND_AFTER_S, "give_back", payment_id)


def _captures(context: GatewayContext, payment: sqlite3.Row) -> bool:
    if payment["order_id"] is None:
        return True
    order = find(context.book, "orders", payment["order_id"])
    return bool(order["auto_capture"]) and order["status"] != "paid"


def capture(context: GatewayContext, payment_id: str, amount: int) -> sqlite3.Row:
    """Capture an authorised payment of an amount (minor units) for the merchant.

    Raises RefusedError where it is not authorised, is captured already or has another amount.
    """
    with context.book.transaction():
        payment = find(context.book, "payments", payment_id)
        if payment["captured"]:
            raise RefusedError("This payment has already been captured")
        if payment["status"] != "authorized":
            raise RefusedError(
                "Only payments which have been authorized and not yet captured can be captured"
            )
        if amount != payment["amount"]:
            raise RefusedError("Capture amount must be equal to the amount authorized", field="amount")
        if find(context.book, "orders", payment["order_id"])["status"] == "paid":
            raise RefusedError("The order is already paid")
        return _capture(context, payment)


def _capture(context: GatewayContext, payment: sqlite3.Row) -> sqlite3.Row:
    fee, tax = charges(payment["method"], payment["amount"])
    payment = _move(
        context, payment["id"], "captured", captured=1, captured_at=context.now_s(), fee=fee + tax, tax=tax
    )
    if payment["order_id"] is not None:
        orders.mark_paid(context, payment["order_id"], payment["amount"])
    _emit(context, "payment.captured", payment)
    if payment["order_id"] is not None:
        order = find(context.book, "orders", payment["order_id"])
        _emit(context, "order.paid", payment, order=entities.order(order))
    else:
        qr = qr_codes.credited(context, payment["qr_id"])
        _emit(context, "qr_code.credited", payment, qr_code=qr)
    fate = msgspec.json.decode(payment["fate"], type=PaymentOutcome)
    if fate.reverse_s is not None:
        context.plan(fate.reverse_s, "reverse", payment["id"])
    if fate.dispute_s is not None:
        context.plan(fate.dispute_s, "dispute", payment["id"])
    return payment


def charges(method: str, amount: int) -> tuple[int, int]:
    """Return the gateway's fee and the tax on it, in paise, each rounded half up. UPI costs the merchant nothing."""
    fee = (amount * _FEE_PERCENT[method] + 50) // 100
    return fee, (fee * _TAX_PERCENT + 50) // 100


def sent_back(context: GatewayContext, payment: sqlite3.Row, amount: int) -> sqlite3.Row:
    """Add an amount to the refunds of a payment, which is `refunded` when all is. Within the caller's transaction."""
    total = payment["amount_refunded"] + amount
    if total == payment["amount"]:
        return _move(context, payment["id"], "refunded", amount_refunded=total)
    context.book.run("UPDATE payments SET amount_refunded = ? WHERE id = ?", total, payment["id"])
    return find(context.book, "payments", payment["id"])


def _emit(context: GatewayContext, name: str, payment: sqlite3.Row, **more: dict[str, object]) -> None:
    lane = payment["order_id"] or payment["qr_id"]
    payload = {"payment": entities.payment(payment), **more}
    context.emit(name, lane, (payment["n"],), payload)
