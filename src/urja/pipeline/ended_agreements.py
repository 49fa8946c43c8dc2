"""Ended agreements: closed with their last day, and corrected when more becomes known later.

Each run handles those that have moved: an end that was changed, a final read that has come. Once a local day the
agreements of each bucket are checked for anything else that has changed since they were closed: late energy, other
terms, a price for past days, another agreement on the same day. No later close could carry such a correction, so it
is posted on the day of the run. Agreements without a meter (`unmetered_service_points`) and meters that were removed
unread (`unread_removals`) are searched for at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final

from django.db import connection, transaction

from urja.apps.billing import look_back, posting as billing, rating_basis, usage
from urja.apps.billing.agreement_periods import IS_MONTH, days_of, period_of
from urja.apps.books import locking, operations as books, posting
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.apps.readings.queries.missing_final_reads import FINAL_READ_MISSING
from urja.apps.statements import operations as due_statements
from urja.base.ids import bucket_of
from urja.base.untyped_values import JsonObject
from urja.core.calendar import ONE_DAY, Period, local_day, midnight
from urja.pipeline import (
    charge_differences,
    period_corrections,
    statements,
    unmetered_service_points,
    unread_removals,
)
from urja.pipeline.savepoints import Savepoints

LAST_DAY: Final = "((a.valid_to - interval '1 microsecond') AT TIME ZONE %(zone)s)::date"
"""SQL for the last local day of agreement `a` (`last_day`)."""

_MOVED = f"""
SELECT a.id FROM contracts.agreement a JOIN billing.close c ON c.agreement_id = a.id
WHERE a.valid_to <= %(now)s AND c.closed_through >= {LAST_DAY}
    AND (c.ended_at IS DISTINCT FROM a.valid_to OR (c.provisional AND (EXISTS (
        SELECT FROM readings.accrual r WHERE r.agreement_id = a.id AND r.latest
            AND (r.anchor_at >= r.closes_at OR (r.watermark_at >= r.closes_at AND a.valid_to <= %(late)s)))
        OR (a.valid_to <= %(late)s AND {charge_differences.UNMETERED.format(at="a.valid_to")})) AND NOT EXISTS (
        SELECT FROM assets.device_period p WHERE p.service_point_id = a.service_point_id AND {FINAL_READ_MISSING})))
ORDER BY a.id
"""  # noqa: S608 - constants of this package

_CHANGED = """
SELECT c.agreement_id FROM billing.close c JOIN contracts.agreement a ON a.id = c.agreement_id
WHERE c.agreement_id >= %(first)s AND c.agreement_id < %(end)s AND c.ended_at >= %(oldest)s AND a.valid_to <= %(now)s AND (
    EXISTS (
        SELECT FROM billing.rated r LEFT JOIN readings.accrual x
            ON x.agreement_id = r.agreement_id AND x.period = r.period_start
        WHERE r.agreement_id = a.id AND (x.billed_value <> r.billed_value OR NOT {is_month}
            OR jsonb_array_length(r.uses) > 1 OR r.measured IS NOT NULL)
    )
    OR EXISTS (
        SELECT FROM contracts.terms t WHERE t.agreement_id = a.id AND (
            t.recorded_at >= c.closed_at
            OR EXISTS (SELECT FROM journal.history h WHERE h.table_name = %(terms)s
                AND h.row_id = t.id AND h.known_to >= c.closed_at)
            OR EXISTS (SELECT FROM rulebook.tariff_version v WHERE v.code = t.tariff_code AND v.loaded_at >= c.closed_at)
        )
    )
    OR EXISTS (
        SELECT FROM contracts.agreement b WHERE b.service_point_id = a.service_point_id AND (
            b.recorded_at >= c.closed_at
            OR EXISTS (SELECT FROM journal.history h WHERE h.table_name = %(agreement)s
                AND h.row_id = b.id AND h.known_to >= c.closed_at)
        )
    )
)
ORDER BY c.agreement_id
""".replace("{is_month}", IS_MONTH)


@dataclass(slots=True)
class EndedResult:
    """Entries and problems of one run."""

    entries: int = 0
    problems: list[str] = field(default_factory=list)


def settle(now: datetime, cutoff: timedelta) -> EndedResult:
    """Post the differences of ended agreements at `now`; a second run posts none."""
    done, apart = EndedResult(), Savepoints.of("post", "a correction after the end", now)
    moved = _ids(_MOVED, {"now": now, "late": now - cutoff, "zone": local_zone().key})
    # Once a bucket is checked for the day, nothing else names those that were refused then.
    for bucket, ids in groupby(sorted({*moved, *_to_try_again(apart)}), key=bucket_of):
        with transaction.atomic():
            locking.lock_bucket(bucket)
            # Under the bucket's lock: the values compared and the differences posted belong together.
            _settle_all(bucket, list(ids), now, cutoff, done, apart)
    today = local_day(now, local_zone())
    for bucket in _unchecked_buckets(today):
        with transaction.atomic():
            locking.lock_bucket(bucket)
            _settle_all(bucket, _changed(bucket, today, now), now, cutoff, done, apart)
            # In the same transaction as the bucket's mark, so that a run that dies repeats all of it.
            unmetered_service_points.open_inspections(bucket, now)
            unread_removals.open_inspections(bucket, now, cutoff)
            due_statements.record_settled(bucket, now)
            books.record_ended_check(bucket, today)
    return done


def _to_try_again(apart: Savepoints) -> list[int]:
    """Return the ended agreements that are to be tried again.

    Failures of those that go on again are removed: the daily close corrects them.
    """
    if not apart.known:
        return []
    known = [number for _, number in apart.known]
    ended = _ids(
        "SELECT id FROM contracts.agreement WHERE id = ANY(%(ids)s) AND valid_to <= %(now)s",
        {"ids": known, "now": apart.now},
    )
    apart.remove(("agreement", one) for one in set(known).difference(ended))
    return apart.due()


def _settle_all(
    bucket: int, ids: Sequence[int], now: datetime, cutoff: timedelta, done: EndedResult, apart: Savepoints
) -> None:
    members = []
    for agreement in contracts.agreements(ids):
        if problem := rating_basis.unratable_reason(agreement, now):
            done.problems.append(problem)
        else:
            members.append(agreement)
    for each in apart.run(
        members, lambda one: ("agreement", one.id), lambda some: _settle(bucket, some, now, cutoff)
    ):
        done.entries += each.entries
        done.problems += each.problems


def _settle(bucket: int, members: Sequence[Agreement], now: datetime, cutoff: timedelta) -> EndedResult:
    settled = period_corrections.corrections_after_the_end(
        members, local_day(now, local_zone()), now, f":ended:{now.isoformat()}"
    )
    entries = len(posting.post_entries(bucket, settled.drafts, now))
    settled.record(now)
    members = [agreement for agreement in members if agreement.id not in settled.held]
    closes = _closes(members, now, cutoff)
    billing.record_closes(closes, now)
    statements.record_periods(members, {close.agreement_id: close for close in closes}, settled.drafts, now)
    return EndedResult(entries, [why for why in settled.held.values() if why])


def _closes(members: Sequence[Agreement], now: datetime, cutoff: timedelta) -> list[billing.Close]:
    """The closes of agreements as of now: each to its last day, with the energy up to its end."""
    by_day: dict[tuple[Period, date], list[Agreement]] = {}
    for agreement in members:
        day = days_of(agreement).end - ONE_DAY
        by_day.setdefault((period_of(agreement, day), day), []).append(agreement)
    closes: list[billing.Close] = []
    for (period, day), group in by_day.items():
        known = usage.energies([agreement.id for agreement in group], period, day + ONE_DAY)
        closes += charge_differences.closes_of(group, day, known, now, cutoff).values()
    return closes


def _unchecked_buckets(today: date) -> list[int]:
    return _ids(
        "SELECT bucket FROM books.bucket WHERE coalesce(looked_through < %(today)s, true) ORDER BY bucket",
        {"today": today},
    )


_KEPT_OF: Final = {"agreement": "contracts_agreement", "terms": "contracts_agreement_terms"}
"""Names in the journal's history of the tables that `_CHANGED` looks up."""


def _changed(bucket: int, today: date, now: datetime) -> list[int]:
    # The corrections themselves go as far back as the policy of each agreement says.
    oldest = midnight(look_back.oldest_compared(today), local_zone())
    return _ids(
        _CHANGED,
        {"first": bucket << 40, "end": (bucket + 1) << 40, "oldest": oldest, "now": now, **_KEPT_OF},
    )


def _ids(statement: str, parameters: JsonObject) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [id_ for (id_,) in cursor.fetchall()]
