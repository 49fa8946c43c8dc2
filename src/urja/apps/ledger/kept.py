"""Figures that are kept: a fresh balance as it was reckoned last, under a mark of all that it was reckoned from.

Who decides about an account reckons its balance anyway (`supply.standings`). As long as the mark is the one that the
books bear now, the balance kept with it is what reckoning anew would give, and a page need not rate again. A mark is
read before the figures that are kept under it: what moves meanwhile makes it the mark of other books.

Not in the mark is what waits to be looked at (`supply_changed`) from the moment it changes: credits, terms, old dues and
their plans. Who takes what is kept asks for both.
"""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from importlib.metadata import version
from typing import Any

from django.conf import settings
from django.db import connection

from urja.apps.ledger.balances import Balance
from urja.apps.registry import queries as registry

BOOKS = f"""
LEFT JOIN LATERAL (
    SELECT n.* FROM registry_agreement n
    WHERE n.account_id = a.id AND n.valid_from <= %(now)s ORDER BY n.valid_from DESC LIMIT 1
) g ON true
LEFT JOIN ledger_close d ON d.agreement_id = g.id
CROSS JOIN LATERAL (
    SELECT hash_record_extended(ROW(
        '{version("urja")}'::text, (%(now)s AT TIME ZONE '{settings.URJA_TIMEZONE}')::date,
        g.id, g.valid_from, g.valid_to, g.billing_day, {registry.FOLLOWS.format(agreement="g")},
        a.last_seq, d.closed_through, d.provisional,
        array(SELECT hash_record_extended(ROW(r.period, r.watermark_at, r.energy_wh, r.block_wh, r.estimated_wh,
                r.ratio_primary, r.ratio_secondary), 0)
            FROM readings_accrual r WHERE r.agreement_id = g.id ORDER BY r.period DESC LIMIT 2),
        (SELECT max(v.id) FROM tariffs_version v)
    ), 0) AS mark OFFSET 0
) books
"""  # noqa: S608 - constants of the installation
"""Of an account `a`: its agreement `g` of now, how far it is closed, `d`, and the mark of its `books`.

In the mark is all that a balance by totals depends on and that does not wait to be looked at; entries are never changed,
so the last one's number stands for them and for what they sum to. The local day is for tariffs that change on it the
day on which periods begin.
OFFSET: the planner would write the mark out, and have it reckoned, wherever it is named.
"""

_MARKS = f"""
SELECT a.id, books.mark FROM unnest(%(accounts)s::bigint[]) AS given (account_id)
JOIN ledger_account a ON a.id = given.account_id
{BOOKS}
"""  # noqa: S608 - constants of this module


def marks(account_ids: Sequence[int], now: datetime) -> dict[int, int]:
    """The marks that the books of accounts bear."""
    with connection.cursor() as cursor:
        cursor.execute(_MARKS, {"accounts": list(account_ids), "now": now})
        return dict(cursor.fetchall())


def to_json(balance: Balance) -> dict[str, Any]:
    """A balance as it is kept; `from_json` makes the same of it."""
    return {
        "balance_minor": balance.balance_minor,
        "ledger_minor": balance.ledger_minor,
        "pending_minor": balance.pending_minor,
        "credits_minor": balance.credits_minor,
        "as_of": _text(balance.as_of),
        "estimated_wh": balance.estimated_wh,
        "estimated_share": balance.estimated_share.as_integer_ratio(),
        "days_left": balance.days_left.as_integer_ratio() if balance.days_left is not None else None,
        "daily_cost_minor": balance.daily_cost_minor,
        "provisional_minor": balance.provisional_minor,
        "currency": balance.currency,
        "last_seq": balance.last_seq,
        "latest_watermark_at": _text(balance.latest_watermark_at),
        "latest_energy_wh": balance.latest_energy_wh,
        "by_totals": balance.by_totals,
    }


def from_json(kept: dict[str, Any]) -> Balance:
    days_left = kept["days_left"]
    return Balance(
        **{
            **kept,
            "as_of": _instant(kept["as_of"]),
            "estimated_share": Fraction(*kept["estimated_share"]),
            "days_left": Fraction(*days_left) if days_left else None,
            "latest_watermark_at": _instant(kept["latest_watermark_at"]),
        }
    )


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
