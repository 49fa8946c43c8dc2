"""What there is one of for each account: its meter, the commands to its switch, its last recharge, what was decided last,
arrears and plan.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.apps.books.kinds import INTERNAL_CREDITS
from urja.apps.commands.kinds import CARRIED_OUT, SUPPLY_KINDS, TERMINAL
from urja.apps.contracts.kinds import Agreement
from urja.core.arrears import instalment_due_on
from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.core.policy import Instalment


@dataclass(frozen=True, slots=True)
class LastDecision:
    """Of what was decided last (`models.State`) that which the next decision goes on from."""

    standing: str
    reason_key: str
    since_at: datetime
    below_cut_since: datetime | None
    paid_first_at: datetime | None
    paid_due_minor: int | None


@dataclass(frozen=True, slots=True)
class SwitchCommand:
    """A command to a load switch, as far as decisions look at it."""

    id: int
    device_id: int
    kind: str
    state: str
    issued_at: datetime
    issued_wall_ms: int
    sent_at: datetime | None
    ended_at: datetime | None

    @property
    def finished(self) -> bool:
        return self.state in TERMINAL


_STOOD = "s.standing, s.reason->>'key', s.since_at, s.below_cut_since, s.paid_first_at, s.paid_due_minor"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What there is one of for an account; of what there may be many, `supply.queries.facts` asks."""

    service_point_id: int
    device_id: int | None
    """The billing meter; none where there is none now."""
    load_switch: bool
    recharged_minor: int | None
    """The last credit that somebody has paid and that was posted, and when."""
    recharged_at: datetime | None
    stood: LastDecision | None
    flags: frozenset[str]
    """Of the customer's protected status now."""
    flags_change_at: datetime | None
    """When it begins or ends next, as far as is known."""
    arrears_minor: int
    instalment: Instalment | None
    holds: frozenset[str]
    """Why the supply is held off."""
    latest: SwitchCommand | None
    """The newest command to the load switch, whatever became of it."""
    latest_cause: str
    """Why it was given; empty where it was not by a decision."""
    latest_ledger_seq: int
    """The account's last entry when it was given."""
    obeyed: SwitchCommand | None
    """The newest that the meter has carried out."""


def _newest(and_where: str = "") -> str:
    """The newest command to a meter's load switch, in the order of `SwitchCommand`."""
    return f"""
    SELECT c.id, c.device_id, c.kind, c.state, c.issued_at, c.issued_wall_ms, c.sent_at, c.ended_at
    FROM commands.command c WHERE c.device_id = m.device_id AND c.kind IN {SUPPLY_KINDS} {and_where}
    ORDER BY c.sequence DESC LIMIT 1
"""  # noqa: S608 - constants


_STATEMENT = f"""
SELECT given.account_id, given.service_point_id, m.device_id, coalesce(d.load_switch, true),
    last.amount_minor, last.posted_at,
    {_STOOD},
    protected.kinds, protected.changes_at,
    (SELECT coalesce(sum(r.principal_minor + r.surcharge_minor), 0)::bigint FROM billing.arrear_left r
        WHERE r.account_id = given.account_id),
    (SELECT jsonb_build_array(p.every, p.amount_minor, p.valid_from,
            (SELECT count(*) FROM billing.instalment i WHERE i.plan_id = p.id))
        FROM billing.instalment_plan p WHERE p.account_id = given.account_id
        AND p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s),
    array(SELECT h.reason::text FROM supply_hold h
        WHERE h.service_point_id = given.service_point_id AND h.released_at IS NULL),
    w.cause, w.ledger_seq, latest.*, obeyed.*
FROM unnest(%(accounts)s::bigint[], %(places)s::bigint[], %(customers)s::bigint[])
    AS given (account_id, service_point_id, customer_id)
LEFT JOIN assets.device_period m ON m.service_point_id = given.service_point_id AND m.role = {DeviceRole.BILLING.value}
    AND m.valid_to IS NULL AND m.valid_from <= %(now)s
LEFT JOIN assets.device d ON d.id = m.device_id
LEFT JOIN supply_state s ON s.account_id = given.account_id
LEFT JOIN LATERAL (
    SELECT q.amount_minor, q.posted_at FROM books.credit_request q
    WHERE q.account_id = given.account_id AND q.posted_at IS NOT NULL AND q.kind NOT IN {INTERNAL_CREDITS}
    ORDER BY q.posted_at DESC, q.id DESC LIMIT 1
) last ON true
CROSS JOIN LATERAL (
    SELECT string_agg(q.kind, ' ') FILTER (WHERE q.valid_from <= %(now)s AND coalesce(q.valid_to, 'infinity') > %(now)s)
            AS kinds,
        least(min(q.valid_from) FILTER (WHERE q.valid_from > %(now)s),
            min(q.valid_to) FILTER (WHERE q.valid_to > %(now)s)) AS changes_at
    FROM people.protection q WHERE q.person_id = given.customer_id
) protected
LEFT JOIN LATERAL ({_newest()}) latest ON true
LEFT JOIN supply_switching w ON w.command_id = latest.id
LEFT JOIN LATERAL ({_newest("AND c.state = ANY(%(carried_out)s)")}) obeyed ON true
"""  # noqa: S608 - constants and the names of models


def account_facts(agreements: Sequence[Agreement], now: datetime) -> dict[int, AccountFacts]:
    """By account, for the agreements given."""
    with connection.cursor() as cursor:
        cursor.execute(
            _STATEMENT,
            {
                "accounts": [agreement.account_id for agreement in agreements],
                "places": [agreement.service_point_id for agreement in agreements],
                "customers": [agreement.customer_id for agreement in agreements],
                "now": now,
                "carried_out": list(CARRIED_OUT),
            },
        )
        return {row[0]: _facts(row) for row in cursor.fetchall()}


def _facts(row: Sequence[Any]) -> AccountFacts:
    own, stood, (flags, flags_change_at, arrears_minor, plan) = row[1:6], row[6:12], row[12:16]
    (holds, cause, ledger_seq), latest, obeyed = row[16:19], row[19:27], row[27:]
    return AccountFacts(
        *own,
        stood=LastDecision(*stood) if stood[0] is not None else None,
        flags=frozenset((flags or "").split()),
        flags_change_at=flags_change_at,
        arrears_minor=arrears_minor,
        instalment=_instalment(*json.loads(plan)) if plan else None,
        holds=frozenset(holds),
        latest=SwitchCommand(*latest) if latest[0] is not None else None,
        latest_cause=cause or "",
        latest_ledger_seq=ledger_seq or 0,
        obeyed=SwitchCommand(*obeyed) if obeyed[0] is not None else None,
    )


def _instalment(
    every: Literal["day", "month"], amount_minor: int, valid_from: str, posted: int
) -> Instalment:
    """What is due next of a plan that begins at a midnight, of which so many instalments were posted."""
    zone = ZoneInfo(settings.URJA_TIMEZONE)
    due_on = instalment_due_on(every, local_day(datetime.fromisoformat(valid_from), zone), posted)
    return Instalment(every, amount_minor, due_on, midnight(due_on + ONE_DAY, zone))
