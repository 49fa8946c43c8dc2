"""The pipeline's stage `determine`: after a day's close it stores the determinants of the day's billing period so far; late
data make the next version.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import structlog
from django.db import connection, transaction

from urja.apps.billing import look_back
from urja.apps.billing.agreement_periods import days_of, period_of
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants import operations, queries
from urja.apps.determinants.evaluation import Wanted
from urja.apps.determinants.queries import NewestRow
from urja.apps.journal.queries import Subject, failures
from urja.apps.local_zone import local_zone
from urja.apps.readings import changes
from urja.apps.readings.changes import Change
from urja.apps.rulebook import queries as rulebook
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.rulebook.queries import tariffs
from urja.base.ids import bucket_of
from urja.core.calendar import ONE_DAY, local_day
from urja.core.calendars import UncoveredDayError
from urja.pipeline import common_areas
from urja.pipeline.determined_rows import gas_supplies, store, wanted_of
from urja.pipeline.savepoints import Savepoints
from urja.pipeline.stage import Report

log = structlog.get_logger()

CHECK_EVERY: Final = timedelta(hours=1)
"""How often the stage works, by the business clock: intervals that come one by one make one version."""
LOOKED_BACK: Final = timedelta(days=62)
"""How long after a period's end late data make another version: meters hold 35 days."""
CHANGES: Final = 20_000
"""Changes of readings that are taken in one run."""


@dataclass(slots=True)
class Determine:
    """The stage, synchronous."""

    _checked_at: datetime | None = field(default=None, init=False)
    _compared: tuple[date, str] | None = field(default=None, init=False)
    """The local day and the rulebook for which the rules of all rows were compared."""

    def run_once(self, now: datetime) -> Report:
        """Store the determinants of each closed day that has none, and the next version where data came late or rules changed."""
        if self._checked_at is not None and now < self._checked_at + CHECK_EVERY:
            # The close stores each day's row itself; late data wait for the full hour.
            return Report(0)
        problems: list[str] = []
        compared = local_day(now, local_zone()), rulebook.version()
        apart = Savepoints.of("determine", "calculating determinants", now)
        # Before the run: what it fails for is tried again by a later one.
        again = bool(apart.due())
        with tariffs.cached_versions():
            stored = _of_closed_days(apart, problems)
            with connection.cursor() as cursor:
                taken = changes.oldest(cursor, CHANGES)
            if taken:
                stored += _of_late_data(taken, apart, problems)
            # Once a local day, and after the rulebook has changed, as far back as any close still corrects.
            oldest = local_day(now - LOOKED_BACK, local_zone())
            if compared != self._compared:
                oldest = look_back.oldest_compared(oldest)
            stored += common_areas.of_changed_registry(oldest, now)
            if compared != self._compared or again:
                stored += _of_other_rules(apart, problems)
                # That was a look at all rows.
                apart.remove_idle()
        if len(taken) < CHANGES:
            self._checked_at = now
        self._compared = compared
        if stored:
            log.info("determined", rows=stored)
        held = list(map(str, failures("determine")))
        return Report(stored, detail="; ".join(problems[:3]), ill=bool(problems), held=held)


def _of_closed_days(apart: Savepoints, problems: list[str]) -> int:
    """Store each closed day without determinants; of an agreement without any, of its current period. Return how many are
    new.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT agreement_id, closed_through FROM billing.close ORDER BY agreement_id")
        closed = dict(cursor.fetchall())
    determined = queries.last_days(list(closed))
    due = {
        agreement_id: day
        for agreement_id, day in closed.items()
        if determined.get(agreement_id, date.min) < day
    }

    def work(some: Sequence[Agreement]) -> tuple[int, list[str]]:
        gas, wanted, lacking = gas_supplies(some), list[Wanted](), list[str]()
        for agreement in some:
            last, through = determined.get(agreement.id), due[agreement.id]
            try:
                first = (
                    last + ONE_DAY
                    if last
                    else max(period_of(agreement, through).first, days_of(agreement).first)
                )
                days = range((through - first).days + 1)
                wanted += [wanted_of(agreement, first + n * ONE_DAY, gas) for n in days]
            except (UnknownTariffError, UncoveredDayError) as error:
                lacking.append(f"agreement {agreement.id} has no determinants: {error}")
        return store(wanted, apart.now), lacking

    return _sum(apart.run(contracts.agreements(due), lambda one: ("agreement", one.id), work), problems)


def _sum(done: Iterable[tuple[int, list[str]]], problems: list[str]) -> int:
    """Add up the rows that groups have stored; what groups lack becomes problems."""
    stored = 0
    for rows, lacking in done:
        stored += rows
        problems += lacking
    return stored


def _subject(row: NewestRow) -> Subject:
    return "agreement", row.agreement_id


def _of_other_rules(apart: Savepoints, problems: list[str]) -> int:
    """Store the next versions of rows whose rules have changed, bucket by bucket; return how many are new."""
    oldest = local_day(apart.now - LOOKED_BACK, local_zone())

    def work(rows: Sequence[NewestRow]) -> tuple[int, list[str]]:
        lacking: list[str] = []
        wanted = [one for row, one in _again(rows, lacking) if one and not one.made_by(row.rules)]
        return store(wanted, apart.now), lacking

    failed = {bucket_of(agreement_id) for _, agreement_id in apart.known}
    return sum(
        _sum(apart.run(queries.newest_rows(bucket, oldest), _subject, work), problems)
        for bucket in queries.buckets()
        if bucket in failed or _has_other_rules(bucket, oldest)
    )


def _has_other_rules(bucket: int, oldest: date) -> bool:
    """Return whether rows of a bucket were made by other rules than now, or lack one: asked of one row of those alike.

    On most days none was, and to read each agreement for it takes longer than to store its row.
    """
    asked = _again(queries.newest_rows_unlike(bucket, oldest), [])
    return any(one is None or not one.made_by(row.rules) for row, one in asked)


def _of_late_data(taken: Sequence[Change], apart: Savepoints, problems: list[str]) -> int:
    """Store the next versions of rows that rest on changed readings, and delete the changes; return how many are new.

    Changes are put back where a row cannot be calculated. A run that is killed takes the same ones again.
    """
    by_place = dict[int, list[Change]]()
    for change in taken:
        by_place.setdefault(change.service_point_id, []).append(change)
    oldest = local_day(apart.now - LOOKED_BACK, local_zone())
    stored = common_areas.of_changed_readings(taken, oldest, apart.now)
    unable: set[int] = set()

    def work(rows: Sequence[NewestRow]) -> tuple[int, set[int], list[str]]:
        lacking: list[str] = []
        again = list(_again(rows, lacking))
        # An agreement with one period that cannot be calculated keeps its change.
        able = {row.agreement_id for row, _ in again} - {
            row.agreement_id for row, one in again if one is None
        }
        return store([one for _, one in again if one], apart.now), able, lacking

    for bucket, places in queries.buckets_at(by_place).items():
        with transaction.atomic():
            # Locked before the rows are looked up: a close that has read the readings before they changed, and has not
            # committed its row yet, is waited for. One that comes later reads them as they are now.
            operations.lock([bucket])
            rows = queries.newest_rows_resting_on(
                [change for place in places for change in by_place[place]], bucket, oldest, local_zone().key
            )
            done = apart.run(rows, _subject, work)
        able = {agreement_id for _, some, _ in done for agreement_id in some}
        unable |= {row.agreement_id for row in rows} - able
        stored += _sum(((count, lacking) for count, _, lacking in done), problems)
    lacking = {one.service_point_id for one in contracts.agreements(unable)}
    with transaction.atomic(), connection.cursor() as cursor:
        changes.put_back(cursor, [one.id for one in taken if one.service_point_id in lacking])
        changes.delete(cursor, [one.id for one in taken])
    return stored


def _again(rows: Sequence[NewestRow], problems: list[str]) -> Iterator[tuple[NewestRow, Wanted | None]]:
    """Yield rows with what is wanted in their place; a row whose tariff or calendar is not there is a problem, with None."""
    agreements = {one.id: one for one in contracts.agreements({row.agreement_id for row in rows})}
    gas = gas_supplies(agreements.values())
    for row in rows:
        try:
            yield row, wanted_of(agreements[row.agreement_id], row.as_of, gas)
        except (UnknownTariffError, UncoveredDayError) as error:
            problems.append(f"agreement {row.agreement_id} has no determinants: {error}")
            yield row, None
