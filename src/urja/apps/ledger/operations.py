"""The writing side of the ledger."""

import hashlib
import json
from datetime import datetime

from django.db import connection, transaction

from urja.apps.ledger.errors import IdempotencyError, LedgerError
from urja.apps.ledger.models import Account, AccountKind, CreditRequest
from urja.base.ids import bucket_of, compose_id


def _next_id(bucket: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('ledger_number')")
        return compose_id(bucket, cursor.fetchone()[0])


def open_account(*, bucket: int, currency: str, opened_at: datetime) -> Account:
    """A new consumer's account with a balance of zero, in the bucket of its premise."""
    return Account.objects.create(
        id=_next_id(bucket),
        bucket=bucket,
        kind=AccountKind.CONSUMER,
        currency=currency,
        opened_at=opened_at,
    )


def content_hash(content: dict[str, object]) -> bytes:
    """SHA-256 over the canonical JSON of what a caller asked for."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()


def request_credit(
    *,
    account_id: int,
    amount_minor: int,
    kind: str,
    idempotency_key: str,
    requested_at: datetime,
    reference: str = "",
    correlation: int = 0,
) -> CreditRequest:
    """Record that `amount_minor` is to be credited; the pipeline posts it.

    A replay (same key, same account, amount, kind and reference) returns the first request. Raises
    IdempotencyError when the key was used for anything else, LedgerError for an amount that is not positive.
    """
    if amount_minor <= 0:
        raise LedgerError(f"a credit is a positive amount in minor units, not {amount_minor}")
    content = {"account": account_id, "amount_minor": amount_minor, "kind": kind, "reference": reference}
    digest = content_hash(content)
    with transaction.atomic():
        CreditRequest.objects.bulk_create(
            [
                CreditRequest(
                    id=_next_id(bucket_of(account_id)),
                    account_id=account_id,
                    amount_minor=amount_minor,
                    kind=kind,
                    reference=reference,
                    idempotency_key=idempotency_key,
                    input_hash=digest,
                    correlation=correlation,
                    requested_at=requested_at,
                )
            ],
            ignore_conflicts=True,
        )
        recorded = CreditRequest.objects.get(idempotency_key=idempotency_key)
    if bytes(recorded.input_hash) != digest:
        raise IdempotencyError(idempotency_key)
    return recorded
