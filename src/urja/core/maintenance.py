"""What remains of maintenance dues after payments: the oldest is paid first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Due:
    """A due of a month, in minor units."""

    month: date
    """First day of its month."""
    name: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class DueLeft:
    """A due with what of it is not paid, in minor units."""

    due: Due
    left_minor: int


def remaining_dues(dues: Iterable[Due], paid_minor: int) -> list[DueLeft]:
    """Return each due with what payments of `paid_minor` minor units leave of it, by month and name."""
    found = []
    for due in sorted(dues, key=lambda one: (one.month, one.name)):
        paid = min(max(paid_minor, 0), due.amount_minor)
        paid_minor -= paid
        found.append(DueLeft(due, due.amount_minor - paid))
    return found
