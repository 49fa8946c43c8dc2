"""A change of a meter's keys, as a task of a job."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from urja.apps.commands.models import CHANGE_KEYS, MAKE_KEYS, TERMINAL, State
from urja.apps.meter_jobs.models import Task, TaskState
from urja.apps.meter_jobs.steps import Moment, end, ending, issue
from urja.apps.registry import meter_keys
from urja.apps.registry.operations.doing import perform
from urja.apps.registry.operations.proving import TakeNewKeys

_ACTOR: Final = "meter_jobs"


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
        if command.kind == CHANGE_KEYS and command.state == State.CONFIRMED:
            perform(
                TakeNewKeys(device_id=command.device_id, number=command.arguments["number"]),
                recorded_at=moment.now,
                actor=_ACTOR,
            )
        end(task, *ending(command), at=command.ended_at or moment.now)
        return True

    def _tell(self, task: Task, moment: Moment) -> None:
        """Have keys made, or sent where they are."""
        assert task.device_id is not None, "it names a meter"
        waiting = meter_keys.waiting([task.device_id]).get(task.device_id)
        kind, arguments = (MAKE_KEYS, {}) if waiting is None else (CHANGE_KEYS, {"number": waiting.number})
        task.command = issue(task, kind, arguments, moment)
        task.state = TaskState.SENT
        task.progress = {"step": kind}
        task.save(update_fields=["command", "state", "progress"])
