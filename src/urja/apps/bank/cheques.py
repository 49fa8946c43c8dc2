"""Which cheques the bank's statements show as paid.

The view `bank_entry_of_cheque` says by which entry; the trigger of `bank_cheque_payment` reads it as well.
"""

from datetime import datetime

from django.db import connection

from urja.apps.bank.models import ChequePayment, Statement


def proving_entry(receipt_id: int) -> int | None:
    """Return the oldest entry which proves that the bank has paid a receipt's cheque, or None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(entry_id) FROM bank_entry_of_cheque WHERE receipt_id = %s", [receipt_id])
        found: int | None = cursor.fetchone()[0]
    return found


def is_unproven(receipt_id: int) -> bool:
    """Return whether statements of the bank are loaded, and none proves that it has paid a receipt's cheque."""
    return Statement.objects.exclude(approval=None).exists() and proving_entry(receipt_id) is None


def record_payment(receipt_id: int, *, operation_id: int, now: datetime) -> None:
    """Record the entry that proves a cheque, where there is one, so that it proves no other."""
    entry_id = proving_entry(receipt_id)
    if entry_id is not None:
        ChequePayment.objects.create(
            entry_id=entry_id, receipt_id=receipt_id, operation_id=operation_id, recorded_at=now
        )
