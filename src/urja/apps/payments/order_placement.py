"""How an order that the web recorded gets to the gateway: judged again, placed once, given up in the end.

Nothing of the row is believed that a stolen web could write: amount, currency and account are checked here.
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
"""An order that the gateway has not taken by then is not placed any more: its payer has gone."""


def waiting(provider: str, now: datetime, limit: int) -> list[Order]:
    """Orders to be placed, the newest first: its payer is at the page."""
    due = Order.objects.filter(
        Q(ask_at=None) | Q(ask_at__lte=now), state=OrderState.CREATED, provider=provider
    )
    return list(due.select_related("account").order_by("-created_at", "-id")[:limit])


def order_of(provider: str, order_id: int) -> Order | None:
    """An order at a gateway."""
    return Order.objects.filter(id=order_id, provider=provider).first()


OPEN: Final = (OrderState.PENDING, OrderState.FAILED)
"""States in which an order may still be paid at the gateway."""


def due_for_query(provider: str, now: datetime, asked: Collection[int], limit: int) -> list[Order]:
    """Orders that were not heard of for a while, but for those asked about already; the longest first."""
    due = Order.objects.filter(ask_at__lte=now, provider=provider, state__in=OPEN)
    return list(due.exclude(id__in=asked).order_by("ask_at", "id")[:limit])


def record_query(order_id: int, asked: int, again_at: datetime) -> None:
    """Note how often an open order was asked after, and when it is again."""
    Order.objects.filter(id=order_id, state__in=OPEN).update(ask_at=again_at, asked=asked)


def record_query_error(order_id: int, error: str) -> None:
    """Note why the gateway does not tell of an order."""
    Order.objects.filter(id=order_id).update(last_error=error[:200])


def refusal(order: Order, config: PaymentsConfig, now: datetime, give_up_after: timedelta) -> str:
    """Why an order is not placed; empty where nothing speaks against it."""
    if order.account.kind != AccountKind.CONSUMER:
        return "the account is no consumer's"
    if order.currency != order.account.currency:
        return f"the account is kept in {order.account.currency}, not in {order.currency}"
    if not config.least_minor <= order.amount_minor <= config.most_minor:
        return f"the amount is not within {config.least_minor} and {config.most_minor}"
    if order.created_at > now + GIVE_UP_AFTER:
        # It would never be given up, and be first in every line.
        return "it is dated in the future"
    if now >= order.created_at + give_up_after:
        return order.last_error or "it was not placed in time"
    return ""


def record_attempt(order: Order, again_at: datetime) -> None:
    """Note that the gateway is about to be asked: should the answer be lost, the next attempt looks for the receipt."""
    Order.objects.filter(id=order.id, state=OrderState.CREATED).update(asked=F("asked") + 1, ask_at=again_at)


def record_placed(order: Order, provider_order_id: str, now: datetime) -> None:
    """Note that the gateway has taken an order, and under which name."""
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
    """Note why the gateway did not take an order; it is tried again."""
    Order.objects.filter(id=order.id, state=OrderState.CREATED).update(last_error=error[:200])
    log.warning("order not placed", order=order.id, error=error)


def give_up(order: Order, why: str, now: datetime) -> None:
    """End an order that is never placed."""
    Order.objects.filter(id=order.id, state=OrderState.CREATED).update(
        state=OrderState.EXPIRED, ended_at=now, ask_at=None, last_error=why[:200]
    )
    log.warning("order given up", order=order.id, why=why)
