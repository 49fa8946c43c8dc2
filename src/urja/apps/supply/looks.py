"""What one statement sees of each account: what there is one of, and of which kinds of things it has any.

Most accounts have none of most kinds, so only what is there is asked for afterwards (`supply.facts`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf import settings
from django.db import connection

from urja.apps.asking import Answer, ask
from urja.apps.commands import queries as commands
from urja.apps.ledger.kinds import NOT_PAID_IN
from urja.apps.registry.models import Agreement, DeviceRole
from urja.apps.supply.policies import BOOK_COLUMNS, Book, book_of
from urja.apps.supply.queries import HEALTH_COLUMN, health_of
from urja.core.arrears import due_day
from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.core.policy import Health, Instalment


@dataclass(frozen=True, slots=True)
class Stood:
    """Of what was decided last (`models.State`) that which the next decision goes on from."""

    standing: str
    reason_key: str
    since_at: datetime
    below_cut_since: datetime | None
    paid_first_at: datetime | None
    paid_due_minor: int | None


_STOOD = "s.standing, s.reason->>'key', s.since_at, s.below_cut_since, s.paid_first_at, s.paid_due_minor"


@dataclass(frozen=True, slots=True)
class Look:
    """What there is one of for each account, and which kinds of things it has any of: most have none of most."""

    service_point_id: int
    device_id: int | None
    """The billing meter; none where there is none now."""
    load_switch: bool
    recharged_minor: int | None
    """The last credit that somebody has paid and that was posted, and when."""
    recharged_at: datetime | None
    credited: bool
    held: bool
    authorised: bool
    switched: bool
    told: bool
    stood: Stood | None
    flags: frozenset[str]
    """Of the customer's protected status now."""
    flags_change_at: datetime | None
    """When it begins or ends next, as far as is known."""
    arrears_minor: int
    instalment: Instalment | None


@dataclass(frozen=True, slots=True)
class AtLarge:
    """What holds for all accounts."""

    health: Health
    policies: Book


_ANY_CREDIT = "true"
_CREDITS_THAT_MATTER = """
    s.below_cut_since IS NOT NULL
    OR EXISTS (SELECT FROM ledger_credit_request q WHERE q.account_id = given.account_id AND q.posted_at IS NULL)
"""
"""To facts: what waits to be posted, and what was posted since the credit ran out."""


_MANY = (
    "unnest(%(accounts)s::bigint[], %(places)s::bigint[], %(customers)s::bigint[])"
    " AS given (account_id, service_point_id, customer_id)"
)
_ONE = (
    "(SELECT %(account)s::bigint AS account_id, %(place)s::bigint AS service_point_id,"
    " %(customer)s::bigint AS customer_id) AS given"
)
"""Of an array the planner does not know that it holds one account: it would read whole tables for it."""


@cache
def _look_statement(given: str, credited: str, more: str = "") -> str:
    authorised = (
        "EXISTS (SELECT FROM payments_payment y WHERE y.account_id = given.account_id"
        " AND y.authorised_at IS NOT NULL AND y.credit_id IS NULL)"
        if apps.is_installed("urja.apps.payments")
        else "false"
    )
    return f"""
SELECT given.account_id, given.service_point_id, m.device_id, coalesce(d.load_switch, true),
    last.amount_minor, last.posted_at,
    {credited},
    EXISTS (SELECT FROM supply_hold h WHERE h.service_point_id = given.service_point_id AND h.released_at IS NULL),
    {authorised},
    EXISTS (SELECT FROM commands_command c WHERE c.device_id = m.device_id AND {commands.TO_THE_SWITCH}),
    EXISTS (SELECT FROM notices_notice n WHERE n.account_id = given.account_id),
    {_STOOD},
    protected.kinds, protected.changes_at,
    (SELECT coalesce(sum(r.principal_minor + r.surcharge_minor), 0)::bigint FROM ledger_arrear_left r
        WHERE r.account_id = given.account_id),
    (SELECT jsonb_build_array(p.every, p.amount_minor, p.valid_from,
            (SELECT count(*) FROM ledger_instalment i WHERE i.plan_id = p.id))
        FROM registry_instalment_plan p WHERE p.account_id = given.account_id
        AND p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s)
    {more}
FROM {given}
LEFT JOIN registry_device_period m ON m.service_point_id = given.service_point_id AND m.role = {DeviceRole.BILLING.value}
    AND m.valid_to IS NULL AND m.valid_from <= %(now)s
LEFT JOIN registry_device d ON d.id = m.device_id
LEFT JOIN supply_state s ON s.account_id = given.account_id
LEFT JOIN LATERAL (
    SELECT q.amount_minor, q.posted_at FROM ledger_credit_request q
    WHERE q.account_id = given.account_id AND q.posted_at IS NOT NULL AND q.kind NOT IN {NOT_PAID_IN}
    ORDER BY q.posted_at DESC, q.id DESC LIMIT 1
) last ON true
CROSS JOIN LATERAL (
    SELECT string_agg(q.kind, ' ') FILTER (WHERE q.valid_from <= %(now)s AND coalesce(q.valid_to, 'infinity') > %(now)s)
            AS kinds,
        least(min(q.valid_from) FILTER (WHERE q.valid_from > %(now)s),
            min(q.valid_to) FILTER (WHERE q.valid_to > %(now)s)) AS changes_at
    FROM registry_protection q WHERE q.person_id = given.customer_id
) protected
"""  # noqa: S608 - constants and the names of models


def looks_at(agreements: Sequence[Agreement], now: datetime) -> dict[int, Look]:
    """What is seen of the accounts of agreements, by account."""
    with connection.cursor() as cursor:
        cursor.execute(
            _look_statement(_MANY, _ANY_CREDIT),
            {
                "accounts": [agreement.account_id for agreement in agreements],
                "places": [agreement.service_point_id for agreement in agreements],
                "customers": [agreement.customer_id for agreement in agreements],
                "now": now,
            },
        )
        return {row[0]: _look(row) for row in cursor.fetchall()}


def look_at_large(agreement: Agreement, now: datetime) -> Answer[tuple[Look, AtLarge]]:
    """What is seen of one account, of its credits those that facts rest on; and what holds for all."""

    def read(rows: list[tuple[Any, ...]]) -> tuple[Look, AtLarge]:
        (row,) = rows
        *own, judged, versions, assigned = row
        return _look(own), AtLarge(health_of(judged), book_of(versions, assigned))

    return ask(
        _look_statement(_ONE, _CREDITS_THAT_MATTER, _AT_LARGE),
        {
            "account": agreement.account_id,
            "place": agreement.service_point_id,
            "customer": agreement.customer_id,
            "now": now,
        },
        read,
    )


_AT_LARGE = f", {HEALTH_COLUMN}, {BOOK_COLUMNS}"
"""What one statement more would ask for: three columns."""


def _look(row: Sequence[Any]) -> Look:
    own, stood, (flags, flags_change_at, arrears_minor, plan) = row[1:11], row[11:17], row[17:]
    return Look(
        *own,
        stood=Stood(*stood) if stood[0] is not None else None,
        flags=frozenset((flags or "").split()),
        flags_change_at=flags_change_at,
        arrears_minor=arrears_minor,
        instalment=_instalment(*json.loads(plan)) if plan else None,
    )


def _instalment(
    every: Literal["day", "month"], amount_minor: int, valid_from: str, posted: int
) -> Instalment:
    """What is due next of a plan that begins at a midnight, of which so many instalments were posted."""
    zone = ZoneInfo(settings.URJA_TIMEZONE)
    due_on = due_day(every, local_day(datetime.fromisoformat(valid_from), zone), posted)
    return Instalment(every, amount_minor, due_on, midnight(due_on + ONE_DAY, zone))
