"""Compares what the gateway paid out with what the ledger has: to the minor unit, row by row.

The report's rows are stored as reported, under the gateway's id of the settled item. A row matches where a payment (or
refund) has that id, amount and currency and was credited (or debited), and where the row's own amounts add up. A
payment is marked as settled by its row. A payment without one for too long, and each row that does not match, becomes a
difference for a clerk, with its reason. A difference that no longer exists (a payment or a settlement was reported
late) is closed automatically; if it comes back it is opened again, unless a clerk has closed it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import Min, QuerySet

from urja.apps.payments.models import Payment, SettlementReport, SettlementRow, Unmatched
from urja.apps.payments.port import SettlementFact
from urja.base.untyped_values import JsonObject

log = structlog.get_logger()

REASONS: Final = (
    "settled_unknown",
    "settled_other_amount",
    "settled_uncredited",
    "settled_wrong_sum",
    "settled_other_kind",
    "unsettled",
)
"""Reasons for differences between settlements and the ledger."""
CHANGED_ROW: Final = "settled_otherwise"
"""Reason for a row that was reported before with other content; the first report stands."""

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

_TOLD: Final = (
    "kind", "payment_id", "settlement_id", "utr", "amount_minor", "currency",
    "fee_minor", "tax_minor", "credit_minor", "debit_minor", "created_at", "settled_at",
)  # fmt: skip
"""The fields that a report gives for an item."""


@dataclass(frozen=True, slots=True)
class ReconciliationCounts:
    """Result of a reconciliation: matched rows, opened and closed differences."""

    matched: int = 0
    opened: int = 0
    closed: int = 0


def expect_reports(provider: str, days: Sequence[date]) -> None:
    """Store the days whose settlement reports a gateway will be asked for."""
    SettlementReport.objects.bulk_create(
        [SettlementReport(provider=provider, day=day) for day in days], ignore_conflicts=True
    )


def last_report(provider: str) -> date | None:
    """Return the last day whose report is expected; None before the first."""
    return _reports(provider).order_by("-day").values_list("day", flat=True).first()


def open_reports(provider: str, until: date, limit: int) -> list[date]:
    """Return the days up to `until` whose report was not read after their end, oldest first."""
    waiting = _reports(provider).filter(closed_at=None, day__lte=until).order_by("day")
    return list(waiting.values_list("day", flat=True)[:limit])


def record_report(provider: str, day: date, now: datetime, *, ended: bool) -> None:
    """Store that a day's report was read; for the last time where the day has ended."""
    _reports(provider).filter(day=day).update(asked_at=now, closed_at=now if ended else None, last_error="")


def record_report_error(provider: str, day: date, error: str) -> None:
    """Store why a day's report could not be read."""
    _reports(provider).filter(day=day).update(last_error=error[:200])


def _reports(provider: str) -> QuerySet[SettlementReport]:
    return SettlementReport.objects.filter(provider=provider)


def store(provider: str, day: date, facts: Sequence[SettlementFact], now: datetime) -> int:
    """Store the rows of a report; returns how many are new. A known row with other content becomes a difference."""
    known = {
        row.entity_id: row
        for row in SettlementRow.objects.filter(
            provider=provider, entity_id__in=[fact.entity_id for fact in facts]
        )
    }
    new = [
        SettlementRow(
            provider=provider,
            entity_id=fact.entity_id,
            day=day,
            seen_at=now,
            **{name: getattr(fact, name) for name in _TOLD},
        )
        for fact in facts
        if fact.entity_id not in known
    ]
    SettlementRow.objects.bulk_create(new, ignore_conflicts=True)
    for fact in facts:
        if (row := known.get(fact.entity_id)) is not None and _told(fact) != _told(row):
            _keep_otherwise(row, fact, now)
    return len(new)


def _told(told: SettlementFact | SettlementRow) -> tuple[object, ...]:
    return tuple(getattr(told, name) for name in _TOLD)


def _keep_otherwise(row: SettlementRow, fact: SettlementFact, now: datetime) -> None:
    changed = [name for name in _TOLD if getattr(row, name) != getattr(fact, name)]
    detail = {name: [str(getattr(row, name)), str(getattr(fact, name))] for name in changed}
    kept = Unmatched(
        provider=row.provider,
        payment_id=row.entity_id,
        amount_minor=fact.amount_minor,
        reason=CHANGED_ROW,
        detail=detail,
        seen_at=now,
    )
    Unmatched.objects.bulk_create([kept], ignore_conflicts=True)
    log.warning("settlement told otherwise than before", entity=row.entity_id, changed=changed)


def reconcile(provider: str, now: datetime, late_before: datetime) -> ReconciliationCounts:
    """Match rows by their amounts in minor units, and update the differences.

    What was captured (or taken back) before `late_before` has to be in a settlement.
    """
    given: JsonObject = {"provider": provider, "now": now, "late_before": late_before}
    # In this order: payments are settled by matched rows, and the rest are differences.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MATCH, given)
        matched = cursor.rowcount
        for statement in (_SETTLE_PAYMENTS, _SETTLE_REFUNDS):
            cursor.execute(statement, given)
        cursor.execute(f"{_DIFFERENCES} {_OPEN}", given)
        opened = cursor.fetchall()
        cursor.execute(f"{_DIFFERENCES} {_CLOSE}", {**given, "reasons": list(REASONS)})
        closed = cursor.fetchall()
    for entity, reason, amount in opened:
        log.warning("settlement differs", entity=entity, reason=reason, amount_minor=amount)
    for entity, reason, amount in closed:
        log.info("settlement differs no more", entity=entity, reason=reason, amount_minor=amount)
    return ReconciliationCounts(matched, len(opened), len(closed))


def reports_reach_to(provider: str, now: datetime) -> datetime:
    """Return until when reports were read (UTC). Anything later may be settled already."""
    # Without this bound every payment would count as late while the gateway's reports cannot be read.
    oldest = SettlementReport.objects.filter(provider=provider, closed_at=None).order_by("day").first()
    if oldest is None:
        return now
    return oldest.asked_at or _NEVER


def first_captured_at(provider: str) -> datetime | None:
    """Return the capture time (UTC) of the oldest payment without a settlement; None without one."""
    unsettled = Payment.objects.filter(provider=provider, settled_at=None)
    found: datetime | None = unsettled.aggregate(Min("captured_at"))["captured_at__min"]
    return found


# A payment is paid out at its amount less the fee, which includes the tax. A refund or a dispute is deducted at its
# amount plus the fee.
_SUMS: Final = (
    "r.credit_minor - r.debit_minor = CASE r.kind WHEN 'payment' THEN r.amount_minor ELSE -r.amount_minor END "
    "- r.fee_minor AND r.tax_minor <= r.fee_minor"
)

_MATCH: Final = f"""
UPDATE payments_settlement_row r SET matched_at = %(now)s
WHERE r.provider = %(provider)s AND r.matched_at IS NULL AND {_SUMS} AND (
    r.kind = 'payment' AND EXISTS (
        SELECT FROM payments_payment p WHERE p.provider = r.provider AND p.payment_id = r.entity_id
        AND p.amount_minor = r.amount_minor AND p.currency = r.currency AND p.credit_id IS NOT NULL)
    OR r.kind IN ('refund', 'dispute') AND EXISTS (
        SELECT FROM payments_refund f JOIN payments_payment p ON p.id = f.payment_id
        WHERE f.provider = r.provider AND f.refund_id = r.entity_id AND f.kind = r.kind AND p.payment_id = r.payment_id
        AND f.amount_minor = r.amount_minor AND p.currency = r.currency AND f.debit_id IS NOT NULL))
"""  # noqa: S608 - our own text

_SETTLE_PAYMENTS: Final = """
UPDATE payments_payment p SET settled_at = r.settled_at FROM payments_settlement_row r
WHERE p.provider = %(provider)s AND p.credit_id IS NOT NULL AND p.settled_at IS NULL
AND r.provider = p.provider AND r.kind = 'payment' AND r.entity_id = p.payment_id AND r.matched_at IS NOT NULL
"""

_SETTLE_REFUNDS: Final = """
UPDATE payments_refund f SET settled_at = r.settled_at FROM payments_settlement_row r
WHERE f.provider = %(provider)s AND f.debit_id IS NOT NULL AND f.settled_at IS NULL
AND r.provider = f.provider AND r.kind = f.kind AND r.entity_id = f.refund_id AND r.matched_at IS NOT NULL
"""

_DIFFERENCES: Final = f"""
WITH differences AS (
    SELECT r.entity_id AS entity, coalesce(p.order_id, paid.order_id) AS order_id, r.amount_minor AS amount,
    CASE
        WHEN r.kind NOT IN ('payment', 'refund', 'dispute') THEN 'settled_other_kind'
        WHEN NOT ({_SUMS}) THEN 'settled_wrong_sum'
        WHEN p.id IS NULL AND f.id IS NULL THEN 'settled_unknown'
        WHEN (coalesce(p.amount_minor, f.amount_minor), coalesce(p.currency, paid.currency))
            <> (r.amount_minor, r.currency) OR (f.id IS NOT NULL AND paid.payment_id <> r.payment_id)
            THEN 'settled_other_amount'
        ELSE 'settled_uncredited'
    END AS reason,
    jsonb_build_object('settlement', r.settlement_id, 'day', r.day, 'kind', r.kind, 'currency', r.currency,
        'fee_minor', r.fee_minor, 'booked_minor', coalesce(p.amount_minor, f.amount_minor)) AS detail
    FROM payments_settlement_row r
    LEFT JOIN payments_payment p ON r.kind = 'payment' AND p.provider = r.provider AND p.payment_id = r.entity_id
    LEFT JOIN payments_refund f ON f.kind = r.kind AND f.provider = r.provider AND f.refund_id = r.entity_id
    LEFT JOIN payments_payment paid ON paid.id = f.payment_id
    WHERE r.provider = %(provider)s AND r.matched_at IS NULL
    UNION ALL
    SELECT p.payment_id, p.order_id, p.amount_minor, 'unsettled',
    jsonb_build_object('kind', 'payment', 'since', p.captured_at)
    FROM payments_payment p WHERE p.provider = %(provider)s AND p.credit_id IS NOT NULL AND p.settled_at IS NULL
    AND p.captured_at < %(late_before)s
    AND NOT EXISTS (SELECT FROM payments_settlement_row r WHERE r.provider = p.provider AND r.entity_id = p.payment_id)
    UNION ALL
    SELECT f.refund_id, p.order_id, f.amount_minor, 'unsettled',
    jsonb_build_object('kind', f.kind, 'since', f.seen_at)
    FROM payments_refund f JOIN payments_payment p ON p.id = f.payment_id
    WHERE f.provider = %(provider)s AND f.debit_id IS NOT NULL AND f.settled_at IS NULL
    AND f.seen_at < %(late_before)s
    AND NOT EXISTS (SELECT FROM payments_settlement_row r WHERE r.provider = f.provider AND r.entity_id = f.refund_id)
)
"""  # noqa: S608 - our own text

# `gone_at` in the detail marks a difference that was closed automatically: only such a one is opened again. The clerk's
# notes survive that.
_OPEN: Final = """
INSERT INTO payments_unmatched AS kept (provider, payment_id, order_id, amount_minor, reason, detail, seen_at)
SELECT %(provider)s, entity, order_id, amount, reason, detail, %(now)s FROM differences
ON CONFLICT (provider, payment_id, reason, amount_minor) DO UPDATE
SET closed_at = NULL, detail = excluded.detail
    || jsonb_strip_nulls(jsonb_build_object('notes', kept.detail->'notes'))
WHERE kept.closed_at IS NOT NULL AND kept.detail ? 'gone_at'
RETURNING payment_id, reason, amount_minor
"""

_CLOSE: Final = """
UPDATE payments_unmatched kept SET closed_at = %(now)s,
    detail = kept.detail || jsonb_build_object('gone_at', %(now)s::timestamptz)
WHERE kept.provider = %(provider)s AND kept.closed_at IS NULL AND kept.reason = ANY(%(reasons)s)
AND NOT EXISTS (SELECT FROM differences d WHERE d.entity = kept.payment_id AND d.reason = kept.reason
    AND d.amount = kept.amount_minor)
RETURNING payment_id, reason, amount_minor
"""
