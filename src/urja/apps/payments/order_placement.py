"""Placing an order of the web at the gateway: checked again, placed once, given up after an hour.

A compromised web process can write any order, so amount, currency and account are checked here as well.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db.models import F, Q

from urja.apps.books.kinds import AccountKind
from urja.apps.payments.config import PaymentsConfig
from urja.apps.payments.kinds import OrderState
from urja.apps.payments.models import Order
from urja.base.ids import format_correlation

log = structlog.get_logger()

GIVE_UP_AFTER: Final = timedelta(hours=1)
"""An order that the gateway has not taken by then is dropped: its payer has left the page."""


def waiting(provider: str, now: datetime, limit: int) -> list[Order]:
    """Return orders to place now, newest first, because the newest order's payer is waiting."""
    due = Order.objects.filter(
        Q(ask_at=None) | Q(ask_at__lte=now), state=OrderState.CREATED, provider=provider
    )
    return list(due.select_related("account").order_by("-created_at", "-id")[:limit])


def order_of(provider: str, order_id: int) -> Order | None:
    """Return an order of a gateway; None where it is unknown."""
    return Order.objects.filter(id=order_id, provider=provider).first()


OPEN: Final = (OrderState.PENDING, OrderState.FAILED)
"""States in which an order may still be paid."""


def due_for_query(provider: str, now: datetime, asked: Collection[int], limit: int) -> list[Order]:
    """Return open orders that are due for a query, longest due first, without those in `asked`."""
    # Webhooks may be lost, so every open order is queried from time to time as well.
    due = Order.objects.filter(ask_at__lte=now, provider=provider, state__in=OPEN)
    return list(due.exclude(id__in=asked).order_by("ask_at", "id")[:limit])


def record_query(order_id: int, asked: int, again_at: datetime) -> None:
    """Store how often an open order was queried, and when it is queried next (UTC)."""
    Order.objects.filter(id=order_id, state__in=OPEN).update(ask_at=again_at, asked=asked)


def record_query_error(order_id: int, error: str) -> None:
    """Store why the gateway reports nothing about an order."""
    Order.objects.filter(id=order_id).update(last_error=error[:200])


def refusal(order: Order, config: PaymentsConfig, now: datetime, give_up_after: timedelta) -> str:
    """Return why an order must not be placed; empty where nothing is wrong with it.

    Its amount has to be within the configured limits in minor units, its age below `give_up_after`.
    """
    if order.account.kind == AccountKind.CONTRA:
        return "the account does not belong to a consumer"
    if order.currency != order.account.currency:
        return f"the account's currency is {order.account.currency}, not {order.currency}"
    if not config.least_minor <= order.amount_minor <= config.most_minor:
        return f"the amount is not between {config.least_minor} and {config.most_minor} minor units"
    if order.created_at > now + GIVE_UP_AFTER:
        # It would never be given up, and would be the first of every batch.
        return "its date is in the future"
    if now >= order.created_at + give_up_after:
        return order.last_error or "it was not placed in time"
    return ""


def record_attempt(order: Order, again_at: datetime) -> None:
    """Store that the order is being placed. If the answer is lost, the next attempt searches for the receipt first."""
    Order.objects.filter(id=order.id, state=OrderState.CREATED).update(asked=F("asked") + 1, ask_at=again_at)


def record_placed(order: Order, provider_order_id: str, now: datetime) -> None:
    """Store that the gateway has taken an order, and its id there."""
    Order.objects.filter(id=order.id, state=OrderState.CREATED).update(
        state=OrderState.PENDING,
        provider_order_id=provider_order_id,
        pending_at=now,
        ask_at=now,
        asked=0,
        last_error="",
    )
    log.info("order placed", order=order.id, correlation=format_correlation(order.correlation))


def record_failure(order: Order, error: str) -> None:
    """Store why placing failed; it is tried again."""
    Order.objects.filter(id=order.id, state=OrderState.CREATED).update(last_error=error[:200])
    log.warning("order not placed", order=order.id, error=error)


def give_up(order: Order, why: str, now: datetime) -> None:
    """End an order that will not be placed."""
    Order.objects.filter(id=order.id, state=OrderState.CREATED).update(
        state=OrderState.EXPIRED, ended_at=now, ask_at=None, last_error=why[:200]
    )
    log.warning("order given up", order=order.id, why=why)
