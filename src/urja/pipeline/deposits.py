"""Security deposits that are due: each is charged to its account once its day has begun, by an operation of the registry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection

from urja.apps.local_zone import local_zone
from urja.pipeline.savepoints import Savepoints
from urja.usecases.operations import ChargeDeposit, perform

ACTOR: Final = "mode_changes"
AT_ONCE: Final = 200

_DUE: Final = """
SELECT d.id FROM billing.deposit_demand d
WHERE d.ended_at IS NULL AND d.due_on <= (%(now)s AT TIME ZONE %(zone)s)::date AND d.id <> ALL(%(waiting)s::bigint[])
ORDER BY d.due_on, d.id LIMIT %(limit)s
"""


def charge_due(now: datetime) -> tuple[int, list[str]]:
    """Charge what is due at `now` (UTC), a bounded number; return how many, and what is held back."""
    apart = Savepoints.of("mode_changes", "its security deposit", now)
    due = _due(now, apart.waiting())
    charged = [
        one
        for demand_id in due
        for one in apart.run([demand_id], lambda one: ("demand", one), lambda one: _charge(one[0], now))
    ]
    if len(due) < AT_ONCE:
        apart.remove_idle()
    return len(charged), list(map(str, apart.known.values()))


def _due(now: datetime, waiting: Sequence[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE, {"now": now, "zone": local_zone().key, "waiting": list(waiting), "limit": AT_ONCE}
        )
        return [demand_id for (demand_id,) in cursor.fetchall()]


def _charge(demand_id: int, now: datetime) -> int:
    return perform(ChargeDeposit(demand_id=demand_id), recorded_at=now, actor=ACTOR).id
