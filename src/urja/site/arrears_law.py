"""The law of arrears: each recharge has paid of old dues what its policy says, reckoned anew from what was known then.

Percentages are read from the documents' own text, what was owed from the registry and its history, and the division by
bills is gone through once more by plain arithmetic. docs/money.md says what would break it.
"""

import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import psycopg

type Connection = psycopg.Connection[Any]

_RECHARGES: Final = """
SELECT c.id, c.account_id, c.amount_minor, c.arrears_minor, c.posted_seq,
    coalesce((SELECT sum(d.amount_minor) FROM ledger_debit_request d
        WHERE d.credit_id = c.id AND d.posted_at IS NOT NULL), 0)::bigint,
    (SELECT array_agg(e.seq ORDER BY e.seq) FROM ledger_entry e WHERE e.bucket = c.id >> 40
        AND e.account_id = c.account_id AND e.line = 'arrears' AND (e.inputs->>'credit')::bigint = c.id),
    (SELECT e.inputs->>'policy' FROM ledger_entry e WHERE e.bucket = c.id >> 40
        AND e.idempotency_key = 'arrears:' || c.id),
    (SELECT v.code || ' ' || v.version FROM supply_policy_version v
        WHERE v.recorded_at <= c.posted_at AND v.valid_from <= (c.posted_at AT TIME ZONE %(zone)s)::date
        AND v.code = coalesce((SELECT s.code FROM supply_policy_assignment s WHERE s.category = (
            SELECT t.category FROM registry_agreement g JOIN registry_agreement_terms t ON t.agreement_id = g.id
            WHERE g.account_id = c.account_id AND g.valid_from <= c.posted_at
            AND t.valid_from <= c.posted_at ORDER BY t.valid_from DESC LIMIT 1)),
            (SELECT s.code FROM supply_policy_assignment s WHERE s.category = ''))
        ORDER BY v.valid_from DESC, v.id DESC LIMIT 1)
FROM ledger_credit_request c
WHERE c.kind IN ('recharge', 'payment') AND c.posted_at IS NOT NULL
    AND EXISTS (SELECT FROM registry_arrear r WHERE r.account_id = c.account_id)
    -- What was learnt of a bill at the very instant is before the posting or after it.
    AND NOT EXISTS (SELECT FROM registry_arrear r LEFT JOIN registry_history h
        ON h.table_name = 'registry_arrear' AND h.row_id = r.id
        WHERE r.account_id = c.account_id AND (r.recorded_at = c.posted_at OR h.known_to = c.posted_at))
ORDER BY c.account_id, c.posted_seq
"""

_OWED: Final = """
SELECT r.id, r.due_on,
    coalesce((was.row->>'surcharge_minor')::bigint, r.surcharge_minor) - coalesce(paid.surcharge, 0),
    coalesce((was.row->>'principal_minor')::bigint, r.principal_minor) - coalesce(paid.principal, 0)
FROM registry_arrear r
JOIN ledger_credit_request c ON c.id = %(credit)s
LEFT JOIN LATERAL (SELECT h.row FROM registry_history h WHERE h.table_name = 'registry_arrear' AND h.row_id = r.id
    AND h.known_to > c.posted_at ORDER BY h.known_to, h.id LIMIT 1) was ON true
LEFT JOIN LATERAL (SELECT sum(p.surcharge_minor)::bigint AS surcharge, sum(p.principal_minor)::bigint AS principal
    FROM ledger_arrear_payment p WHERE p.arrear_id = r.id AND p.seq < c.posted_seq) paid ON true
WHERE r.account_id = c.account_id
    AND coalesce((was.row->>'recorded_at')::timestamptz, r.recorded_at) < c.posted_at
ORDER BY r.due_on, r.id
"""

_PAID: Final = """
SELECT arrear_id, sum(surcharge_minor)::bigint, sum(principal_minor)::bigint FROM ledger_arrear_payment
WHERE account_id = %(account)s AND seq = ANY(%(seqs)s) GROUP BY arrear_id
HAVING sum(surcharge_minor) <> 0 OR sum(principal_minor) <> 0
"""


def examine(connection: Connection, zone: str) -> Iterator[str]:
    """What contradicts it: of each recharge by itself, then of the bills and entries together."""
    percents = {
        f"{code} {version}": int(tomllib.loads(text).get("payments", {}).get("arrears_percent", 0))
        for code, version, text in connection.execute("SELECT code, version, text FROM supply_policy_version")
    }
    for row in connection.execute(_RECHARGES, {"zone": zone}).fetchall():
        credit, account, amount, marked, _, reversed_minor, seqs, used, governs = row
        percent = percents.get(used or governs, 0)
        owed = connection.execute(_OWED, {"credit": credit}).fetchall()
        said = _by_bills(owed, min(_share(percent, amount - reversed_minor), _all(owed)))
        paid = {
            arrear: (surcharge, principal)
            for arrear, surcharge, principal in connection.execute(
                _PAID, {"account": account, "seqs": seqs or []}
            )
        }
        if paid != said:
            yield f"credit {credit} of {amount} has paid {paid} of arrears, {percent} % of it is {said}"
        if marked != sum(map(sum, paid.values())):
            yield f"credit {credit} is marked with {marked} for arrears, its entries have paid {paid}"
    yield from _loose(connection)


def _share(percent: int, left_minor: int) -> int:
    return max(left_minor, 0) * percent // 100


def _all(owed: list[tuple[int, date, int, int]]) -> int:
    return sum(surcharge + principal for _, _, surcharge, principal in owed)


def _by_bills(owed: list[tuple[int, date, int, int]], share: int) -> dict[int, tuple[int, int]]:
    """Paisa by paisa would be plainer still; this goes pot by pot."""
    said: dict[int, tuple[int, int]] = {}
    for arrear, _, surcharge, principal in owed:
        to_surcharge = min(share, surcharge)
        to_principal = min(share - to_surcharge, principal)
        if to_surcharge or to_principal:
            said[arrear] = (to_surcharge, to_principal)
        share -= to_surcharge + to_principal
    return said


def _loose(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT e.account_id, e.seq, e.amount_minor, coalesce(sum(p.surcharge_minor + p.principal_minor), 0)::bigint "
        "FROM ledger_entry e LEFT JOIN ledger_arrear_payment p ON p.account_id = e.account_id AND p.seq = e.seq "
        "WHERE e.line = 'arrears' GROUP BY 1, 2, 3 "
        "HAVING -e.amount_minor <> coalesce(sum(p.surcharge_minor + p.principal_minor), 0) ORDER BY 1, 2"
    )
    for account, seq, amount, paid in rows:
        yield f"entry {seq} of account {account} is {amount} and has paid {paid} of bills"
    rows = connection.execute(
        "SELECT p.account_id, p.seq FROM ledger_arrear_payment p LEFT JOIN ledger_entry e "
        "ON e.bucket = p.account_id >> 40 AND e.account_id = p.account_id AND e.seq = p.seq AND e.line = 'arrears' "
        "WHERE e.seq IS NULL ORDER BY 1, 2"
    )
    for account, seq in rows:
        yield f"entry {seq} of account {account} is no posting on arrears and pays bills"
    rows = connection.execute(
        "SELECT account_id, bill, surcharge_minor, principal_minor FROM ledger_arrear_left "
        "WHERE least(surcharge_minor, principal_minor) < 0 ORDER BY 1, 2"
    )
    for account, bill, surcharge, principal in rows:
        yield f"bill {bill} of account {account} is owed {surcharge} and {principal}: more was paid than is owed"
