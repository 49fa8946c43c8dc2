"""What the web records: orders, returns from the gateway's page, and webhooks. It decides nothing about money."""

import secrets
import time
from datetime import datetime

import structlog
from django.db import connection
from django.db.models import Q

from urja.apps.payments.config import GatewayConfig
from urja.apps.payments.errors import AmountRefusedError, GatewayAwayError, GatewayRefusedError
from urja.apps.payments.models import ORDER_RANK, Inbox, Order, OrderState
from urja.apps.payments.providers import Gateway
from urja.base.ids import bucket_of, compose_id, format_correlation, new_correlation

log = structlog.get_logger()


def open_order(
    config: GatewayConfig,
    *,
    account_id: int,
    user_id: int | None,
    amount_minor: int,
    currency: str,
    now: datetime,
) -> Order:
    """Record what somebody wants to pay. Raises AmountRefusedError."""
    if not config.least_minor <= amount_minor <= config.most_minor:
        raise AmountRefusedError(f"{amount_minor} is not within {config.least_minor} and {config.most_minor}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('payments_number')")
        (number,) = cursor.fetchone()
    return Order.objects.create(
        id=compose_id(bucket_of(account_id), number),
        account_id=account_id,
        user_id=user_id,
        amount_minor=amount_minor,
        currency=currency,
        provider=config.provider,
        correlation=new_correlation(wall_ms(), secrets.randbits(21)),
        created_at=now,
    )


def place(gateway: Gateway, order: Order, now: datetime, *, again: bool = False) -> bool:
    """Take an order to the gateway; whether it is there. Where it is not, it stays `created` and can be tried again."""
    if order.state != OrderState.CREATED:
        return True
    try:
        provider_order_id = gateway.place_order(
            order.receipt, order.amount_minor, order.currency, again=again
        )
    except (GatewayAwayError, GatewayRefusedError) as error:
        log.warning("order not placed", order=order.id, error=str(error))
        order.last_error = str(error)[:200]
        order.save(update_fields=["last_error"])
        return False
    Order.objects.filter(id=order.id, state=OrderState.CREATED).update(
        state=OrderState.PENDING,
        provider_order_id=provider_order_id,
        pending_at=now,
        ask_at=now,
        last_error="",
    )
    order.refresh_from_db()
    log.info("order placed", order=order.id, correlation=format_correlation(order.correlation))
    return True


def came_back(gateway: Gateway, order: Order, query: dict[str, str], now: datetime) -> bool:
    """The payer comes back from the gateway's page: whether its signature says paid. If so, the gateway is asked now.

    Money is never credited on the word of a browser.
    """
    if not (order.provider_order_id and gateway.returned(query, order.provider_order_id)):
        return False
    waiting = Q(ask_at=None) | Q(ask_at__gt=now)
    Order.objects.filter(waiting, id=order.id, state__in=below(OrderState.PAID)).update(ask_at=now)
    return True


def receive(gateway: Gateway, *, event_id: str, body: bytes, signature: str, now: datetime) -> bool:
    """Keep a webhook as it came; whether its signature is the gateway's."""
    genuine = gateway.genuine(body, signature)
    Inbox.objects.create(
        provider=gateway.name,
        event_id=event_id[:100],
        body=body,
        signature=signature[:200],
        genuine=genuine,
        received_at=now,
        received_wall_ms=wall_ms(),
    )
    if not genuine:
        log.warning("webhook with a wrong signature", provider=gateway.name, event_id=event_id[:100])
    return genuine


def below(state: OrderState) -> list[OrderState]:
    """The states from which an order may go forward to this one."""
    return [known for known, rank in ORDER_RANK.items() if rank < ORDER_RANK[state]]


def wall_ms() -> int:
    return time.time_ns() // 1_000_000
