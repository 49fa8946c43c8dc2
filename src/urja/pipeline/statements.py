"""Statements of account, made once a billing period is closed and revised where it is charged otherwise later.

The period is calculated as one bill by the engine, from all that is known. What the ledger has charged otherwise is
posted in the same transaction as entries of their own kind (`one_bill`), so that a statement's total is the ledger's and
the bill's. What is posted after an agreement's last period is on a final statement, once the account is settled, and on further ones. A period whose last day was closed without its read waits for it, so that it is stated once; not longer than
`WAIT`, as differences are posted within 24 hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

import structlog
from django.db import IntegrityError, transaction

from urja.apps.billing import posting as billing, queries, rating_basis, usage
from urja.apps.billing.agreement_periods import days_of, period_of
from urja.apps.books import locking, posting as books
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.queries import tariffs
from urja.apps.statements import operations as statements
from urja.apps.statements.kinds import OneBill, StatementLine, StatementRead, StatementRow, StatementTariff
from urja.apps.statements.operations import ClosedPeriod, DuePeriod, PeriodKey, PeriodToState
from urja.base.garbage import no_collections
from urja.base.untyped_values import JsonObject
from urja.core.calendar import ONE_DAY, Period, local_day, midnight
from urja.core.rating import rows_between
from urja.core.units import exact_text
from urja.pipeline import charge_differences
from urja.pipeline.charge_differences import PeriodBill

log = structlog.get_logger()

WAIT: Final = timedelta(hours=12)
"""Time after a period's end for which one that was closed provisionally waits for the read of its midnight."""
HELD: Final = timedelta(hours=1)
"""Time after which the statement of an account that is held back is tried again."""
AT_ONCE: Final = 1000
"""Statements of a transaction."""


def record_periods(
    members: Sequence[Agreement],
    closes: Mapping[int, billing.Close],
    drafts: Sequence[books.Draft],
    now: datetime,
) -> None:
    """Record, in the transaction of a close, which periods it has ended, and which it has charged after they were stated."""
    ended = []
    for agreement in members:
        if (close := closes.get(agreement.id)) is not None:
            period = period_of(agreement, close.through)
            if close.through + ONE_DAY in (period.end, days_of(agreement).end):
                waits = charge_differences.end_of(agreement, close.through) + WAIT
                ended.append(ClosedPeriod(agreement.id, period.first, waits if close.provisional else now))
    if ended:
        statements.record_closed(ended, now)
    charged = [
        (draft.agreement_id, draft.period_start)
        for draft in drafts
        if draft.agreement_id is not None and draft.period_start is not None
    ]
    if charged:
        statements.record_charged(charged, now)


@dataclass(slots=True)
class Made:
    """Statements that were made, and those that wait."""

    statements: int = 0
    waiting: dict[PeriodKey, str] = field(default_factory=dict)
    """With the reason for which the database refuses it; empty where its account is held back."""

    def __iadd__(self, other: "Made") -> Self:
        self.statements += other.statements
        self.waiting |= other.waiting
        return self


def make_due(now: datetime) -> Made:
    """Make the statements that are due at `now`. A second run makes none."""
    made = Made()
    for bucket in statements.due_buckets(now):
        # Each is made, removed or put off, and a period may be due behind it.
        while (done := _make(bucket, now)) is not None:
            made += done
    for problem in filter(None, made.waiting.values()):
        log.error("statement refused", problem=problem)
    if made.statements:
        log.info("statements made", made=made.statements)
    return made


def _make(bucket: int, now: datetime) -> Made | None:
    """Make the oldest due statements of a bucket, in one transaction; return None where none is due."""
    with tariffs.cached_versions(), no_collections(), transaction.atomic():
        # The ledger's amounts stay as they are until the statements stand.
        locking.lock_bucket(bucket)
        if not (due := statements.due(bucket, now, AT_ONCE)):
            return None
        # A period that was charged otherwise and has no statement ended before there were statements.
        wanted = [one for one in due if one.closed or one.newest is not None]
        ids = {one.agreement_id for one in wanted}
        agreements = {each.id: each for each in contracts.agreements(ids)}
        through = queries.closed_through(list(ids))
        today = local_day(now, local_zone())
        made, by_period = Made(), dict[tuple[Period, bool], list[DuePeriod]]()
        for one in wanted:
            agreement = agreements[one.agreement_id]
            if one.final:
                first = one.stated_to or local_day(agreement.valid_from, local_zone())
                # Whole days: another one of the same day is made on the next.
                if first > today:
                    made.waiting[one.key] = ""
                else:
                    by_period.setdefault((Period(first, today + ONE_DAY), True), []).append(one)
                continue
            if rating_basis.unratable_reason(agreement, midnight(one.period_start, local_zone())):
                made.waiting[one.key] = ""
                continue
            period = period_of(agreement, one.period_start)
            last = min(period.end, days_of(agreement).end) - ONE_DAY
            # An agreement that goes on after all: the close of the period's last day records it again.
            is_open = last > through[agreement.id]
            # An end that became known late has taken all its days before it was stated.
            is_gone = last < period.first and one.newest is None
            if not is_open and not is_gone:
                by_period.setdefault((period, False), []).append(one)
        for (period, _), group in sorted(by_period.items()):
            made += _state(bucket, group, agreements, period, now)
        if made.waiting:
            statements.postpone(made.waiting, now + HELD)
        statements.remove([one for one in due if one.key not in made.waiting])
    return made


def _state(
    bucket: int,
    group: Sequence[DuePeriod],
    agreements: Mapping[int, Agreement],
    period: Period,
    now: datetime,
) -> Made:
    """Make the statements of a period; one that the database refuses waits, and nothing is posted for it."""
    made = Made()
    try:
        with transaction.atomic():
            if group[0].final:
                bills = {one.agreement_id: _no_bill(period) for one in group}
            else:
                posted = _post_as_one_bill(
                    bucket, [agreements[one.agreement_id] for one in group], period, now
                )
                bills = {agreement_id: _bill(bill) for agreement_id, bill in posted.items()}
            made.waiting = {one.key: "" for one in group if one.agreement_id not in bills}
            ready = [
                _to_state(one, agreements[one.agreement_id], period, bills[one.agreement_id])
                for one in group
                if one.agreement_id in bills
            ]
            made.statements = statements.state(bucket, ready, now)
    except IntegrityError as error:
        if len(group) == 1:
            account_id = agreements[group[0].agreement_id].account_id
            # Without the place in the database's functions, which follows in lines of its own.
            why = str(error).partition("\n")[0]
            said = f"account {account_id}: the database refuses the statement from {period.first}: {why}"
            return Made(waiting={group[0].key: said})
        half = len(group) // 2
        made = _state(bucket, group[:half], agreements, period, now)
        made += _state(bucket, group[half:], agreements, period, now)
    return made


def _post_as_one_bill(
    bucket: int, members: Sequence[Agreement], period: Period, now: datetime
) -> Mapping[int, PeriodBill]:
    """Post what a period as one bill comes to more or less than was charged; return the bills that can be calculated.

    A bank of units that would be left otherwise waits for the next close: it settles the periods after it too.
    """
    known = usage.energies([agreement.id for agreement in members], period, period.end)
    today = local_day(now, local_zone())
    banks = charge_differences.banks_of(members, today)
    settled = charge_differences.period_differences(
        members, period, today, known, now, banks, f":statement:{now.isoformat()}", one_bill=True
    )
    settled = settled.without(
        queries.charged_after([one.agreement_id for one in settled.units], period.first)
    )
    books.post_entries(bucket, settled.drafts, now)
    settled.record(now)
    return settled.bills


def _to_state(due: DuePeriod, agreement: Agreement, period: Period, bill: OneBill) -> PeriodToState:
    if due.final:
        end = period.end
    else:
        end = due.newest.period_end if due.newest else min(period.end, days_of(agreement).end)
    return PeriodToState(
        due,
        agreement.account_id,
        agreement.service_point_id,
        agreement.commodity,
        period.first,
        end,
        bill,
    )


def _no_bill(period: Period) -> OneBill:
    return OneBill(
        lines=(),
        billed_from=period.first,
        billed_to=period.end,
        use=0,
        determinants={},
        opening_read=None,
        closing_read=None,
        tariffs=(),
        provisional=False,
    )


def _bill(found: PeriodBill) -> OneBill:
    target = found.rating.target
    subsidies = {name for lines in target.claims.values() for name in lines}
    return OneBill(
        lines=tuple(
            StatementLine(
                line=line.name,
                title=line.title,
                charged_minor=line.amount_minor,
                subsidy=line.name in subsidies,
                rows=tuple(
                    StatementRow(
                        label=row.label,
                        quantity=exact_text(row.quantity),
                        unit=row.unit,
                        rate_minor=exact_text(row.rate),
                        charged_minor=row.amount_minor,
                    )
                    for row in rows_between({}, line, line.amount_minor)
                ),
            )
            for line in target.lines
        )
        + _refused(found.refused_minor),
        billed_from=target.billed.first,
        billed_to=target.billed.end,
        use=found.evidence.calculation.energy_wh,
        determinants=dict(found.determinants),
        opening_read=_register(found.evidence.opening),
        closing_read=_register(found.evidence.closing),
        tariffs=tuple(
            StatementTariff(code=each.code, version=each.version, title=each.title, sha256=each.sha256)
            for each in target.versions
        ),
        provisional=found.evidence.provisional,
    )


def _refused(amount_minor: int) -> tuple[StatementLine, ...]:
    """Return the line that takes off the bill what the look-back limit refuses to charge; none where it refuses nothing."""
    if not amount_minor:
        return ()
    return (
        StatementLine(
            line="look-back",
            title="Not charged: older than the limit",
            charged_minor=-amount_minor,
            subsidy=False,
            rows=(),
        ),
    )


def _register(read: JsonObject | None) -> StatementRead | None:
    if not read:
        return None
    return StatementRead(
        read_at=read["read_at"], value=read["register_wh"], kind=read["kind"], status=read["status"]
    )
