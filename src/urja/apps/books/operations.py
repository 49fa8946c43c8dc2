"""Accounts are opened; credits and debits are requested, for the pipeline to post."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from urja.apps.books.chain import content_hash
from urja.apps.books.errors import IdempotencyError, LedgerError
from urja.apps.books.kinds import AccountKind
from urja.apps.books.models import Account, CreditRequest, DebitRequest
from urja.base.ids import bucket_of, compose_id


def _next_ids(bucket: int, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('books_number') FROM generate_series(1, %s)", [count])
        return [compose_id(bucket, number) for (number,) in cursor.fetchall()]


def open_account(*, bucket: int, currency: str, opened_at: datetime) -> Account:
    """A new consumer's account with a balance of zero, in the bucket of its premise."""
    return Account.objects.create(
        id=_next_ids(bucket, 1)[0],
        bucket=bucket,
        kind=AccountKind.CONSUMER,
        currency=currency,
        opened_at=opened_at,
    )


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
    return _recorded(
        CreditRequest(
            account_id=account_id,
            amount_minor=amount_minor,
            kind=kind,
            reference=reference,
            idempotency_key=idempotency_key,
            correlation=correlation,
            requested_at=requested_at,
        ),
        content,
    )


def request_debit(
    *,
    account_id: int,
    amount_minor: int,
    kind: str,
    reverses: str,
    idempotency_key: str,
    requested_at: datetime,
    reference: str = "",
    correlation: int = 0,
    credit_id: int | None = None,
) -> DebitRequest:
    """Record that a credit of the kind `reverses` is taken back, in part or whole; the pipeline posts it.

    With `credit_id` it is that one, and what of it went to arrears is given back with it. Replays and errors as of
    `request_credit`. Nothing that was posted is touched, and the balance may go below zero.
    """
    if amount_minor <= 0:
        raise LedgerError(f"a debit is a positive amount in minor units, not {amount_minor}")
    content = {
        "account": account_id,
        "amount_minor": amount_minor,
        "kind": kind,
        "reverses": reverses,
        "reference": reference,
        **({} if credit_id is None else {"credit": credit_id}),
    }
    return _recorded(
        DebitRequest(
            account_id=account_id,
            amount_minor=amount_minor,
            kind=kind,
            reverses=reverses,
            credit_id=credit_id,
            reference=reference,
            idempotency_key=idempotency_key,
            correlation=correlation,
            requested_at=requested_at,
        ),
        content,
    )


def hold_credits_with_arrears(credit_ids: Iterable[int]) -> list[CreditRequest]:
    """Of these credits those of which something stands against arrears, held until the transaction ends."""
    held = CreditRequest.objects.select_for_update(no_key=True)
    return list(held.filter(id__in=list(credit_ids), arrears_minor__gt=0).order_by("id"))


def move_arrears(amounts_minor: Mapping[int, int]) -> None:
    """Add to what of each credit, by its number, has gone to old dues; less than zero takes it back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE books_credit_request c SET arrears_minor = c.arrears_minor + m.amount_minor "
            "FROM unnest(%s::bigint[], %s::bigint[]) m (id, amount_minor) WHERE c.id = m.id",
            [list(amounts_minor), list(amounts_minor.values())],
        )


def record_look_through(bucket: int, day: date) -> None:
    """Note that what has ended in a bucket was looked through on a local day."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE books_bucket SET looked_through = %s WHERE bucket = %s", [day, bucket])


def _recorded[Request: (CreditRequest, DebitRequest)](request: Request, content: dict[str, Any]) -> Request:
    """The request as it stands under its key: this one, or the first if it was made of the same content."""
    request.id = _next_ids(bucket_of(request.account_id), 1)[0]
    request.input_hash = content_hash(content)
    requests = type(request).objects
    with transaction.atomic():
        requests.bulk_create([request], ignore_conflicts=True)
        recorded = requests.get(idempotency_key=request.idempotency_key)
    if bytes(recorded.input_hash) != request.input_hash:
        raise IdempotencyError(request.idempotency_key)
    return recorded
