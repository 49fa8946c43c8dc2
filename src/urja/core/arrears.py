"""Dues from old bills, beside the balance of an account: how an amount is allocated to them, and how that is
reversed.

The oldest bill is paid first, and of each bill its surcharge before its principal. All amounts are minor units.
"""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Due:
    """The unpaid part of one old bill."""

    key: int
    bill: str
    due_on: date
    surcharge_minor: int
    principal_minor: int

    @property
    def owed_minor(self) -> int:
        return self.surcharge_minor + self.principal_minor


@dataclass(frozen=True, slots=True)
class BillPayment:
    """The part of an amount that pays one old bill."""

    due: Due
    surcharge_minor: int
    principal_minor: int

    @property
    def key(self) -> int:
        return self.due.key

    @property
    def amount_minor(self) -> int:
        return self.surcharge_minor + self.principal_minor


def total_owed(dues: Iterable[Due]) -> int:
    """Return the total of some dues, in minor units."""
    return sum(due.owed_minor for due in dues)


def arrears_share(percent: int, owed_minor: int, amount_minor: int) -> int:
    """Return the part of a recharge that pays dues: `percent` of it, rounded down, and at most what is owed."""
    return min(owed_minor, amount_minor * percent // 100)


def allocate(dues: Iterable[Due], amount_minor: int) -> list[BillPayment]:
    """Allocate an amount in minor units to bills, the oldest first; what exceeds all dues is allocated to none."""
    parts = []
    for due in sorted(dues, key=lambda due: (due.due_on, due.key)):
        surcharge = min(amount_minor, due.surcharge_minor)
        principal = min(amount_minor - surcharge, due.principal_minor)
        if surcharge or principal:
            parts.append(BillPayment(due, surcharge, principal))
        amount_minor -= surcharge + principal
    return parts


def reverse_payments(paid: Sequence[BillPayment], amount_minor: int) -> list[BillPayment]:
    """Reverse payments of dues by an amount in minor units, the last first.

    What remains is what a smaller amount would have paid.
    """
    parts = []
    for part in reversed(paid):
        principal = min(amount_minor, part.principal_minor)
        surcharge = min(amount_minor - principal, part.surcharge_minor)
        if surcharge or principal:
            parts.append(BillPayment(part.due, surcharge, principal))
        amount_minor -= surcharge + principal
    return parts


def subtract_payments[Sums: (Due, BillPayment)](
    sums: Iterable[Sums], parts: Iterable[BillPayment]
) -> list[Sums]:
    """Return dues, or payments of dues, reduced by these payments; amounts are minor units."""
    gone = {part.key: part for part in parts}
    return [_without(each, gone[each.key]) if each.key in gone else each for each in sums]


def instalment_due_on(every: str, first: date, number: int) -> date:
    """Return the due date of instalment `number` (the first is 0), where one is due each `day` or each `month`.

    In a month without that day the instalment is due on the month's last day; the next month has the day again.
    """
    if every == "day":
        return first + timedelta(days=number)
    years, month = divmod(first.month - 1 + number, 12)
    year = first.year + years
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))


def _without[Sums: (Due, BillPayment)](sums: Sums, part: BillPayment) -> Sums:
    return replace(
        sums,
        surcharge_minor=sums.surcharge_minor - part.surcharge_minor,
        principal_minor=sums.principal_minor - part.principal_minor,
    )
