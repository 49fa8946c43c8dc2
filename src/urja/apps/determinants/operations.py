"""Storing determinants: the first version of a row, and the next one where its inputs have changed."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from urja.apps.determinants.added_day import of_days_before
from urja.apps.determinants.evaluation import Evaluated, Wanted, evaluate
from urja.base.ids import bucket_of

TOGETHER: Final = 100
"""Rows that are calculated from all readings together: a month of each has 1,440 intervals in memory."""


def determine(wanted: Sequence[Wanted], zone: ZoneInfo, now: datetime) -> int:
    """Calculate and store determinants; return how many rows are new.

    A row whose newest version has the same content is left as it is, so that a second run stores nothing. Raises
    UncoveredDayError for a day before an agreement's calendar.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        lock({bucket_of(one.agreement_id) for one in wanted})
        newest = _newest(wanted)

        def is_newest(one: Evaluated) -> bool:
            version, sha256 = newest.get(one.wanted.key, (0, b""))
            return version > 0 and one.sha256(version) == sha256

        # A row that is there may be confirmed by the day before: another one may rest on readings that came since, of days
        # before it, and is calculated from all.
        by_day = {
            one.wanted.key: one
            for one in of_days_before(cursor, wanted, zone)
            if one.wanted.key not in newest or is_newest(one)
        }
        found = list(by_day.values())
        of_all = [one for one in wanted if one.key not in by_day]
        for n in range(0, len(of_all), TOGETHER):
            found += evaluate(cursor, of_all[n : n + TOGETHER], zone)
        fresh = [
            (one, newest.get(one.wanted.key, (0, b""))[0] + 1)
            for one in sorted(found, key=lambda one: one.wanted.key)
            if not is_newest(one)
        ]
        _insert(fresh, now)
    return len(fresh)


_LOCK_CLASS: Final = 0x64657465
"""First key of the advisory locks, so that they collide with no other use; "dete" in ASCII."""


def lock(buckets: Collection[int]) -> None:
    """Lock the rows of buckets until the transaction ends: a day's close and late data may both make the next version of one."""
    with connection.cursor() as cursor:
        for bucket in sorted(buckets):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, bucket])


def _newest(wanted: Sequence[Wanted]) -> dict[tuple[int, date, date], tuple[int, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (r.agreement_id, r.period, r.as_of) r.agreement_id, r.period, r.as_of, r.version, r.sha256"
            " FROM unnest(%s::bigint[], %s::date[], %s::date[]) AS w (agreement_id, period, as_of)"
            " JOIN determinants_row r USING (agreement_id, period, as_of)"
            " ORDER BY r.agreement_id, r.period, r.as_of, r.version DESC",
            [
                [one.agreement_id for one in wanted],
                [one.period.first for one in wanted],
                [one.as_of for one in wanted],
            ],
        )
        return {
            (agreement_id, period, as_of): (version, bytes(sha256))
            for agreement_id, period, as_of, version, sha256 in cursor.fetchall()
        }


def _array(values: Iterable[int]) -> str:
    """Return integers as PostgreSQL writes an array: the driver's own way takes a tenth of a close."""
    return f"{{{','.join(map(str, values))}}}"


def _insert(fresh: Sequence[tuple[Evaluated, int]], now: datetime) -> None:
    sets = {one.channels.hash: list(one.channels.ids) for one, _ in fresh}
    with connection.cursor() as cursor:
        for name, ids in sets.items():
            cursor.execute(
                "INSERT INTO determinants_channel_set (hash, quantities) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [name, ids],
            )
        with cursor.copy(
            'COPY determinants_row (agreement_id, period, as_of, period_end, version, channel_set, "values", origins, estimated,'
            " known_from_at, known_to_at, reads, intervals, intervals_hash, rules, notes, sha256, calculated_at) FROM STDIN"
        ) as copy:
            for one, version in fresh:
                copy.write_row(
                    [
                        one.wanted.agreement_id,
                        one.wanted.period.first,
                        one.wanted.as_of,
                        one.wanted.period.end,
                        version,
                        one.channels.hash,
                        _array(one.values),
                        _array(one.origins),
                        # Nearly always zeros, and then none is stored.
                        _array(one.estimated if any(one.estimated) else ()),
                        one.known_from_at,
                        one.known_to_at,
                        one.reads,
                        one.intervals,
                        one.intervals_hash,
                        one.rules,
                        list(one.notes) or _array(()),
                        one.sha256(version),
                        now,
                    ]
                )
