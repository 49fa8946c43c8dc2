"""Statements of account, made once a billing period is closed and revised where it is charged otherwise later.

The period is calculated as one bill by the engine, from all that is known. What the ledger has charged otherwise is
posted in the same transaction as entries of their own kind (`one_bill`), so that a statement's total is the ledger's and
the bill's. A period whose last day was closed without its read waits for it, so that it is stated once; not longer than
`WAIT`, as differences are posted within 24 hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction

from urja.apps.billing import posting as billing, queries, usage
from urja.apps.books import locking, posting as books
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.statements import operations as statements
from urja.apps.statements.kinds import OneBill, StatementLine, StatementRead, StatementRow, StatementTariff
from urja.apps.statements.operations import ClosedPeriod, DuePeriod, PeriodToState
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
            period = usage.period_of(agreement, close.through)
            if close.through + ONE_DAY in (period.end, usage.days_of(agreement).end):
                waits = charge_differences.end_of(agreement, close.through) + WAIT
                ended.append(ClosedPeriod(agreement.id, period.first, waits if close.provisional else now))
    statements.record_closed(ended)
    charged = [
        (draft.agreement_id, draft.period_start)
        for draft in drafts
        if draft.agreement_id is not None and draft.period_start is not None
    ]
    if charged:
        statements.record_charged(charged, now)


def make_due(now: datetime) -> int:
    """Make the statements that are due at `now`; return how many were made. A second run makes none."""
    made = 0
    for bucket in statements.due_buckets(now):
        done = _Done(0, AT_ONCE)
        while done.handled == AT_ONCE:
            done = _make(bucket, now)
            made += done.made
    if made:
        log.info("statements made", made=made)
    return made


@dataclass(frozen=True, slots=True)
class _Done:
    made: int
    handled: int


def _make(bucket: int, now: datetime) -> _Done:
    """Make the oldest due statements of a bucket, in one transaction."""
    with transaction.atomic():
        # The ledger's amounts stay as they are until the statements stand.
        locking.lock_bucket(bucket)
        due = statements.due(bucket, now, AT_ONCE)
        # A period that was charged otherwise and has no statement ended before there were statements.
        wanted = [one for one in due if one.closed or one.newest is not None]
        agreements = {each.id: each for each in contracts.agreements({one.agreement_id for one in wanted})}
        held, by_period = list[DuePeriod](), dict[Period, list[DuePeriod]]()
        for one in wanted:
            agreement = agreements[one.agreement_id]
            if usage.unratable_reason(agreement, midnight(one.period_start, usage.zone())):
                held.append(one)
            else:
                by_period.setdefault(usage.period_of(agreement, one.period_start), []).append(one)
        ready: list[PeriodToState] = []
        for period, group in sorted(by_period.items()):
            bills = _post_as_one_bill(bucket, [agreements[one.agreement_id] for one in group], period, now)
            for one in group:
                agreement = agreements[one.agreement_id]
                if (bill := bills.get(agreement.id)) is None:
                    held.append(one)
                else:
                    ready.append(_to_state(one, agreement, period, bill))
        made = statements.state(bucket, ready, now)
        statements.postpone(held, now + HELD)
        statements.remove([one for one in due if one not in held])
    return _Done(made, len(due))


def _post_as_one_bill(
    bucket: int, members: Sequence[Agreement], period: Period, now: datetime
) -> Mapping[int, PeriodBill]:
    """Post what a period as one bill comes to more or less than was charged; return the bills that can be calculated.

    A bank of units that would be left otherwise waits for the next close: it settles the periods after it too.
    """
    known = usage.energies([agreement.id for agreement in members], period, period.end)
    today = local_day(now, usage.zone())
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


def _to_state(due: DuePeriod, agreement: Agreement, period: Period, bill: PeriodBill) -> PeriodToState:
    return PeriodToState(
        due,
        agreement.account_id,
        agreement.service_point_id,
        agreement.commodity,
        min(period.end, usage.days_of(agreement).end),
        _bill(bill),
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
