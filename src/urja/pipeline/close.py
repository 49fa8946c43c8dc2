"""The day's close: for each agreement and line, what the period should come to less what has been posted.

A local day is closed when the register read of its midnight is there, or at a stated cut-off after that midnight;
then the day is *provisional*, charged by the blocks that have come, and the next close posts the difference. The same
formula serves a slab that is crossed, a late block, an edited read and a tariff loaded for days that are past
(docs/money.md). Everything about one bucket and day is one transaction that holds the bucket: what is read to make
a difference cannot move before the difference is posted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Self

from django.db import connection, transaction

from urja.apps.ledger import operations, queries, usage
from urja.apps.ledger.usage import Rating
from urja.apps.readings.accrual import PeriodEnergy
from urja.apps.registry import queries as registry
from urja.apps.registry.models import Agreement
from urja.apps.tariffs import queries as tariffs
from urja.base.ids import bucket_of
from urja.core.calendar import ONE_DAY, Period, local_day, midnight
from urja.core.rating import LineTarget, rows_between, standing
from urja.core.rating.document import Book
from urja.pipeline import evidence

CUTOFF = timedelta(hours=1)
"""After midnight, by the business clock; the setting `pipeline.close_cutoff_s` says otherwise."""

CORRECTED_PERIODS = 12
"""How many earlier periods a close looks back on; what is older is for a person to adjust."""


@dataclass(slots=True)
class Closed:
    """What a run has done."""

    days: int = 0
    """Agreement days that were closed."""
    provisional: int = 0
    entries: int = 0
    waiting: int = 0
    """Agreements whose finished day waits for its midnight read."""
    problems: list[str] = field(default_factory=list)
    """Of each account that is held back: why, and what to do."""

    def __iadd__(self, other: "Closed") -> Self:
        self.days += other.days
        self.provisional += other.provisional
        self.entries += other.entries
        self.waiting += other.waiting
        self.problems += other.problems
        return self


def close_days(now: datetime, cutoff: timedelta = CUTOFF) -> Closed:
    """Close every finished day that can be closed at `now`, oldest first, bucket by bucket."""
    done = Closed()
    with tariffs.remembered():
        due = _ratable(_due(now), done.problems)
        for bucket, members in groupby(due, key=lambda due: bucket_of(due[0].id)):
            done += _close_bucket(
                bucket, {agreement.id: (agreement, day) for agreement, day in members}, now, cutoff
            )
    return done


def _due(now: datetime) -> list[tuple[Agreement, date]]:
    """Agreements with a finished day that is not closed, and the first such day, by key."""
    today = local_day(now, usage.zone())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, c.closed_through FROM registry_agreement a "
            "LEFT JOIN ledger_close c ON c.agreement_id = a.id "
            "WHERE a.valid_from < %s AND coalesce(c.closed_through < %s, true)",
            [midnight(today, usage.zone()), today - ONE_DAY],
        )
        closed = dict(cursor.fetchall())
    due = []
    for agreement in registry.with_terms(Agreement.objects.filter(id__in=closed).order_by("id")):
        day = _next_day(agreement, closed[agreement.id])
        if day in usage.days_of(agreement):
            due.append((agreement, day))
    return due


def _ratable(due: Iterable[tuple[Agreement, date]], problems: list[str]) -> list[tuple[Agreement, date]]:
    """Without those whose tariff nobody has loaded: they wait, and nobody waits for them."""
    ratable = []
    for agreement, day in due:
        if problem := usage.unratable(agreement, midnight(day, usage.zone())):
            problems.append(problem)
        else:
            ratable.append((agreement, day))
    return ratable


def _next_day(agreement: Agreement, closed_through: date | None) -> date:
    return usage.days_of(agreement).first if closed_through is None else closed_through + ONE_DAY


def _close_bucket(
    bucket: int, due: dict[int, tuple[Agreement, date]], now: datetime, cutoff: timedelta
) -> Closed:
    done = Closed()
    while due:
        day = min(first for _, first in due.values())
        if midnight(day + ONE_DAY, usage.zone()) > now:
            break
        with transaction.atomic():
            operations.hold_bucket(bucket)
            members = [agreement for agreement, first in due.values() if first == day]
            through = queries.closed_through([agreement.id for agreement in members])
            members = [a for a in members if _next_day(a, through.get(a.id)) == day]
            closed = _close_day(bucket, members, day, now, cutoff)
        for agreement, first in list(due.values()):
            if first == day:
                # A day that waits holds back the days after it.
                del due[agreement.id]
                following = day + ONE_DAY
                if agreement.id in closed.ready and following in usage.days_of(agreement):
                    due[agreement.id] = (agreement, following)
        done += closed.report
    return done


@dataclass(frozen=True, slots=True)
class _DayClosed:
    report: Closed
    ready: frozenset[int]


def _close_day(
    bucket: int, members: Sequence[Agreement], day: date, now: datetime, cutoff: timedelta
) -> _DayClosed:
    late = now >= midnight(day + ONE_DAY, usage.zone()) + cutoff
    report, drafts, rated = Closed(), list[operations.Draft](), list[operations.Rated]()
    provisional: dict[int, bool] = {}
    for period, group in _by_period(members, day):
        known = usage.energies([agreement.id for agreement in group], period, day + ONE_DAY)
        ready = [a for a in group if late or _is_final(known.get(a.id))]
        report.waiting += len(group) - len(ready)
        settled = _settle(ready, period, day, known)
        drafts += settled.drafts
        rated += settled.rated
        provisional |= {agreement.id: not _is_final(known.get(agreement.id)) for agreement in ready}
    corrections = _corrections([a for a in members if a.id in provisional], day)
    posted = operations.post_entries(bucket, [*corrections.drafts, *drafts], now)
    operations.record_rated([*corrections.rated, *rated])
    operations.record_closes(day, now, provisional)
    report.entries = len(posted)
    report.days = len(provisional)
    report.provisional = sum(provisional.values())
    return _DayClosed(report, frozenset(provisional))


def _is_final(energy: PeriodEnergy | None) -> bool:
    """Whether the register was read at the very end of the time asked for."""
    return energy is not None and energy.anchor_at >= energy.closes_at


def _by_period(members: Iterable[Agreement], day: date) -> list[tuple[Period, list[Agreement]]]:
    groups: dict[Period, list[Agreement]] = {}
    for agreement in members:
        groups.setdefault(usage.period_of(agreement, day), []).append(agreement)
    return sorted(groups.items())


@dataclass(slots=True)
class _Settled:
    drafts: list[operations.Draft] = field(default_factory=list)
    rated: list[operations.Rated] = field(default_factory=list)


def _settle(
    members: Sequence[Agreement], period: Period, day: date, known: dict[int, PeriodEnergy]
) -> _Settled:
    """The differences of a period, to be posted with the close of `day`, which may be after the period."""
    settled = _Settled()
    ids = [agreement.id for agreement in members]
    charged = queries.charged_by_line(ids, period.first)
    last = queries.last_inputs(ids, period.first)
    proof = _Proof.gather([known[id_] for id_ in ids if id_ in known], day)
    for agreement in members:
        energy = known.get(agreement.id)
        rating = usage.rate(
            agreement,
            period,
            min(day + ONE_DAY, period.end),
            energy.energy_wh if energy else 0,
            usage.energy_at(agreement.id, period),
        )
        shown = _Shown(agreement, period, day, rating, proof.inputs(agreement, energy))
        lines = {line.name: line for line in rating.target.lines}
        before = charged.get(agreement.id, {})
        for name in [*lines, *(name for name in before if name not in lines)]:
            inputs = last.get((agreement.id, name), {})
            # A version may have dropped the line: then all of it is taken back.
            line = lines.get(name) or LineTarget(name, inputs.get("title", name), 0, ())
            difference = line.amount_minor - before.get(name, 0)
            if difference:
                settled.drafts.append(shown.draft(line, difference, inputs))
        settled.rated.append(
            operations.Rated(
                agreement.id,
                period.first,
                (rating.target.billed.first, rating.target.billed.end),
                rating.target.through,
                tuple((use.days.first, use.days.end, use.energy_wh) for use in rating.uses),
                rating.fingerprint,
            )
        )
    return settled


def _corrections(members: Sequence[Agreement], day: date) -> _Settled:
    """Differences of earlier periods whose energy, prices or terms are no longer what they were rated from."""
    settled = _Settled()
    changed: dict[Period, list[Agreement]] = {}
    by_id = {agreement.id: agreement for agreement in members}
    accrued = usage.accrued_wh(list(by_id))
    for rated in _earlier(list(by_id), day):
        agreement = by_id[rated.agreement_id]
        period = usage.period_of(agreement, rated.period_start)
        if day in period:
            continue
        _, terms = usage.terms_for(agreement, period)
        month = rated.period_start.day == 1
        energy_wh = accrued.get((agreement.id, rated.period_start), rated.energy_wh)
        if not month or energy_wh != rated.energy_wh or usage.fingerprint(terms) != rated.versions:
            changed.setdefault(period, []).append(agreement)
    for period, group in sorted(changed.items()):
        known = usage.energies([agreement.id for agreement in group], period, period.end)
        one = _settle(group, period, day, known)
        settled.drafts += one.drafts
        settled.rated += one.rated
    return settled


def _earlier(agreement_ids: list[int], day: date) -> list[operations.Rated]:
    oldest = (day - timedelta(days=31 * CORRECTED_PERIODS)).replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, period_start, billed_first, billed_end, through, energy_wh, versions "
            "FROM ledger_rated "
            "WHERE agreement_id = ANY(%s) AND period_start >= %s AND through <= %s",
            [agreement_ids, oldest, day],
        )
        return [
            operations.Rated(
                agreement_id, start, (first, end), through, ((start, through, energy_wh),), versions
            )
            for agreement_id, start, first, end, through, energy_wh, versions in cursor.fetchall()
        ]


@dataclass(frozen=True, slots=True)
class _Proof:
    """Reads and blocks behind a group of differences."""

    reads: dict[evidence.Point, dict[str, Any]]
    blocks: dict[int, evidence.Blocks]
    meters: dict[int, list[dict[str, Any]]]

    @classmethod
    def gather(cls, known: Sequence[PeriodEnergy], day: date) -> "_Proof":
        points = [
            (energy.service_point_id, energy.device_id, instant)
            for energy in known
            for instant in (energy.opened_at, energy.anchor_at)
        ]
        return cls(
            evidence.register_reads(points),
            evidence.blocks(known, midnight(day, usage.zone())),
            evidence.meters(known),
        )

    def inputs(self, agreement: Agreement, energy: PeriodEnergy | None) -> dict[str, Any]:
        """What all lines of one agreement's posting have in common."""
        if energy is None:
            return {"energy_wh": 0, "blocks_wh": 0, "residual_wh": 0, "provisional": True, "correlations": []}
        blocks = self.blocks.get(agreement.id, evidence.NO_BLOCKS)
        point = (energy.service_point_id, energy.device_id)
        opening = self.reads.get((*point, energy.opened_at))
        closing = self.reads.get((*point, energy.anchor_at))
        correlations = {read["correlation"] for read in (opening, closing) if read} | set(blocks.correlations)
        return {
            "opening": opening,
            "closing": _closing(energy, closing),
            "energy_wh": energy.energy_wh,
            "blocks_wh": blocks.energy_wh,
            "residual_wh": energy.energy_wh - blocks.energy_wh,
            "estimated_wh": energy.estimated_energy_wh,
            "meters": self.meters.get(agreement.id, []),
            "provisional": not _is_final(energy),
            "correlations": sorted(correlations - {0}),
        }


def _closing(energy: PeriodEnergy, read: dict[str, Any] | None) -> dict[str, Any] | None:
    """The read that ends the posting's energy: as read, or carried on by the blocks after the last one."""
    if read is None or not energy.block_wh:
        return read
    return {
        **read,
        "read_at": energy.watermark_at,
        "register_wh": energy.anchor_wh + energy.block_wh,
        "kind": "blocks",
        "status": "estimated" if energy.estimated_wh else "substituted",
    }


@dataclass(frozen=True, slots=True)
class _Shown:
    """Makes the drafts of one agreement, each with what it came from."""

    agreement: Agreement
    period: Period
    day: date
    rating: Rating
    common: dict[str, Any]

    def draft(self, line: LineTarget, charge_minor: int, last: dict[str, Any]) -> operations.Draft:
        """Post `charge_minor` on a line whose last posting in the period was made from `last`."""
        rows = rows_between(last.get("standing", {}), line, charge_minor)
        previous = last.get("closing") or self.common.get("opening")
        inputs = {
            **self.common,
            "title": line.title,
            "book": self._book(line.name, last),
            "period": [self.period.first, self.period.end],
            "billed": [self.rating.target.billed.first, self.rating.target.billed.end],
            "through": self.rating.target.through,
            "load_w": usage.load_w(self.agreement, self.day),
            "tariffs": [
                {
                    "code": tariff.code,
                    "version": tariff.version,
                    "title": tariff.title,
                    "valid_from": tariff.valid_from,
                    "sha256": tariff.sha256,
                }
                for tariff in self.rating.target.versions
            ],
            "reads": [read for read in (previous, self.common.get("closing")) if read],
            "advance_wh": self.common["energy_wh"] - last.get("energy_wh", 0),
            "target_minor": line.amount_minor,
            "rows": [row.to_json() for row in rows],
            "standing": standing(line),
            "notes": [*self.rating.target.notes, *self._notes()],
        }
        return operations.Draft(
            account_id=self.agreement.account_id,
            contra=f"{inputs['book']}:{line.name}",
            amount_minor=-charge_minor,
            origin="engine",
            line=line.name,
            accounting_month=self.day.replace(day=1),
            idempotency_key=f"engine:{self.agreement.id}:{self.period.first}:{line.name}:{self.day}",
            inputs=inputs,
            agreement_id=self.agreement.id,
            period_start=self.period.first,
            service_date=self.day,
        )

    def _book(self, name: str, last: dict[str, Any]) -> str:
        """Of a line that is only taken back, as no tariff of the period has it any more, the book it was posted to."""
        for tariff in reversed(self.rating.target.versions):
            for line in tariff.lines:
                if line.name == name:
                    return line.book.value
        return str(last.get("book", Book.REVENUE.value))

    def _notes(self) -> list[str]:
        notes = []
        if self.day not in self.period:
            notes.append(f"correction of the period from {self.period.first}")
        if self.common["provisional"]:
            notes.append("provisional: closed without the register read of its midnight")
        return notes
