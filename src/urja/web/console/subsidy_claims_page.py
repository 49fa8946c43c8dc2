"""The page of a month's subsidy claim: what other bodies owe, by tariff line and by the month of the billing periods."""

from dataclasses import dataclass
from datetime import date, datetime

from urja.apps.overviews.queries import subsidy_claims
from urja.core.calendar import ONE_DAY
from urja.web.shared import formats, ledger_words
from urja.web.shared.clock import zone


@dataclass(frozen=True, slots=True)
class RowView:
    line: str
    body: str
    periods: str
    consumers: int
    use: str
    given: str
    taken_back: str
    net: str
    before: str
    """What was claimed before for these periods; empty where nothing was."""


@dataclass(frozen=True, slots=True)
class SumView:
    body: str
    net: str
    through: str
    paid: str
    outstanding: str


@dataclass(frozen=True, slots=True)
class PaymentView:
    body: str
    paid_on: str
    amount: str
    reference: str


@dataclass(frozen=True, slots=True)
class ClaimPage:
    month: str
    chosen: str
    """The month as an address has it, `2026-02`."""
    before: str
    after: str
    """The months beside it, as addresses."""
    final_on: str
    is_final: bool
    sums: list[SumView]
    rows: list[RowView]
    payments: list[PaymentView]
    """The newest ones."""
    payment_count: int
    """How many are recorded."""


def claim_page(month: date, now: datetime) -> ClaimPage:
    """Return the claim of a month as the ledger has it at `now`."""
    found = subsidy_claims.claim(month, now, zone())
    return ClaimPage(
        month=formats.month(month),
        chosen=f"{month:%Y-%m}",
        before=f"{month - ONE_DAY:%Y-%m}",
        after=f"{found.final_on:%Y-%m}",
        final_on=formats.day(found.final_on),
        is_final=found.is_final,
        sums=[
            SumView(
                ledger_words.title(one.body),
                formats.money(one.net_minor, one.currency),
                formats.money(one.through_minor, one.currency),
                formats.money(one.paid_minor, one.currency),
                formats.money(one.outstanding_minor, one.currency),
            )
            for one in found.sums
        ],
        rows=[
            RowView(
                line=ledger_words.title(row.line),
                body=ledger_words.title(row.body),
                periods=formats.month(row.periods_from),
                consumers=row.consumers,
                use=formats.billed(row.use, row.commodity),
                given=formats.money(row.given_minor, row.currency),
                taken_back=formats.money(row.taken_back_minor, row.currency) if row.taken_back_minor else "",
                net=formats.money(row.net_minor, row.currency),
                before=formats.money(row.claimed_before_minor, row.currency)
                if row.claimed_before_minor
                else "",
            )
            for row in found.rows
        ],
        payments=[
            PaymentView(
                ledger_words.title(one.body),
                formats.day(one.paid_on),
                formats.money(one.amount_minor, one.currency),
                one.reference,
            )
            for one in found.payments
        ],
        payment_count=found.payment_count,
    )
