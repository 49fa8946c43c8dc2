"""The reading side of the ledger: balances as they stand now, entries, and why each of them was made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from django.db import connection
from django.db.models import Sum

from urja.apps.ledger import usage
from urja.apps.ledger.chain import parse_json
from urja.apps.ledger.models import Account, CreditRequest
from urja.apps.readings.accrual import PeriodEnergy
from urja.apps.registry import queries as registry
from urja.apps.registry.models import Agreement
from urja.apps.tariffs import queries as tariffs
from urja.base.ids import bucket_of
from urja.core.calendar import ONE_DAY, Period, local_day

ENOUGH_OF_A_DAY = timedelta(hours=1)
"""So much of the first day has to be known before a whole day's cost is reckoned from it."""

DAYS_OF_COST = 7
"""Days left are the balance over the mean cost of this many days: the last ones that were posted."""


@dataclass(frozen=True, slots=True)
class FreshBalance:
    """What is left on an account now: the one figure that pages, alerts and decisions use."""

    balance_minor: int
    """`ledger_minor` less `pending_minor`."""
    ledger_minor: int
    pending_minor: int
    """What use up to `as_of` costs beyond what has been posted; the day in progress counts as begun."""
    credits_minor: int
    """Credits recorded and not posted yet; not part of the balance."""
    as_of: datetime | None
    """End of the last reading that the figure rests on; none before the first."""
    estimated_wh: int
    """How much of the energy in the figure is estimated."""
    days_left: Fraction | None
    """At the mean cost of the last seven posted days; before the first, at the pace of the day so far."""
    currency: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One posting. `amount_minor` is what it did to the account: a charge is negative."""

    account_id: int
    seq: int
    line: str
    title: str
    origin: str
    amount_minor: int
    balance_after_minor: int
    currency: str
    service_date: date
    posted_at: datetime
    accounting_month: date


@dataclass(frozen=True, slots=True)
class Read:
    """A register read that a posting rests on."""

    read_at: datetime
    register_wh: int
    kind: str
    status: str
    source: str
    version: int
    correlation: int
    device_id: int


@dataclass(frozen=True, slots=True)
class Row:
    """`quantity` in `unit` times `rate` in minor units is the charge; `amount_minor` is its effect, so negative.

    The product is rounded half-up to the minor unit. A row of unit `rounding` is a bare amount.
    """

    key: str
    label: str
    quantity: Fraction
    unit: str
    rate: Fraction
    amount_minor: int


@dataclass(frozen=True, slots=True)
class TariffUsed:
    """A version that a posting was rated by."""

    code: str
    version: str
    title: str
    valid_from: date
    sha256: str


@dataclass(frozen=True, slots=True)
class Why:
    """All that a posting was made from; a credit has no reads."""

    entry: Entry
    rows: tuple[Row, ...]
    """Their amounts sum to the entry's."""
    reads: tuple[Read, ...]
    """The register at the posting before and at this one."""
    opening: Read | None
    """The register at the period's opening."""
    tariffs: tuple[TariffUsed, ...]
    advance_wh: int
    """Energy that this posting is about: the register's advance since the posting before."""
    energy_wh: int
    """Energy of the billing period up to this posting."""
    blocks_wh: int
    """Sum of the interval blocks over the time of `energy_wh`."""
    residual_wh: int
    """`energy_wh` less `blocks_wh`: what truncation in the blocks has left to the register."""
    provisional: bool
    """Whether the day was closed without the register read of its midnight."""
    notes: tuple[str, ...]
    correlations: tuple[int, ...]
    """Of the pushes and commands that it came from."""


def fresh_balance(account_id: int, now: datetime, agreement: Agreement | None = None) -> FreshBalance:
    """What is left on an account, by the readings that have come in; raises Account.DoesNotExist.

    Who has the agreement of `now` at hand may give it.
    """
    account = Account.objects.get(id=account_id)
    agreement = agreement or registry.agreement_at(account_id, now)
    with tariffs.remembered():
        accrued = _accrued(agreement, now) if agreement else _Accrued(0, None, 0)
    waiting = CreditRequest.objects.filter(account_id=account_id, posted_at=None)
    balance = account.balance_minor - accrued.pending_minor
    return FreshBalance(
        balance_minor=balance,
        ledger_minor=account.balance_minor,
        pending_minor=accrued.pending_minor,
        credits_minor=waiting.aggregate(total=Sum("amount_minor"))["total"] or 0,
        as_of=accrued.as_of,
        estimated_wh=accrued.estimated_wh,
        days_left=_days_left(balance, _daily_cost(account) or accrued.first_day_cost_minor),
        currency=account.currency,
        last_seq=account.last_seq,
    )


@dataclass(frozen=True, slots=True)
class _Accrued:
    pending_minor: int
    as_of: datetime | None
    estimated_wh: int
    first_day_cost_minor: Fraction | None = None
    """What a whole day like the first one so far would cost; none once a day is closed."""


def _accrued(agreement: Agreement, now: datetime) -> _Accrued:
    rows = usage.accrued(agreement.id, usage.starts_on(agreement, now), now)
    closed = closed_through([agreement.id]).get(agreement.id)
    return accrue(
        agreement, rows, closed, lambda first: charged_by_line([agreement.id], first).get(agreement.id, {})
    )


def accrue(
    agreement: Agreement,
    rows: Sequence[PeriodEnergy],
    closed: date | None,
    charged: Callable[[date], dict[str, int]],
) -> _Accrued:
    """The targets of the current and the last period to the data watermark, less what was posted for them.

    `rows` are the energies of both, `closed` is the last closed day, and `charged` gives what was posted for the
    period that begins on a day. A day that is closed is charged whole, also where its data have not all come.
    """
    if not rows:
        return _Accrued(0, None, 0)
    days = usage.days_of(agreement)
    as_of = max(row.watermark_at for row in rows)
    through = max(usage.last_day(as_of), closed or date.min) + ONE_DAY
    pending = 0
    for row in rows:
        period = usage.period_of(agreement, row.period)
        if days.meet(Period(period.first, min(period.end, through))).days:
            rating = usage.rate(
                agreement, period, through, row.energy_wh, usage.energy_at(agreement.id, period)
            )
            pending += rating.target.total_minor - sum(charged(period.first).values())
    first_day = None if closed else _first_day_cost(agreement, rows[-1], as_of)
    return _Accrued(pending, as_of, sum(row.estimated_wh for row in rows), first_day)


def _first_day_cost(agreement: Agreement, used: PeriodEnergy, as_of: datetime) -> Fraction | None:
    """The cost of a day at the first day's pace, from an hour of it on: charges per day whole, energy scaled."""
    elapsed = as_of - agreement.valid_from
    if not ENOUGH_OF_A_DAY <= elapsed <= ONE_DAY:
        return None
    first = local_day(agreement.valid_from, usage.zone())
    period = usage.period_of(agreement, first)
    energy_wh = used.energy_wh * ONE_DAY // elapsed
    rating = usage.rate(agreement, period, first + ONE_DAY, energy_wh, lambda _day: 0)
    return Fraction(rating.target.total_minor)


def _days_left(balance_minor: int, daily_cost_minor: Fraction | None) -> Fraction | None:
    """The balance over a day's cost; nothing is left of a balance below zero."""
    if not daily_cost_minor or daily_cost_minor <= 0:
        return None
    return max(balance_minor / daily_cost_minor, Fraction(0))


def _daily_cost(account: Account) -> Fraction | None:
    """The mean cost of the last posted days; none before the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH recent AS (SELECT service_date, amount_minor FROM ledger_entry WHERE bucket = %s "
            "AND account_id = %s AND origin = 'engine' ORDER BY seq DESC LIMIT 200) "
            "SELECT -sum(amount_minor), count(DISTINCT service_date) FROM recent "
            "WHERE service_date > (SELECT max(service_date) FROM recent) - %s",
            [account.bucket, account.id, DAYS_OF_COST],
        )
        cost, days = cursor.fetchone()
    return Fraction(int(cost), days) if days else None


def closed_through(agreement_ids: Sequence[int]) -> dict[int, date]:
    """The last closed local day of each agreement that has one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, closed_through FROM ledger_close WHERE agreement_id = ANY(%s)",
            [list(agreement_ids)],
        )
        return dict(cursor.fetchall())


def charged_by_line(agreement_ids: Sequence[int], period_start: date) -> dict[int, dict[str, int]]:
    """What the engine has charged for a period, in minor units, by agreement and line."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, line, -sum(amount_minor) FROM ledger_entry WHERE origin = 'engine' "
            "AND agreement_id = ANY(%s) AND period_start = %s GROUP BY agreement_id, line",
            [list(agreement_ids), period_start],
        )
        charged: dict[int, dict[str, int]] = {}
        for agreement_id, line, amount in cursor.fetchall():
            charged.setdefault(agreement_id, {})[line] = int(amount)
    return charged


def last_inputs(agreement_ids: Sequence[int], period_start: date) -> dict[tuple[int, str], dict[str, Any]]:
    """What the engine's last posting on each line of a period was made from."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (agreement_id, line) agreement_id, line, inputs FROM ledger_entry "
            "WHERE origin = 'engine' AND agreement_id = ANY(%s) AND period_start = %s "
            "ORDER BY agreement_id, line, seq DESC",
            [list(agreement_ids), period_start],
        )
        return {(agreement_id, line): parse_json(inputs) for agreement_id, line, inputs in cursor.fetchall()}


_ENTRY = (
    "SELECT e.account_id, e.seq, e.line, coalesce(e.inputs->>'title', e.line), e.origin, e.amount_minor, "
    "e.balance_after_minor, a.currency, coalesce(e.service_date, e.accounting_month), e.posted_at, "
    "e.accounting_month, e.inputs FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id "
    "WHERE e.bucket = %s AND e.account_id = %s "
)


def entries(account_id: int, limit: int, before_seq: int | None = None) -> list[Entry]:
    """The postings of an account below `before_seq`, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_ENTRY} AND (%s::bigint IS NULL OR e.seq < %s) ORDER BY e.seq DESC LIMIT %s",
            [bucket_of(account_id), account_id, before_seq, before_seq, limit],
        )
        return [Entry(*row[:-1]) for row in cursor.fetchall()]


def why(account_id: int, seq: int) -> Why | None:
    """Everything a posting was made from, as kept with it; none where there is no such posting."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_ENTRY} AND e.seq = %s", [bucket_of(account_id), account_id, seq])
        found = cursor.fetchone()
    if found is None:
        return None
    entry, inputs = Entry(*found[:-1]), parse_json(found[-1])
    opening = inputs.get("opening")
    return Why(
        entry=entry,
        rows=tuple(_row(row) for row in inputs.get("rows", [])) or (_bare(entry),),
        reads=tuple(_read(read) for read in inputs.get("reads", [])),
        opening=_read(opening) if opening else None,
        tariffs=tuple(_tariff(used) for used in inputs.get("tariffs", [])),
        advance_wh=inputs.get("advance_wh", 0),
        energy_wh=inputs.get("energy_wh", 0),
        blocks_wh=inputs.get("blocks_wh", 0),
        residual_wh=inputs.get("residual_wh", 0),
        provisional=inputs.get("provisional", False),
        notes=tuple(inputs.get("notes", [])),
        correlations=tuple(inputs.get("correlations", [])),
    )


def _bare(entry: Entry) -> Row:
    amount = Fraction(entry.amount_minor)
    return Row(entry.line, entry.title, amount, "rounding", Fraction(1), entry.amount_minor)


def _row(row: dict[str, Any]) -> Row:
    return Row(
        key=row["key"],
        label=row["label"],
        quantity=Fraction(row["quantity"]),
        unit=row["unit"],
        rate=Fraction(row["rate_minor"]),
        amount_minor=row["amount_minor"],
    )


def _read(read: dict[str, Any]) -> Read:
    return Read(**{**read, "read_at": datetime.fromisoformat(read["read_at"])})


def _tariff(used: dict[str, Any]) -> TariffUsed:
    return TariffUsed(**{**used, "valid_from": date.fromisoformat(used["valid_from"])})


__all__ = [
    "DAYS_OF_COST",
    "Entry",
    "FreshBalance",
    "Read",
    "Row",
    "TariffUsed",
    "Why",
    "charged_by_line",
    "closed_through",
    "entries",
    "fresh_balance",
    "last_inputs",
    "why",
]
