"""The reading side of payments: what is under way, what was recharged, and whether the gateway answers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from urja.apps.payments.models import GatewayHealth, Order, OrderState, Payment, PaymentState, Unmatched
from urja.apps.rows import rows


@dataclass(frozen=True, slots=True)
class Authorised:
    """Money that the gateway has authorised and nobody was credited with."""

    amount_minor: int
    since: datetime


def authorised_of(
    account_ids: Sequence[int], exhausted_since: Mapping[int, datetime | None] | None = None
) -> dict[int, list[Authorised]]:
    """By account, oldest first: what is authorised and not credited.

    With `exhausted_since` (since when an account's credit is exhausted) also what came to nothing since then, so that
    nobody holds off a cut by one such payment after the other: the policy bounds their number.
    """
    since = exhausted_since or {}
    found: dict[int, list[Authorised]] = defaultdict(list)
    waiting = rows(
        Payment,
        "account_id = ANY(%s) AND authorized_at IS NOT NULL AND credit_id IS NULL ORDER BY authorized_at, id",
        [list(account_ids)],
    )
    for payment in waiting:
        assert payment.authorized_at is not None
        spell = since.get(payment.account_id)
        if payment.state == PaymentState.AUTHORIZED or (spell is not None and payment.authorized_at >= spell):
            found[payment.account_id].append(Authorised(payment.amount_minor, payment.authorized_at))
    return dict(found)


def authorised(account_id: int, exhausted_since: datetime | None = None) -> list[Authorised]:
    """As `authorised_of`, for one account."""
    return authorised_of([account_id], {account_id: exhausted_since}).get(account_id, [])


def pending(account_id: int, limit: int = 20) -> list[Order]:
    """Orders that may still be paid, newest first."""
    return rows(
        Order,
        "account_id = %s AND state = ANY(%s) ORDER BY created_at DESC, id DESC LIMIT %s",
        [account_id, [OrderState.PENDING.value, OrderState.FAILED.value], limit],
    )


def recharges(account_id: int, limit: int = 20) -> list[Order]:
    """Orders that were paid, newest first."""
    paid = [OrderState.PAID, OrderState.CREDITED, OrderState.REVERSED]
    return list(
        Order.objects.filter(account_id=account_id, state__in=paid).order_by("-paid_at", "-id")[:limit]
    )


def order_of(account_id: int, order_id: int) -> Order | None:
    """An order of this account."""
    return Order.objects.filter(account_id=account_id, id=order_id).first()


def attempt_of(order: Order) -> Payment | None:
    """The payment that says most about an order: the one that was credited, or the newest."""
    return order.payments.order_by("credit_id", "-created_at", "-id").first()


def unmatched() -> list[Unmatched]:
    """What waits for a clerk, oldest first."""
    return list(Unmatched.objects.filter(closed_at=None).order_by("id"))


def last_asked_at() -> datetime | None:
    """When the gateway was last asked; none before the first time."""
    return GatewayHealth.objects.values_list("last_asked_at", flat=True).first()


def last_answered_at() -> datetime | None:
    """When the gateway last answered; where it never has, since when it has not; none where it was never asked."""
    health = GatewayHealth.objects.first()
    return None if health is None else health.last_answered_at or health.first_asked_at


def counts() -> dict[str, int]:
    """Orders by state."""
    from django.db.models import Count

    return dict(Order.objects.values_list("state").annotate(Count("id")).order_by("state"))
