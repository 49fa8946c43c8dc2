"""Numbered receipts and slips, written in the caller's transaction."""

from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import Max

from urja.apps.counter.kinds import ReceiptState
from urja.apps.counter.models import Deposit, Receipt
from urja.apps.journal.operation import next_id
from urja.base.ids import bucket_of


def issue_receipt(
    *,
    account_id: int,
    consumer_number: str,
    instrument: str,
    amount_minor: int,
    recorded_at: datetime,
    actor: str,
    operation_id: int | None,
    **details: Any,
) -> Receipt:
    """Write a receipt of `amount_minor` minor units under the next number of its series, and return it.

    `details` are its drawer and what names its cheque; for a transfer to the bank account `source`, the idempotency key
    of its credit.
    """
    series = series_of(consumer_number)
    _number_alone(f"counter receipt {series}")
    last = Receipt.objects.filter(series=series).aggregate(last=Max("number"))["last"] or 0
    return Receipt.objects.create(
        id=next_id(bucket_of(account_id)),
        series=series,
        number=last + 1,
        account_id=account_id,
        consumer_number=consumer_number,
        instrument=instrument,
        amount_minor=amount_minor,
        received_at=recorded_at,
        state=ReceiptState.TAKEN,
        state_at=recorded_at,
        recorded_at=recorded_at,
        actor=actor,
        operation_id=operation_id,
        **details,
    )


def return_receipt(source: str, reason: str, at: datetime) -> None:
    """Record that the credit of a transfer was taken back; `source` is the key of the credit."""
    Receipt.objects.filter(source=source, state=ReceiptState.TAKEN).update(
        state=ReceiptState.RETURNED, state_at=at, reason=reason
    )


_SERIES: Final = """
WITH RECURSIVE around AS (
    SELECT p.id, p.parent_id, p.kind, p.code, 0 AS steps
    FROM network.service_point s JOIN network.premise p ON p.id = s.premise_id WHERE s.consumer_number = %s
    UNION ALL SELECT p.id, p.parent_id, p.kind, p.code, steps + 1 FROM around JOIN network.premise p ON p.id = around.parent_id
)
SELECT coalesce(code, '') FROM around WHERE kind = 'society' ORDER BY steps LIMIT 1
"""


def series_of(consumer_number: str) -> str:
    """Return the series in which receipts of a supply are numbered: the code of its society, else an empty text."""
    with connection.cursor() as cursor:
        cursor.execute(_SERIES, [consumer_number])
        found = cursor.fetchone()
    return found[0] if found else ""


def next_slip_number() -> int:
    """Return the number of the next deposit slip; held until the transaction ends."""
    _number_alone("counter deposit")
    return (Deposit.objects.aggregate(last=Max("number"))["last"] or 0) + 1


def _number_alone(series: str) -> None:
    """Serialise numbers of a series: a second transaction would read the same last number, and leave a gap or fail."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [series])
