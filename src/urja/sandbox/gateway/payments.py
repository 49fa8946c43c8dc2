"""A payment's life: created, then authorised or failed (or failed, then authorised after all), captured, refunded.

It moves forward only. Nothing here waits: what a bank does later is put into the book as due, and done by the
clockwork.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog

from urja.sandbox.faults import seeded_random
from urja.sandbox.gateway import entities, orders, qr_codes
from urja.sandbox.gateway.context import GatewayContext, PaymentOutcome, find
from urja.sandbox.http import RefusedError

log = structlog.get_logger()

AUTO_REFUND_AFTER_S: Final = 5 * 86_400
"""What is authorised and not captured goes back after so long (Razorpay's default)."""

_FROM: Final = {
    "failed": ("created",),
    # A bank may answer after the payment was called failed: late authorisation.
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
    """How somebody pays. A `fate` given is the payment's; without one it is drawn by seed."""

    kind: str
    instrument: dict[str, Any]
    fate: PaymentOutcome | None = None


def attempt_order(desk: GatewayContext, order_id: str, method: Method) -> sqlite3.Row:
    """Pay an order: the payment as it stands at once. Raises `RefusedError` for an order that is paid."""
    with desk.book.transaction():
        order = find(desk.book, "orders", order_id)
        if order["status"] == "paid":
            raise RefusedError("The order is already paid", field="order_id")
        orders.mark_attempted(desk, order_id)
        return _attempt(desk, method, order["amount"], order_id=order_id)


def attempt_qr(desk: GatewayContext, qr_id: str, method: Method, amount: int | None) -> sqlite3.Row:
    """Pay by a QR code; `amount` counts only where the code fixes none. Raises `RefusedError` for a closed one."""
    with desk.book.transaction():
        due = qr_codes.amount_due(desk, qr_id, amount)
        return _attempt(desk, method, due, qr_id=qr_id)


def _attempt(
    desk: GatewayContext,
    method: Method,
    amount: int,
    *,
    order_id: str | None = None,
    qr_id: str | None = None,
) -> sqlite3.Row:
    identifier = desk.new_id("pay", "payments")
    number = desk.book.value("SELECT coalesce(max(n), 0) + 1 FROM payments")
    fate = method.fate or desk.payment_fate(number)
    desk.book.insert(
        "payments",
        id=identifier,
        order_id=order_id,
        qr_id=qr_id,
        amount=amount,
        currency="INR",
        method=method.kind,
        instrument=json.dumps(method.instrument | _traces(desk, method, number)),
        fate=msgspec.json.encode(fate).decode(),
        created_at=desk.now_s(),
    )
    if fate.declined:
        _fail(desk, identifier, _DECLINED)
    elif fate.late_s is not None:
        if fate.as_failed:
            _fail(desk, identifier, _TIMED_OUT)
        desk.plan(fate.late_s, "authorise", identifier)
    else:
        authorise(desk, identifier)
    payment = find(desk.book, "payments", identifier)
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


def _traces(desk: GatewayContext, method: Method, number: int) -> dict[str, Any]:
    """The reference that a bank gives a payment."""
    reference = seeded_random(desk.given.seed, "reference", number).randrange(10**11, 10**12)
    traces = {"upi": {"rrn": str(reference)}, "card": {"auth_code": str(reference)[:6]}}
    return {"acquirer_data": traces.get(method.kind, {"transaction_id": None})}


def _move(desk: GatewayContext, payment_id: str, status: str, **values: Any) -> sqlite3.Row:
    """Move a payment forward, and return it as it is then."""
    marks = ", ".join("?" * len(_FROM[status]))
    columns = "".join(f", {name} = ?" for name in values)
    moved = desk.book.run(
        f"UPDATE payments SET status = ?{columns} WHERE id = ? AND status IN ({marks})",  # noqa: S608
        status,
        *values.values(),
        payment_id,
        *_FROM[status],
    )
    assert moved == 1, f"{payment_id} cannot become {status}"
    return find(desk.book, "payments", payment_id)


def _fail(desk: GatewayContext, payment_id: str, error: dict[str, str]) -> None:
    payment = _move(desk, payment_id, "failed", failed_at=desk.now_s(), error=json.dumps(error))
    _emit(desk, "payment.failed", payment)


def authorise(desk: GatewayContext, payment_id: str) -> None:
    """The bank says yes. Captured at once where the order wants that and is not paid by another payment."""
    with desk.book.transaction():
        payment = _move(desk, payment_id, "authorized", authorized_at=desk.now_s(), error=None)
        _emit(desk, "payment.authorized", payment)
        if _captures(desk, payment):
            _capture(desk, payment)
        else:
            desk.plan(AUTO_REFUND_AFTER_S, "give_back", payment_id)


def _captures(desk: GatewayContext, payment: sqlite3.Row) -> bool:
    if payment["order_id"] is None:
        return True
    order = find(desk.book, "orders", payment["order_id"])
    return bool(order["auto_capture"]) and order["status"] != "paid"


def capture(desk: GatewayContext, payment_id: str, amount: int) -> sqlite3.Row:
    """The merchant takes an authorised payment; raises `RefusedError` where that cannot be."""
    with desk.book.transaction():
        payment = find(desk.book, "payments", payment_id)
        if payment["captured"]:
            raise RefusedError("This payment has already been captured")
        if payment["status"] != "authorized":
            raise RefusedError(
                "Only payments which have been authorized and not yet captured can be captured"
            )
        if amount != payment["amount"]:
            raise RefusedError("Capture amount must be equal to the amount authorized", field="amount")
        if find(desk.book, "orders", payment["order_id"])["status"] == "paid":
            raise RefusedError("The order is already paid")
        return _capture(desk, payment)


def _capture(desk: GatewayContext, payment: sqlite3.Row) -> sqlite3.Row:
    fee, tax = charges(payment["method"], payment["amount"])
    payment = _move(
        desk, payment["id"], "captured", captured=1, captured_at=desk.now_s(), fee=fee + tax, tax=tax
    )
    if payment["order_id"] is not None:
        orders.mark_paid(desk, payment["order_id"], payment["amount"])
    _emit(desk, "payment.captured", payment)
    if payment["order_id"] is not None:
        order = find(desk.book, "orders", payment["order_id"])
        _emit(desk, "order.paid", payment, order=entities.order(order))
    else:
        qr = qr_codes.credited(desk, payment["qr_id"])
        _emit(desk, "qr_code.credited", payment, qr_code=qr)
    fate = msgspec.json.decode(payment["fate"], type=PaymentOutcome)
    if fate.reverse_s is not None:
        desk.plan(fate.reverse_s, "reverse", payment["id"])
    if fate.dispute_s is not None:
        desk.plan(fate.dispute_s, "dispute", payment["id"])
    return payment


def charges(method: str, amount: int) -> tuple[int, int]:
    """The gateway's fee and the tax on it, in paise, each rounded half up. UPI costs the merchant nothing."""
    fee = (amount * _FEE_PERCENT[method] + 50) // 100
    return fee, (fee * _TAX_PERCENT + 50) // 100


def sent_back(desk: GatewayContext, payment: sqlite3.Row, amount: int) -> sqlite3.Row:
    """So much of a payment was refunded; it is `refunded` once all is. Within the caller's transaction."""
    total = payment["amount_refunded"] + amount
    if total == payment["amount"]:
        return _move(desk, payment["id"], "refunded", amount_refunded=total)
    desk.book.run("UPDATE payments SET amount_refunded = ? WHERE id = ?", total, payment["id"])
    return find(desk.book, "payments", payment["id"])


def _emit(desk: GatewayContext, name: str, payment: sqlite3.Row, **more: dict[str, Any]) -> None:
    lane = payment["order_id"] or payment["qr_id"]
    payload = {"payment": entities.payment(payment), **more}
    desk.emit(name, lane, (payment["n"],), payload)
