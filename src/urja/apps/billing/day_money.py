"""What rebates on money go by: an account's recharges and balances of local days, from the posted entries.

Entries are only added and in the order of their posting, so a day that is over has the same money at any later time.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from django.db import connection

from urja.apps.books.kinds import RECHARGE_KINDS
from urja.apps.local_zone import local_zone
from urja.base.ids import bucket_of
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.rating import QuantityUse
from urja.core.rating.accruals import MoneyBase

_RECHARGES: Final = """
SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM books.entry e JOIN books.account c ON c.id = e.contra_id
WHERE e.bucket = %s AND e.account_id = %s AND e.origin = 'credit' AND e.service_date >= %s AND e.service_date < %s
    AND c.code = ANY(%s)
"""
"""Credits by their contra account: what takes a recharge back has the same one, with the other sign."""
_BALANCES: Final = """
SELECT coalesce(sum(greatest(e.balance_after_minor, 0)), 0)::bigint FROM unnest(%s::timestamptz[]) AS night (ends_at)
CROSS JOIN LATERAL (
    SELECT balance_after_minor FROM books.entry WHERE bucket = %s AND account_id = %s AND posted_at < night.ends_at
    ORDER BY seq DESC LIMIT 1
) e
"""


def with_money(
    uses: Sequence[QuantityUse],
    account_id: int,
    names: Collection[str],
    elapsed: Period,
    cuts: Sequence[date],
) -> tuple[QuantityUse, ...]:
    """Return determinants of the parts of a period with an account's money of the same days, in minor units.

    Where there are no determinants, the parts are those between `cuts`, the days on which a price changes.
    """
    parts = uses or [QuantityUse(days, {}) for days in elapsed.split_at(list(cuts)) if days.days]
    return tuple(
        replace(use, values={**use.values, **money_of(account_id, names, use.days)}) for use in parts
    )


def money_of(account_id: int, names: Collection[str], days: Period) -> dict[str, int]:
    """Return the named money of an account on some local days, in minor units.

    Recharges are those posted on the days, less what was taken back of any. Balances are the sum of the posted balances at the
    end of each day, none below zero.
    """
    found: dict[str, int] = {}
    bucket = bucket_of(account_id)
    with connection.cursor() as cursor:
        if MoneyBase.RECHARGES in names:
            codes = [f"clearing:{kind}" for kind in RECHARGE_KINDS]
            cursor.execute(_RECHARGES, [bucket, account_id, days.first, days.end, codes])
            found[MoneyBase.RECHARGES.value] = cursor.fetchone()[0]
        if MoneyBase.BALANCES in names:
            ends_at = [midnight(day + ONE_DAY, local_zone()) for day in days]
            cursor.execute(_BALANCES, [ends_at, bucket, account_id])
            found[MoneyBase.BALANCES.value] = cursor.fetchone()[0]
    return found
