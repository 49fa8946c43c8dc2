"""Balances, dues, plans, deposits, closed days, and what was posted for a period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from django.db import connection
from django.db.models import Q

from urja.apps.billing import arrears, plans, rating_basis
from urja.apps.billing.agreement_periods import current_period
from urja.apps.billing.balances import Balance, Reserve, charges_so_far, fresh_balance
from urja.apps.billing.banked_units import BankedUnits, banked_units
from urja.apps.billing.common_shares import ShareOfPeriod
from urja.apps.billing.evidence import causes_of
from urja.apps.billing.kinds import UnsignedList
from urja.apps.billing.models import InstalmentPlan
from urja.apps.billing.open_days import read_so_far
from urja.apps.billing.opening_balances import csv_of, unsigned_list
from urja.apps.billing.unit_banks import StoredUnits
from urja.apps.books.chain import parse_json
from urja.apps.contracts.kinds import Agreement
from urja.base.untyped_values import JsonObject
from urja.core.arrears import Due
from urja.core.calendar import ONE_DAY

# What other modules of this app give to those above it.
__all__ = [
    "Balance",
    "BankedUnits",
    "Reserve",
    "ShareOfPeriod",
    "StoredUnits",
    "banked_units",
    "causes_of",
    "charges_so_far",
    "current_period",
    "fresh_balance",
    "read_so_far",
]


def is_unratable(agreement: Agreement, now: datetime) -> bool:
    """Return whether an agreement cannot be rated, because no tariff for it is in force.

    Then nothing is calculated or decided for it.
    """
    return rating_basis.unratable_reason(agreement, now) != ""


type PlanRow = InstalmentPlan


def plan(account_id: int, at: datetime) -> PlanRow | None:
    """Return the instalment plan of an account in force at an instant (UTC), or None; its amount is in minor units."""
    return next(iter(plans.plans_at([account_id], at)), None)


def unended_plans(account_id: int, at: datetime) -> list[PlanRow]:
    """Return the instalment plans of an account that end after an instant (UTC) or never, by their beginning."""
    unended = Q(valid_to=None) | Q(valid_to__gt=at)
    return list(InstalmentPlan.objects.filter(unended, account_id=account_id).order_by("valid_from"))


def dues(account_id: int) -> Sequence[Due]:
    """Return what is still owed of the bills of an account, the oldest first."""
    return arrears.dues_of([account_id]).get(account_id, ())


@dataclass(frozen=True, slots=True)
class SecurityDeposits:
    """Security deposits of an agreement, in minor units."""

    held_minor: int
    due: tuple[tuple[date, int], ...]
    """What becomes due, by due date."""


def security_deposits(agreement_id: int) -> SecurityDeposits:
    """Return what an agreement's security deposits are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce((SELECT sum(amount_minor) FROM billing_deposit WHERE agreement_id = %(agreement)s "
            "AND returned_at IS NULL), 0)::bigint, d.due_on, d.amount_minor "
            "FROM (SELECT) held LEFT JOIN billing_deposit_demand d ON d.agreement_id = %(agreement)s AND d.ended_at IS NULL "
            "ORDER BY d.due_on, d.id",
            {"agreement": agreement_id},
        )
        rows = cursor.fetchall()
    return SecurityDeposits(rows[0][0], tuple((day, minor) for _, day, minor in rows if day is not None))


def closed_through(agreement_ids: Sequence[int]) -> dict[int, date]:
    """Return the last closed local day of each agreement that has one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, closed_through FROM billing_close WHERE agreement_id = ANY(%s)",
            [list(agreement_ids)],
        )
        return dict(cursor.fetchall())


def is_charged_before(agreement_id: int, day: date) -> bool:
    """Return whether all days of an agreement before `day` are closed, the last closed one not provisionally.

    Readings that come in after a provisional close are charged on days that may begin before `day`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM billing_close WHERE agreement_id = %s AND closed_through >= %s AND NOT provisional",
            [agreement_id, day - ONE_DAY],
        )
        return cursor.fetchone() is not None


def charged_agreements(agreement_ids: Sequence[int]) -> list[int]:
    """Return those of these agreements for which the engine has posted an entry or closed a day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM unnest(%s::bigint[]) AS given (id) "
            "WHERE EXISTS (SELECT FROM billing_close c WHERE c.agreement_id = given.id) "
            "OR EXISTS (SELECT FROM books.entry e WHERE e.agreement_id = given.id AND e.origin = 'engine') ORDER BY id",
            [list(agreement_ids)],
        )
        return [agreement_id for (agreement_id,) in cursor.fetchall()]


def charged_after(agreement_ids: Sequence[int], period_start: date) -> set[int]:
    """Return those of these agreements that are charged for a later period than the one that begins on a day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT agreement_id FROM billing_rated WHERE agreement_id = ANY(%s) AND period_start > %s",
            [list(agreement_ids), period_start],
        )
        return {agreement_id for (agreement_id,) in cursor.fetchall()}


class LinePosted(NamedTuple):
    """What the engine has posted on a line of an agreement's period."""

    charged_minor: int
    seq: int
    """Sequence number of the last entry."""
    through: date
    """The latest day that an entry is of."""


def posted_lines(agreement_ids: Sequence[int], period_start: date) -> dict[int, dict[str, LinePosted]]:
    """Return what the engine has posted for a period, by agreement and line."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, line, -sum(amount_minor), max(seq), max(service_date) FROM books.entry "
            "WHERE origin = 'engine' AND agreement_id = ANY(%s) AND period_start = %s "
            "GROUP BY agreement_id, line ORDER BY max(seq)",
            [list(agreement_ids), period_start],
        )
        posted: dict[int, dict[str, LinePosted]] = {}
        for agreement_id, line, charged_minor, *of_entries in cursor.fetchall():
            posted.setdefault(agreement_id, {})[line] = LinePosted(int(charged_minor), *of_entries)
    return posted


_WHOLE: Final = """
SELECT last.account_id, last.seq, whole.seq, whole.inputs->'calculation' FROM unnest(%s::bigint[], %s::bigint[]) AS g (account_id, seq)
JOIN books.entry last USING (account_id, seq)
JOIN books.entry named ON named.account_id = last.account_id
    AND named.seq = last.seq - coalesce((last.inputs->>'calculated_with')::bigint, 0)
JOIN books.entry whole ON whole.account_id = last.account_id
    AND whole.seq = coalesce((named.inputs->'calculation'->>'like')::bigint, named.seq)
WHERE whole.inputs->'calculation' IS NOT NULL
"""


def whole_calculations(entries: Sequence[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, JsonObject]]:
    """Return the calculation behind each entry that names no earlier one, with the number of the entry that has it.

    Entries are given by account and sequence number. Those of 0.1 have none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WHOLE, [[account_id for account_id, _ in entries], [seq for _, seq in entries]])
        return {
            (account_id, seq): (whole_seq, parse_json(stored))
            for account_id, seq, whole_seq, stored in cursor.fetchall()
        }


def settled_at_close(agreement_id: int, period_start: date) -> dict[str, int]:
    """Return what the engine has posted at the close of a period, by line, in minor units: parts of the entries' charges."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT line, sum((inputs->>'at_close')::bigint) FROM books.entry WHERE origin = 'engine' "
            "AND agreement_id = %s AND period_start = %s AND inputs->'at_close' IS NOT NULL GROUP BY line",
            [agreement_id, period_start],
        )
        return {line: int(minor) for line, minor in cursor.fetchall()}


def unsigned_opening_balances(now: datetime) -> UnsignedList:
    """Return the opening balances that wait for their sign-off at `now` (UTC)."""
    return unsigned_list(now)


def opening_balances_csv(listed: UnsignedList) -> str:
    """Return the list as a CSV file, amounts in major units."""
    return csv_of(listed)
