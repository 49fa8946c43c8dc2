"""The close of a day in the signed log: cut a period, append its leaves, sign its head.

Each step is a transaction of its own and can be repeated. A close that was killed continues where it stopped, for the
day it was begun for. Entries and reads stored meanwhile belong to the next period.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from urja.apps.books import locking
from urja.apps.proofs import digests
from urja.core import heads, merkle
from urja.core.calendar import ONE_DAY, midnight


@dataclass(frozen=True, slots=True)
class Period:
    """A period that was cut and is not signed yet."""

    number: int
    day: date


def unsigned() -> Period | None:
    """Return the period whose close was begun and not finished; None without one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, day FROM proofs_period p WHERE NOT EXISTS (SELECT FROM proofs_head h WHERE h.number = p.number)"
        )
        row = cursor.fetchone()
    return Period(*row) if row else None


def last_day() -> date | None:
    """Return the last day whose close was begun; None before the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(day) FROM proofs_period")
        day: date | None = cursor.fetchone()[0]
        return day


def cut(day: date, now: datetime) -> Period:
    """Begin the close of a day: reads stored from now on belong to the next period.

    The database function waits for running writers, so that no read is stored under a period that is digested already.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT proofs_cut(%s, %s)", [day, now])
        return Period(cursor.fetchone()[0], day)


def add_entries(period: Period, zone: ZoneInfo) -> int:
    """Append a leaf for each bucket with entries posted up to the end of the day; returns how many."""
    end = midnight(period.day + ONE_DAY, zone)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT b.bucket FROM books.bucket b WHERE NOT EXISTS (SELECT FROM proofs_leaf l "
            "WHERE l.period = %s AND l.kind = 'entries' AND l.bucket = b.bucket) ORDER BY 1",
            [period.number],
        )
        buckets = [bucket for (bucket,) in cursor.fetchall()]
    return sum(_add_bucket(period, bucket, end) for bucket in buckets)


def _add_bucket(period: Period, bucket: int, end: datetime) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        # A posting locks its bucket until its batch is committed: with this lock no batch up to `last` is missing.
        last = locking.lock_bucket(bucket)
        cursor.execute(
            "SELECT coalesce(max(to_batch), 0) FROM proofs_leaf WHERE kind = 'entries' AND bucket = %s",
            [bucket],
        )
        (after,) = cursor.fetchone()
        cursor.execute(
            "SELECT min(batch) - 1 FROM books.entry WHERE bucket = %s AND batch > %s AND posted_at >= %s",
            [bucket, after, end],
        )
        (before_midnight,) = cursor.fetchone()
        batches = digests.Batches(bucket, after, last if before_midnight is None else before_midnight)
        content = digests.entries_content(cursor, period.number, batches)
        if content is None:
            return False
        _append(cursor, period, "entries", bucket, content, batches)
    return True


def add_reads(period: Period) -> int:
    """Append a leaf for each bucket with reads stored in the period; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT bucket FROM proofs_leaf WHERE period = %s AND kind = 'reads'", [period.number])
        # Left out: the leaves that a close which was killed has already appended.
        there = {bucket for (bucket,) in cursor.fetchall()}
        contents = digests.reads_contents(cursor, period.number)
        fresh = sorted(set(contents) - there)
        for bucket in fresh:
            _append(cursor, period, "reads", bucket, contents[bucket], None)
    return len(fresh)


@dataclass(frozen=True, slots=True)
class _Numbered:
    """Rows that are numbered in their bucket, under its lock."""

    kind: str
    """That of their leaves."""
    view: str
    at: str
    """Column of the instant at which a row was stored."""
    content: Callable[[CursorWrapper, int, digests.Numbers], bytes | None]


_STATEMENTS: Final = _Numbered("statements", "statements.statement", "made_at", digests.statements_content)
_UNITS: Final = _Numbered("units", "billing.unit_bank", "recorded_at", digests.units_content)


def add_statements(period: Period, zone: ZoneInfo) -> int:
    """Append a leaf for each bucket with statements of account made up to the end of the day; returns how many."""
    return _add_numbered(period, zone, _STATEMENTS)


def add_units(period: Period, zone: ZoneInfo) -> int:
    """Append a leaf for each bucket with units that were banked up to the end of the day; returns how many."""
    return _add_numbered(period, zone, _UNITS)


def _add_numbered(period: Period, zone: ZoneInfo, rows: _Numbered) -> int:
    end = midnight(period.day + ONE_DAY, zone)
    with connection.cursor() as cursor:
        cursor.execute(
            # Bucket by bucket, by the index of its numbers: rows of former days are not looked at.
            f"SELECT b.bucket FROM books.bucket b WHERE EXISTS (SELECT FROM {rows.view} s "  # noqa: S608 - constants of this module
            f"  WHERE s.bucket = b.bucket AND s.{rows.at} < %(end)s AND s.number > ("
            "    SELECT coalesce(max((l.content::jsonb->>'to')::bigint), 0) FROM proofs_leaf l "
            "    WHERE l.kind = %(kind)s AND l.bucket = b.bucket)) ORDER BY 1",
            {"end": end, "kind": rows.kind},
        )
        buckets = [bucket for (bucket,) in cursor.fetchall()]
    return sum(_add_run(period, bucket, end, rows) for bucket in buckets)


def _add_run(period: Period, bucket: int, end: datetime, rows: _Numbered) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        # They are stored under the bucket's lock: with it, none up to the last one is missing.
        locking.lock_bucket(bucket)
        cursor.execute(
            "SELECT coalesce(max((content::jsonb->>'to')::bigint), 0) FROM proofs_leaf WHERE kind = %s AND bucket = %s",
            [rows.kind, bucket],
        )
        (after,) = cursor.fetchone()
        cursor.execute(
            f"SELECT coalesce(min(number) FILTER (WHERE {rows.at} >= %(end)s) - 1, max(number)) FROM {rows.view} "  # noqa: S608 - constants of this module
            "WHERE bucket = %(bucket)s AND number > %(after)s",
            {"end": end, "bucket": bucket, "after": after},
        )
        (to,) = cursor.fetchone()
        numbers = digests.Numbers(bucket, after, after if to is None else to)
        content = rows.content(cursor, period.number, numbers)
        if content is None:
            return False
        _append(cursor, period, rows.kind, bucket, content, None)
    return True


def _append(
    cursor: CursorWrapper,
    period: Period,
    kind: str,
    bucket: int,
    content: bytes,
    batches: digests.Batches | None,
) -> None:
    # The peaks, at most one per level, are all that appending needs: a day's close never reads the log's leaves again.
    size = _size(cursor)
    tree = merkle.Frontier(size, _peaks(cursor, size))
    cursor.execute(
        "INSERT INTO proofs_leaf (index, period, kind, bucket, after_batch, to_batch, content) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [
            size,
            period.number,
            kind,
            bucket,
            batches.after if batches else None,
            batches.to if batches else None,
            content.decode(),
        ],
    )
    cursor.executemany(
        "INSERT INTO proofs_node (level, index, hash) VALUES (%s, %s, %s)",
        tree.append(merkle.leaf_hash(content)),
    )


def _size(cursor: CursorWrapper) -> int:
    """Return the number of leaves; they are numbered from 0 without a gap."""
    cursor.execute("SELECT 1 + coalesce(max(index), -1) FROM proofs_leaf")
    size: int = cursor.fetchone()[0]
    return size


def _peaks(cursor: CursorWrapper, size: int) -> Sequence[bytes]:
    return [_node(cursor, level, index) for level, index in merkle.peaks(size)]


def sign(period: Period, now: datetime, private_key: bytes) -> heads.SignedHead:
    """End the close: sign the head over all leaves so far, chained to the head before. `private_key` is Ed25519."""
    with transaction.atomic(), connection.cursor() as cursor:
        size = _size(cursor)
        cursor.execute("SELECT body FROM proofs_head ORDER BY number DESC LIMIT 1")
        before = cursor.fetchone()
        previous = msgspec.json.decode(before[0], type=heads.Head).digest if before else heads.NO_HEAD
        signed = heads.sign(
            heads.Head(
                number=period.number,
                day=period.day,
                size=size,
                root=merkle.Frontier(size, _peaks(cursor, size)).root().hex(),
                previous=previous,
                signed_at=now.astimezone(UTC),
                key=heads.public_key(private_key),
            ),
            private_key,
        )
        cursor.execute(
            "INSERT INTO proofs_head (number, size, body, signature) VALUES (%s, %s, %s, %s)",
            [period.number, size, signed.head.body.decode(), bytes.fromhex(signed.signature)],
        )
    return signed


def signed_heads(after: int = 0) -> list[heads.SignedHead]:
    """Return the heads after a number in their order, each with the consistency proof from the one before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT h.body, h.signature, coalesce(b.size, 0) FROM proofs_head h "
            "LEFT JOIN proofs_head b ON b.number = h.number - 1 WHERE h.number > %s ORDER BY h.number",
            [after],
        )
        found = []
        for body, signature, old in cursor.fetchall():
            head = msgspec.json.decode(body, type=heads.Head)
            path = merkle.consistency_proof(old, head.size, lambda *at: _node(cursor, *at)) if old else []
            found.append(
                heads.SignedHead(
                    head=head,
                    signature=bytes(signature).hex(),
                    consistency=tuple(hashed.hex() for hashed in path),
                )
            )
        return found


def _node(cursor: CursorWrapper, level: int, index: int) -> bytes:
    cursor.execute("SELECT hash FROM proofs_node WHERE level = %s AND index = %s", [level, index])
    return bytes(cursor.fetchone()[0])
