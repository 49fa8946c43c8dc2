"""Disconnects supplies that are held and have no agreement: vacant premises and ended service points.

Decisions are made about accounts, and there is none here, so this switches them off. They are reconnected with the next
agreement, whose account is decided about. Protected hours apply by the policy of the last agreement; reasons that
nothing binds (`core.policy.HOLDS`) take effect at once. A protected status does not count where no consumer lives.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction

from urja.apps.commands import operations as commands
from urja.apps.commands.kinds import DISCONNECT
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.queries.policies import name_of
from urja.apps.supply.kinds import Cause
from urja.apps.supply.models import Switching
from urja.apps.supply.switching import RETRY_AFTER, RunContext, hold_ends_at
from urja.apps.work import operations as work
from urja.apps.work.kinds import WorkOrderKind
from urja.base.ids import new_correlation
from urja.core.calendar import local_day
from urja.core.policy import HOLDS, Reason, Window

# Supplies per run; the next run goes on with the rest.
AT_ONCE: Final = 200

_STILL_POWERED = """
SELECT h.service_point_id, p.device_id, d.load_switch, coalesce(f.transformer, ''), g.account_id, a.balance_minor,
    a.last_seq, h.reasons, CASE WHEN h.unbound THEN '' ELSE governing.code END, s.commodity
FROM (SELECT service_point_id, string_agg(reason, ',' ORDER BY reason) AS reasons,
        bool_or(reason = ANY(%(unbound)s)) AS unbound FROM supply_hold
    WHERE released_at IS NULL AND reason <> 'credit' GROUP BY 1) h
JOIN network.service_point s ON s.id = h.service_point_id
JOIN assets.device_period p ON p.service_point_id = h.service_point_id AND p.role = 1 AND p.valid_to IS NULL
JOIN assets.supply_in_service v ON v.service_point_id = h.service_point_id AND v.in_service_at <= %(now)s
JOIN assets.device d ON d.id = p.device_id
JOIN LATERAL (SELECT id, account_id, valid_to FROM contracts.agreement
    WHERE service_point_id = h.service_point_id ORDER BY valid_from DESC LIMIT 1) g ON g.valid_to <= %(now)s
JOIN books.account a ON a.id = g.account_id
JOIN LATERAL (SELECT coalesce(nullif(t.policy, ''),
        (SELECT s.code FROM rulebook.policy_assignment s WHERE s.category = t.category),
        (SELECT s.code FROM rulebook.policy_assignment s WHERE s.category = '')) AS code
    FROM contracts.terms t WHERE t.agreement_id = g.id ORDER BY t.valid_from DESC LIMIT 1) governing ON true
LEFT JOIN network.fed_by f ON f.service_point_id = h.service_point_id
LEFT JOIN LATERAL (SELECT kind, state, ended_at FROM commands.command
    WHERE device_id = p.device_id AND kind IN ('connect', 'disconnect') ORDER BY sequence DESC LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT kind, state FROM work.order
    WHERE device_id = p.device_id AND kind IN ('switch_off_by_hand', 'switch_on_by_hand')
    ORDER BY opened_at DESC, id DESC LIMIT 1) w ON true
WHERE (h.unbound OR governing.code = ANY(%(open)s)) AND CASE WHEN d.load_switch
    THEN c.kind IS DISTINCT FROM 'disconnect'
        OR (c.state IN ('failed', 'expired', 'superseded') AND c.ended_at <= %(again)s)
    ELSE w.kind IS DISTINCT FROM 'switch_off_by_hand' OR w.state = 'withdrawn' END
ORDER BY h.service_point_id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class _StillPowered:
    """A supply that should be off and, as far as known, is not."""

    service_point_id: int
    device_id: int
    load_switch: bool
    transformer: str
    account_id: int
    balance_minor: int
    last_seq: int
    reasons: str
    governed_by: str
    """Code of the policy whose hours apply; empty where none do."""
    commodity: str


def disconnect_vacant(moment: RunContext) -> int:
    """Disconnect held supplies without an agreement; returns how many."""
    open_now = _open_now(moment)
    with connection.cursor() as cursor:
        cursor.execute(
            _STILL_POWERED,
            {
                "now": moment.now,
                "again": moment.now - RETRY_AFTER,
                "limit": AT_ONCE,
                "open": list(open_now),
                "unbound": [reason for reason, rule in HOLDS.items() if not rule.bound],
            },
        )
        powered = [_StillPowered(*row) for row in cursor.fetchall()]
    for one in powered:
        reason = Reason("holds", "held", {"held_holds": one.reasons}).of(one.commodity)
        if one.load_switch:
            _cut(one, reason, open_now.get(one.governed_by), moment)
        else:
            work.open_order(
                WorkOrderKind.SWITCH_OFF_BY_HAND,
                device_id=one.device_id,
                service_point_id=one.service_point_id,
                opened_at=moment.now,
                asked={"account_id": one.account_id, "reason": reason.to_json()},
            )
    return len(powered)


def _open_now(moment: RunContext) -> dict[str, tuple[str, Window]]:
    """Return policies whose window is open now, by code: name with version, and the window."""
    zone = local_zone()
    day, found = local_day(moment.now, zone), {}
    for code in moment.policies.versions:
        policy = moment.policies.in_force(code, day)
        window = policy.cut.open_hours.next_window(moment.now, zone) if policy else None
        if policy and window and window.not_before <= moment.now:
            found[code] = (name_of(policy), window)
    return found


def _cut(one: _StillPowered, reason: Reason, governed: tuple[str, Window] | None, moment: RunContext) -> None:
    policy, window = governed or ("", None)
    with transaction.atomic():
        command = commands.issue(
            device_id=one.device_id,
            service_point_id=one.service_point_id,
            account_id=one.account_id,
            kind=DISCONNECT,
            issued_at=moment.now,
            issued_wall_ms=moment.wall_ms,
            expires_at=hold_ends_at(window, moment),
            reason=f"{Cause.HOLD}: {reason.rule}",
            correlation=new_correlation(moment.wall_ms, secrets.randbits(21)),
        )
        Switching.objects.create(
            command_id=command.id,
            kind=command.kind,
            cause=Cause.HOLD,
            account_id=one.account_id,
            service_point_id=one.service_point_id,
            transformer=one.transformer,
            ordered_at=moment.now,
            ordered_wall_ms=moment.wall_ms,
            window_from_at=window.not_before if window else None,
            window_to_at=window.not_after if window else None,
            policy=policy,
            reason=reason.to_json(),
            balance_minor=one.balance_minor,
            limit_minor=0,
            ledger_seq=one.last_seq,
        )
