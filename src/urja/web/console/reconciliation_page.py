"""What the page of the reconciliation shows: totals, days, and what does not fit."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from urja.apps.bank.queries.reconciliation import reconciled
from urja.core.money_trail import Bucket, MoneyTrail, Reason
from urja.web.shared import formats
from urja.web.shared.clock import zone

DAYS: Final = 62
"""Days in the table; totals are of all days."""

BUCKETS: Final[dict[Bucket, Promise]] = {
    Bucket.IN_DRAWER: _("In drawers"),
    Bucket.IN_TRANSIT: _("On the way to the bank"),
    Bucket.AT_GATEWAY: _("At the payment service"),
    Bucket.IN_BANK: _("On the bank's statements"),
    Bucket.FEES: _("Fees of the payment service"),
    Bucket.UNEXPLAINED: _("Unexplained"),
}

REASONS: Final[dict[Reason, Promise]] = {
    Reason.MISSING_DEPOSIT: _("A deposit is not on the statement"),
    Reason.SHORT_DEPOSIT: _("The bank has less than was deposited"),
    Reason.MISSING_PAYOUT: _("A payout is not on the statement"),
    Reason.OTHER_PAYOUT: _("The bank has another amount than the payment service reports"),
    Reason.FEE_DIFFERS: _("Amount, fee and transfer do not add up"),
    Reason.UNCLAIMED: _("A payment on the statement that nothing explains"),
    Reason.DOUBLED_CREDIT: _("More is credited to accounts than the statement has"),
    Reason.CHEQUE_RETURNED: _("The bank has returned a cheque that is not returned here"),
    Reason.STATEMENT_GAP: _("A statement is missing"),
    Reason.DRAWER_DIFFERENCE: _("A drawer's count differs"),
}


@dataclass(frozen=True, slots=True)
class DayView:
    day: str
    taken: str
    amounts: list[str]


@dataclass(frozen=True, slots=True)
class BreakView:
    day: str
    reason: str
    subject: str
    amount: str


@dataclass(frozen=True, slots=True)
class ReconciliationPage:
    taken: str
    totals: list[tuple[str, str]]
    headings: list[str]
    days: list[DayView]
    breaks: list[BreakView]


def page() -> ReconciliationPage:
    """Return the comparison of receipts and payments, deposits and payouts, and statements."""
    return _page(reconciled(zone()))


def _page(found: MoneyTrail) -> ReconciliationPage:
    return ReconciliationPage(
        taken=formats.money(found.taken_minor),
        totals=[(str(BUCKETS[bucket]), formats.money(minor)) for bucket, minor in found.totals().items()],
        headings=[str(BUCKETS[bucket]) for bucket in Bucket],
        days=[
            DayView(
                formats.short_day(day),
                formats.money(sum(row.values())),
                [formats.money(row[bucket]) if row[bucket] else "" for bucket in Bucket],
            )
            for day, row in list(found.by_day().items())[:DAYS]
        ],
        breaks=[
            BreakView(
                formats.day(one.on), str(REASONS[one.reason]), one.subject, formats.money(one.amount_minor)
            )
            for one in reversed(found.breaks)
        ],
    )
