"""The daily close: for each agreement and tariff line, the amount due for the period less what has been posted.

A local day is closed when the register read of its midnight has come, or at a cut-off after that midnight; then the
day is *provisional*, charged by the intervals that have come, and the next close posts the difference. The last day
of an agreement ends with the agreement; later corrections are made by `ended_agreements`. The same formula covers a
slab that is crossed, a late interval, an edited read and a tariff loaded for past days (docs/money.md). All about one
bucket and day is one transaction that locks the bucket: the values from which a difference is calculated cannot
change before the difference is posted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Self

import structlog
from django.db import connection, transaction

from urja.apps.billing import posting as billing, queries, rating_basis, reviews, usage
from urja.apps.billing.agreement_periods import days_of, period_of
from urja.apps.books import locking, posting as books
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.journal.queries import Subject
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.queries import tariffs
from urja.base.garbage import no_collections
from urja.base.ids import bucket_of
from urja.core.calendar import ONE_DAY, Period, local_day, midnight
from urja.pipeline import charge_differences, common_areas, ended_agreements, period_corrections, statements
from urja.pipeline.savepoints import Savepoints
from urja.pipeline.stage import Report
from urja.usecases import review_messages

log = structlog.get_logger()

CUTOFF = timedelta(hours=1)
"""Time after midnight, by the business clock; overridden by the setting `pipeline.close_cutoff_s`."""


@dataclass(slots=True)
class CloseResult:
    """Counts and problems of one run."""

    days: int = 0
    """Agreement days that were closed."""
    provisional: int = 0
    entries: int = 0
    waiting: int = 0
    """Agreements whose finished day waits for its midnight read."""
    by_arrays: int = 0
    """Periods that were rated over arrays, corrections included."""
    by_engine: int = 0
    """Periods that were rated one by one."""
    problems: list[str] = field(default_factory=list)
    """For each account that is held back: why, and what to do."""

    def __iadd__(self, other: "CloseResult") -> Self:
        self.days += other.days
        self.provisional += other.provisional
        self.entries += other.entries
        self.waiting += other.waiting
        self.by_arrays += other.by_arrays
        self.by_engine += other.by_engine
        self.problems += other.problems
        return self


def close_days(now: datetime, cutoff: timedelta = CUTOFF) -> CloseResult:
    """Close every finished day that can be closed at `now`, oldest first, bucket by bucket; then correct ended
    agreements.
    """
    done = CloseResult()
    with tariffs.cached_versions():
        waiting = _waiting(now)
        _share_common_areas(dict(waiting), now)
        apart = Savepoints.of("post", "the close of a day", now)
        buckets = {
            bucket: dict(members) for bucket, members in groupby(waiting, key=lambda one: bucket_of(one[0]))
        }
        locking.open_buckets(buckets)
        # Several processes may do this at once: each first takes the buckets that no other one has, then waits for the
        # rest. Inside a transaction, which keeps every lock, only the ascending order has no deadlock.
        for wait in (True,) if connection.in_atomic_block else (False, True):
            for bucket, known in buckets.items():
                done += _close_bucket(bucket, known, now, cutoff, apart, wait=wait)
        apart.remove_idle()
        settled = ended_agreements.settle(now, cutoff)
    done.entries += settled.entries
    done.problems += settled.problems
    return done


def run_once(now: datetime, cutoff: timedelta = CUTOFF) -> Report:
    """Close days beside the stage `post` of another process, which names the accounts that are held back."""
    closed = close_days(now, cutoff)
    if closed.days or closed.entries:
        log.info("days closed", days=closed.days, provisional=closed.provisional, entries=closed.entries)
    return Report(closed.days + closed.entries)


def _waiting(now: datetime) -> list[tuple[int, date | None]]:
    """Numbers of agreements that may have a finished day that is not closed, and their last closed day, in order.

    None whose supply is not in service and whose fixed charges have not begun: it has no day to charge. None whose opening balance is not signed off.
    """
    today = local_day(now, local_zone())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, c.closed_through FROM contracts.agreement a "  # noqa: S608 - a constant
            "LEFT JOIN billing.close c ON c.agreement_id = a.id "
            "WHERE a.valid_from < %(now)s AND CASE WHEN a.valid_to <= %(now)s "
            f"THEN coalesce(c.closed_through < {ended_agreements.LAST_DAY}, true) "
            "ELSE a.valid_from < %(midnight)s AND coalesce(c.closed_through < %(yesterday)s, true) END "
            "AND ((SELECT s.in_service_at < least(%(now)s, a.valid_to) FROM assets.supply_in_service s "
            "WHERE s.service_point_id = a.service_point_id) "
            "OR a.bill_from::timestamp AT TIME ZONE %(zone)s < least(%(now)s, a.valid_to)) "
            "AND NOT EXISTS (SELECT FROM billing.opening_balance o WHERE o.agreement_id = a.id AND o.holds_charges) "
            "ORDER BY a.id",
            {
                "now": now,
                "midnight": midnight(today, local_zone()),
                "yesterday": today - ONE_DAY,
                "zone": local_zone().key,
            },
        )
        return [(agreement_id, closed_through) for agreement_id, closed_through in cursor.fetchall()]


def _share_common_areas(known: Mapping[int, date | None], now: datetime) -> None:
    """Share the days of common areas that charges of these agreements need: before any bucket is locked.

    Only the agreements whose tariffs share some are read.
    """
    if known and (codes := [code for code in tariffs.codes() if tariffs.commons_of(code)]):
        sharing = contracts.with_tariffs(known, codes)
        due = _due({one: known[one] for one in sharing}, now)
        common_areas.store_before_closes(_ratable(due, []), now)


def _due(known: Mapping[int, date | None], now: datetime) -> list[tuple[Agreement, date]]:
    """Agreements with a finished day after their last closed one, and the first such day, by id."""
    due = []
    for agreement in contracts.agreements(known):
        day = _next_day(agreement, known[agreement.id])
        if day in days_of(agreement) and charge_differences.end_of(agreement, day) <= now:
            due.append((agreement, day))
    return due


def _ratable(due: Iterable[tuple[Agreement, date]], problems: list[str]) -> list[tuple[Agreement, date]]:
    """The agreements whose tariff is loaded; the others become problems, and no other account waits for them."""
    ratable = []
    for agreement, day in due:
        if problem := rating_basis.unratable_reason(agreement, midnight(day, local_zone())):
            problems.append(problem)
        else:
            ratable.append((agreement, day))
    return ratable


def _next_day(agreement: Agreement, closed_through: date | None) -> date:
    return days_of(agreement).first if closed_through is None else closed_through + ONE_DAY


def _close_bucket(
    bucket: int,
    known: dict[int, date | None],
    now: datetime,
    cutoff: timedelta,
    apart: Savepoints,
    *,
    wait: bool,
) -> CloseResult:
    """Close the days of a bucket's agreements; without `wait` only while no other process has it.

    `known` are their last closed days by number. It is empty afterwards, unless another process has the bucket.
    """
    done = CloseResult()
    due: dict[int, tuple[Agreement, date]] = {}
    while known or due:
        with no_collections(), transaction.atomic():
            # Held until the entries are posted: a posting between the calculation and the entry would be posted a
            # second time.
            if wait:
                locking.lock_bucket(bucket)
            elif not locking.lock_idle_bucket(bucket):
                # What was between two days is closed once the bucket is idle.
                through = queries.closed_through(list(due))
                known |= {one: through.get(one) for one in due}
                return done
            # Read again under the lock: another run may have closed the day in the meantime.
            through = queries.closed_through([*known, *due])
            if known:
                # Agreements are read here, and not by each process for all buckets.
                unchanged = {one: last for one, last in known.items() if through.get(one) == last}
                due = {one[0].id: one for one in _ratable(_due(unchanged, now), done.problems)}
                known.clear()
            if not due:
                break
            day = min(first for _, first in due.values())
            members = [agreement for agreement, first in due.values() if first == day]
            members = [a for a in members if _next_day(a, through.get(a.id)) == day]
            closed = apart.run(
                members,
                subject_of,
                partial(_close_day, bucket, day, now, cutoff),
            )
        ready = {id_ for each in closed for id_ in each.ready}
        for agreement, first in list(due.values()):
            if first == day:
                # A day that waits for its read, or is refused, holds back the days after it.
                del due[agreement.id]
                following = day + ONE_DAY
                if (
                    agreement.id in ready
                    and following in days_of(agreement)
                    and charge_differences.end_of(agreement, following) <= now
                ):
                    due[agreement.id] = (agreement, following)
        for each in closed:
            done += each.report
    return done


def subject_of(agreement: Agreement) -> Subject:
    """Return the account of an agreement, which is held back where its posting is refused."""
    return "account", agreement.account_id


@dataclass(frozen=True, slots=True)
class _DayClosed:
    report: CloseResult
    ready: frozenset[int]


def _close_day(
    bucket: int, day: date, now: datetime, cutoff: timedelta, members: Sequence[Agreement]
) -> _DayClosed:
    report, settled = CloseResult(), charge_differences.ChargeDifferences()
    closes: dict[int, billing.Close] = {}
    periods = []
    for period, group in _by_period(members, day):
        known = usage.energies([agreement.id for agreement in group], period, day + ONE_DAY)
        usage.align_period_borders(known)
        found = charge_differences.closes_of(group, day, known, now, cutoff)
        ready = [
            a
            for a in group
            if not found[a.id].provisional or now >= charge_differences.end_of(a, day) + cutoff
        ]
        report.waiting += len(group) - len(ready)
        periods.append((period, ready, known))
        closes |= {agreement.id: found[agreement.id] for agreement in ready}
    ready = [a for a in members if a.id in closes]
    banks = charge_differences.banks_of(ready, day)
    # Corrections of earlier periods carry the service day and accounting month of this close. They are first: a bank of
    # units opens with what the period before has left.
    corrections = period_corrections.corrections(ready, day, now, banks)
    for period, group, known in periods:
        settled += charge_differences.period_differences(group, period, day, known, now, banks)
    corrections += settled
    due = corrections.without(settled.held)
    report.waiting += len(settled.held)
    report.problems += filter(None, due.held.values())
    closes = {id_: close for id_, close in closes.items() if id_ not in settled.held}
    posted = books.post_entries(bucket, due.drafts, now)
    due.record(now)
    review_messages.request_begun(
        reviews.open_abnormal(_charged_on_the_day(members, due.drafts), day, now), now
    )
    billing.record_closes(closes.values(), now)
    statements.record_periods(members, closes, due.drafts, now)
    report.entries = len(posted)
    report.by_arrays, report.by_engine = due.by_arrays, due.by_engine
    report.days = len(closes)
    report.provisional = sum(close.provisional for close in closes.values())
    return _DayClosed(report, frozenset(closes))


def _charged_on_the_day(
    members: Sequence[Agreement], drafts: Iterable[books.Draft]
) -> list[tuple[Agreement, int]]:
    """Agreements in force with what the drafts of a day charge them by its use, corrections included, in minor units.

    What settles at close and what takes a subsidy back are of the whole period, however usual the day was.
    """
    charged: Counter[int] = Counter()
    for draft in drafts:
        assert draft.agreement_id is not None, "the close posts for agreements"
        of_period = draft.inputs.get("at_close", 0) + draft.inputs.get("clawed_back", 0)
        charged[draft.agreement_id] -= draft.amount_minor + of_period
    return [(agreement, charged[agreement.id]) for agreement in members if agreement.valid_to is None]


def _by_period(members: Iterable[Agreement], day: date) -> list[tuple[Period, list[Agreement]]]:
    groups: dict[Period, list[Agreement]] = {}
    for agreement in members:
        groups.setdefault(period_of(agreement, day), []).append(agreement)
    return sorted(groups.items())
