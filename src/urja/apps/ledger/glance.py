"""The accounts of a person at one look: a single statement, and whether anything has changed since the last one.

A page that is drawn from an account's postings and readings need not be drawn again while its `mark` stands: it
moves with the last posting, the balance, what the readings have accrued, the last closed day, credits on their
way, the agreement, a new version of its tariff, the last decision about its supply and its last recharge. What it does not see (a late interval behind the register's
last read) shows when a page is drawn again for another reason, which portals do once a minute.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from urja.apps.ledger import kept
from urja.apps.ledger.balances import Balance
from urja.apps.registry.models import Agreement, AgreementTerms
from urja.apps.rows import built, built_of_json, columns

_GLANCE = f"""
SELECT x.account_id, p.name, s.consumer_number, terms.rows, g.follows_at, {columns(Agreement, "g")},
    CASE WHEN state.seen_mark = books.mark THEN state.figures END,
    latest.id IS NOT NULL,
    hash_record_extended(ROW(books.mark, state.decided_at, state.standing, state.supply, latest.id, latest.state), 0)
FROM registry_person i
JOIN registry_account_access x ON x.person_id = i.id
JOIN ledger_account a ON a.id = x.account_id
{kept.BOOKS}
LEFT JOIN registry_service_point s ON s.id = g.service_point_id
LEFT JOIN registry_premise p ON p.id = s.premise_id
LEFT JOIN supply_state state ON state.account_id = x.account_id
LEFT JOIN LATERAL (
    SELECT o.id, o.state FROM payments_order o WHERE o.account_id = x.account_id
    ORDER BY o.created_at DESC, o.id DESC LIMIT 1
) latest ON true
WHERE i.user_id = %(user)s AND (%(account)s::bigint IS NULL OR x.account_id = %(account)s::bigint)
ORDER BY x.recorded_at, x.id
"""  # noqa: S608 - constants of the registry and of models


@dataclass(frozen=True, slots=True)
class Glance:
    """An account that a person has a role on."""

    account_id: int
    premise: str | None
    """None, like the two below, before the account's first agreement begins."""
    consumer_number: str | None
    agreement: Agreement | None
    kept: Balance | None
    """The fresh balance, where it was kept and the books are as they were then."""
    ordered: bool
    """Whether a recharge was ever begun."""
    mark: int
    """Another value when what is known of the account has changed."""


def glances(user_id: int, now: datetime, account_id: int | None = None) -> list[Glance]:
    """The accounts of a person, oldest access first; with `account_id` that one, if it is among them."""
    with connection.cursor() as cursor:
        cursor.execute(_GLANCE, {"user": user_id, "account": account_id, "now": now})
        return [_glance(row) for row in cursor.fetchall()]


def _glance(row: tuple[Any, ...]) -> Glance:
    account_id, premise, number, terms, follows_at, *agreement, figures, ordered, mark = row
    return Glance(
        account_id=account_id,
        premise=premise,
        consumer_number=number,
        agreement=None if terms is None else _agreement(agreement, terms, follows_at),
        kept=None if figures is None else kept.from_json(json.loads(figures)),
        ordered=ordered,
        mark=mark,
    )


def _agreement(row: Sequence[Any], terms: str, follows_at: datetime | None) -> Agreement:
    agreement = built(Agreement, row)
    agreement.follows_at = follows_at
    agreement.all_terms = tuple(built_of_json(AgreementTerms, values) for values in json.loads(terms))
    return agreement
