"""The law of statements of account: each is the ledger's to the minor unit, under its number and hash, and every difference
that came after one is stated by a later one within 24 hours. After the end of an agreement each entry is on one final statement.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from urja.laws.connections import Connection

# Calculated from entries alone. An entry is of the time with its service day; one that was posted to an earlier day after
# that was stated is of the next statement.
_LEDGER: Final = """
WITH firsts AS (
    SELECT *, lag(period_end) OVER w AS after_day, lag(through_seq) OVER w AS after_seq
    FROM statements_statement WHERE bucket = %(bucket)s AND revises_id IS NULL
    WINDOW w AS (PARTITION BY account_id ORDER BY period_end)
)
SELECT s.number, s.previous_sha256, s.sha256, s.content, s.opening_minor, s.closing_minor, s.total_minor,
    r.bucket || '-' || r.number, r.total_minor, r.sha256, r.agreement_id = s.agreement_id AND r.period_start = s.period_start,
    a.opening_minor, a.closing_minor, c.total_minor, c.late_minor, s.final, a.moved
FROM statements_statement s
LEFT JOIN statements_statement r ON r.id = s.revises_id
JOIN firsts f ON f.agreement_id = s.agreement_id AND f.period_start = s.period_start
CROSS JOIN LATERAL (
    SELECT coalesce(sum(e.amount_minor) FILTER (WHERE e.day < coalesce(f.after_day, f.period_start)
            AND (f.after_seq IS NULL OR e.seq <= f.after_seq)), 0)::bigint AS opening_minor,
        coalesce(sum(e.amount_minor), 0)::bigint AS closing_minor,
        array_agg(e.seq ORDER BY e.seq) FILTER (WHERE s.final AND e.origin <> 'engine'
            AND (e.day >= coalesce(f.after_day, f.period_start) OR e.seq > f.after_seq)) AS moved
    FROM (SELECT seq, origin, amount_minor, coalesce(service_date, accounting_month) AS day FROM books_entry
        WHERE bucket = s.bucket AND account_id = s.account_id AND seq <= f.through_seq) e
    WHERE e.day < f.period_end
) a
CROSS JOIN LATERAL (
    SELECT -coalesce(sum(e.amount_minor), 0)::bigint AS total_minor,
        -coalesce(sum(e.amount_minor) FILTER (WHERE e.service_date >= f.period_end OR e.seq > f.through_seq), 0)::bigint
            AS late_minor
    FROM books_entry e WHERE e.agreement_id = s.agreement_id AND e.period_start = s.period_start AND e.origin = 'engine'
        AND e.seq <= s.through_seq AND NOT s.final
) c
WHERE s.bucket = %(bucket)s ORDER BY s.number
"""


def examine(connection: Connection, bucket: int, _proven: int) -> Iterator[str]:
    """Yield statements of a bucket that leave a gap, have another hash or other amounts than the ledger."""
    number, previous = 0, bytes(32)
    # A server-side cursor: a plain one would load all statements of a bucket at once.
    with connection.transaction(), connection.cursor(name="statements") as cursor:
        cursor.execute(_LEDGER, {"bucket": bucket})
        for found in cursor:
            name = f"statement {bucket}-{found[0]}"
            if found[0] != number + 1 or bytes(found[1]) != previous:
                yield f"{name} does not follow statement {number} of its series"
            number, previous = found[0], bytes(found[2])
            if hashlib.sha256(bytes(found[1]) + found[3].encode()).digest() != previous:
                yield f"{name} is not what its hash was taken over"
            yield from _amounts(name, *found[3:])


def _amounts(
    name: str,
    text: str,
    opening: int,
    closing: int,
    total: int,
    revised: str | None,
    revised_total: int | None,
    revised_sha256: bytes | None,
    same_period: bool | None,
    ledger_opening: int,
    ledger_closing: int,
    ledger_total: int,
    ledger_late: int,
    final: bool,
    ledger_moved: list[int] | None,
) -> Iterator[str]:
    stated = msgspec.json.decode(text)
    if (opening, closing, total) != (ledger_opening, ledger_closing, ledger_total):
        yield (
            f"{name} states {opening}, {closing} and charges of {total}; the ledger has {ledger_opening}, {ledger_closing} "
            f"and {ledger_total}"
        )
    if (stated["opening_minor"], stated["closing_minor"], stated["total_minor"]) != (opening, closing, total):
        yield f"{name} has other amounts in its content"
    lines = sum(line["charged_minor"] for line in stated["bill"]["lines"])
    if lines != total:
        yield f"{name} states charges of {total}, its lines as one bill come to {lines}"
    late = sum(one["charged_minor"] for one in stated["late"])
    if late != ledger_late:
        yield f"{name} has {late} that was charged after its period, the ledger has {ledger_late}"
    moved = sum(one["amount_minor"] for part in ("payments", "adjustments") for one in stated[part])
    corrected = sum(one["charged_minor"] for one in stated["corrections"])
    if opening - (total - late) + moved - corrected != closing:
        yield f"{name} does not come from its opening to its closing balance"
    if stated.get("final", False) != final:
        yield f"{name} is final in one place and not in the other"
    listed = sorted(one["seq"] for part in ("payments", "adjustments") for one in stated[part])
    if final and listed != (ledger_moved or []):
        yield f"{name} lists other entries than the account has after its agreement's last period"
    named = stated["revises"] or {}
    if (named.get("number"), named.get("total_minor"), named.get("sha256")) != (
        revised,
        revised_total,
        None if revised_sha256 is None else bytes(revised_sha256).hex(),
    ) or same_period is False:
        yield f"{name} does not revise the statement that it names"


# A period that is closed: by the agreement's end as it is, and with days. One without days was taken back whole.
_CLOSED: Final = """
billing_rated r ON {on}
JOIN billing_close c ON c.agreement_id = r.agreement_id AND (c.closed_through + 1 >= r.billed_end OR r.billed_first = r.billed_end)
JOIN contracts_agreement g ON g.id = r.agreement_id AND (c.ended_at IS NULL OR c.ended_at = g.valid_to)
"""
# One whose statement is due has a day from its close. That it was tried since, and held back, gives it no longer.
_NOT_DUE: Final = """
NOT EXISTS (SELECT FROM statements_due d WHERE d.agreement_id = r.agreement_id AND d.period_start = r.period_start
    AND d.recorded_at > now.at - interval '24 hours')
"""
_NOW: Final = "now AS (SELECT max(closed_at) AS at FROM billing_close)"
_UNSTATED: Final = f"""
WITH {_NOW}
SELECT e.agreement_id, e.period_start, -sum(e.amount_minor)::bigint, min(e.posted_at)
FROM (SELECT agreement_id, period_start, max(through_seq) AS seq FROM statements_statement WHERE bucket = %(bucket)s AND NOT final
    GROUP BY 1, 2) s
JOIN books_entry e ON e.agreement_id = s.agreement_id AND e.period_start = s.period_start AND e.origin = 'engine'
    AND e.seq > s.seq
JOIN {_CLOSED.format(on="r.agreement_id = e.agreement_id AND r.period_start = e.period_start")}
CROSS JOIN now WHERE e.posted_at < now.at - interval '24 hours' AND {_NOT_DUE}
GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - constants of this module
_MISSING: Final = f"""
WITH {_NOW}
SELECT r.agreement_id, r.period_start FROM statements_began began
JOIN {_CLOSED.format(on="r.billed_end > began.day AND r.billed_first < r.billed_end")}
CROSS JOIN now
WHERE r.agreement_id >= %(bucket)s::bigint << 40 AND r.agreement_id < (%(bucket)s::bigint + 1) << 40
    AND NOT EXISTS (SELECT FROM statements_statement s
        WHERE s.agreement_id = r.agreement_id AND s.period_start = r.period_start AND NOT s.final)
    AND {_NOT_DUE}
ORDER BY 1, 2
"""  # noqa: S608 - constants of this module

# A final statement is made at the next check of ended agreements, which is daily, or a day later where that day has one.
_AFTER_THE_END: Final = f"""
WITH {_NOW}
SELECT f.account_id, s.number IS NULL, e.number, e.amount_minor
FROM statements_began began
JOIN billing_final_settlement f ON f.last_day >= began.day
    AND f.account_id >= %(bucket)s::bigint << 40 AND f.account_id < (%(bucket)s::bigint + 1) << 40
CROSS JOIN now
LEFT JOIN LATERAL (SELECT * FROM statements_statement s WHERE s.account_id = f.account_id AND s.revises_id IS NULL
    ORDER BY s.period_end DESC LIMIT 1) l ON true
LEFT JOIN statements_statement s ON s.id = l.id AND s.final
CROSS JOIN LATERAL (SELECT count(*) AS number, coalesce(sum(e.amount_minor), 0)::bigint AS amount_minor FROM books_entry e
    WHERE e.bucket = %(bucket)s AND e.account_id = f.account_id AND e.posted_at < now.at - interval '72 hours'
        AND (l.id IS NULL OR e.seq > l.through_seq OR coalesce(e.service_date, e.accounting_month) >= l.period_end)) e
WHERE f.settled_at < now.at - interval '72 hours' AND (s.id IS NULL OR e.number > 0)
ORDER BY 1
"""  # noqa: S608 - constants of this module


def unstated(connection: Connection, bucket: int, _proven: int) -> Iterator[str]:
    """Yield differences of stated periods, and closed periods, that no statement has a day later by the books' own time."""
    for agreement, start, charged, since in connection.execute(_UNSTATED, {"bucket": bucket}):
        yield (
            f"agreement {agreement} was charged {charged} for the period from {start} since {since}, and no statement "
            "says so"
        )
    for agreement, start in connection.execute(_MISSING, {"bucket": bucket}):
        yield f"agreement {agreement} has no statement of the period from {start}"
    for account, missing, number, amount in connection.execute(_AFTER_THE_END, {"bucket": bucket}):
        yield (
            f"account {account} is settled and has no final statement"
            if missing
            else f"account {account} has {number} entries of {amount} after its last final statement"
        )
