"""The accounts of a person at one look: a single statement, and whether anything has changed since the last one.

A page that is drawn from an account's postings and readings need not be drawn again while its `mark` stands: it moves
with the last posting, the balance, what the readings have accrued, the last closed day, the agreement, a new version of
its tariff, all that waits to be looked at (credits on their way, terms, old dues), the last decision about its supply,
the newest message of its meter, what pushes without a tag have told and its last recharge. What it does not see (a late
interval behind the register's last read) shows when a page is drawn again for another reason, which portals do once a
minute.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from urja.apps.ledger import kept
from urja.apps.ledger.balances import Balance
from urja.apps.readings.power import HEARD, HEARD_AT, LAST_GASP
from urja.apps.registry import queries as registry
from urja.apps.registry.models import Agreement, DeviceRole
from urja.apps.rows import built, columns
from urja.core.policy import Outlook
from urja.core.power import Heard

_GLANCE = f"""
SELECT x.account_id, p.name, s.consumer_number, {columns(Agreement, "g")},
    CASE WHEN state.seen_mark = books.mark AND waiting.id IS NULL THEN state.figures END,
    state.seen_seq = a.last_seq AND coalesce(state.look_again_at, 'infinity') > %(now)s
        AND coalesce(g.valid_to, 'infinity') > %(now)s,
    latest.id IS NOT NULL,
    EXISTS (SELECT FROM supply_relight r WHERE r.account_id = x.account_id),
    device.interval_s, {HEARD_AT}, {LAST_GASP}, told.until_at,
    hash_record_extended(ROW(
        books.mark, waiting.id, state.decided_at, state.standing, state.supply, latest.id, latest.state, h.heard_at, h.last_gasp,
        told.until_at
    ), 0)
FROM registry_person i
JOIN registry_account_access x ON x.person_id = i.id
JOIN ledger_account a ON a.id = x.account_id
{kept.BOOKS}
LEFT JOIN registry_service_point s ON s.id = g.service_point_id
LEFT JOIN registry_premise p ON p.id = s.premise_id
LEFT JOIN registry_device_period m ON m.service_point_id = g.service_point_id
    AND m.role = {DeviceRole.BILLING.value} AND m.valid_to IS NULL
LEFT JOIN registry_device device ON device.id = m.device_id
{HEARD}
LEFT JOIN supply_state state ON state.account_id = x.account_id
CROSS JOIN LATERAL (SELECT max(c.id) AS id FROM supply_changed c WHERE c.account_id = x.account_id) waiting
LEFT JOIN LATERAL (
    SELECT o.id, o.state FROM payments_order o WHERE o.account_id = x.account_id
    ORDER BY o.created_at DESC, o.id DESC LIMIT 1
) latest ON true
LEFT JOIN LATERAL (
    SELECT max(u.start_at + make_interval(secs => u.length_s)) AS until_at FROM readings_unconfirmed u
    WHERE u.service_point_id = g.service_point_id AND u.start_at >= coalesce(ac.latest_end_at, g.valid_from)
) told ON true
WHERE i.user_id = %(user)s AND (%(account)s::bigint IS NULL OR x.account_id = %(account)s::bigint)
ORDER BY x.recorded_at, x.id
"""  # noqa: S608 - constants of the registry and of models
"""After the figures that are kept: whether a decision would still be the last one, for all that time and rules say."""


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
    outlook: Outlook | None
    """What lies ahead of the supply, where it was kept and nothing has moved since; none also where more is to be told."""
    ordered: bool
    """Whether a recharge was ever begun."""
    relit: bool
    """Whether there is a chain from a payment to light, under way or at its end."""
    interval: timedelta | None
    """Of the billing meter; None where none hangs there."""
    heard: Heard | None
    """The meter's newest message."""
    unconfirmed_until: datetime | None
    """To when pushes without a tag have told of intervals behind all that is known."""
    mark: int
    """Another value when what is known of the account has changed."""


def glances(user_id: int, now: datetime, account_id: int | None = None) -> list[Glance]:
    """The accounts of a person, oldest access first; with `account_id` that one, if it is among them.

    Agreements come with their terms where more is to be asked of them, which is where no outlook is kept.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GLANCE, {"user": user_id, "account": account_id, "now": now})
        found = [_glance(row, now) for row in cursor.fetchall()]
    unknown = [seen.agreement for seen in found if seen.agreement is not None and seen.outlook is None]
    if unknown:
        registry.with_terms(unknown)
    return found


def _glance(row: Sequence[Any], now: datetime) -> Glance:
    account_id, premise, number, *agreement, figures, decided, ordered, relit = row[:-5]
    interval_s, heard_at, last_gasp, unconfirmed_until, mark = row[-5:]
    figures = json.loads(figures) if figures is not None else {}
    balance, outlook = figures.get("balance"), figures.get("outlook")
    return Glance(
        account_id=account_id,
        premise=premise,
        consumer_number=number,
        agreement=None if agreement[0] is None else built(Agreement, agreement),
        kept=None if balance is None else kept.from_json(balance),
        outlook=None if outlook is None or not decided else _ahead(Outlook.from_json(outlook), now),
        ordered=ordered,
        relit=relit,
        interval=None if interval_s is None else timedelta(seconds=interval_s),
        heard=None if heard_at is None else Heard(heard_at, last_gasp),
        unconfirmed_until=unconfirmed_until,
        mark=mark,
    )


def _ahead(outlook: Outlook, now: datetime) -> Outlook | None:
    return outlook if outlook.ahead_of(now) else None
