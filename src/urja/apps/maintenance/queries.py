"""What flats owe for maintenance and have paid, apart from their electricity."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from urja.apps.books.queries import currencies
from urja.apps.maintenance.models import MaintenanceAccount, MaintenanceDue
from urja.core.maintenance import Due, DueLeft, remaining_dues


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment for maintenance, or one that went back (below zero), in minor units."""

    posted_at: datetime
    amount_minor: int
    reference: str


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A maintenance account with its dues, by month, and its payments, the newest first; amounts in minor units."""

    account_id: int
    currency: str
    dues: tuple[DueLeft, ...]
    payments: tuple[Payment, ...]

    @property
    def owed_minor(self) -> int:
        """What is not paid."""
        return sum(one.left_minor for one in self.dues)

    @property
    def advance_minor(self) -> int:
        """What was paid beyond all dues; the next ones are paid with it."""
        return max(
            sum(one.amount_minor for one in self.payments) - sum(one.due.amount_minor for one in self.dues), 0
        )

    @property
    def since(self) -> date | None:
        """First day of the oldest month that is not paid in full; None where nothing is owed."""
        return next((one.due.month for one in self.dues if one.left_minor), None)


def account_beside(electricity_id: int) -> int | None:
    """Return the maintenance account beside an account for electricity; None where no due was ever posted."""
    found = MaintenanceAccount.objects.filter(electricity_id=electricity_id)
    return found.values_list("account_id", flat=True).first()


def consumer_account(account_id: int) -> int:
    """Return the account of the same consumer that agreements and access name: the one for electricity."""
    found = MaintenanceAccount.objects.filter(account_id=account_id)
    return found.values_list("electricity_id", flat=True).first() or account_id


def is_in_use() -> bool:
    """Return whether maintenance was ever posted."""
    return MaintenanceAccount.objects.exists()


def maintenance_of(electricity_id: int) -> Maintenance | None:
    """Return the maintenance beside an account for electricity; None where no due was ever posted."""
    account_id = account_beside(electricity_id)
    if account_id is None:
        return None
    payments = _payments(account_id)
    dues = MaintenanceDue.objects.filter(account_id=account_id).values_list("month", "name", "amount_minor")
    return Maintenance(
        account_id,
        currencies([account_id])[account_id],
        tuple(remaining_dues((Due(*row) for row in dues), sum(one.amount_minor for one in payments))),
        payments,
    )


def _payments(account_id: int) -> tuple[Payment, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.posted_at, e.amount_minor, coalesce(e.inputs->>'reference', '') FROM books.entry e "
            "JOIN books.account c ON c.id = e.contra_id AND c.code = 'clearing:maintenance' "
            "WHERE e.account_id = %s ORDER BY e.seq DESC",
            [account_id],
        )
        return tuple(Payment(*row) for row in cursor.fetchall())


@dataclass(frozen=True, slots=True)
class FlatMaintenance:
    """Maintenance of an account over a month; amounts in minor units of `currency`."""

    account_id: int
    electricity_id: int
    currency: str
    opening_minor: int
    """Owed at its beginning; below zero where it was paid in advance."""
    due_minor: int
    """Dues that were posted in it, less those that were undone."""
    paid_minor: int

    @property
    def closing_minor(self) -> int:
        """Owed at its end."""
        return self.opening_minor + self.due_minor - self.paid_minor


_MONTH = """
SELECT m.account_id, m.electricity_id, c.currency,
    (coalesce(d.earlier, 0) - coalesce(p.earlier, 0))::bigint, coalesce(d.own, 0)::bigint, coalesce(p.own, 0)::bigint
FROM maintenance_account m
JOIN books.account c ON c.id = m.account_id
LEFT JOIN LATERAL (
    SELECT sum(e.amount_minor) FILTER (WHERE e.accounting_month < %(month)s) AS earlier,
        sum(e.amount_minor) FILTER (WHERE e.accounting_month = %(month)s) AS own
    FROM books.entry e JOIN books.account x ON x.id = e.contra_id AND x.code = 'clearing:maintenance'
    WHERE e.account_id = m.account_id AND e.accounting_month <= %(month)s
) p ON true
LEFT JOIN LATERAL (
    SELECT -sum(e.amount_minor) FILTER (WHERE e.accounting_month < %(month)s) AS earlier,
        -sum(e.amount_minor) FILTER (WHERE e.accounting_month = %(month)s) AS own
    FROM books.entry e JOIN books.account x ON x.id = e.contra_id AND x.code = 'clearing:maintenance-due'
    WHERE e.account_id = m.account_id AND e.accounting_month <= %(month)s
) d ON true
WHERE m.electricity_id = ANY(%(accounts)s) ORDER BY 1
"""


def of_month(electricity_ids: Iterable[int], month: date) -> list[FlatMaintenance]:
    """Return the maintenance of accounts over an accounting month, given by its first day; only of those that have one."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTH, {"month": month, "accounts": list(electricity_ids)})
        return [FlatMaintenance(*row) for row in cursor.fetchall()]
