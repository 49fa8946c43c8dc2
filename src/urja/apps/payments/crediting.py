"""Applies what the gateway reports: order states, credits and debits.

This is the only place that decides whether money came in. Every report may arrive any number of times and in any order.
States move forward by rank. A payment is credited under its own id, where the gateway's order carries our receipt; a
refund or a lost dispute is debited under its own id. What does not fit becomes a difference for a clerk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from django.db import transaction
from django.db.models import F

from urja.apps.books import operations as books, queries as booked
from urja.apps.books.errors import IdempotencyError
from urja.apps.payments.kinds import NO_MONEY, PAYMENT_RANK, OrderState, PaymentState, RefundKind, below
from urja.apps.payments.models import RECEIPT, Order, Payment, Refund, Unmatched
from urja.apps.payments.port import (
    DisputeFact,
    DisputeState,
    OrderFact,
    PaymentFact,
    RefundFact,
)
from urja.base.ids import format_correlation
from urja.base.untyped_values import JsonObject

log = structlog.get_logger()

REVERSAL: Final = "reversal"
DISPUTE_OPEN: Final = "dispute_open"
DISPUTE_LOST: Final = "dispute_lost"


@dataclass(slots=True)
class AppliedCounts:
    """Numbers of a run."""

    credits: int = 0
    debits: int = 0
    unmatched: int = 0


def apply_payments(
    provider: str,
    at_gateway: OrderFact | None,
    payments: Sequence[PaymentFact],
    now: datetime,
    settled: AppliedCounts,
) -> None:
    """Apply the gateway's report of an order's payments: amounts in minor units become credits.

    `at_gateway` is the order as the gateway has it, needed where money came in.
    """
    for fact in payments:
        with transaction.atomic():
            _told(provider, at_gateway, fact, now, settled)


def not_applied_yet(provider: str, payments: Sequence[PaymentFact]) -> list[PaymentFact]:
    """Return those payments with money whose state is not known here yet."""
    with_money = [fact for fact in payments if fact.state not in NO_MONEY]
    known = dict(
        Payment.objects.filter(
            provider=provider, payment_id__in=[fact.payment_id for fact in with_money]
        ).values_list("payment_id", "state")
    )
    return [fact for fact in with_money if known.get(fact.payment_id) != fact.state]


def is_ours(at_gateway: OrderFact) -> bool:
    """Return whether a gateway's order has a receipt in the form of ours."""
    return at_gateway.receipt.startswith(RECEIPT)


def _told(
    provider: str, at_gateway: OrderFact | None, fact: PaymentFact, now: datetime, settled: AppliedCounts
) -> None:
    # The lock serialises all payments of an order, so that only one of them is credited. FOR NO KEY UPDATE does not
    # conflict with the key-share locks that rows with a foreign key to the order take.
    order = (
        Order.objects.select_for_update(no_key=True)
        .filter(provider=provider, provider_order_id=fact.order_id)
        .first()
        if fact.order_id
        else None
    )
    if order is None:
        _keep(provider, fact, None, "unknown_order", now, settled, at_gateway)
        return
    if reason := _misfit(provider, order, at_gateway, fact):
        _keep(provider, fact, order, reason, now, settled)
        return
    payment = _forward(provider, order, fact, now)
    if payment.state in (PaymentState.CAPTURED, PaymentState.REFUNDED):
        _credit(order, payment, fact, now, settled)
    elif payment.state == PaymentState.FAILED:
        _move(order, OrderState.FAILED, ended_at=now)


def _misfit(provider: str, order: Order, at_gateway: OrderFact | None, fact: PaymentFact) -> str:
    """Return why a payment does not belong to an order; empty where it does."""
    if fact.state not in NO_MONEY:
        # What a webhook or a return names proves nothing. The gateway's own order, fetched with our key, does.
        receipt = at_gateway and (at_gateway.order_id, at_gateway.receipt)
        if receipt != (order.provider_order_id, order.receipt):
            return "other_receipt"
    known = Payment.objects.filter(provider=provider, payment_id=fact.payment_id).first()
    if known is not None and _content(known, known.order_id) != _content(fact, order.id):
        return "other_content"
    if (fact.amount_minor, fact.currency) != (order.amount_minor, order.currency):
        return "other_amount"
    return ""


def _content(payment: Payment | PaymentFact, order_id: int) -> tuple[int, int, str]:
    return (order_id, payment.amount_minor, payment.currency)


def _forward(provider: str, order: Order, fact: PaymentFact, now: datetime) -> Payment:
    state = fact.state
    payment, new = Payment.objects.get_or_create(
        provider=provider,
        payment_id=fact.payment_id,
        defaults={
            "order": order,
            "account_id": order.account_id,
            "amount_minor": fact.amount_minor,
            "currency": fact.currency,
            "state": state,
            "method": fact.method,
            "error": fact.error,
            "created_at": fact.created_at,
            "seen_at": now,
            **_stamps(state, now),
        },
    )
    if not new and PAYMENT_RANK[state] > PAYMENT_RANK[PaymentState(payment.state)]:
        payment.state, payment.error = state, fact.error
        for name, at in _stamps(state, now).items():
            if getattr(payment, name) is None:
                setattr(payment, name, at)
        payment.save(update_fields=["state", "error", "authorised_at", "captured_at"])
    return payment


def _stamps(state: PaymentState, now: datetime) -> dict[str, datetime]:
    """Return the times to set. A captured payment was authorised, even if that was never reported."""
    agreed = PAYMENT_RANK[state] >= PAYMENT_RANK[PaymentState.AUTHORISED]
    # A refund of what was never captured is a refund too: `refunded` alone does not prove that money came in.
    return {
        **({"authorised_at": now} if agreed else {}),
        **({"captured_at": now} if state == PaymentState.CAPTURED else {}),
    }


def _credit(order: Order, payment: Payment, fact: PaymentFact, now: datetime, settled: AppliedCounts) -> None:
    if payment.credit_id is not None or payment.captured_at is None:
        return
    # A payer can pay one order twice, from two tabs or devices. Whether the second payment is refunded or credited is
    # for a clerk to decide.
    if order.payments.exclude(credit_id=None).exists():
        _keep(order.provider, fact, order, "second_payment", now, settled)
        return
    paid_at = payment.captured_at
    try:
        request = books.request_credit(
            account_id=order.account_id,
            amount_minor=payment.amount_minor,
            kind=booked.payment_kind(order.account_id),
            # With the gateway's name: two gateways may give the same payment id.
            idempotency_key=f"{payment.provider}:{payment.payment_id}",
            requested_at=paid_at,
            reference=order.receipt,
            correlation=order.correlation,
        )
    except IdempotencyError:
        _keep(order.provider, fact, order, "other_content", now, settled)
        return
    payment.credit_id = request.id
    payment.save(update_fields=["credit_id"])
    _move(order, OrderState.PAID, paid_at=paid_at, ask_at=None)
    settled.credits += 1
    log.info(
        "payment credited",
        order=order.id,
        payment=payment.payment_id,
        amount_minor=payment.amount_minor,
        correlation=format_correlation(order.correlation),
    )


def apply_refund(provider: str, fact: RefundFact, now: datetime, settled: AppliedCounts) -> bool:
    """Debit a refund (minor units); returns False where its payment is unknown, so that both are requested again."""
    with transaction.atomic():
        payment = (
            Payment.objects.select_for_update(no_key=True, of=("self",))
            .filter(provider=provider, payment_id=fact.payment_id)
            .first()
        )
        if payment is None:
            return False
        # Stored even where the payment is not credited yet: `debit_waiting_refunds` debits it after the credit.
        refund, _new = Refund.objects.get_or_create(
            provider=provider,
            refund_id=fact.refund_id,
            defaults={
                "kind": fact.kind,
                "payment": payment,
                "amount_minor": fact.amount_minor,
                "created_at": fact.created_at,
                "seen_at": now,
            },
        )
        if (refund.payment_id, refund.amount_minor) != (payment.id, fact.amount_minor):
            _keep_refund(payment, fact, "other_content", now, settled)
        elif refund.debit_id is None and payment.credit_id is not None:
            _debit(payment, refund, now, settled)
        return True


def apply_dispute(provider: str, fact: DisputeFact, now: datetime, settled: AppliedCounts) -> bool:
    """Apply a dispute; returns False where its payment is not known yet, so that both are requested again.

    An open dispute becomes a difference, because a clerk has to answer the gateway in time. So does a lost one; the
    amount that the gateway deducted (minor units) is debited like a refund.
    """
    with transaction.atomic():
        payment = (
            Payment.objects.select_related("order")
            .filter(provider=provider, payment_id=fact.payment_id)
            .first()
        )
        if payment is None:
            return False
        if fact.state == DisputeState.OPEN:
            _keep_dispute(payment, fact, DISPUTE_OPEN, now, settled)
            return True
        _decided(provider, fact, now)
        if fact.state == DisputeState.LOST:
            _keep_dispute(payment, fact, DISPUTE_LOST, now, settled)
            if fact.deducted_minor:
                lost = RefundFact(
                    fact.dispute_id, fact.payment_id, fact.deducted_minor, fact.created_at, RefundKind.DISPUTE
                )
                apply_refund(provider, lost, now, settled)
        return True


def _keep_dispute(
    payment: Payment, fact: DisputeFact, reason: str, now: datetime, settled: AppliedCounts
) -> None:
    detail = {"payment_id": fact.payment_id, "phase": fact.phase, "dispute_reason": fact.reason}
    if reason == DISPUTE_OPEN and fact.respond_by is not None:
        detail["respond_by_at"] = fact.respond_by.isoformat()
    if reason == DISPUTE_LOST:
        detail["debit_minor"] = str(fact.deducted_minor)
    _unmatched(
        payment.provider, fact.dispute_id, payment.order, fact.amount_minor, reason, detail, now, settled
    )


def _decided(provider: str, fact: DisputeFact, now: datetime) -> None:
    """Close the difference of an open dispute, which needs no answer any more."""
    waiting = Unmatched.objects.filter(
        provider=provider, payment_id=fact.dispute_id, reason=DISPUTE_OPEN, closed_at=None
    )
    for kept in waiting.select_for_update(no_key=True):
        kept.detail, kept.closed_at = {**kept.detail, "gone_at": now.isoformat()}, now
        kept.save(update_fields=["detail", "closed_at"])


def _debit(payment: Payment, refund: Refund, now: datetime, settled: AppliedCounts) -> None:
    """Debit what was credited, whatever the balance is then."""
    # Refunds beyond the payment are never debited automatically; a clerk decides.
    if payment.refunded_minor + refund.amount_minor > payment.amount_minor:
        fact = RefundFact(refund.refund_id, payment.payment_id, refund.amount_minor, refund.created_at)
        _keep_refund(payment, fact, "refund_exceeds", now, settled)
        return
    order = payment.order
    request = books.request_debit(
        account_id=order.account_id,
        amount_minor=refund.amount_minor,
        kind=REVERSAL,
        reverses=booked.payment_kind(order.account_id),
        idempotency_key=f"{refund.provider}:{refund.refund_id}",
        requested_at=now,
        reference=order.receipt,
        correlation=order.correlation,
        credit_id=payment.credit_id,
    )
    refund.debit_id = request.id
    refund.save(update_fields=["debit_id"])
    payment.refunded_minor += refund.amount_minor
    payment.save(update_fields=["refunded_minor"])
    _move(order, OrderState.REVERSED, ended_at=now)
    settled.debits += 1
    log.info(
        "payment taken back", order=order.id, payment=payment.payment_id, amount_minor=refund.amount_minor
    )


def debit_waiting_refunds(provider: str, now: datetime, settled: AppliedCounts) -> None:
    """Debit refunds that were reported before their payment was credited."""
    waiting = Refund.objects.filter(
        provider=provider,
        debit_id=None,
        payment__credit_id__isnull=False,
        # A refund larger than its payment is a difference for a clerk.
        amount_minor__lte=F("payment__amount_minor") - F("payment__refunded_minor"),
    )
    for refund_id in list(waiting.values_list("id", flat=True)[:1000]):
        with transaction.atomic():
            refund = Refund.objects.select_related("payment__order").get(id=refund_id)
            payment = Payment.objects.select_for_update(no_key=True, of=("self",)).get(id=refund.payment_id)
            if refund.debit_id is None:
                _debit(payment, refund, now, settled)


def mark_credited(provider: str) -> int:
    """Move orders whose credit the ledger has posted to `credited`; returns how many."""
    paid = Order.objects.filter(provider=provider, state=OrderState.PAID).values_list("id", flat=True)
    credits_ = Payment.objects.filter(order_id__in=list(paid), credit_id__isnull=False)
    ids = [credit_id for credit_id in credits_.values_list("credit_id", flat=True) if credit_id is not None]
    credited = booked.posted_credits(ids)
    moved = 0
    for payment in Payment.objects.filter(credit_id__in=credited).select_related("order"):
        if payment.credit_id is not None:
            moved += _move(payment.order, OrderState.CREDITED, credited_at=credited[payment.credit_id])
    return moved


def expire(order: Order, now: datetime) -> None:
    """End an order that was not paid at `now` (UTC): it is not queried any more, unless a webhook names it."""
    _move(order, OrderState.EXPIRED, ended_at=now, ask_at=None)


def _move(order: Order, state: OrderState, **more: object) -> bool:
    """Move an order forward; returns False where it is already further."""
    # The condition is part of the UPDATE, so a late report cannot move an order back between a read and a write.
    moved = Order.objects.filter(id=order.id, state__in=below(state)).update(state=state, **more)
    return bool(moved)


def _keep(
    provider: str,
    fact: PaymentFact,
    order: Order | None,
    reason: str,
    now: datetime,
    settled: AppliedCounts,
    at_gateway: OrderFact | None = None,
) -> None:
    detail = {"state": fact.state, "currency": fact.currency, "provider_order_id": fact.order_id}
    if at_gateway is not None:
        # After a restore of the database the order may be ours, and the receipt is then the only way to find it.
        detail["receipt"] = at_gateway.receipt
    _unmatched(provider, fact.payment_id, order, fact.amount_minor, reason, detail, now, settled)


def _keep_refund(
    payment: Payment, fact: RefundFact, reason: str, now: datetime, settled: AppliedCounts
) -> None:
    detail = {"refund": fact.refund_id}
    _unmatched(
        payment.provider, payment.payment_id, payment.order, fact.amount_minor, reason, detail, now, settled
    )


def _unmatched(
    provider: str,
    payment_id: str,
    order: Order | None,
    amount_minor: int,
    reason: str,
    detail: JsonObject,
    now: datetime,
    settled: AppliedCounts,
) -> None:
    kept = Unmatched(
        provider=provider,
        payment_id=payment_id,
        order_id=order.id if order else None,
        amount_minor=amount_minor,
        reason=reason,
        detail=detail,
        seen_at=now,
    )
    known = {"provider": provider, "payment_id": payment_id, "reason": reason, "amount_minor": amount_minor}
    # Reports repeat. A difference that a clerk has closed stays closed.
    if Unmatched.objects.filter(**known).exists():
        return
    Unmatched.objects.bulk_create([kept], ignore_conflicts=True)
    settled.unmatched += 1
    log.warning("payment kept for a clerk", payment=payment_id, reason=reason, amount_minor=amount_minor)
