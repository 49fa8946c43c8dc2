"""The reading side of payments: what is under way, what was recharged, and whether the gateway answers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import connection

from urja.apps.payments import reconciliation
from urja.apps.payments.kinds import OrderState, PaymentState
from urja.apps.payments.models import (
    GatewayHealth,
    Order,
    Payment,
    SettlementReport,
    SettlementRow,
    Unmatched,
)
from urja.apps.payments.queries import gateways

type DifferenceRow = Unmatched
type OrderRow = Order
type PaymentRow = Payment


@dataclass(frozen=True, slots=True)
class Authorised:
    """Money that the gateway has authorised and nobody was credited with."""

    amount_minor: int
    since: datetime
    failed: bool
    """It came to nothing, and is told of for the number of such payments alone."""


def authorised_of(
    account_ids: Sequence[int], exhausted_since: Mapping[int, datetime | None] | None = None
) -> dict[int, list[Authorised]]:
    """By account, oldest first: what is authorised and not credited.

    With `exhausted_since` (since when an account's credit is exhausted) also what came to nothing since then, so that
    nobody holds off a cut by one such payment after the other: the policy bounds their number.
    """
    since = exhausted_since or {}
    found: dict[int, list[Authorised]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, state, amount_minor, authorised_at FROM payments_payment "
            "WHERE account_id = ANY(%s) AND authorised_at IS NOT NULL AND credit_id IS NULL ORDER BY authorised_at, id",
            [list(account_ids)],
        )
        for account_id, state, amount_minor, at in cursor.fetchall():
            spell = since.get(account_id)
            if state == PaymentState.AUTHORISED or (spell is not None and at >= spell):
                failed = state in (PaymentState.FAILED, PaymentState.REFUNDED)
                found[account_id].append(Authorised(amount_minor, at, failed))
    return dict(found)


def authorised(account_id: int, exhausted_since: datetime | None = None) -> list[Authorised]:
    """As `authorised_of`, for one account."""
    return authorised_of([account_id], {account_id: exhausted_since}).get(account_id, [])


def pending_order(account_id: int) -> Order | None:
    """The newest order, while it may still be paid: whoever has paid since has given the older ones up."""
    newest = Order.objects.filter(account_id=account_id).order_by("-created_at", "-id").first()
    return newest if newest and newest.state in (OrderState.PENDING, OrderState.FAILED) else None


def recharges(account_id: int, limit: int = 20) -> list[Order]:
    """Orders that were paid, newest first."""
    paid = [OrderState.PAID, OrderState.CREDITED, OrderState.REVERSED]
    return list(
        Order.objects.filter(account_id=account_id, state__in=paid).order_by("-paid_at", "-id")[:limit]
    )


def order_of(account_id: int, order_id: int) -> Order | None:
    """An order of this account."""
    return Order.objects.filter(account_id=account_id, id=order_id).first()


def decisive_payment(order: Order) -> Payment | None:
    """The payment that says most about an order: the one that was credited, or the newest."""
    return order.payments.order_by("credit_id", "-created_at", "-id").first()


@dataclass(frozen=True, slots=True)
class Settlement:
    """One transfer of the gateway's to our bank, as its report tells it. Amounts in minor units."""

    settlement_id: str
    utr: str
    day: date
    settled_at: datetime
    currency: str
    gross_minor: int
    """Of its payments."""
    refunds_minor: int
    fees_minor: int
    """The gateway's whole charge, tax and all."""
    tax_minor: int
    net_minor: int
    """What reached the bank: credits less debits."""
    rows: int
    matched: int
    """Rows that our books confirm."""


@dataclass(frozen=True, slots=True)
class InTransit:
    """What is booked here and stands in no settlement that fits: payments less what was taken back of them."""

    payments: int
    payments_minor: int
    refunds: int
    refunds_minor: int
    oldest_at: datetime | None


def settlements(day: date | None = None, limit: int = 100) -> list[Settlement]:
    """Settlements of a day, or of all days, newest first."""
    where, parameters = ("WHERE day = %s", [day]) if day is not None else ("", [])
    with connection.cursor() as cursor:
        cursor.execute(_SETTLEMENTS.format(where=where), [*parameters, limit])
        return [Settlement(*row) for row in cursor.fetchall()]


_SETTLEMENTS: Final = """
SELECT settlement_id, max(utr), day, max(settled_at), currency,
    coalesce(sum(amount_minor) FILTER (WHERE kind = 'payment'), 0)::bigint,
    coalesce(sum(amount_minor) FILTER (WHERE kind IN ('refund', 'dispute')), 0)::bigint,
    sum(fee_minor)::bigint, sum(tax_minor)::bigint, sum(credit_minor - debit_minor)::bigint,
    count(*), count(matched_at)
FROM payments_settlement_row {where} GROUP BY settlement_id, day, currency
ORDER BY day DESC, max(settled_at) DESC, settlement_id LIMIT %s
"""


def settlement_rows(settlement_id: str) -> list[SettlementRow]:
    """The rows of a settlement, as they were told."""
    return list(SettlementRow.objects.filter(settlement_id=settlement_id).order_by("id"))


def settlement_report() -> SettlementReport | None:
    """The oldest report that was asked for in vain, or that of the newest day."""
    failing = SettlementReport.objects.filter(closed_at=None).exclude(last_error="").order_by("day").first()
    return failing or SettlementReport.objects.order_by("-day").first()


def in_transit() -> InTransit:
    """What is paid and credited here, and not yet paid out to us."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(sum(amount_minor), 0)::bigint, min(captured_at) FROM payments_payment "
            "WHERE credit_id IS NOT NULL AND settled_at IS NULL"
        )
        payments, payments_minor, oldest_at = cursor.fetchone()
        cursor.execute(
            "SELECT count(*), coalesce(sum(amount_minor), 0)::bigint FROM payments_refund "
            "WHERE debit_id IS NOT NULL AND settled_at IS NULL"
        )
        refunds, refunds_minor = cursor.fetchone()
    return InTransit(payments, payments_minor, refunds, refunds_minor, oldest_at)


def settlement_differences() -> list[Unmatched]:
    """What was paid out and does not fit the books, or was paid and is not paid out; oldest first."""
    return list(Unmatched.objects.filter(closed_at=None, reason__in=_OF_SETTLEMENT).order_by("id"))


_OF_SETTLEMENT: Final = (*reconciliation.REASONS, reconciliation.CHANGED_ROW)


def unmatched() -> list[Unmatched]:
    """Payments that were not credited and wait for a clerk, oldest first."""
    waiting = Unmatched.objects.filter(closed_at=None).exclude(reason__in=_OF_SETTLEMENT)
    return list(waiting.order_by("id"))


def difference(difference_id: int) -> Unmatched | None:
    """Money that no rule settles, whether it is closed or not."""
    return Unmatched.objects.filter(id=difference_id).first()


def notes(difference: DifferenceRow) -> list[dict[str, Any]]:
    """What was said about it, oldest first: `at`, `by`, `text`, `operation`."""
    return list(difference.detail.get("notes", ()))


def closed_by_people(limit: int) -> list[Unmatched]:
    """What somebody has closed, the last first; what is gone of itself is not among them."""
    closed = Unmatched.objects.filter(closed_at__isnull=False).exclude(detail__has_key="gone_at")
    return list(closed.order_by("-closed_at", "-id")[:limit])


def last_answered_at() -> datetime | None:
    """When the gateways last answered, by that which has been silent longest; none where none was ever asked.

    Where one never has, since when it has not.
    """
    asked = GatewayHealth.objects.filter(provider__in=gateways.names())
    return min((health.last_answered_at or health.first_asked_at for health in asked), default=None)


def counts() -> dict[str, int]:
    """Orders by state."""
    from django.db.models import Count

    return dict(Order.objects.values_list("state").annotate(Count("id")).order_by("state"))
