"""What the web records: orders, returns from the gateway's page, and webhooks. It verifies and decides nothing."""

import secrets
import time
from datetime import datetime

import structlog
from django.db import connection

from urja.apps.payments.config import GatewayConfig
from urja.apps.payments.errors import AmountRefusedError
from urja.apps.payments.models import ORDER_RANK, Inbox, InboxSource, Order, OrderState
from urja.apps.rows import insert
from urja.base.ids import bucket_of, compose_id, new_correlation

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
    """Record an amount to be paid; the pipeline places it at the gateway. Raises AmountRefusedError."""
    if not config.least_minor <= amount_minor <= config.most_minor:
        raise AmountRefusedError(f"{amount_minor} is not within {config.least_minor} and {config.most_minor}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('payments_number')")
        (number,) = cursor.fetchone()
    order_id = compose_id(bucket_of(account_id), number)
    insert(
        Order,
        id=order_id,
        account=account_id,
        user_id=user_id,
        amount_minor=amount_minor,
        currency=currency,
        provider=config.provider,
        correlation=new_correlation(wall_ms(), secrets.randbits(21)),
        created_at=now,
    )
    return Order.objects.get(id=order_id)


def came_back(order: Order, query: str, now: datetime) -> None:
    """Record that a browser came back from the gateway's page, with the query as it came: the gateway is asked now.

    Whether anything was paid, the gateway says; one return of an order waits at a time.
    """
    _record(order.provider, InboxSource.RETURN, str(order.id), query.encode(), "", now)


def receive(provider: str, *, event_id: str, body: bytes, signature: str, now: datetime) -> bool:
    """Record a webhook as it came; False where too many wait, so that the sender has to send it again."""
    return _record(provider, InboxSource.WEBHOOK, event_id, body, signature, now)


def _record(
    provider: str, source: InboxSource, event_id: str, body: bytes, signature: str, now: datetime
) -> bool:
    kept = insert(
        Inbox,
        ignore_conflicts=True,
        provider=provider,
        source=source,
        event_id=_text(event_id, 100),
        body=body,
        signature=_text(signature, 200),
        received_at=now,
        received_wall_ms=wall_ms(),
    )
    return kept == 1


def _text(given: str, length: int) -> str:
    """As the database takes it: a header may hold what no text column does."""
    return given.replace("\0", "")[:length]


def below(state: OrderState) -> list[OrderState]:
    """The states from which an order may go forward to this one."""
    return [known for known, rank in ORDER_RANK.items() if rank < ORDER_RANK[state]]


def wall_ms() -> int:
    return time.time_ns() // 1_000_000
