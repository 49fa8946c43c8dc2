"""The pipeline's stage `configure`: meters are given their wanted configuration, and confirmed values are noted.

The wanted values are in `assets_configuration`: operations write them there, and so do terms that begin at a
midnight. Each becomes a command that the head end reads back; where a meter does not take one, a work order is
opened, and the command is tried again after a day. A load limit goes only to a meter with a load switch; without one,
the sanctioned load only affects the bill.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

import structlog
from django.db import connection, transaction

from urja.apps.assets.configuration import record_actual
from urja.apps.assets.kinds import ConfigurationItem
from urja.apps.commands import operations as commands
from urja.apps.commands.kinds import State
from urja.apps.contracts import meter_configuration
from urja.apps.work import operations as work
from urja.apps.work.kinds import WorkOrderKind
from urja.pipeline.savepoints import Savepoints
from urja.pipeline.stage import Report

log = structlog.get_logger()

ACTOR: Final = "configure"
AT_ONCE: Final = 200
GOOD_FOR: Final = timedelta(days=1)
AGAIN_AFTER: Final = timedelta(days=1)
"""Time after a command that failed or expired."""
LOOKED_BACK: Final = timedelta(days=7)
"""How far back a new process looks for terms that began before its start; values set before that are left as they
are."""

_DUE = """
SELECT c.device_id, p.service_point_id, g.account_id, c.item, c.desired, last.state, last.ended_at, last.detail,
    w.id, coalesce(v.in_service_at <= %(now)s, false)
FROM assets.configuration c
JOIN assets.device d ON d.id = c.device_id
JOIN assets.device_period p ON p.device_id = c.device_id AND p.valid_to IS NULL
LEFT JOIN assets.supply_in_service v ON v.service_point_id = p.service_point_id
LEFT JOIN contracts.agreement g ON g.service_point_id = p.service_point_id
    AND g.valid_from <= %(now)s AND coalesce(g.valid_to, 'infinity') > %(now)s
LEFT JOIN LATERAL (
    SELECT k.state, k.ended_at, k.detail FROM commands.command k
    WHERE k.device_id = c.device_id AND k.issued_at >= c.desired_at
        AND k.kind = CASE c.item WHEN 'load_limit_w' THEN 'set_load_limit' ELSE 'set_' || c.item END
    ORDER BY k.sequence DESC LIMIT 1
) last ON true
LEFT JOIN work.order w ON w.device_id = c.device_id AND w.kind = 'configure' AND w.closed_at IS NULL
WHERE c.desired IS NOT NULL AND c.desired IS DISTINCT FROM c.actual
    -- Without a relay nothing limits a load, and gas has none.
    AND (c.item <> 'load_limit_w' OR (d.load_switch AND d.commodity = 'electricity'))
    AND (last.state IS NULL OR last.state = 'confirmed'
        OR (last.state = 'failed' AND w.id IS NULL AND v.in_service_at <= %(now)s)
        OR last.ended_at <= %(again)s)
    AND c.device_id <> ALL(%(waiting)s::bigint[])
ORDER BY c.device_id, c.item LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class _Due:
    """A wanted value that needs action, with the newest command since it was wanted."""

    device_id: int
    service_point_id: int
    account_id: int | None
    item: ConfigurationItem
    value: str
    state: str | None
    ended_at: datetime | None
    detail: str | None
    work_order_id: int | None
    supplied: bool
    """Whether the supply is in service: before that no work order is opened."""

    def command(self) -> tuple[str, dict[str, object]]:
        """The command (a module of `urja.headend.commands`) and its arguments."""
        match self.item:
            case ConfigurationItem.PAYMENT_MODE | ConfigurationItem.METERING_MODE:
                return f"set_{self.item}", {"mode": self.value}
            case ConfigurationItem.BILLING_DAY:
                return "set_billing_day", {"day": int(self.value)}
            case ConfigurationItem.LOAD_LIMIT_W:
                return "set_load_limit", {"watts": int(self.value)}
            case _:
                assert_never(self.item)


class Configure:
    """The stage `configure`. The time of its last run is remembered by this process alone."""

    def __init__(self) -> None:
        self._since: datetime | None = None

    def run_once(self, now: datetime, wall_ms: int) -> Report:
        """Issue due commands and note confirmed ones. A second run at the same time does nothing."""
        apart = Savepoints.of("configure", "the configuration of the meter", now)
        with transaction.atomic():
            done = meter_configuration.apply_begun_terms(self._since or now - LOOKED_BACK, now, ACTOR)
            due = _due(now, apart.waiting())
            done += sum(
                apart.run(
                    due,
                    lambda one: ("device", one.device_id),
                    lambda some: _deal_with_all(some, now, wall_ms),
                )
            )
            if len(due) < AT_ONCE:
                apart.remove_idle()
        self._since = now
        return Report(done, held=list(map(str, apart.known.values())))


def _deal_with_all(some: Sequence[_Due], now: datetime, wall_ms: int) -> int:
    for due in some:
        _deal_with(due, now, wall_ms)
    return len(some)


def _due(now: datetime, waiting: Sequence[int]) -> list[_Due]:
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE, {"now": now, "again": now - AGAIN_AFTER, "waiting": list(waiting), "limit": AT_ONCE}
        )
        return [
            _Due(device, place, account, ConfigurationItem(item), *rest)
            for device, place, account, item, *rest in cursor.fetchall()
        ]


def _deal_with(due: _Due, now: datetime, wall_ms: int) -> None:
    if due.state == State.CONFIRMED:
        record_actual(due.device_id, due.item, due.value, at=due.ended_at or now, actor=ACTOR)
        if due.work_order_id is not None:
            work.withdraw(due.work_order_id, now, f"the meter has taken {due.item} {due.value}")
        return
    # One work order for all attempts: the command is repeated each day, the order is not.
    if due.state == State.FAILED and due.work_order_id is None and due.supplied:
        work.open_order(
            WorkOrderKind.CONFIGURE,
            service_point_id=due.service_point_id,
            device_id=due.device_id,
            opened_at=now,
            asked={"item": due.item, "value": due.value, "why": due.detail},
        )
    if due.ended_at is not None and due.ended_at > now - AGAIN_AFTER:
        return
    kind, arguments = due.command()
    commands.issue(
        device_id=due.device_id,
        service_point_id=due.service_point_id,
        account_id=due.account_id,
        kind=kind,
        arguments=arguments,
        issued_at=now,
        issued_wall_ms=wall_ms,
        expires_at=now + GOOD_FOR,
        reason="the terms of the agreement say so",
        correlation=0,
    )
    log.info("meter configuration ordered", device=due.device_id, item=due.item, value=due.value)
