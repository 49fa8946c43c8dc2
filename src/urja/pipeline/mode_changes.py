"""The pipeline's stage `mode_changes`: converts the agreements of orders that change payment modes, once their day has
begun.

An order is requested as any operation of the registry (`change_modes`): `register` checks whether the requester may,
and `approve` waits for passkeys where thresholds require them. Here each consumer gets the notice of the change first;
then each agreement is converted in a transaction of its own, so that a kill leaves every row either converted or
waiting. An agreement becomes prepaid only once the day before is closed: what was used until then is on the bill, not
on the new balance. A provisional close does not say that: the row waits for the read, and is refused if none comes. A
conversion of a single supply that has to wait is such an order too.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection, transaction

from urja.apps.contracts import mode_changes as orders
from urja.apps.contracts.kinds import ModeChangeState
from urja.apps.local_zone import local_zone
from urja.apps.notices import operations as notices
from urja.pipeline.deposits import charge_due
from urja.pipeline.savepoints import Savepoints
from urja.pipeline.stage import Report
from urja.usecases.mode_change_figures import deposits_owed
from urja.usecases.mode_changes import convert
from urja.usecases.payment_modes import PATIENCE_DAYS

log = structlog.get_logger()

AT_ONCE: Final = 200
"""Agreements that one run converts, the orders taking turns."""
TOLD_AT_ONCE: Final = 1000

_TURNS: Final = """
SELECT turn.id FROM contracts.mode_change m CROSS JOIN LATERAL (
    SELECT r.id, row_number() OVER (ORDER BY r.position) AS number FROM contracts.mode_change_row r
    WHERE r.mode_change_id = m.id AND r.state = 'waiting' AND r.told_at IS NOT NULL
        AND r.id <> ALL(%(waiting)s::bigint[])
        AND (m.payment_mode = 'postpaid' OR m.effective_at <= %(overdue)s OR EXISTS (
            SELECT FROM contracts.agreement a LEFT JOIN billing.close c ON c.agreement_id = a.id
            WHERE a.id = r.agreement_id AND (a.valid_from >= m.effective_at OR c.ended_at IS NOT NULL
                OR (c.closed_through >= m.effective_on - 1 AND NOT c.provisional))))
    ORDER BY r.position LIMIT %(limit)s
) turn
WHERE m.ended_at IS NULL AND m.effective_at <= %(now)s
ORDER BY turn.number, m.id LIMIT %(limit)s
"""


def run_once(now: datetime) -> Report:
    """Give the notices of open orders, then convert what is due at `now` (UTC), a bounded number; then charge the security
    deposits that are due.
    """
    spared = orders.begin_to_spare(now)
    told = _tell(now)
    apart = Savepoints.of("mode_changes", "its conversion", now)
    # One by one: a kill leaves each row either converted or waiting.
    due = _turns(now, apart.waiting())
    ended = [
        state
        for row_id in due
        for state in apart.run([row_id], lambda one: ("row", one), lambda one: convert(one[0], now))
    ]
    if len(due) < AT_ONCE:
        apart.remove_idle()
    charged, held = charge_due(now)
    converted = sum(state == ModeChangeState.DONE for state in ended)
    if ended:
        log.info("payment modes changed", converted=converted, rows=len(ended))
    return Report(
        spared + told + len(ended) + orders.end_finished(now) + charged,
        held=[*map(str, apart.known.values()), *held],
    )


def _turns(now: datetime, waiting: Sequence[int]) -> list[int]:
    with connection.cursor() as cursor:
        overdue = now - timedelta(days=PATIENCE_DAYS)
        cursor.execute(_TURNS, {"limit": AT_ONCE, "now": now, "overdue": overdue, "waiting": list(waiting)})
        return [row_id for (row_id,) in cursor.fetchall()]


def _tell(now: datetime) -> int:
    """Request the notices of the change; return how many."""
    with transaction.atomic():
        rows = orders.untold(TOLD_AT_ONCE)
        owed = deposits_owed(rows)
        notices.request_notices(
            [
                notices.Request(
                    row.account_id,
                    f"becomes_{row.mode_change.payment_mode}",
                    {"effective_at": row.mode_change.effective_at.astimezone(local_zone()).isoformat()}
                    | ({"deposit_due_minor": owed[row.id]} if row.id in owed else {}),
                    f"mode-change:{row.mode_change_id}:{row.position}",
                )
                for row in rows
            ],
            now,
        )
        orders.note_told(rows, now)
    return len(rows)
