"""States of orders, payments and refunds, sources of messages, and protocols of the rows for other apps."""

from typing import Final

from django.db.models import TextChoices


class PaymentState(TextChoices):
    """State of a payment as the gateway reports it; `failed` may still become `authorised`."""

    CREATED = "created"
    FAILED = "failed"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    REFUNDED = "refunded"


class RefundKind(TextChoices):
    """Why money went back."""

    REFUND = "refund"
    """Refunded by the utility or by the payer's bank."""
    DISPUTE = "dispute"
    """Lost in a dispute; `refund_id` is the dispute's id."""


class OrderState(TextChoices):
    """State of an order; `failed` and `expired` may still become `paid`, because banks answer late."""

    CREATED = "created"
    """Stored by the web, not placed at the gateway yet."""
    PENDING = "pending"
    """Placed at the gateway, not paid."""
    FAILED = "failed"
    """The last attempt failed."""
    EXPIRED = "expired"
    """Not paid in time, or never placed (`last_error` says why); it is not queried any more."""
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
    """How a message came in."""

    WEBHOOK = "webhook"
    RETURN = "return"
    """A payer's browser came back from the gateway's page; the body is the query of the URL."""


NO_MONEY: Final = (PaymentState.CREATED, PaymentState.FAILED)
"""States in which no bank has agreed to the payment."""
PAYMENT_RANK: Final = {state: rank for rank, state in enumerate(PaymentState)}


def below(state: OrderState) -> list[OrderState]:
    """Return the states from which an order may move to this one."""
    return [known for known, rank in ORDER_RANK.items() if rank < ORDER_RANK[state]]
