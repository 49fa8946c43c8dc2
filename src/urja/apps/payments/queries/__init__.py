"""Queries on payments: pending orders, recharges, settlements, differences, and the gateways' health."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import connection

from urja.apps.payments import reconciliation
from urja.apps.payments.kinds import OrderState, PaymentState
from urja.apps.payments.models import (
    GatewayHealth,
    Inbox,
    Order,
    Payment,
    SettlementReport,
    SettlementRow,
    Unmatched,
)
from urja.apps.payments.queries import gateways
from urja.base.untyped_values import JsonObject

type UnmatchedRow = Unmatched
"""A row of `payments_unmatched`, for annotations outside this app."""


type InboxRow = Inbox
"""A row of `payments_inbox`, for annotations outside this app."""


type DifferenceRow = Unmatched
type OrderRow = Order
type PaymentRow = Payment


@dataclass(frozen=True, slots=True)
class Authorised:
    """A payment that the gateway authorised and that is not credited."""

    amount_minor: int
    since: datetime
    failed: bool
    """Whether it came to nothing; listed because the number of such payments is limited."""


def authorised_of(
    account_ids: Sequence[int], exhausted_since: Mapping[int, datetime | None] | None = None
) -> dict[int, list[Authorised]]:
    """Return authorised payments that are not credited (minor units), oldest first, by account.

    With `exhausted_since` (by account, since when its credit is exhausted) failed ones since then are included. The
    policy limits their number, so that no consumer delays a disconnection by one such payment after the other.
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
    """Return the same for one account."""
    return authorised_of([account_id], {account_id: exhausted_since}).get(account_id, [])


def pending_order(account_id: int) -> Order | None:
    """Return the newest order while it may still be paid; an older one was given up by its payer."""
    newest = Order.objects.filter(account_id=account_id).order_by("-created_at", "-id").first()
    return newest if newest and newest.state in (OrderState.PENDING, OrderState.FAILED) else None


def recharges(account_id: int, limit: int = 20) -> list[Order]:
    """Return orders that were paid, newest first."""
    paid = [OrderState.PAID, OrderState.CREDITED, OrderState.REVERSED]
    return list(
        Order.objects.filter(account_id=account_id, state__in=paid).order_by("-paid_at", "-id")[:limit]
    )


def order_of(account_id: int, order_id: int) -> Order | None:
    """Return an order of an account; None where it has no such order."""
    return Order.objects.filter(account_id=account_id, id=order_id).first()


def decisive_payment(order: Order) -> Payment | None:
    """Return the payment that was credited, else the newest one; None without any."""
    return order.payments.order_by("credit_id", "-created_at", "-id").first()


@dataclass(frozen=True, slots=True)
class Settlement:
    """One transfer of the gateway to the utility's bank account, by its report. Amounts in minor units."""

    settlement_id: str
    utr: str
    day: date
    settled_at: datetime
    currency: str
    gross_minor: int
    """Sum of its payments."""
    refunds_minor: int
    fees_minor: int
    """The gateway's whole charge, tax included."""
    tax_minor: int
    net_minor: int
    """What reached the bank: credits less debits."""
    rows: int
    matched: int
    """Rows that agree with the ledger."""


@dataclass(frozen=True, slots=True)
class InTransit:
    """Amounts booked here and in no matching settlement yet: payments, and what was taken back of them."""

    payments: int
    payments_minor: int
    refunds: int
    refunds_minor: int
    oldest_at: datetime | None


def settlements(day: date | None = None, limit: int = 100) -> list[Settlement]:
    """Return settlements of a day, or of all days, newest first."""
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
    """Return the rows of a settlement as reported."""
    return list(SettlementRow.objects.filter(settlement_id=settlement_id).order_by("id"))


def payout_references(references: Iterable[str]) -> set[str]:
    """Return those of these bank references that are a payout's in a gateway's report."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT upper(btrim(utr)) FROM payments_settlement_row WHERE utr <> '' AND upper(btrim(utr)) = ANY(%s)",
            [list(references)],
        )
        return {reference for (reference,) in cursor.fetchall()}


def settlement_report() -> SettlementReport | None:
    """Return the oldest report whose last request failed, else that of the newest day."""
    failing = SettlementReport.objects.filter(closed_at=None).exclude(last_error="").order_by("day").first()
    return failing or SettlementReport.objects.order_by("-day").first()


def in_transit() -> InTransit:
    """Return what is paid and credited here and not paid out to the utility yet."""
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
    """Return open differences between settlements and the ledger, oldest first."""
    return list(Unmatched.objects.filter(closed_at=None, reason__in=_OF_SETTLEMENT).order_by("id"))


_OF_SETTLEMENT: Final = (*reconciliation.REASONS, reconciliation.CHANGED_ROW)


def unmatched() -> list[Unmatched]:
    """Return payments that were not credited and need a clerk, oldest first."""
    waiting = Unmatched.objects.filter(closed_at=None).exclude(reason__in=_OF_SETTLEMENT)
    return list(waiting.order_by("id"))


def difference(difference_id: int) -> Unmatched | None:
    """Return a difference by id, open or closed."""
    return Unmatched.objects.filter(id=difference_id).first()


def notes(difference: DifferenceRow) -> list[JsonObject]:
    """Return the notes of a difference, oldest first, each with `at`, `by`, `text` and `operation`."""
    return list(difference.detail.get("notes", ()))


def closed_by_people(limit: int) -> list[Unmatched]:
    """Return differences closed by clerks, newest first; those that ended by themselves are left out."""
    closed = Unmatched.objects.filter(closed_at__isnull=False).exclude(detail__has_key="gone_at")
    return list(closed.order_by("-closed_at", "-id")[:limit])


def last_answered_at() -> datetime | None:
    """Return when the gateway that has not answered for longest last answered (UTC); None before any query.

    For a gateway that has never answered, the instant of its first query.
    """
    asked = GatewayHealth.objects.filter(provider__in=gateways.names())
    return min((health.last_answered_at or health.first_asked_at for health in asked), default=None)


def counts() -> dict[str, int]:
    """Return the number of orders by state."""
    from django.db.models import Count

    return dict(Order.objects.values_list("state").annotate(Count("id")).order_by("state"))


@dataclass(frozen=True, slots=True)
class DayTaking:
    """Credited payments less debited refunds of one local day in one settlement, or in none, in minor units."""

    on: date
    settlement_id: str | None
    amount_minor: int
    fee_minor: int
    net_minor: int


def takings(zone: str) -> list[DayTaking]:
    """Return what is credited and debited by gateways, by local day and settlement."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKINGS, {"zone": zone})
        return [DayTaking(*row) for row in cursor.fetchall()]


_TAKINGS: Final = """
WITH taken AS (
    SELECT provider, payment_id AS entity_id, 'payment' AS kind, captured_at AS at, amount_minor AS amount
    FROM payments_payment WHERE credit_id IS NOT NULL
    UNION ALL
    SELECT f.provider, f.refund_id, f.kind, c.requested_at, -f.amount_minor
    FROM payments_refund f JOIN books.debit_request c ON c.id = f.debit_id
)
SELECT (t.at AT TIME ZONE %(zone)s)::date, r.settlement_id, sum(t.amount)::bigint,
    coalesce(sum(r.fee_minor), 0)::bigint, coalesce(sum(r.credit_minor - r.debit_minor), 0)::bigint
FROM taken t
LEFT JOIN payments_settlement_row r ON r.provider = t.provider AND r.entity_id = t.entity_id AND r.kind = t.kind
GROUP BY 1, 2 ORDER BY 1, 2
"""
