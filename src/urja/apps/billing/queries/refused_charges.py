"""Charges that the look-back limit refuses."""

from typing import Final

from django.db import connection

from urja.apps.billing.kinds import RefusedCharge

_REFUSED: Final = """
SELECT r.agreement_id, r.account_id, r.period_start, p.period_end, r.amount_minor, a.currency, r.recorded_at, r.charged_from,
    r.months, r.policy, r.cause
FROM billing.refusal r JOIN books.account a ON a.id = r.account_id
LEFT JOIN billing_rated p ON p.agreement_id = r.agreement_id AND p.period_start = r.period_start
"""


def refused_charges(account_id: int) -> list[RefusedCharge]:
    """Return the refused charges of an account that are in force, the newest first; amounts in minor units."""
    return _refused("WHERE r.account_id = %s ORDER BY r.recorded_at DESC, r.period_start DESC", [account_id])


def newest_refused_charges(limit: int) -> list[RefusedCharge]:
    """Return the newest refused charges that are in force, of all accounts; amounts in minor units."""
    return _refused("ORDER BY r.recorded_at DESC, r.agreement_id, r.period_start DESC LIMIT %s", [limit])


def _refused(where: str, values: list[int]) -> list[RefusedCharge]:
    with connection.cursor() as cursor:
        cursor.execute(_REFUSED + where, values)
        return [RefusedCharge(*row) for row in cursor.fetchall()]


def refused_totals() -> list[tuple[str, int, int]]:
    """Return the currency, number and sum (minor units) of the refused charges that are in force."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.currency, count(*), sum(r.amount_minor)::bigint FROM billing.refusal r "
            "JOIN books.account a ON a.id = r.account_id GROUP BY 1 ORDER BY 1"
        )
        return [(currency, count, minor) for currency, count, minor in cursor.fetchall()]
