"""Facts of which each account has one.

These are its meter, switch commands, last recharge, last decision, dues and instalment plan.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from django.db import connection

from urja.apps.assets.kinds import DeviceRole
from urja.apps.books.kinds import INTERNAL_CREDITS
from urja.apps.commands.kinds import CARRIED_OUT, SUPPLY_KINDS, TERMINAL
from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.base.untyped_values import SqlRow
from urja.core.arrears import instalment_due_on
from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.core.policy import Instalment, RunningReview

NOTICES_KEPT: Final = timedelta(days=60)
"""How far back notices count where an account was never recharged and is not exhausted."""


@dataclass(frozen=True, slots=True)
class LastDecision:
    """The part of the last decision (`models.State`) that the next one continues from."""

    standing: str
    reason_key: str
    since_at: datetime
    below_cut_since: datetime | None
    paid_first_at: datetime | None
    paid_due_minor: int | None


@dataclass(frozen=True, slots=True)
class SwitchCommand:
    """A command to a load switch, with the fields that decisions use."""

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
        """Whether the command has reached one of its final states."""
        return self.state in TERMINAL


_LAST_DECISION = (
    "s.standing, s.reason->>'key', s.since_at, s.below_cut_since, s.paid_first_at, s.paid_due_minor"
)


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """Single facts of an account. Those of which there may be many are loaded by `supply.queries.facts`."""

    service_point_id: int
    device_id: int | None
    """The billing meter; None where none is installed now."""
    load_switch: bool
    recharged_minor: int | None
    """The last posted credit that was paid in, in minor units, and when it was posted."""
    recharged_at: datetime | None
    last_decision: LastDecision | None
    flags: frozenset[str]
    """Protected statuses of the consumer in force now."""
    flags_change_at: datetime | None
    """When the next of them begins or ends, as far as known."""
    arrears_minor: int
    instalment: Instalment | None
    review: RunningReview | None
    """The review of a charge of the account that runs."""
    awaits_sign_off: bool
    """Whether an opening balance that is not signed off keeps it from being decided about."""
    becomes_postpaid: bool
    """Whether an order that is due makes it postpaid, and its turn has not come."""
    noticed_since: datetime
    """From when notices count: the last recharge, or when its credit was exhausted where that was earlier."""
    has_notices: bool
    """Whether there is any from then on."""
    has_uncredited: bool
    """Whether a gateway ever authorised a payment that is not credited."""
    holds: frozenset[str]
    """Open reasons to keep the supply off."""
    latest: SwitchCommand | None
    """The newest command to the load switch, in any state."""
    latest_cause: str
    """Its cause; empty where it was not given by a decision."""
    latest_ledger_seq: int
    """The account's last ledger entry when it was given."""
    executed: SwitchCommand | None
    """The newest command that the meter has executed."""


def _newest(and_where: str = "") -> str:
    """Return the SQL for a meter's newest switch command, with the columns of `SwitchCommand`."""
    return f"""
    SELECT c.id, c.device_id, c.kind, c.state, c.issued_at, c.issued_wall_ms, c.sent_at, c.ended_at
    FROM commands.command c WHERE c.device_id = m.device_id AND c.kind IN {SUPPLY_KINDS} {and_where}
    ORDER BY c.sequence DESC LIMIT 1
"""  # noqa: S608 - constants


_STATEMENT = f"""
SELECT given.account_id, given.service_point_id, m.device_id, coalesce(d.load_switch, true),
    last.amount_minor, last.posted_at,
    {_LAST_DECISION},
    protected.kinds, protected.changes_at,
    (SELECT coalesce(sum(r.principal_minor + r.surcharge_minor), 0)::bigint FROM billing.arrear_left r
        WHERE r.account_id = given.account_id),
    (SELECT jsonb_build_array(p.every, p.amount_minor, p.valid_from,
            (SELECT count(*) FROM billing.instalment i WHERE i.plan_id = p.id))
        FROM billing.instalment_plan p WHERE p.account_id = given.account_id
        AND p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s),
    reviewed.charge_minor, reviewed.ends_at,
    EXISTS (SELECT FROM billing.opening_balance o WHERE o.agreement_id = given.agreement_id AND o.holds_charges),
    EXISTS (SELECT FROM contracts.mode_change_row w JOIN contracts.mode_change c ON c.id = w.mode_change_id
        WHERE w.account_id = given.account_id AND w.state = 'waiting' AND c.spares_from_at <= %(now)s),
    noticed.since_at,
    EXISTS (SELECT FROM notices.notice n WHERE n.account_id = given.account_id AND n.requested_at >= noticed.since_at),
    EXISTS (SELECT FROM payments.uncredited u WHERE u.account_id = given.account_id),
    array(SELECT h.reason::text FROM supply_hold h
        WHERE h.service_point_id = given.service_point_id AND h.released_at IS NULL),
    w.cause, w.ledger_seq, latest.*, executed.*
FROM unnest(%(accounts)s::bigint[], %(agreements)s::bigint[], %(places)s::bigint[], %(consumers)s::bigint[])
    AS given (account_id, agreement_id, service_point_id, customer_id)
LEFT JOIN billing.review reviewed ON reviewed.account_id = given.account_id AND reviewed.ended_at IS NULL
LEFT JOIN assets.device_period m ON m.service_point_id = given.service_point_id AND m.role = {DeviceRole.BILLING.value}
    AND m.valid_to IS NULL AND m.valid_from <= %(now)s
LEFT JOIN assets.device d ON d.id = m.device_id
LEFT JOIN supply_state s ON s.account_id = given.account_id
LEFT JOIN LATERAL (
    SELECT q.amount_minor, q.posted_at FROM books.credit_request q
    WHERE q.account_id = given.account_id AND q.posted_at IS NOT NULL AND q.kind NOT IN {INTERNAL_CREDITS}
    ORDER BY q.posted_at DESC, q.id DESC LIMIT 1
) last ON true
CROSS JOIN LATERAL (SELECT coalesce(least(last.posted_at, s.below_cut_since), %(noticed_since)s) AS since_at) noticed
CROSS JOIN LATERAL (
    SELECT string_agg(q.kind, ' ') FILTER (WHERE q.valid_from <= %(now)s AND coalesce(q.valid_to, 'infinity') > %(now)s)
            AS kinds,
        least(min(q.valid_from) FILTER (WHERE q.valid_from > %(now)s),
            min(q.valid_to) FILTER (WHERE q.valid_to > %(now)s)) AS changes_at
    FROM people.protection q WHERE q.person_id = given.customer_id
) protected
LEFT JOIN LATERAL ({_newest()}) latest ON true
LEFT JOIN supply_switching w ON w.command_id = latest.id
LEFT JOIN LATERAL ({_newest("AND c.state = ANY(%(carried_out)s)")}) executed ON true
"""  # noqa: S608 - constants and the names of models


def account_facts(agreements: Sequence[Agreement], now: datetime) -> dict[int, AccountFacts]:
    """Return the facts of the given agreements' accounts at an instant (UTC), by account id; amounts in minor units."""
    with connection.cursor() as cursor:
        cursor.execute(
            _STATEMENT,
            {
                "accounts": [agreement.account_id for agreement in agreements],
                "agreements": [agreement.id for agreement in agreements],
                "places": [agreement.service_point_id for agreement in agreements],
                "consumers": [agreement.customer_id for agreement in agreements],
                "now": now,
                "noticed_since": now - NOTICES_KEPT,
                "carried_out": list(CARRIED_OUT),
            },
        )
        return {row[0]: _facts(row) for row in cursor.fetchall()}


def _facts(row: SqlRow) -> AccountFacts:
    place, device, load_switch, recharged_minor, recharged_at = row[1:6]
    last_decision, (flags, flags_change_at, arrears_minor, plan) = row[6:12], row[12:16]
    reviewed_minor, review_ends_at = row[16:18]
    awaits_sign_off, becomes_postpaid, noticed_since, has_notices, has_uncredited = row[18:23]
    (holds, cause, ledger_seq), latest, executed = row[23:26], row[26:34], row[34:]
    return AccountFacts(
        service_point_id=place,
        device_id=device,
        load_switch=load_switch,
        recharged_minor=recharged_minor,
        recharged_at=recharged_at,
        last_decision=LastDecision(*last_decision) if last_decision[0] is not None else None,
        flags=frozenset((flags or "").split()),
        flags_change_at=flags_change_at,
        arrears_minor=arrears_minor,
        instalment=_instalment(*json.loads(plan)) if plan else None,
        review=None if review_ends_at is None else RunningReview(reviewed_minor, review_ends_at),
        awaits_sign_off=awaits_sign_off,
        becomes_postpaid=becomes_postpaid,
        noticed_since=noticed_since,
        has_notices=has_notices,
        has_uncredited=has_uncredited,
        holds=frozenset(holds),
        latest=SwitchCommand(*latest) if latest[0] is not None else None,
        latest_cause=cause or "",
        latest_ledger_seq=ledger_seq or 0,
        executed=SwitchCommand(*executed) if executed[0] is not None else None,
    )


def _instalment(
    every: Literal["day", "month"], amount_minor: int, valid_from: str, posted: int
) -> Instalment:
    """Return the next due instalment of a plan that begins at a midnight, of which `posted` were posted."""
    zone = local_zone()
    due_on = instalment_due_on(every, local_day(datetime.fromisoformat(valid_from), zone), posted)
    return Instalment(every, amount_minor, due_on, midnight(due_on + ONE_DAY, zone))
