"""Opening of accounts, and requests for credits and debits that the pipeline posts."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from django.db import connection, transaction

from urja.apps.books.chain import content_hash
from urja.apps.books.errors import IdempotencyError, LedgerError
from urja.apps.books.kinds import AccountKind
from urja.apps.books.models import Account, CreditRequest, DebitRequest
from urja.base.ids import bucket_of, compose_id

type CreditRow = CreditRequest
"""A row of `books_credit_request`, for annotations outside this app."""

type DebitRow = DebitRequest
"""A row of `books_debit_request`, for annotations outside this app."""


def next_ids(bucket: int, count: int) -> list[int]:
    """Return so many new numbers for rows of the ledger in a bucket."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('books_number') FROM generate_series(1, %s)", [count])
        return [compose_id(bucket, number) for (number,) in cursor.fetchall()]


def open_account(
    *, bucket: int, currency: str, opened_at: datetime, kind: AccountKind = AccountKind.CONSUMER
) -> Account:
    """Create a consumer's account with a balance of zero minor units, in the bucket of its premise."""
    return Account.objects.create(
        id=next_ids(bucket, 1)[0],
        bucket=bucket,
        kind=kind,
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
    """Record a credit of `amount_minor` (minor units) for the pipeline to post, and return the request.

    A replay with the same key, account, amount, kind and reference returns the first request. Raises IdempotencyError
    where the key was used with other content, LedgerError where the amount is not positive.
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
    """Record that `amount_minor` (minor units) of a credit of the kind `reverses` is taken back; return the request.

    With `credit_id` it is that credit, and what it paid of dues is taken back as well. Posted entries are not
    changed, and the balance may go below zero. A replay returns the first request. Raises IdempotencyError where the
    key was used with other content, LedgerError where the amount is not positive.
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


def lock_credits_with_arrears(credit_ids: Iterable[int]) -> list[CreditRequest]:
    """Return those of these credits that have paid dues, locked until the transaction ends."""
    held = CreditRequest.objects.select_for_update(no_key=True)
    return list(held.filter(id__in=list(credit_ids), arrears_minor__gt=0).order_by("id"))


def move_arrears(amounts_minor: Mapping[int, int]) -> None:
    """Add to what each credit, by its number, has paid of dues in minor units; a negative amount takes it back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE books_credit_request c SET arrears_minor = c.arrears_minor + m.amount_minor "
            "FROM unnest(%s::bigint[], %s::bigint[]) m (id, amount_minor) WHERE c.id = m.id",
            [list(amounts_minor), list(amounts_minor.values())],
        )


def record_ended_check(bucket: int, day: date) -> None:
    """Record that a bucket's ended agreements were checked for corrections on a local day."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE books_bucket SET looked_through = %s WHERE bucket = %s", [day, bucket])


def _recorded[Request: (CreditRequest, DebitRequest)](
    request: Request, content: dict[str, object]
) -> Request:
    """Return the request stored under this one's key: itself, or an earlier one with the same content."""
    request.id = next_ids(bucket_of(request.account_id), 1)[0]
    request.input_hash = content_hash(content)
    requests = type(request).objects
    with transaction.atomic():
        # The unique key decides between two callers at once: the later one inserts nothing and reads what the
        # first recorded.
        requests.bulk_create([request], ignore_conflicts=True)
        recorded = requests.get(idempotency_key=request.idempotency_key)
    if bytes(recorded.input_hash) != request.input_hash:
        raise IdempotencyError(request.idempotency_key)
    return recorded
