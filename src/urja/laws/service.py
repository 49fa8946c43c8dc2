"""The law of commissioning: before a supply first comes into service nothing is begun there without a request, but for
fixed charges from a day that its agreement states, and an account whose opening balance is not signed off is not charged for the first time.

By plain SQL on the installations of meters, without the view by which the pipeline decides.
"""

from collections.abc import Iterator
from typing import Final, LiteralString

from urja.laws.connections import Connection

_SERVICE: Final = """
WITH since AS (
    SELECT service_point_id, min(greatest(valid_from, coalesce(taken_over_at, commissioned_at))) AS at
    FROM assets_device_period
    WHERE role = 1 AND coalesce(taken_over_at, commissioned_at) < coalesce(valid_to, 'infinity') GROUP BY 1
), place AS (
    SELECT s.id AS service_point_id, since.at FROM network_service_point s
    LEFT JOIN since ON since.service_point_id = s.id
    -- An installation that was corrected or undone later may have been in service when something was begun.
    WHERE NOT EXISTS (SELECT FROM journal_history h WHERE h.table_name = 'assets_device_period'
        AND (h.row->>'service_point_id')::bigint = s.id
        AND coalesce(h.row->>'taken_over_at', h.row->>'commissioned_at') IS NOT NULL)
), account AS (
    SELECT a.account_id, min(place.at) AS at, bool_and(place.service_point_id IS NOT NULL) AS judged
    FROM contracts_agreement a LEFT JOIN place USING (service_point_id) GROUP BY 1
)
"""

_CHARGED: Final = (
    _SERVICE
    + """
SELECT 'agreement ' || r.agreement_id, 'charged for ' || min(r.billed_first), place.at
FROM billing_rated r JOIN contracts_agreement a ON a.id = r.agreement_id JOIN place USING (service_point_id)
WHERE r.billed_first < r.billed_end
    AND coalesce(r.billed_first < (place.at AT TIME ZONE %(zone)s)::date, true)
    -- Fixed charges may begin earlier.
    AND coalesce(r.billed_first < a.bill_from, true)
GROUP BY r.agreement_id, place.at ORDER BY 1
"""
)

_ENERGY: Final = (
    _SERVICE
    + """
SELECT 'agreement ' || r.agreement_id, 'charged for energy up to ' || r.through, place.at
FROM billing_rated r JOIN contracts_agreement a ON a.id = r.agreement_id JOIN place USING (service_point_id)
WHERE r.billed_value <> 0 AND coalesce(r.through <= (place.at AT TIME ZONE %(zone)s)::date, true) ORDER BY 1
"""
)

_BEGUN: Final = (
    _SERVICE  # noqa: S608 - constants of this module
    + """
, begun AS (
    SELECT account_id, 'decided about on ' AS what, min(decided_at) AS at FROM supply_decision GROUP BY 1
    UNION ALL
    -- Letters and payments of dues are notified on request and after charges, danger at any time.
    SELECT account_id, 'notified on ', min(requested_at) FROM notices_notice
    WHERE kind NOT IN ('letter', 'dues', 'gas_escapes') AND account_id IS NOT NULL GROUP BY 1
    UNION ALL
    SELECT account_id, 'disconnected on ', min(ordered_at) FROM supply_switching WHERE kind = 'disconnect' GROUP BY 1
)
SELECT 'account ' || begun.account_id, begun.what || begun.at, account.at FROM begun JOIN account USING (account_id)
WHERE account.judged AND coalesce(begun.at < account.at, true) ORDER BY 1, 2
"""
)

_OPENED: Final = (
    _SERVICE
    + """
SELECT 'service point ' || w.service_point_id, 'given work order ' || w.id || ' on ' || w.opened_at, place.at
FROM work_order w JOIN place USING (service_point_id)
WHERE (w.asked ? 'unmetered_since' OR w.kind IN ('magnet', 'neutral_disturbed', 'cover_opened', 'phase_missing',
        'current_reversed', 'check_pushes'))
    AND coalesce(w.opened_at < place.at, true) ORDER BY 1, 2
"""
)

_UNSIGNED: Final = """
SELECT 'agreement ' || e.agreement_id, 'charged first on ' || min(e.posted_at), o.id
FROM books_entry e
CROSS JOIN LATERAL (SELECT id, content_sha256 FROM billing_opening_balance WHERE agreement_id = e.agreement_id
    AND recorded_at < (SELECT min(f.posted_at) FROM books_entry f WHERE f.agreement_id = e.agreement_id)
    ORDER BY id DESC LIMIT 1) o
WHERE o.content_sha256 = '' GROUP BY e.agreement_id, o.id ORDER BY 1
"""


def examine(connection: Connection, zone: str) -> Iterator[str]:
    """Yield what was charged, decided, notified, disconnected or opened as work before the supply was in service, and
    first charges before a sign-off of the opening balance.
    """
    statements: tuple[LiteralString, ...] = (_CHARGED, _ENERGY, _BEGUN, _OPENED)
    for statement in statements:
        for subject, what, since in connection.execute(statement, {"zone": zone}).fetchall():
            service = "never in service" if since is None else f"in service only from {since}"
            yield f"{subject} was {what}, its supply was {service}"
    for subject, what, _ in connection.execute(_UNSIGNED).fetchall():
        yield f"{subject} was {what}, its opening balance was not signed off"
