"""Changes of meters' keys as tasks of a job, and the daily repetition for meters that did not answer."""

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
    """New keys for a meter, by two commands: the head end makes them and they are stored; then they are sent.

    They become the device's own once the meter has proven them. A meter with unproven keys from an earlier job is
    sent the same ones, because it may have taken them; so a task that failed or expired can simply be requested
    again.
    """

    at_once: int = 100

    def begin(self, task: Task, moment: Moment) -> None:
        self._issue_next(task, moment)
        task.sent_at = moment.now
        task.save(update_fields=["sent_at"])

    def occupies_session(self) -> Q:
        """Return the condition for tasks whose meter is within reach; no attempt is scheduled for later."""
        return Q(command__again_at=None)

    def ready(self) -> Q:
        return Q(command__state__in=TERMINAL)

    def follow_up(self, task: Task, moment: Moment) -> bool:
        command = task.command
        assert command is not None, "it was sent"
        if command.kind == MAKE_KEYS and command.state == State.CONFIRMED:
            self._issue_next(task, moment)
            return True
        end(task, *ending(command), at=command.ended_at or moment.now)
        return True

    def _issue_next(self, task: Task, moment: Moment) -> None:
        """Issue the command that makes keys, or where keys are stored the one that sends them."""
        assert task.device_id is not None, "it names a meter"
        waiting = meter_keys.unproven_keys([task.device_id]).get(task.device_id)
        kind, arguments = (MAKE_KEYS, {}) if waiting is None else (CHANGE_KEYS, {"number": waiting.number})
        under_way = commanded.unfinished([task.device_id], CHANGE_KEYS).last()
        # An unfinished command for the same keys becomes the task's: a second one would find nothing to prove any more.
        task.command = under_way or issue(task, kind, arguments, moment)
        task.state = TaskState.SENT
        task.progress = {"step": kind}
        task.save(update_fields=["command", "state", "progress"])


REPEATED_AFTER: Final = timedelta(days=1)
"""How long after its end an unanswered command is issued again, and how long the new one is valid."""


_UNANSWERED: Final = """
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
    """Issue `change_keys` again for meters whose command expired a day ago without an answer; return how many.

    Such a meter may have taken its new keys: its pushes and sessions go on under them, and this ends that state.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_UNANSWERED, {"before": moment.now - REPEATED_AFTER})
        unanswered = cursor.fetchall()
        for device_id, number, service_point_id in unanswered:
            commands.issue(
                device_id=device_id,
                service_point_id=service_point_id,
                kind=CHANGE_KEYS,
                arguments={"number": number},
                issued_at=moment.now,
                issued_wall_ms=moment.wall_ms,
                expires_at=moment.now + REPEATED_AFTER,
                reason="it has not proven its new keys",
                correlation=new_correlation(moment.wall_ms, secrets.randbits(21)),
            )
    return len(unanswered)
