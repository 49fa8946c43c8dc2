"""Supplies that are held off and that nobody has an agreement for: empty flats, connections that have ended.

No account is decided about there, so no decision switches them off; this does. They come back with the next agreement,
whose account is decided about.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction

from urja.apps.commands import operations as commands
from urja.apps.commands.models import DISCONNECT
from urja.apps.supply.models import Cause, Switching
from urja.apps.supply.switching import AGAIN_AFTER, HOLD_LASTS, Moment
from urja.apps.work import operations as work
from urja.apps.work.models import WorkOrderKind
from urja.base.ids import new_correlation
from urja.core.policy import Reason

AT_ONCE: Final = 200

_LIT = """
SELECT h.service_point_id, p.device_id, d.load_switch, coalesce(f.transformer, ''), g.account_id, a.balance_minor,
    a.last_seq, h.reasons
FROM (SELECT service_point_id, string_agg(reason, ',' ORDER BY reason) AS reasons FROM supply_hold
    WHERE released_at IS NULL AND reason <> 'credit' GROUP BY 1) h
JOIN registry_device_period p ON p.service_point_id = h.service_point_id AND p.role = 1 AND p.valid_to IS NULL
JOIN registry_device d ON d.id = p.device_id
JOIN LATERAL (SELECT account_id, valid_to FROM registry_agreement
    WHERE service_point_id = h.service_point_id ORDER BY valid_from DESC LIMIT 1) g ON g.valid_to <= %(now)s
JOIN ledger_account a ON a.id = g.account_id
LEFT JOIN registry_fed_by f ON f.service_point_id = h.service_point_id
LEFT JOIN LATERAL (SELECT kind, state, ended_at FROM commands_command
    WHERE device_id = p.device_id AND kind IN ('connect', 'disconnect') ORDER BY sequence DESC LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT kind, state FROM work_order
    WHERE device_id = p.device_id AND kind IN ('switch_off_by_hand', 'switch_on_by_hand')
    ORDER BY opened_at DESC, id DESC LIMIT 1) w ON true
WHERE CASE WHEN d.load_switch
    THEN c.kind IS DISTINCT FROM 'disconnect'
        OR (c.state IN ('failed', 'expired', 'superseded') AND c.ended_at <= %(again)s)
    ELSE w.kind IS DISTINCT FROM 'switch_off_by_hand' OR w.state = 'withdrawn' END
ORDER BY h.service_point_id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class _Lit:
    """A supply that is to be off, and for all that is known is not."""

    service_point_id: int
    device_id: int
    load_switch: bool
    transformer: str
    account_id: int
    balance_minor: int
    last_seq: int
    reasons: str


def look(moment: Moment) -> int:
    """Switch off what is held off where nobody has an agreement; how many supplies."""
    with connection.cursor() as cursor:
        cursor.execute(_LIT, {"now": moment.now, "again": moment.now - AGAIN_AFTER, "limit": AT_ONCE})
        lit = [_Lit(*row) for row in cursor.fetchall()]
    for one in lit:
        reason = Reason("holds", "held", {"held_holds": one.reasons})
        if one.load_switch:
            _cut(one, reason, moment)
        else:
            work.open_order(
                WorkOrderKind.SWITCH_OFF_BY_HAND,
                device_id=one.device_id,
                service_point_id=one.service_point_id,
                opened_at=moment.now,
                asked={"account_id": one.account_id, "reason": reason.to_json()},
            )
    return len(lit)


def _cut(one: _Lit, reason: Reason, moment: Moment) -> None:
    with transaction.atomic():
        command = commands.issue(
            device_id=one.device_id,
            service_point_id=one.service_point_id,
            account_id=one.account_id,
            kind=DISCONNECT,
            issued_at=moment.now,
            issued_wall_ms=moment.wall_ms,
            expires_at=moment.now + HOLD_LASTS,
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
            policy="",
            reason=reason.to_json(),
            balance_minor=one.balance_minor,
            limit_minor=0,
            ledger_seq=one.last_seq,
        )
