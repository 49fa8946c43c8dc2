"""Currencies and balances of accounts, and which requested credits and debits are posted."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Sum

from urja.apps.books.kinds import MAINTENANCE, RECHARGE, AccountKind
from urja.apps.books.models import Account, CreditRequest, DebitRequest
from urja.base.ids import bucket_of


def currencies(account_ids: Iterable[int]) -> dict[int, str]:
    """Return the currency of each account, by account number."""
    return dict(Account.objects.filter(id__in=list(account_ids)).values_list("id", "currency"))


def payment_kind(account_id: int) -> str:
    """Return the kind of credit as which an account takes a payment; raises Account.DoesNotExist."""
    kind = Account.objects.values_list("kind", flat=True).get(id=account_id)
    return MAINTENANCE if kind == AccountKind.MAINTENANCE else RECHARGE


def posted_balance(account_id: int) -> tuple[str, int]:
    """Return an account's currency and the sum of its entries in minor units; raises Account.DoesNotExist."""
    currency, balance_minor = Account.objects.values_list("currency", "balance_minor").get(id=account_id)
    return currency, balance_minor


def settled_balances(account_ids: Iterable[int]) -> dict[int, int]:
    """Return the balance of each account in minor units, with the credits and debits that are not posted yet."""
    ids = list(account_ids)
    found = dict(Account.objects.filter(id__in=ids).values_list("id", "balance_minor"))
    for rows, sign in ((CreditRequest.objects, 1), (DebitRequest.objects, -1)):
        pending = rows.filter(account_id__in=ids, posted_at=None).values_list("account_id")
        for account_id, minor in pending.annotate(Sum("amount_minor")):
            found[account_id] += sign * minor
    return found


def unpaid_of_debits(account_id: int, keys: Iterable[str]) -> int:
    """Return how much of posted debits an account still owes, in minor units; `keys` are the debits' idempotency keys.

    Credits pay what is owed oldest first; a payment that was taken back has paid nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(greatest(0, least(d.amount_minor, -e.balance_after_minor "
            "  - coalesce((SELECT sum(c.amount_minor) FROM books_credit_request c "
            "      WHERE c.account_id = d.account_id AND c.posted_seq > d.posted_seq), 0) "
            "  + coalesce((SELECT sum(r.amount_minor) FROM books_debit_request r "
            "      WHERE r.account_id = d.account_id AND r.posted_seq > d.posted_seq AND r.kind = 'reversal'), 0)))), 0) "
            "FROM books_debit_request d JOIN books_entry e "
            "  ON e.bucket = %s AND e.account_id = d.account_id AND e.seq = d.posted_seq "
            "WHERE d.account_id = %s AND d.idempotency_key = ANY(%s)",
            [bucket_of(account_id), account_id, list(keys)],
        )
        return int(cursor.fetchone()[0])


def is_credited_since(account_id: int, at: datetime) -> bool:
    """Return whether a credit was posted onto an account after an instant (UTC)."""
    return CreditRequest.objects.filter(account_id=account_id, posted_at__gt=at).exists()


def charged_since(account_id: int, at: datetime) -> int:
    """Return what was charged onto an account after an instant (UTC), less corrections, in minor units."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(-sum(amount_minor), 0) FROM books_entry "
            "WHERE bucket = %s AND account_id = %s AND origin = 'engine' AND posted_at > %s",
            [bucket_of(account_id), account_id, at],
        )
        return int(cursor.fetchone()[0])


def posted_credits(credit_ids: Iterable[int]) -> dict[int, datetime]:
    """Return those of these credits that are posted, with the time (UTC)."""
    posted = CreditRequest.objects.filter(id__in=list(credit_ids), posted_at__isnull=False)
    return {id_: at for id_, at in posted.values_list("id", "posted_at") if at is not None}


def posted_back(credit_ids: Iterable[int]) -> dict[int, int]:
    """Return what was taken back of each of these credits, in minor units; credits without a debit are left out."""
    posted = DebitRequest.objects.filter(credit_id__in=list(credit_ids), posted_at__isnull=False)
    return dict(posted.values_list("credit_id").annotate(Sum("amount_minor")))
