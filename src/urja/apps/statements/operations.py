"""Statements of account that are due, and their making, in the caller's transaction."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final, NamedTuple

import msgspec
from django.db import connection

from urja.apps.billing.kinds import Cause
from urja.apps.billing.queries import causes_of
from urja.apps.books.chain import canonical
from urja.apps.statements.composing import compose, late_entries
from urja.apps.statements.kinds import AFTER_ALL, NO_SHA256, OneBill, StatementContent, number_of
from urja.apps.statements.ledger import Entry, Stated, charges_of, consumer_numbers, movements_of
from urja.base.ids import compose_id


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A billing period whose last day was closed."""

    agreement_id: int
    period_start: date
    due_at: datetime
    """When its statement is made at the earliest."""


def record_closed(periods: Sequence[ClosedPeriod], at: datetime) -> None:
    """Record that statements of these periods, one of an agreement, which were closed at `at`, are to be made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO statements_due AS d (agreement_id, period_start, bucket, closed, due_at, recorded_at) "
            "SELECT p.agreement_id, p.period_start, (p.agreement_id >> 40)::smallint, true, p.due_at, %s "
            "FROM unnest(%s::bigint[], %s::date[], %s::timestamptz[]) AS p (agreement_id, period_start, due_at) "
            "ON CONFLICT (agreement_id, period_start) "
            "DO UPDATE SET closed = true, due_at = least(d.due_at, excluded.due_at)",
            [
                at,
                [one.agreement_id for one in periods],
                [one.period_start for one in periods],
                [one.due_at for one in periods],
            ],
        )


def record_charged(periods: Iterable[tuple[int, date]], at: datetime) -> None:
    """Record that agreements' periods, by their first days, were charged at `at`: those that are stated may be revised."""
    pairs = sorted(set(periods))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO statements_due (agreement_id, period_start, bucket, closed, due_at, recorded_at) "
            "SELECT p.agreement_id, p.period_start, (p.agreement_id >> 40)::smallint, false, %s, %s "
            "FROM unnest(%s::bigint[], %s::date[]) AS p (agreement_id, period_start) "
            "WHERE EXISTS (SELECT FROM statements_statement s WHERE s.agreement_id = p.agreement_id "
            "AND s.period_start = p.period_start AND NOT s.final) ON CONFLICT DO NOTHING",
            [at, at, [agreement_id for agreement_id, _ in pairs], [start for _, start in pairs]],
        )


_SETTLED: Final = """
INSERT INTO statements_due (agreement_id, period_start, bucket, closed, due_at, recorded_at)
SELECT f.agreement_id, %(after)s, %(bucket)s, true, %(at)s, %(at)s
FROM statements_began began
JOIN billing.final_settlement f ON f.settled_at IS NOT NULL AND f.last_day >= began.day
    AND f.account_id >= %(first)s AND f.account_id < %(end)s
JOIN books.account a ON a.id = f.account_id
WHERE NOT EXISTS (SELECT FROM statements_statement s
    WHERE s.account_id = a.id AND s.final AND s.through_seq = a.last_seq)
ON CONFLICT DO NOTHING
"""


def record_settled(bucket: int, at: datetime, account_id: int | None = None) -> None:
    """Record that final statements are to be made of a bucket's settled accounts: those that have none, or were moved since.

    Of one account alone where it is given: to examine all takes longer with each that has ever ended there.
    """
    first, end = (bucket << 40, (bucket + 1) << 40) if account_id is None else (account_id, account_id + 1)
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED, {"after": AFTER_ALL, "bucket": bucket, "first": first, "end": end, "at": at})


type PeriodKey = tuple[int, date]
"""An agreement and the first day of a period, or `AFTER_ALL`."""


@dataclass(frozen=True, slots=True)
class DuePeriod:
    """A period that a statement is due for, with the newest one that it has."""

    agreement_id: int
    period_start: date
    closed: bool
    newest: Stated | None
    stated_to: date | None
    """The day after the last one that the agreement's statements state; None where it has none."""

    @property
    def key(self) -> PeriodKey:
        """Its agreement and first day."""
        return self.agreement_id, self.period_start

    @property
    def final(self) -> bool:
        """Whether it is a final statement that is due."""
        return self.period_start == AFTER_ALL


def due_buckets(now: datetime) -> list[int]:
    """Return the buckets in which statements are due at an instant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT bucket FROM statements_due WHERE due_at <= %s ORDER BY 1", [now])
        return [bucket for (bucket,) in cursor.fetchall()]


_DUE: Final = """
SELECT d.agreement_id, d.period_start,
    -- After a moved billing day a period may have days that are stated: the law names it, and no other account waits for it.
    d.closed AND NOT EXISTS (SELECT FROM statements_statement o WHERE o.agreement_id = d.agreement_id
        AND o.revises_id IS NULL AND o.period_start <> d.period_start AND o.period_end > d.period_start),
    (SELECT max(l.period_end) FROM statements_statement l WHERE l.agreement_id = d.agreement_id),
    s.id, s.bucket, s.number, s.sha256, s.period_end, s.through_seq, s.content
FROM statements_due d
LEFT JOIN LATERAL (
    SELECT * FROM statements_statement s WHERE s.agreement_id = d.agreement_id AND s.period_start = d.period_start
        AND NOT s.final
    ORDER BY s.number DESC LIMIT 1
) s ON true
-- Periods are stated in their order, one of an agreement at a time: the next one begins where this one has ended.
WHERE d.bucket = %(bucket)s AND d.due_at <= %(now)s AND NOT EXISTS (
    SELECT FROM statements_due e WHERE e.agreement_id = d.agreement_id AND e.period_start < d.period_start
        AND (e.closed OR e.due_at <= %(now)s))
ORDER BY d.period_start, d.agreement_id LIMIT %(limit)s
"""


def due(bucket: int, now: datetime, limit: int) -> list[DuePeriod]:
    """Return the oldest periods of a bucket, which the caller has locked, that statements are due for: one of an agreement."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"bucket": bucket, "now": now, "limit": limit})
        return [
            DuePeriod(
                agreement_id,
                period_start,
                closed,
                None
                if id_ is None
                else Stated(
                    id_,
                    number_of(series, number),
                    bytes(sha256),
                    end,
                    seq,
                    msgspec.json.decode(content, type=StatementContent),
                ),
                stated_to,
            )
            for agreement_id, period_start, closed, stated_to, id_, series, number, sha256, end, seq, content in cursor.fetchall()
        ]


def postpone(periods: Mapping[PeriodKey, str], until: datetime) -> None:
    """Let statements be made later: the database has refused them for a reason, or, without one, their accounts are held back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE statements_due d SET due_at = %s, problem = p.problem "
            "FROM unnest(%s::bigint[], %s::date[], %s::text[]) AS p (agreement_id, period_start, problem) "
            "WHERE d.agreement_id = p.agreement_id AND d.period_start = p.period_start",
            [
                until,
                [agreement_id for agreement_id, _ in periods],
                [start for _, start in periods],
                list(periods.values()),
            ],
        )


def remove(periods: Sequence[DuePeriod]) -> None:
    """Remove periods whose statements stand."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM statements_due d USING unnest(%s::bigint[], %s::date[]) AS p (agreement_id, period_start) "
            "WHERE d.agreement_id = p.agreement_id AND d.period_start = p.period_start",
            [[one.agreement_id for one in periods], [one.period_start for one in periods]],
        )


@dataclass(frozen=True, slots=True)
class PeriodToState:
    """A period with everything that a statement says of it beside the ledger."""

    due: DuePeriod
    account_id: int
    service_point_id: int
    commodity: str
    period_start: date
    period_end: date
    """The day after its last one, or after the agreement's; of a revision as in the statement that it revises."""
    bill: OneBill


def state(bucket: int, periods: Sequence[PeriodToState], made_at: datetime) -> int:
    """Make the statements of periods of a bucket, which the caller has locked; return how many were made.

    A period that is stated is revised where something was posted for it since, else left as it is. However many are made,
    they take the same number of SQL statements.
    """
    charges = charges_of([(one.due.agreement_id, one.due.period_start) for one in periods])
    wanted: list[tuple[PeriodToState, list[Entry]]] = []
    late: list[tuple[int, int]] = []
    for one in periods:
        posted = charges.get((one.due.agreement_id, one.due.period_start), [])
        stated = one.due.newest
        if stated is None or any(entry.seq > stated.through_seq for entry in posted):
            wanted.append((one, posted))
            late += [(one.account_id, entry.seq) for entry in late_entries(posted, stated, one.period_end)]
    if not wanted:
        return 0
    movements = movements_of([(one.account_id, one.period_start, one.period_end) for one, _ in wanted])
    numbers = consumer_numbers([one.service_point_id for one, _ in wanted])
    causes = causes_of(late) if late else {}
    number, previous = _last(bucket)
    made: list[_Made] = []
    for one, posted in wanted:
        number += 1
        account = movements[one.account_id]
        content = compose(
            StatementContent(
                number=number_of(bucket, number),
                made_at=made_at,
                agreement_id=one.due.agreement_id,
                account_id=one.account_id,
                consumer_number=numbers[one.service_point_id],
                commodity=one.commodity,
                currency=account.currency,
                period_from=one.period_start,
                period_to=one.period_end,
                bill=one.bill,
                total_minor=-sum(entry.amount_minor for entry in posted),
                opening_minor=account.opening_minor,
                closing_minor=account.closing_minor,
                payments=(),
                adjustments=(),
                corrections=(),
                late=(),
                final=one.due.final,
            ),
            posted,
            account.entries,
            one.due.newest,
            partial(_cause, causes, one.account_id),
        )
        text = canonical(msgspec.to_builtins(content))
        sha256 = hashlib.sha256(previous + text).digest()
        made.append(_Made(number, content, one.due.newest, account.last_seq, text.decode(), previous, sha256))
        previous = sha256
    _insert(bucket, made_at, made)
    return len(made)


def _cause(causes: Mapping[tuple[int, int], Cause], account_id: int, seq: int) -> str:
    found = causes.get((account_id, seq))
    return "" if found is None else found.value


def _last(bucket: int) -> tuple[int, bytes]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, sha256 FROM statements_statement WHERE bucket = %s ORDER BY number DESC LIMIT 1",
            [bucket],
        )
        found = cursor.fetchone()
    return (0, NO_SHA256) if found is None else (found[0], bytes(found[1]))


class _Made(NamedTuple):
    """A statement that is to be stored, with its number in its series and its hashes."""

    number: int
    content: StatementContent
    revises: Stated | None
    through_seq: int
    text: str
    """Its content as it is hashed."""
    previous_sha256: bytes
    sha256: bytes


# In the order of their numbers: the database holds each to the one before it.
_INSERT: Final = """
INSERT INTO statements_statement (bucket, made_at, id, number, agreement_id, account_id, period_start, period_end, final,
    revises_id, through_seq, opening_minor, closing_minor, total_minor, content, previous_sha256, sha256)
SELECT %s::smallint, %s::timestamptz, * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::date[],
    %s::date[], %s::boolean[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bytea[],
    %s::bytea[]) AS s (id, number)
ORDER BY number
"""


def _insert(bucket: int, made_at: datetime, made: Sequence[_Made]) -> None:
    rows = [
        (
            compose_id(bucket, one.number),
            one.number,
            one.content.agreement_id,
            one.content.account_id,
            one.content.period_from,
            one.content.period_to,
            one.content.final,
            None if one.revises is None else one.revises.id,
            one.through_seq,
            one.content.opening_minor,
            one.content.closing_minor,
            one.content.total_minor,
            one.text,
            one.previous_sha256,
            one.sha256,
        )
        for one in made
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [bucket, made_at, *map(list, zip(*rows, strict=True))])
