"""The law of arrears: each recharge has paid old dues as its policy says, calculated again from what was known then.

So has the remaining balance when a supply ended: dues first, before a refund or transfer. So has each instalment of a
plan, which replaces the policy's percentage while it holds. Percentages are read from the documents' own text, dues
from the tables and their history, and the allocation to bills is repeated by plain arithmetic. docs/money.md says
what would break the law.
"""

import hashlib
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from urja.laws.connections import Connection, streamed

_LEARNT: Final = """EXISTS (SELECT FROM billing_arrear r LEFT JOIN journal_history h
    ON h.table_name = 'billing_arrear' AND h.row_id = r.id
    WHERE r.account_id = {of}.account_id AND {at} IN (r.recorded_at, h.known_to))
"""
"""A bill recorded at the very instant of a posting may have been recorded before or after it: such postings are
excluded.
"""

_PLANNED: Final = """
    SELECT FROM (
        SELECT p.valid_from, p.valid_to, p.recorded_at FROM billing_instalment_plan p
        WHERE p.account_id = c.account_id AND NOT EXISTS (SELECT FROM journal_history h
            WHERE h.table_name = 'billing_instalment_plan' AND h.row_id = p.id AND h.known_to > c.posted_at)
        UNION ALL
        (SELECT DISTINCT ON (h.row_id) (h.row->>'valid_from')::timestamptz, (h.row->>'valid_to')::timestamptz,
            (h.row->>'recorded_at')::timestamptz
        FROM journal_history h WHERE h.table_name = 'billing_instalment_plan' AND h.known_to > c.posted_at
            AND (h.row->>'account_id')::bigint = c.account_id
        ORDER BY h.row_id, h.known_to, h.id)
    ) p WHERE p.recorded_at <= c.posted_at AND p.valid_from <= c.posted_at
        AND coalesce(p.valid_to, 'infinity') > c.posted_at"""
"""The plan of instalments that applied when a credit was posted, as known then: it replaces the policy's share."""

_RECHARGES: Final = f"""
SELECT c.id, c.account_id, c.amount_minor, c.arrears_minor, c.posted_seq, c.posted_at,
    coalesce((SELECT sum(d.amount_minor) FROM books_debit_request d
        WHERE d.credit_id = c.id AND d.posted_at IS NOT NULL), 0)::bigint,
    (SELECT array_agg(e.seq ORDER BY e.seq) FROM books_entry e WHERE e.bucket = c.id >> 40
        AND e.account_id = c.account_id AND e.line = 'arrears' AND (e.inputs->>'credit')::bigint = c.id),
    (SELECT ARRAY[e.inputs->>'policy', e.inputs->>'policy_sha256'] FROM books_entry e WHERE e.bucket = c.id >> 40
        AND e.idempotency_key = 'arrears:' || c.id),
    (SELECT v.code || ' ' || v.version FROM rulebook_policy_version v
        WHERE v.recorded_at <= c.posted_at AND v.valid_from <= (c.posted_at AT TIME ZONE %(zone)s)::date
        AND v.code = (SELECT coalesce(nullif(t.policy, ''),
                (SELECT s.code FROM rulebook_policy_assignment s WHERE s.category = t.category),
                (SELECT s.code FROM rulebook_policy_assignment s WHERE s.category = ''))
            FROM contracts_agreement g JOIN contracts_agreement_terms t ON t.agreement_id = g.id
            WHERE g.account_id = c.account_id AND g.valid_from <= c.posted_at
            AND t.valid_from <= c.posted_at ORDER BY t.valid_from DESC LIMIT 1)
        ORDER BY v.valid_from DESC, v.id DESC LIMIT 1),
    EXISTS ({_PLANNED})
FROM books_credit_request c
WHERE c.kind IN ('recharge', 'payment') AND c.posted_at IS NOT NULL
    AND EXISTS (SELECT FROM billing_arrear r WHERE r.account_id = c.account_id)
    AND NOT {_LEARNT.format(of="c", at="c.posted_at")}
    -- The same for a plan; a plan that an undone deletion has restored was absent in between.
    AND NOT EXISTS (SELECT FROM billing_instalment_plan p
        WHERE p.account_id = c.account_id AND p.recorded_at = c.posted_at)
    AND NOT EXISTS (SELECT FROM journal_history h WHERE h.table_name = 'billing_instalment_plan'
        AND (h.row->>'account_id')::bigint = c.account_id
        AND (h.known_to = c.posted_at OR (h.action = 'deleted' AND h.known_to < c.posted_at)))
    -- The same for a version of a policy, unless the share names its own.
    AND (NOT EXISTS (SELECT FROM rulebook_policy_version v WHERE v.recorded_at = c.posted_at)
        OR EXISTS (SELECT FROM books_entry e WHERE e.bucket = c.id >> 40 AND e.idempotency_key = 'arrears:' || c.id))
ORDER BY c.account_id, c.posted_seq
"""  # noqa: S608 - a constant of this module

_FINALS: Final = f"""
SELECT e.account_id, e.seq, e.posted_at, e.balance_after_minor - e.amount_minor FROM books_entry e
WHERE e.line = 'arrears' AND e.inputs->'final' IS NOT NULL AND NOT {_LEARNT.format(of="e", at="e.posted_at")}
ORDER BY e.account_id, e.seq
"""  # noqa: S608 - a constant of this module

_KEPT: Final = """
SELECT f.account_id, a.balance_minor FROM billing_final_settlement f JOIN books_account a ON a.id = f.account_id
WHERE f.settled_at IS NOT NULL AND a.balance_minor > 0
    AND EXISTS (SELECT FROM billing_arrear_left r WHERE r.account_id = a.id AND r.principal_minor + r.surcharge_minor > 0)
    AND NOT EXISTS (SELECT FROM books_credit_request q WHERE q.account_id = a.id AND q.posted_at IS NULL)
    AND NOT EXISTS (SELECT FROM books_debit_request q WHERE q.account_id = a.id AND q.posted_at IS NULL)
    -- Entries posted since then are settled by the next run.
    AND NOT EXISTS (SELECT FROM books_entry e WHERE e.bucket = a.bucket AND e.account_id = a.id AND e.seq = a.last_seq
        AND e.posted_at > f.settled_at)
ORDER BY 1
"""

_WENT: Final = f"""
SELECT d.account_id, d.posted_seq, d.requested_at, d.amount_minor FROM billing_final_settlement f
JOIN books_debit_request d ON d.account_id = f.account_id AND d.idempotency_key LIKE 'final:' || f.id || ':%'
WHERE d.posted_at IS NOT NULL AND NOT {_LEARNT.format(of="d", at="d.requested_at")}
ORDER BY 1, 2
"""  # noqa: S608 - a constant of this module
"""A refund or transfer is requested when the bills known at that instant have been paid."""

_PLANS: Final = """
SELECT p.id, p.account_id, p.every, p.amount_minor, (p.valid_from AT TIME ZONE %(zone)s)::date,
    coalesce(((p.valid_to - interval '1 microsecond') AT TIME ZONE %(zone)s)::date + 1, '9999-12-31'),
    coalesce((SELECT max(c.closed_through) FROM contracts_agreement g JOIN billing_close c ON c.agreement_id = g.id
        WHERE g.account_id = p.account_id), '0001-01-01')
FROM billing_instalment_plan p ORDER BY p.id
"""

_INSTALMENTS: Final = f"""
SELECT i.due_on, i.seq, e.posted_at, {_LEARNT.format(of="e", at="e.posted_at")}
FROM billing_instalment i
JOIN books_entry e ON e.bucket = i.account_id >> 40 AND e.account_id = i.account_id AND e.seq = i.seq
    AND e.line = 'arrears' AND (e.inputs->>'plan')::bigint = i.plan_id
WHERE i.plan_id = %s ORDER BY i.due_on
"""  # noqa: S608 - a constant of this module

_OWED: Final = """
SELECT r.id, r.due_on,
    coalesce((was.row->>'surcharge_minor')::bigint, r.surcharge_minor) - coalesce(paid.surcharge, 0),
    coalesce((was.row->>'principal_minor')::bigint, r.principal_minor) - coalesce(paid.principal, 0)
FROM billing_arrear r
LEFT JOIN LATERAL (SELECT h.row FROM journal_history h WHERE h.table_name = 'billing_arrear' AND h.row_id = r.id
    AND h.known_to > %(known_at)s ORDER BY h.known_to, h.id LIMIT 1) was ON true
LEFT JOIN LATERAL (SELECT sum(p.surcharge_minor)::bigint AS surcharge, sum(p.principal_minor)::bigint AS principal
    FROM billing_arrear_payment p WHERE p.arrear_id = r.id AND p.seq < %(seq)s) paid ON true
WHERE r.account_id = %(account)s
    AND coalesce((was.row->>'recorded_at')::timestamptz, r.recorded_at) < %(known_at)s
ORDER BY r.due_on, r.id
"""

_PAID: Final = """
SELECT arrear_id, sum(surcharge_minor)::bigint, sum(principal_minor)::bigint FROM billing_arrear_payment
WHERE account_id = %(account)s AND seq = ANY(%(seqs)s) GROUP BY arrear_id
HAVING sum(surcharge_minor) <> 0 OR sum(principal_minor) <> 0
"""


def examine(connection: Connection, zone: str) -> Iterator[str]:
    """Yield what contradicts the law: of each recharge by itself, then of bills and entries together."""
    percents: dict[str, int] = {}
    hashes: dict[str, str] = {}
    for code, version, text in connection.execute("SELECT code, version, text FROM rulebook_policy_version"):
        name = f"{code} {version}"
        percents[name] = int(tomllib.loads(text).get("payments", {}).get("arrears_percent", 0))
        hashes[name] = hashlib.sha256(text.encode()).hexdigest()
    for row in streamed(connection, _RECHARGES, {"zone": zone}):
        credit, account, amount, marked, seq, posted_at, reversed_minor, seqs, used, governs, planned = row
        name, sha256 = used or (governs, None)
        if sha256 is not None and hashes.get(name) != sha256:
            yield f"credit {credit} names a text of policy {name} that is not stored"
        percent = 0 if planned else percents.get(name, 0)
        expected = _by_bills(
            _owed(connection, account, seq, posted_at), _share(percent, amount - reversed_minor)
        )
        paid = _paid(connection, account, seqs or [])
        if paid != expected:
            yield f"credit {credit} of {amount} has paid {paid} of arrears, {percent} % of it is {expected}"
        if marked != sum(map(sum, paid.values())):
            yield f"credit {credit} is marked with {marked} for arrears, its entries have paid {paid}"
    yield from _at_the_end(connection)
    yield from _by_plan(connection, zone)
    yield from _loose(connection)


def _at_the_end(connection: Connection) -> Iterator[str]:
    """Check that the remaining balance of an ended supply pays dues before anything is refunded or transferred."""
    for account, seq, posted_at, left in streamed(connection, _FINALS):
        expected, paid = (
            _by_bills(_owed(connection, account, seq, posted_at), left),
            _paid(connection, account, [seq]),
        )
        if paid != expected:
            yield f"entry {seq} of account {account} has paid {paid} of arrears, the {left} left on it pay {expected}"
    for account, seq, requested_at, amount in streamed(connection, _WENT):
        if still := sum(
            surcharge + principal
            for *_, surcharge, principal in _owed(connection, account, seq, requested_at)
        ):
            yield f"entry {seq} of account {account} takes away {amount} while {still} of arrears is owed"
    for account, balance in connection.execute(_KEPT).fetchall():
        yield f"account {account} is settled with a balance of {balance} while arrears are owed"


def _by_plan(connection: Connection, zone: str) -> Iterator[str]:
    """Check that each due day of a plan paid its instalment, or the rest of the dues."""
    for plan, account, every, amount, first, end, through in streamed(connection, _PLANS, {"zone": zone}):
        posted = connection.execute(_INSTALMENTS, [plan]).fetchall()
        paid_on = [due_on for due_on, *_ in posted]
        due = _due_days(every, first, min(through, end), at_least=len(paid_on))
        if paid_on != due[: len(paid_on)] or (paid_on and paid_on[-1] >= end):
            yield f"plan {plan} has paid for {paid_on} and is due on {due}"
        # Instalments of the last closed day may not be posted yet.
        if len(paid_on) < len(due):
            yield f"plan {plan} has paid {len(paid_on)} instalments before {through}, due on {due}"
        for _, seq, posted_at, learnt in posted:
            expected = _by_bills(_owed(connection, account, seq, posted_at), amount)
            paid = _paid(connection, account, [seq])
            if paid != expected and not learnt:
                yield f"entry {seq} of account {account} has paid {paid} of arrears, plan {plan} says {expected}"


def _due_days(every: str, first: date, end: date, at_least: int) -> list[date]:
    """Return the due days of a plan: every day, or each month the day of the first or the month's last."""
    day, found = first, list[date]()
    while day < end or len(found) < at_least:
        last_of_month = (day + timedelta(days=1)).month != day.month
        if every == "day" or day.day == first.day or (last_of_month and day.day < first.day):
            found.append(day)
        day += timedelta(days=1)
    return found


def _owed(
    connection: Connection, account: int, seq: int, known_at: datetime
) -> list[tuple[int, date, int, int]]:
    """Return the dues of each bill before an entry, the oldest first.

    Each is (bill, due date, surcharge, principal), in minor units.
    """
    return connection.execute(_OWED, {"account": account, "seq": seq, "known_at": known_at}).fetchall()


def _paid(connection: Connection, account: int, seqs: list[int]) -> dict[int, tuple[int, int]]:
    """Return the surcharge and principal that entries have paid together, by bill, in minor units."""
    return {
        arrear: (surcharge, principal)
        for arrear, surcharge, principal in connection.execute(_PAID, {"account": account, "seqs": seqs})
    }


def _share(percent: int, left_minor: int) -> int:
    return max(left_minor, 0) * percent // 100


def _by_bills(owed: list[tuple[int, date, int, int]], share: int) -> dict[int, tuple[int, int]]:
    """Return the allocation of an amount to bills as (surcharge, principal); written again here, without `core`."""
    expected: dict[int, tuple[int, int]] = {}
    for arrear, _, surcharge, principal in owed:
        # Of each bill the surcharge before the principal (docs/money.md).
        to_surcharge = min(share, surcharge)
        to_principal = min(share - to_surcharge, principal)
        if to_surcharge or to_principal:
            expected[arrear] = (to_surcharge, to_principal)
        share -= to_surcharge + to_principal
    return expected


def _loose(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT e.account_id, e.seq, e.amount_minor, coalesce(sum(p.surcharge_minor + p.principal_minor), 0)::bigint "
        "FROM books_entry e LEFT JOIN billing_arrear_payment p ON p.account_id = e.account_id AND p.seq = e.seq "
        "WHERE e.line = 'arrears' GROUP BY 1, 2, 3 "
        "HAVING -e.amount_minor <> coalesce(sum(p.surcharge_minor + p.principal_minor), 0) ORDER BY 1, 2"
    )
    for account, seq, amount, paid in rows:
        yield f"entry {seq} of account {account} is {amount} and has paid {paid} of bills"
    rows = connection.execute(
        "SELECT e.account_id, e.seq FROM books_entry e LEFT JOIN billing_instalment i "
        "ON i.account_id = e.account_id AND i.seq = e.seq AND i.plan_id = (e.inputs->>'plan')::bigint "
        "WHERE e.line = 'arrears' AND e.inputs->'plan' IS NOT NULL AND i.id IS NULL ORDER BY 1, 2"
    )
    for account, seq in rows:
        yield f"entry {seq} of account {account} is an instalment that no plan knows"
    rows = connection.execute(
        "SELECT p.account_id, p.seq FROM billing_arrear_payment p LEFT JOIN books_entry e "
        "ON e.bucket = p.account_id >> 40 AND e.account_id = p.account_id AND e.seq = p.seq AND e.line = 'arrears' "
        "WHERE e.seq IS NULL ORDER BY 1, 2"
    )
    for account, seq in rows:
        yield f"entry {seq} of account {account} is no posting on arrears and pays bills"
    rows = connection.execute(
        "SELECT account_id, bill, surcharge_minor, principal_minor FROM billing_arrear_left "
        "WHERE least(surcharge_minor, principal_minor) < 0 ORDER BY 1, 2"
    )
    for account, bill, surcharge, principal in rows:
        yield f"bill {bill} of account {account} is owed {surcharge} and {principal}: more was paid than is owed"
