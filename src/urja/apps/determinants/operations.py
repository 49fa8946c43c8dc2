"""Storing determinants: the first version of a row, and the next one where its inputs have changed."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from urja.apps.determinants.evaluation import Evaluated, Wanted, evaluate
from urja.base.ids import bucket_of


def determine(wanted: Sequence[Wanted], zone: ZoneInfo, now: datetime) -> int:
    """Calculate and store determinants; return how many rows are new.

    A row whose newest version has the same content is left as it is, so that a second run stores nothing. Raises
    UncoveredDayError for a day before an agreement's calendar.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        lock({bucket_of(one.agreement_id) for one in wanted})
        found = evaluate(cursor, wanted, zone)
        newest = _newest(found)
        fresh = []
        for one in found:
            version, sha256 = newest.get(
                (one.wanted.agreement_id, one.wanted.period.first, one.wanted.as_of), (0, b"")
            )
            if not version or one.sha256(version) != sha256:
                fresh.append((one, version + 1))
        _insert(fresh, now)
    return len(fresh)


_LOCK_CLASS: Final = 0x64657465
"""First key of the advisory locks, so that they collide with no other use; "dete" in ASCII."""


def lock(buckets: Collection[int]) -> None:
    """Lock the rows of buckets until the transaction ends: a day's close and late data may both make the next version of one."""
    with connection.cursor() as cursor:
        for bucket in sorted(buckets):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, bucket])


def _newest(found: Sequence[Evaluated]) -> dict[tuple[object, ...], tuple[int, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (r.agreement_id, r.period, r.as_of) r.agreement_id, r.period, r.as_of, r.version, r.sha256"
            " FROM unnest(%s::bigint[], %s::date[], %s::date[]) AS w (agreement_id, period, as_of)"
            " JOIN determinants_row r USING (agreement_id, period, as_of)"
            " ORDER BY r.agreement_id, r.period, r.as_of, r.version DESC",
            [
                [one.wanted.agreement_id for one in found],
                [one.wanted.period.first for one in found],
                [one.wanted.as_of for one in found],
            ],
        )
        return {tuple(row[:3]): (row[3], bytes(row[4])) for row in cursor.fetchall()}


def _insert(fresh: Sequence[tuple[Evaluated, int]], now: datetime) -> None:
    sets = {one.channels.hash: list(one.channels.ids) for one, _ in fresh}
    with connection.cursor() as cursor:
        for name, ids in sets.items():
            cursor.execute(
                "INSERT INTO determinants_channel_set (hash, quantities) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [name, ids],
            )
        cursor.executemany(
            'INSERT INTO determinants_row (agreement_id, period, as_of, period_end, version, channel_set, "values", origins,'
            " estimated, known_from_at, known_to_at, reads, intervals, intervals_hash, rules, notes, sha256, calculated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s::bigint[], %s::smallint[], %s::bigint[], %s, %s, %s, %s, %s, %s, %s::text[], %s, %s)",
            [
                (
                    one.wanted.agreement_id,
                    one.wanted.period.first,
                    one.wanted.as_of,
                    one.wanted.period.end,
                    version,
                    one.channels.hash,
                    list(one.values),
                    list(one.origins),
                    list(one.estimated),
                    one.known_from_at,
                    one.known_to_at,
                    one.reads,
                    one.intervals,
                    one.intervals_hash,
                    one.rules,
                    list(one.notes),
                    one.sha256(version),
                    now,
                )
                for one, version in fresh
            ],
        )
