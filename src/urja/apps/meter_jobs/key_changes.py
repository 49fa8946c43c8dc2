"""A change of a meter's keys, as a task of a job; and what there is to do of it when no job waits any more."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Q

from urja.apps.assets import meter_keys
from urja.apps.commands import operations as commands, queries as commanded
from urja.apps.commands.kinds import CHANGE_KEYS, MAKE_KEYS, TERMINAL, State
from urja.apps.meter_jobs.kinds import TaskState
from urja.apps.meter_jobs.models import Task
from urja.apps.meter_jobs.steps import Moment, end, ending, issue
from urja.base.ids import new_correlation


@dataclass(frozen=True, slots=True)
class ChangeKeys:
    """New keys, in two commands: they are made and kept, then sent, and the device's own once the meter has proven them.

    A meter that has keys waiting from a job before is sent those: it may have taken them. So what failed or expired is
    simply asked for again.
    """

    at_once: int = 100

    def begin(self, task: Task, moment: Moment) -> None:
        self._tell(task, moment)
        task.sent_at = moment.now
        task.save(update_fields=["sent_at"])

    def counts(self) -> Q:
        """A meter that was tried and is out of reach holds none."""
        return Q(command__again_at=None)

    def stirred(self) -> Q:
        return Q(command__state__in=TERMINAL)

    def hear(self, task: Task, moment: Moment) -> bool:
        command = task.command
        assert command is not None, "it was sent"
        if command.kind == MAKE_KEYS and command.state == State.CONFIRMED:
            self._tell(task, moment)
            return True
        end(task, *ending(command), at=command.ended_at or moment.now)
        return True

    def _tell(self, task: Task, moment: Moment) -> None:
        """Have keys made, or sent where they are."""
        assert task.device_id is not None, "it names a meter"
        waiting = meter_keys.unproven_keys([task.device_id]).get(task.device_id)
        kind, arguments = (MAKE_KEYS, {}) if waiting is None else (CHANGE_KEYS, {"number": waiting.number})
        under_way = commanded.unfinished([task.device_id], CHANGE_KEYS).last()
        # One that asks for the same thing already is the task's: after the first there is nothing left to prove.
        task.command = under_way or issue(task, kind, arguments, moment)
        task.state = TaskState.SENT
        task.progress = {"step": kind}
        task.save(update_fields=["command", "state", "progress"])


ASKED_AGAIN_AFTER: Final = timedelta(days=1)


_UNHEARD: Final = """
SELECT k.device_id, k.number, p.service_point_id FROM assets.new_keys k
JOIN assets.device_period p ON p.device_id = k.device_id AND p.valid_to IS NULL
JOIN LATERAL (
    SELECT c.state, c.ended_at FROM commands.command c WHERE c.device_id = k.device_id AND c.kind = 'change_keys'
        AND (c.arguments->>'number')::bigint = k.number
    ORDER BY c.sequence DESC LIMIT 1
) last ON true
WHERE last.state = 'expired' AND last.ended_at <= %(before)s
ORDER BY k.device_id LIMIT 100
"""


def resend_unanswered(moment: Moment) -> int:
    """Give the order once more to meters that were not heard in its time, a day later; how many meters that was.

    One of them may have taken its keys: its pushes and sessions go on under them, and this ends it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_UNHEARD, {"before": moment.now - ASKED_AGAIN_AFTER})
        unheard = cursor.fetchall()
        for device_id, number, service_point_id in unheard:
            commands.issue(
                device_id=device_id,
                service_point_id=service_point_id,
                kind=CHANGE_KEYS,
                arguments={"number": number},
                issued_at=moment.now,
                issued_wall_ms=moment.wall_ms,
                expires_at=moment.now + ASKED_AGAIN_AFTER,
                reason="it has not proven its new keys",
                correlation=new_correlation(moment.wall_ms, secrets.randbits(21)),
            )
    return len(unheard)
