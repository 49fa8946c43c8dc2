"""Currencies and balances of accounts, and which requested credits and debits are posted."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Sum

from urja.apps.books.models import Account, CreditRequest, DebitRequest


def currencies(account_ids: Iterable[int]) -> dict[int, str]:
    """Return the currency of each account, by account number."""
    return dict(Account.objects.filter(id__in=list(account_ids)).values_list("id", "currency"))


def posted_balance(account_id: int) -> tuple[str, int]:
    """Return an account's currency and the sum of its entries in minor units; raises Account.DoesNotExist."""
    currency, balance_minor = Account.objects.values_list("currency", "balance_minor").get(id=account_id)
    return currency, balance_minor


def is_credited_since(account_id: int, at: datetime) -> bool:
    """Return whether a credit was posted onto an account after an instant (UTC)."""
    return CreditRequest.objects.filter(account_id=account_id, posted_at__gt=at).exists()


def posted_credits(credit_ids: Iterable[int]) -> dict[int, datetime]:
    """Return those of these credits that are posted, with the time (UTC)."""
    posted = CreditRequest.objects.filter(id__in=list(credit_ids), posted_at__isnull=False)
    return {id_: at for id_, at in posted.values_list("id", "posted_at") if at is not None}


def posted_back(credit_ids: Iterable[int]) -> dict[int, int]:
    """Return what was taken back of each of these credits, in minor units; credits without a debit are left out."""
    posted = DebitRequest.objects.filter(credit_id__in=list(credit_ids), posted_at__isnull=False)
    return dict(posted.values_list("credit_id").annotate(Sum("amount_minor")))
