"""Opening of maintenance accounts, and dues that are posted to them, in the caller's transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from urja.apps.books.kinds import AccountKind
from urja.apps.books.operations import open_account
from urja.apps.maintenance.models import MaintenanceAccount
from urja.base.ids import bucket_of


def accounts_beside(currencies: Mapping[int, str], opened_at: datetime) -> dict[int, int]:
    """Return the maintenance account beside each account for electricity, opened where it is missing.

    `currencies` has the currency of each account for electricity, by its number.
    """
    found = of_accounts(currencies)
    for electricity_id, currency in currencies.items():
        if electricity_id not in found:
            account = open_account(
                bucket=bucket_of(electricity_id),
                currency=currency,
                opened_at=opened_at,
                kind=AccountKind.MAINTENANCE,
            )
            MaintenanceAccount.objects.create(account=account, electricity_id=electricity_id)
            found[electricity_id] = account.id
    return found


def of_accounts(electricity_ids: Iterable[int]) -> dict[int, int]:
    """Return the maintenance accounts that stand beside these accounts, by the number of the latter."""
    beside = MaintenanceAccount.objects.filter(electricity_id__in=list(electricity_ids))
    return dict(beside.values_list("electricity_id", "account_id"))
