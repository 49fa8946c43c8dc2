"""Rows that the web stores: orders, returns from the payment page, and webhooks. It verifies and decides nothing."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog
from django.db import connection

from urja.apps.partial_insert import insert
from urja.apps.payments.config import PaymentsConfig
from urja.apps.payments.errors import AmountRefusedError, OpenOrdersError
from urja.apps.payments.kinds import InboxSource
from urja.apps.payments.models import Inbox, Order
from urja.base.clock import wall_now_ms
from urja.base.ids import bucket_of, compose_id, new_correlation

log = structlog.get_logger()

LARGEST_BODY: Final = 64 * 1024
"""Limit of a body in bytes; a webhook has a few thousand."""
LONGEST_HEADER: Final = 1000
"""Characters of a header that are stored."""


def open_order(
    config: PaymentsConfig,
    gateway: str,
    *,
    account_id: int,
    user_id: int | None,
    amount_minor: int,
    currency: str,
    now: datetime,
) -> Order:
    """Store an order for an amount in minor units; the pipeline places it at the gateway.

    Raises AmountRefusedError where the amount is outside of the configured limits, OpenOrdersError where fifty orders of
    the account may still be paid (a trigger bounds them).
    """
    if not config.least_minor <= amount_minor <= config.most_minor:
        raise AmountRefusedError(
            f"{amount_minor} is not between {config.least_minor} and {config.most_minor} (minor units)"
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('payments_number')")
        (number,) = cursor.fetchone()
    # The id carries the bucket of its account in its upper bits (docs/adr/0005).
    order_id = compose_id(bucket_of(account_id), number)
    stored = insert(
        Order,
        id=order_id,
        account=account_id,
        user_id=user_id,
        amount_minor=amount_minor,
        currency=currency,
        provider=gateway,
        correlation=new_correlation(wall_now_ms(), secrets.randbits(21)),
        created_at=now,
    )
    if not stored:
        raise OpenOrdersError(f"too many orders of account {account_id} may still be paid")
    return Order.objects.get(id=order_id)


def record_return(order: Order, query: str, now: datetime) -> None:
    """Store that a payer's browser came back from the payment page, so that the gateway is queried now.

    The return itself proves nothing. At most one return of an order is open at a time.
    """
    _record(order.provider, InboxSource.RETURN, query.encode(), now, order_id=order.id)


def record_webhook(provider: str, *, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Store a webhook unchanged; returns False where too many are open, so that the sender sends it again."""
    # PostgreSQL's JSON cannot hold the character NUL, which a header may contain.
    kept = {name: value.replace("\0", "")[:LONGEST_HEADER] for name, value in headers.items()}
    return _record(provider, InboxSource.WEBHOOK, body, now, headers=kept)


def _record(provider: str, source: InboxSource, body: bytes, now: datetime, **more: object) -> bool:
    kept = insert(
        Inbox,
        ignore_conflicts=True,
        provider=provider,
        source=source,
        body=body,
        received_at=now,
        received_wall_ms=wall_now_ms(),
        **more,
    )
    return kept == 1
