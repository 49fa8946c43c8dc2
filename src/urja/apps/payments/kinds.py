"""States of orders, payments and refunds, the ways by which something came in, and what the pipeline sees of these."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from django.db.models import TextChoices


class PaymentState(TextChoices):
    """What the gateway says of a payment; `failed` may still become `authorised`."""

    CREATED = "created"
    FAILED = "failed"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    REFUNDED = "refunded"


class RefundKind(TextChoices):
    """By which way money went back."""

    REFUND = "refund"
    """By an office, or by the payer's bank."""
    DISPUTE = "dispute"
    """By a dispute that was lost; `refund_id` is the dispute's."""


class OrderState(TextChoices):
    """Where an order stands; `failed` and `expired` may still become `paid`, for banks answer late."""

    CREATED = "created"
    """Recorded by the web; the pipeline has not placed it at the gateway yet."""
    PENDING = "pending"
    """At the gateway, not paid."""
    FAILED = "failed"
    """The last attempt failed."""
    EXPIRED = "expired"
    """Not paid in time, or never placed (`last_error` says why); it is not asked after any more."""
    PAID = "paid"
    CREDITED = "credited"
    REVERSED = "reversed"
    """The money went back, in part or whole, after it was credited."""


ORDER_RANK: Final = {
    OrderState.CREATED: 0,
    OrderState.PENDING: 1,
    OrderState.FAILED: 2,
    OrderState.EXPIRED: 3,
    OrderState.PAID: 4,
    OrderState.CREDITED: 5,
    OrderState.REVERSED: 6,
}


class InboxSource(TextChoices):
    """By which way something came in."""

    WEBHOOK = "webhook"
    RETURN = "return"
    """A payer's browser came back from the gateway's page; the body is the address's query."""


NO_MONEY: Final = (PaymentState.CREATED, PaymentState.FAILED)
"""States in which no bank has agreed to anything."""
PAYMENT_RANK: Final = {state: rank for rank, state in enumerate(PaymentState)}


def below(state: OrderState) -> list[OrderState]:
    """The states from which an order may go forward to this one."""
    return [known for known, rank in ORDER_RANK.items() if rank < ORDER_RANK[state]]


class Order(Protocol):
    """What somebody is about to pay (`models.Order`)."""

    id: int
    provider: str
    provider_order_id: str | None
    receipt: str
    amount_minor: int
    currency: str
    state: str
    created_at: datetime
    asked: int


class Received(Protocol):
    """What came in, as it came (`models.Inbox`)."""

    id: int
    provider: str
    source: str
    order_id: int | None
    headers: Mapping[str, str]
    body: bytes


class Difference(Protocol):
    """What does not fit the books and waits for a clerk (`models.Unmatched`)."""

    payment_id: str
    order_id: str
    amount_minor: int
    reason: str
    seen_at: datetime
    detail: str
