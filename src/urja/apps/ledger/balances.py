"""Fresh balances of many accounts at once: the figure of `queries.fresh_balance`, in a few statements for all.

A test holds the two to each other. Beside the figure stand what a decision about supply asks of it: the usual cost
of a day, and how much of what was charged stands on a day that was closed without the register read of its midnight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from django.db import connection

from urja.apps.ledger import queries, usage
from urja.apps.ledger.models import Account
from urja.apps.readings.accrual import PERIOD_ENERGY_COLUMNS, PeriodEnergy
from urja.apps.registry.models import Agreement
from urja.apps.tariffs import queries as tariffs


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left on an account, and what a decision asks beside."""

    balance_minor: int
    ledger_minor: int
    last_seq: int
    currency: str
    as_of: datetime | None
    estimated_share: Fraction
    """Of the energy since the last register read: what the register has counted is not estimated."""
    daily_cost_minor: int | None
    provisional_minor: int
    latest: PeriodEnergy | None
    """The accrual of the current period."""


def fresh_balances(agreements: Sequence[Agreement], now: datetime) -> dict[int, Balance]:
    """By account, each by the agreement given for it."""
    with tariffs.remembered():
        return _balances(agreements, now)


def _balances(agreements: Sequence[Agreement], now: datetime) -> dict[int, Balance]:
    accounts = Account.objects.in_bulk([agreement.account_id for agreement in agreements])
    ids = [agreement.id for agreement in agreements]
    rows = _accruals(agreements, now)
    closed = queries.closed_through(ids)
    costs = _daily_costs(list(accounts))
    provisional = _provisional(ids)
    charges: dict[date, dict[int, dict[str, int]]] = {}

    def charged(agreement_id: int, first: date) -> dict[str, int]:
        if first not in charges:
            charges[first] = queries.charged_by_line(ids, first)
        return charges[first].get(agreement_id, {})

    found = {}
    for agreement in agreements:
        account, own = accounts[agreement.account_id], rows.get(agreement.id, [])
        accrued = queries.accrue(
            agreement, own, closed.get(agreement.id), lambda first, id_=agreement.id: charged(id_, first)
        )
        cost = costs.get(account.id) or accrued.first_day_cost_minor
        found[account.id] = Balance(
            balance_minor=account.balance_minor - accrued.pending_minor,
            ledger_minor=account.balance_minor,
            last_seq=account.last_seq,
            currency=account.currency,
            as_of=accrued.as_of,
            estimated_share=_estimated_share(own),
            daily_cost_minor=round(cost) if cost and round(cost) > 0 else None,
            provisional_minor=provisional.get(agreement.id, 0),
            latest=own[-1] if own else None,
        )
    return found


def _accruals(agreements: Sequence[Agreement], now: datetime) -> dict[int, list[PeriodEnergy]]:
    """The last two periods of each agreement, oldest first."""
    by_month = [agreement.id for agreement in agreements if usage.starts_on(agreement, now) == 1]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {PERIOD_ENERGY_COLUMNS} FROM unnest(%s::bigint[]) AS given (id) "  # noqa: S608 - a constant
            "CROSS JOIN LATERAL (SELECT * FROM readings_accrual r WHERE r.agreement_id = given.id "
            "ORDER BY r.period DESC LIMIT 2) newest ORDER BY agreement_id, period",
            [by_month],
        )
        found: dict[int, list[PeriodEnergy]] = {}
        for row in map(PeriodEnergy.from_row, cursor.fetchall()):
            found.setdefault(row.agreement_id, []).append(row)
    for agreement in agreements:
        if agreement.id not in found:
            found[agreement.id] = usage.accrued(agreement.id, usage.starts_on(agreement, now), now)
    return found


def _estimated_share(rows: Sequence[PeriodEnergy]) -> Fraction:
    energy_wh = sum(row.block_wh for row in rows)
    estimated_wh = sum(row.estimated_wh for row in rows)
    return min(Fraction(estimated_wh, energy_wh), Fraction(1)) if energy_wh > 0 else Fraction(0)


def _daily_costs(account_ids: Sequence[int]) -> dict[int, Fraction]:
    """The mean cost of the last posted days of each account that has any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT given.id, -sum(e.amount_minor), count(DISTINCT e.service_date) "
            "FROM unnest(%(accounts)s::bigint[]) AS given (id) CROSS JOIN LATERAL ("
            "  WITH recent AS (SELECT service_date, amount_minor FROM ledger_entry "
            "    WHERE bucket = (given.id >> 40)::smallint AND account_id = given.id AND origin = 'engine' "
            "    ORDER BY seq DESC LIMIT 200) "
            "  SELECT * FROM recent WHERE service_date > (SELECT max(service_date) FROM recent) - %(days)s::int) e "
            "GROUP BY given.id",
            {"accounts": list(account_ids), "days": queries.DAYS_OF_COST},
        )
        return {account_id: Fraction(int(cost), days) for account_id, cost, days in cursor.fetchall()}


def _provisional(agreement_ids: Sequence[int]) -> dict[int, int]:
    """What was charged for days that were closed without their midnight's register read and still stand so."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.agreement_id, greatest(-sum(e.amount_minor), 0)::bigint FROM ledger_close c "
            "JOIN registry_agreement a ON a.id = c.agreement_id "
            "JOIN ledger_entry e ON e.bucket = (a.account_id >> 40)::smallint AND e.account_id = a.account_id "
            "AND e.agreement_id = c.agreement_id AND e.origin = 'engine' AND e.service_date = c.closed_through "
            "WHERE c.provisional AND c.agreement_id = ANY(%s) GROUP BY c.agreement_id",
            [list(agreement_ids)],
        )
        return dict(cursor.fetchall())
