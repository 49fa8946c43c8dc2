"""Old dues beside a balance: what of a recharge goes to them, to which of them, and what comes back from them.

The oldest bill is paid first, and of each bill its surcharge before its principal.
"""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Due:
    """What is owed of a bill."""

    key: int
    bill: str
    due_on: date
    surcharge_minor: int
    principal_minor: int

    @property
    def owed_minor(self) -> int:
        return self.surcharge_minor + self.principal_minor


@dataclass(frozen=True, slots=True)
class Part:
    """What an amount pays of one bill."""

    due: Due
    surcharge_minor: int
    principal_minor: int

    @property
    def key(self) -> int:
        return self.due.key

    @property
    def amount_minor(self) -> int:
        return self.surcharge_minor + self.principal_minor


def owed(dues: Iterable[Due]) -> int:
    """All of it, in minor units."""
    return sum(due.owed_minor for due in dues)


def share_of(percent: int, owed_minor: int, amount_minor: int) -> int:
    """What of a recharge goes to old dues, rounded down: never more than is owed."""
    return min(owed_minor, amount_minor * percent // 100)


def set_against(dues: Iterable[Due], amount_minor: int) -> list[Part]:
    """An amount by bills; what exceeds all of them is left over."""
    parts = []
    for due in sorted(dues, key=lambda due: (due.due_on, due.key)):
        surcharge = min(amount_minor, due.surcharge_minor)
        principal = min(amount_minor - surcharge, due.principal_minor)
        if surcharge or principal:
            parts.append(Part(due, surcharge, principal))
        amount_minor -= surcharge + principal
    return parts


def taken_back(paid: Sequence[Part], amount_minor: int) -> list[Part]:
    """Of what was paid the last part first: what is left is what a smaller amount would have paid."""
    parts = []
    for part in reversed(paid):
        principal = min(amount_minor, part.principal_minor)
        surcharge = min(amount_minor - principal, part.surcharge_minor)
        if surcharge or principal:
            parts.append(Part(part.due, surcharge, principal))
        amount_minor -= surcharge + principal
    return parts


def less[Sums: (Due, Part)](sums: Iterable[Sums], parts: Iterable[Part]) -> list[Sums]:
    """What is left, of bills or of what was paid of them, without these parts."""
    gone = {part.key: part for part in parts}
    return [_without(each, gone[each.key]) if each.key in gone else each for each in sums]


def due_day(every: str, first: date, number: int) -> date:
    """The day on which an instalment is due, the first being number 0: each `day`, or each `month`.

    A month that has no such day has its last instead, and the month after it the day again.
    """
    if every == "day":
        return first + timedelta(days=number)
    years, month = divmod(first.month - 1 + number, 12)
    year = first.year + years
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))


def _without[Sums: (Due, Part)](sums: Sums, part: Part) -> Sums:
    return replace(
        sums,
        surcharge_minor=sums.surcharge_minor - part.surcharge_minor,
        principal_minor=sums.principal_minor - part.principal_minor,
    )
