"""What other bodies owe the utility for subsidies, as a claim for each month, from the ledger's entries alone.

An entry belongs to one claim: of its accounting month, or, where it was posted after that claim was final, of the first
month whose claim was not. So a claim that is final never changes, and all claims sum to the receivable accounts.
"""

import csv
import io
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from urja.apps.billing import subsidy_payments
from urja.apps.billing.subsidy_payments import SubsidyPayment
from urja.apps.overviews.queries.receivables import CLAIMED, FINAL_ON, RECEIVABLE, parameters
from urja.apps.rulebook.queries.tariffs import receivable_bodies
from urja.base.csv_texts import with_apostrophe
from urja.base.untyped_values import JsonObject, SqlRow

LISTED: Final = 50


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """What a claim has for the billing periods that began in a month; amounts in minor units."""

    body: str
    """Who owes it: `claim_on` of the tariff line; empty where no stored tariff names one."""
    line: str
    commodity: str
    currency: str
    periods_from: date
    """First day of the month in which the billing periods began."""
    consumers: int
    use: int
    """Billed energy in Wh, or gas in litres, of these consumers' periods as known now."""
    given_minor: int
    taken_back_minor: int
    claimed_before_minor: int
    """What earlier claims have for the same periods."""

    @property
    def net_minor(self) -> int:
        """What is claimed: for periods that were claimed before, the difference."""
        return self.given_minor - self.taken_back_minor


@dataclass(frozen=True, slots=True)
class BodySum:
    """What a body owes; amounts in minor units."""

    body: str
    currency: str
    net_minor: int
    """By this claim."""
    through_minor: int
    """By this claim and all earlier ones."""
    paid_minor: int
    """What is recorded as paid to date, whatever the claim."""
    outstanding_minor: int
    """Of this claim and all earlier ones; below zero where more was paid, as for later ones."""


@dataclass(frozen=True, slots=True)
class SubsidyClaim:
    """The claim of a month."""

    month: date
    final_on: date
    """From this local day on it does not change."""
    is_final: bool
    rows: tuple[ClaimRow, ...]
    sums: tuple[BodySum, ...]
    payments: tuple[SubsidyPayment, ...]
    """The newest that are recorded, at most `LISTED`, the newest day first."""
    payment_count: int
    """How many are recorded."""


_OWED: Final = f"""
({CLAIMED}) UNION ALL
SELECT NULL, code, currency, '', NULL, 0, 0, -sum(balance_minor)::bigint, 0 FROM books.account
WHERE kind = 'contra' AND code LIKE 'receivable:%%' GROUP BY 2, 3
"""  # noqa: S608 - a constant
"""Claims from a month on, and without a month what each receivable account is owed: both of one instant."""


def claim(month: date, now: datetime, zone: ZoneInfo) -> SubsidyClaim:
    """Return the claim of the month that begins with a day, as the ledger has it at `now`."""
    bodies = {f"{RECEIVABLE}{line}": " / ".join(named) for line, named in receivable_bodies().items()}
    before: Counter[tuple[str, str, str, date]] = Counter()
    through: Counter[tuple[str, str]] = Counter()
    claimed: Counter[tuple[str, str]] = Counter()
    own = []
    recorded = subsidy_payments.sums()
    paid = Counter({(one.body, one.currency): one.amount_minor for one in recorded})
    for of, code, currency, commodity, periods_from, consumers, use, given, taken_back in _reaching_back(
        month, zone
    ):
        net, body = given - taken_back, bodies.get(code, "")
        if of is None:
            through[body, currency] += net
        elif of > month:
            through[body, currency] -= net
        elif of < month:
            before[code, currency, commodity, periods_from] += net
        else:
            claimed[body, currency] += net
            own.append((body, code, currency, commodity, periods_from, consumers, use, given, taken_back))
    final_on = (month + timedelta(days=31)).replace(day=FINAL_ON)
    return SubsidyClaim(
        month,
        final_on,
        now >= datetime.combine(final_on, time(), zone),
        tuple(
            ClaimRow(
                body,
                code.removeprefix(RECEIVABLE),
                commodity,
                currency,
                periods_from,
                consumers,
                use,
                given,
                taken_back,
                before[code, currency, commodity, periods_from],
            )
            for body, code, currency, commodity, periods_from, consumers, use, given, taken_back in sorted(
                own
            )
        ),
        tuple(
            BodySum(*key, claimed[key], through[key], paid[key], through[key] - paid[key])
            for key in sorted(through.keys() | paid.keys())
            if through[key] or claimed[key] or paid[key]
        ),
        tuple(subsidy_payments.newest(LISTED)),
        sum(one.count for one in recorded),
    )


def _reaching_back(month: date, zone: ZoneInfo) -> list[SqlRow]:
    """Return the rows of `_OWED` from the earliest month on in which a period of the claim of `month` began.

    No period is charged before it begins: older entries are of other periods, and are not read.
    """
    since = (month - timedelta(days=1)).replace(day=1)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_OWED, parameters(zone.key, since))
            found: list[SqlRow] = cursor.fetchall()
        first = min((periods_from for of, _, _, _, periods_from, *_ in found if of == month), default=since)
        if first >= since:
            return found
        since = first


COLUMNS: Final = [
    "claim_month",
    "final_on",
    "body",
    "line",
    "commodity",
    "currency",
    "periods_from",
    "consumers",
    "use",
    "given_minor",
    "taken_back_minor",
    "net_minor",
    "claimed_before_minor",
]


def csv_of(found: SubsidyClaim) -> str:
    """Return a claim as CSV, amounts in minor units: a line for each row, with the columns `COLUMNS`.

    Texts of tariffs that a spreadsheet would run as a formula are escaped.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in found.rows:
        writer.writerow(
            [
                f"{found.month:%Y-%m}",
                found.final_on,
                with_apostrophe(row.body),
                with_apostrophe(row.line),
                row.commodity,
                row.currency,
                f"{row.periods_from:%Y-%m}",
                row.consumers,
                row.use,
                row.given_minor,
                row.taken_back_minor,
                row.net_minor,
                row.claimed_before_minor,
            ]
        )
    return text.getvalue()


def to_json(found: SubsidyClaim) -> JsonObject:
    """Return a claim as the API has it."""
    return {
        "month": f"{found.month:%Y-%m}",
        "final_on": found.final_on.isoformat(),
        "is_final": found.is_final,
        "sums": [asdict(one) for one in found.sums],
        "rows": [
            asdict(row) | {"periods_from": f"{row.periods_from:%Y-%m}", "net_minor": row.net_minor}
            for row in found.rows
        ],
        "payments": [
            {
                "operation_id": one.operation_id,
                "body": one.body,
                "currency": one.currency,
                "amount_minor": one.amount_minor,
                "paid_on": one.paid_on.isoformat(),
                "reference": one.reference,
            }
            for one in found.payments
        ],
        "payment_count": found.payment_count,
    }
