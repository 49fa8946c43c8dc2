"""Razorpay's JSON as facts in Urja's terms. Unknown fields are ignored; missing ones raise ValueError."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from urja.apps.payments.kinds import PaymentState
from urja.apps.payments.port import (
    DisputeFact,
    DisputeState,
    Method,
    OrderFact,
    PaymentFact,
    RefundFact,
    SettlementFact,
)

Text = Annotated[str, Meta(min_length=1, max_length=64)]
Amount = Annotated[int, Meta(ge=0, le=10**15)]
Instant = Annotated[int, Meta(ge=0, le=253_402_300_799)]


_PAYMENTS: Final = {
    "created": PaymentState.CREATED,
    "failed": PaymentState.FAILED,
    "authorized": PaymentState.AUTHORISED,
    "captured": PaymentState.CAPTURED,
    "refunded": PaymentState.REFUNDED,
}
_METHODS: Final = {
    "upi": Method.UPI,
    "card": Method.CARD,
    "wallet": Method.WALLET,
    "netbanking": Method.BANK,
}
_DISPUTES: Final = {
    "open": DisputeState.OPEN,
    "under_review": DisputeState.OPEN,
    "action_required": DisputeState.OPEN,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "closed": DisputeState.CLOSED,
}


class _Order(Struct):
    id: Text
    amount: Amount
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    receipt: str | None = None


class _Payment(Struct, frozen=True):
    id: Text
    amount: Amount
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    status: str
    created_at: Instant
    order_id: str | None = None
    method: str | None = None
    error_reason: str | None = None
    error_description: str | None = None


class _Refund(Struct):
    id: Text
    payment_id: Text
    amount: Amount
    status: str
    created_at: Instant


class _Dispute(Struct):
    id: Text
    payment_id: Text
    amount: Amount
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    status: str
    created_at: Instant
    amount_deducted: Amount = 0
    phase: str | None = None
    reason_code: str | None = None
    respond_by: Instant | None = None


class _Settled(Struct):
    """A row of `settlements/recon/combined`."""

    entity_id: Text
    type: Annotated[str, Meta(min_length=1, max_length=32)]
    amount: Amount
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    fee: Amount
    tax: Amount
    credit: Amount
    debit: Amount
    settled: bool
    created_at: Instant
    settled_at: Instant | None = None
    settlement_id: Annotated[str, Meta(max_length=64)] | None = None
    settlement_utr: Annotated[str, Meta(max_length=64)] | None = None
    payment_id: Annotated[str, Meta(max_length=64)] | None = None
    dispute_id: Annotated[str, Meta(max_length=64)] | None = None


def order(entity: object) -> OrderFact:
    """Return an order as a fact. Raises ValueError (msgspec.ValidationError) for a missing or invalid field."""
    read = msgspec.convert(entity, _Order)
    return OrderFact(read.id, read.receipt or "", read.amount, read.currency)


def payment(entity: object) -> PaymentFact:
    """Return a payment as a fact, its amount in minor units. Raises ValueError for an invalid field or an unknown
    state.
    """
    read = msgspec.convert(entity, _Payment)
    return PaymentFact(
        payment_id=read.id,
        order_id=read.order_id,
        amount_minor=read.amount,
        currency=read.currency,
        state=_word(_PAYMENTS, "payment", read.status),
        method=_METHODS.get(read.method or "", Method.OTHER),
        error=(read.error_reason or read.error_description or "")[:200],
        created_at=datetime.fromtimestamp(read.created_at, UTC),
    )


def refund(entity: object) -> RefundFact | None:
    """Return a refund as a fact; None while it is not processed. Raises ValueError for an invalid field."""
    read = msgspec.convert(entity, _Refund)
    if read.status != "processed":
        return None
    return RefundFact(read.id, read.payment_id, read.amount, datetime.fromtimestamp(read.created_at, UTC))


def dispute(entity: object) -> DisputeFact:
    """Return a dispute as a fact (minor units). Raises ValueError for an invalid field or an unknown state."""
    read = msgspec.convert(entity, _Dispute)
    return DisputeFact(
        dispute_id=read.id,
        payment_id=read.payment_id,
        amount_minor=read.amount,
        currency=read.currency,
        state=_word(_DISPUTES, "dispute", read.status),
        deducted_minor=read.amount_deducted,
        phase=(read.phase or "")[:32],
        reason=(read.reason_code or "")[:100],
        respond_by=None if read.respond_by is None else datetime.fromtimestamp(read.respond_by, UTC),
        created_at=datetime.fromtimestamp(read.created_at, UTC),
    )


def settlement(entity: object) -> SettlementFact | None:
    """Return a settlement row as a fact; None while it is not settled. Raises ValueError for an invalid field."""
    read = msgspec.convert(entity, _Settled)
    if not (read.settled and read.settlement_id and read.settled_at is not None):
        return None
    # A deduction for a dispute is an adjustment that names it. Refunds of kind dispute carry the dispute's id here, so
    # the row has to be known by it too.
    disputed = read.dispute_id if read.type == "adjustment" and read.debit else None
    return SettlementFact(
        entity_id=disputed or read.entity_id,
        kind="dispute" if disputed else read.type,
        payment_id=read.payment_id or "",
        settlement_id=read.settlement_id,
        utr=read.settlement_utr or "",
        amount_minor=read.amount,
        currency=read.currency,
        fee_minor=read.fee,
        tax_minor=read.tax,
        credit_minor=read.credit,
        debit_minor=read.debit,
        created_at=datetime.fromtimestamp(read.created_at, UTC),
        settled_at=datetime.fromtimestamp(read.settled_at, UTC),
    )


def _word[Word](words: Mapping[str, Word], what: str, status: str) -> Word:
    if status not in words:
        raise ValueError(f"a {what} has the unknown state {status!r}")
    return words[status]
