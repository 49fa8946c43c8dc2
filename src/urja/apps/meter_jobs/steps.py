"""Steps of a task with its meter, by the kind of its job.

The kinds are in `urja.apps.meter_jobs.steps_by_kind`. `OneCommand` serves every kind that is a single command; a kind
with several (a relay test, a change of keys) has steps of its own. Only the pipeline's stage calls them.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db.models import Q

from urja.apps.commands import operations as commands
from urja.apps.commands.kinds import TERMINAL, State
from urja.apps.commands.queries import CommandRow
from urja.apps.meter_jobs.kinds import TaskState
from urja.apps.meter_jobs.models import Job, Task
from urja.base.ids import new_correlation
from urja.base.sentences import Sentence, say, to_plain
from urja.base.untyped_values import JsonObject


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of a run of the stage: business time, and Unix milliseconds of the wall clock."""

    now: datetime
    wall_ms: int


class Steps(Protocol):
    """The steps of one kind of job. `task.job` is loaded and the task is locked."""

    @property
    def at_once(self) -> int:
        """How many of its tasks may be under way at a time."""
        ...

    def begin(self, task: Task, moment: Moment) -> None:
        """Send the task: issue its command, or request what it needs; it may also end here."""
        ...

    def occupies_session(self) -> Q:
        """Return the condition for sent tasks that count against `at_once`."""
        ...

    def ready(self) -> Q:
        """Return the condition for sent tasks whose results can be processed."""
        ...

    def follow_up(self, task: Task, moment: Moment) -> bool:
        """Process what has come of a task; return whether it changed."""
        ...


@dataclass(frozen=True, slots=True)
class OneCommand:
    """A task that is one command and ends with it."""

    command_of: Callable[[Job], tuple[str, dict[str, object]]]
    """Returns a job's command (a module of `urja.headend.commands`) and its arguments."""
    at_once: int = 100
    """Sessions with meters: a head end holds 512, and collection needs most of them."""

    def begin(self, task: Task, moment: Moment) -> None:
        kind, arguments = self.command_of(task.job)
        task.command = issue(task, kind, arguments, moment)
        task.state, task.sent_at = TaskState.SENT, moment.now
        task.save(update_fields=["command", "state", "sent_at"])

    def occupies_session(self) -> Q:
        """Return the condition for tasks whose meter is within reach; no attempt is scheduled for later."""
        return Q(command__again_at=None)

    def ready(self) -> Q:
        return Q(command__state__in=TERMINAL)

    def follow_up(self, task: Task, moment: Moment) -> bool:
        assert task.command is not None, "it was sent"
        end(task, *ending(task.command), at=task.command.ended_at or moment.now, result=task.command.evidence)
        return True


def issue(task: Task, kind: str, arguments: JsonObject, moment: Moment) -> CommandRow:
    """Issue a command for a task; it expires with the job."""
    assert task.device_id is not None, "it names a meter"
    assert task.service_point_id is not None, "it names a meter"
    return commands.issue(
        device_id=task.device_id,
        service_point_id=task.service_point_id,
        kind=kind,
        arguments=arguments,
        issued_at=moment.now,
        issued_wall_ms=moment.wall_ms,
        expires_at=task.job.expires_at,
        reason=f"{task.job.kind} {task.job_id}",
        correlation=new_correlation(moment.wall_ms, secrets.randbits(21)),
    )


def ending(command: CommandRow) -> tuple[TaskState, Sentence | None]:
    """Return the state and the sentence with which a command's end ends its task."""
    if command.state == State.CONFIRMED:
        return TaskState.DONE, None
    if command.state == State.EXPIRED:
        return TaskState.EXPIRED, say(
            "the meter was not reached in time ({detail}): check antenna, SIM and address, then request it again",
            detail=command.detail,
        )
    if command.state == State.SUPERSEDED:
        return TaskState.FAILED, say("another command superseded it ({detail})", detail=command.detail)
    return TaskState.FAILED, say(
        "the meter did not carry out the command: {detail}", detail=command.detail or command.state
    )


def end(
    task: Task,
    state: TaskState,
    detail: Sentence | None = None,
    *,
    at: datetime,
    result: Mapping[str, object] | None = None,
) -> None:
    """Record how a task has ended."""
    task.state, task.ended_at = state, at
    task.detail = "" if detail is None else to_plain(detail)
    task.result = dict(result or {})
    task.save(update_fields=["state", "ended_at", "detail", "result"])
