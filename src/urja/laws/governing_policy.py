"""The law of policies: each warning, disconnection and standing follows the policy that governs the agreement.

The governing policy is determined again by plain SQL from the tables as they were known then: the agreement's own, else the
one of its category, else the general one.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Final

from urja.base.untyped_values import JsonMapping, JsonObject
from urja.laws.connections import Connection

type Row = JsonObject
type Rows = Callable[[str, JsonMapping], list[Row]]

_GOVERNING: Final = """
SELECT v.code || ' ' || v.version AS policy
FROM contracts_agreement g
CROSS JOIN LATERAL contracts_known('contracts_agreement_terms', 'agreement_id', ARRAY[g.id], %(known)s) AS t (terms)
LEFT JOIN LATERAL (SELECT s.code, s.recorded_at FROM rulebook_policy_assignment s
    WHERE s.category IN (terms->>'category', '') ORDER BY s.category DESC LIMIT 1) assigned ON true
CROSS JOIN LATERAL (SELECT v.code, v.version FROM rulebook_policy_version v
    WHERE v.code = coalesce(nullif(terms->>'policy', ''), assigned.code)
        AND v.recorded_at <= %(known)s AND v.valid_from <= (%(at)s AT TIME ZONE %(zone)s)::date
    ORDER BY v.valid_from DESC, v.id DESC LIMIT 1) v
WHERE g.account_id = %(account)s AND g.valid_from <= %(at)s AND coalesce(g.valid_to, 'infinity') > %(at)s
    AND (terms->>'valid_from')::timestamptz <= %(at)s
    AND coalesce((terms->>'valid_to')::timestamptz, 'infinity') > %(at)s
    -- No decision is made about an account without a tariff in force.
    AND EXISTS (SELECT FROM rulebook_tariff_version p WHERE p.code = terms->>'tariff_code'
        AND p.valid_from <= (%(at)s AT TIME ZONE %(zone)s)::date)
    -- Earlier assignments are not stored.
    AND (terms->>'policy' <> '' OR assigned.recorded_at <= %(known)s)
"""


_GOVERNING_TEXT: Final = """
SELECT v.code || ' ' || v.version, v.text FROM (
    SELECT terms FROM contracts_known('contracts_agreement_terms', 'agreement_id', ARRAY[%(agreement)s::bigint], %(at)s)
        AS known (terms)
    ORDER BY (terms->>'valid_from')::timestamptz <= %(at)s DESC,
        CASE WHEN (terms->>'valid_from')::timestamptz <= %(at)s THEN terms->>'valid_from' END DESC, terms->>'valid_from'
    LIMIT 1
) agreed
LEFT JOIN LATERAL (SELECT s.code, s.recorded_at FROM rulebook_policy_assignment s
    WHERE s.category IN (terms->>'category', '') ORDER BY s.category DESC LIMIT 1) assigned ON true
CROSS JOIN LATERAL (SELECT v.code, v.version, v.text FROM rulebook_policy_version v
    WHERE v.code = coalesce(nullif(terms->>'policy', ''), assigned.code)
        AND v.recorded_at <= %(at)s AND v.valid_from <= (%(at)s AT TIME ZONE %(zone)s)::date
    ORDER BY v.valid_from DESC, v.id DESC LIMIT 1) v
-- Earlier assignments are not stored.
WHERE terms->>'policy' <> '' OR assigned.recorded_at <= %(at)s
"""


def governing_text(
    connection: Connection, agreement_id: int, at: datetime, zone: str
) -> tuple[str, str] | None:
    """Return name and text of the policy version that governed an agreement, as the tables were known at an instant.

    None where there was none, or where the assignment of policies has changed since. After its end an agreement is
    governed by its last terms.
    """
    found = connection.execute(
        _GOVERNING_TEXT, {"agreement": agreement_id, "at": at, "zone": zone}
    ).fetchone()
    return None if found is None else (found[0], found[1])


def examine(rows: Rows, cuts: Iterable[Row], now: datetime, zone: str, slack: timedelta) -> Iterator[str]:
    """Yield disconnections and present standings by another policy than the governing one.

    Within `slack` of a change, the policy before and the one after it are both accepted.
    """

    def others(account_id: int, policy: str, at: datetime) -> set[str]:
        """Return the policies that governed the account then, where this one did not; empty where that is not known."""
        governed: set[str] = set()
        for instant, known in product((at, at - slack), repeat=2):
            parameters = {"account": account_id, "at": instant, "known": known, "zone": zone}
            found = {row["policy"] for row in rows(_GOVERNING, parameters)}
            if policy in found:
                return set()
            governed |= found
        return governed

    for cut in cuts:
        if governed := others(cut["account_id"], cut["policy"], cut["issued_at"]):
            yield f"cut {cut['id']} of account {cut['account_id']} was by {cut['policy']}, not by {_either(governed)}"
    for state in rows("SELECT account_id, policy FROM supply_state ORDER BY account_id", {}):
        if governed := others(state["account_id"], state["policy"], now):
            yield f"account {state['account_id']} stands by {state['policy']}, not by {_either(governed)}"


def _either(policies: Iterable[str]) -> str:
    return " or ".join(sorted(policies))
