"""What the ledger has of a period and of an account's time, for statements."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple

from django.db import connection

from urja.apps.statements.kinds import StatementContent


class Entry(NamedTuple):
    """An entry as statements see it."""

    seq: int
    day: date
    """Its service day."""
    line: str
    title: str
    amount_minor: int
    """What it puts onto the account."""
    charges: tuple[int, date] | None
    """Agreement and first day of the period that it charges; None for credits."""
    reference: str
    one_bill: bool
    """Whether it was posted with a statement, because the period as one bill came to more or less."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement that stands."""

    id: int
    number: str
    sha256: bytes
    period_end: date
    through_seq: int
    content: StatementContent


@dataclass(slots=True)
class AccountTime:
    """An account from the end of its last statement, or from the beginning of a period, to the end of the period."""

    currency: str
    last_seq: int
    opening_minor: int
    closing_minor: int
    entries: list[Entry] = field(default_factory=list)


_ENTRY: Final = (
    "e.seq, coalesce(e.service_date, e.accounting_month), e.line, coalesce(e.inputs->>'title', e.line), e.amount_minor, "
    "CASE WHEN e.origin = 'engine' THEN e.agreement_id END, e.period_start, coalesce(e.inputs->>'reference', ''), "
    "e.inputs->'one_bill' IS NOT NULL"
)
_CHARGES: Final = f"""
SELECT e.agreement_id, e.period_start, {_ENTRY} FROM unnest(%s::bigint[], %s::date[]) AS p (agreement_id, period_start)
JOIN books.entry e ON e.agreement_id = p.agreement_id AND e.period_start = p.period_start AND e.origin = 'engine'
ORDER BY e.seq
"""  # noqa: S608 - constants of this module


def charges_of(periods: Sequence[tuple[int, date]]) -> dict[tuple[int, date], list[Entry]]:
    """Return all charges of agreements' billing periods, given by their first days, in their order."""
    found: dict[tuple[int, date], list[Entry]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_CHARGES, [[agreement for agreement, _ in periods], [start for _, start in periods]])
        for agreement_id, period_start, *row in cursor.fetchall():
            found.setdefault((agreement_id, period_start), []).append(_entry(row))
    return found


# An entry is of the time up to a statement's end where its service day is, unless it was posted to an earlier day after
# that was stated: then the next statement has it.
_ACCOUNTS: Final = """
SELECT a.id, a.currency, a.last_seq, coalesce(s.period_end, p.period_start), coalesce(s.through_seq, a.last_seq),
    coalesce(s.closing_minor, o.opening_minor)
FROM unnest(%s::bigint[], %s::date[]) AS p (account_id, period_start)
JOIN books.account a ON a.id = p.account_id
LEFT JOIN LATERAL (
    SELECT period_end, through_seq, closing_minor FROM statements_statement
    WHERE account_id = a.id AND revises_id IS NULL ORDER BY period_end DESC LIMIT 1
) s ON true
LEFT JOIN LATERAL (
    SELECT coalesce(sum(e.amount_minor), 0)::bigint AS opening_minor FROM books.entry e
    WHERE e.bucket = a.bucket AND e.account_id = a.id AND s.period_end IS NULL
        AND coalesce(e.service_date, e.accounting_month) < p.period_start
) o ON true
"""
_MOVEMENTS: Final = f"""
SELECT p.account_id, {_ENTRY}
FROM unnest(%s::bigint[], %s::date[], %s::bigint[], %s::date[]) AS p (account_id, after_day, after_seq, before_day)
JOIN books.entry e ON e.bucket = (p.account_id >> 40) AND e.account_id = p.account_id
WHERE coalesce(e.service_date, e.accounting_month) < p.before_day
    AND (coalesce(e.service_date, e.accounting_month) >= p.after_day OR e.seq > p.after_seq)
ORDER BY e.seq
"""  # noqa: S608 - constants of this module


def movements_of(times: Sequence[tuple[int, date, date]]) -> dict[int, AccountTime]:
    """Return what moved accounts since their last statements, up to the end of a period.

    Each is given by its account, the period's first day, from which an account without a statement begins, and the day
    after its last one.
    """
    found: dict[int, AccountTime] = {}
    begins: list[tuple[int, date, int]] = []
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, [[account for account, _, _ in times], [start for _, start, _ in times]])
        for account_id, currency, last_seq, after_day, after_seq, opening_minor in cursor.fetchall():
            found[account_id] = AccountTime(currency, last_seq, opening_minor, opening_minor)
            begins.append((account_id, after_day, after_seq))
        ends = {account_id: end for account_id, _, end in times}
        cursor.execute(
            _MOVEMENTS,
            [
                [account_id for account_id, _, _ in begins],
                [day for _, day, _ in begins],
                [seq for _, _, seq in begins],
                [ends[account_id] for account_id, _, _ in begins],
            ],
        )
        for account_id, *row in cursor.fetchall():
            account, entry = found[account_id], _entry(row)
            account.entries.append(entry)
            account.closing_minor += entry.amount_minor
    return found


def consumer_numbers(service_point_ids: Sequence[int]) -> dict[int, str]:
    """Return the consumer numbers of service points."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, consumer_number FROM network.service_point WHERE id = ANY(%s)",
            [list(service_point_ids)],
        )
        return dict(cursor.fetchall())


def _entry(row: Sequence[Any]) -> Entry:
    seq, day, line, title, amount_minor, agreement_id, period_start, reference, one_bill = row
    charges = None if agreement_id is None else (agreement_id, period_start)
    return Entry(seq, day, line, title, amount_minor, charges, reference, one_bill)
