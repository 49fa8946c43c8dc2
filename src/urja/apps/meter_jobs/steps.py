"""What a task does with its meter, by the kind of its job.

Which kinds there are says `urja.apps.meter_jobs.steps_by_kind`. `OneCommand` serves every kind that is a single command; a kind
that takes several (a relay test, a change of keys) has steps of its own. Only the pipeline's stage calls this.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Q

from urja.apps.commands import operations as commands
from urja.apps.commands.kinds import TERMINAL, Command, State
from urja.apps.meter_jobs.kinds import TaskState
from urja.apps.meter_jobs.models import Job, Task
from urja.base.ids import new_correlation
from urja.base.sentences import Sentence, say, to_plain


@dataclass(frozen=True, slots=True)
class Moment:
    """One run of the stage: business time and wall time."""

    now: datetime
    wall_ms: int


class Steps(Protocol):
    """A kind of job. `task.job` is loaded and the task is locked."""

    at_once: int
    """How many of its tasks are under way together."""

    def begin(self, task: Task, moment: Moment) -> None:
        """Ask the meter; the task is sent, or has ended."""
        ...

    def counts(self) -> Q:
        """Which of the sent tasks hold a place."""
        ...

    def stirred(self) -> Q:
        """Which of the sent tasks there is something to do about."""
        ...

    def hear(self, task: Task, moment: Moment) -> bool:
        """Take what came of it; whether something changed."""
        ...


@dataclass(frozen=True, slots=True)
class OneCommand:
    """One command, whose end is the task's."""

    command_of: Callable[[Job], tuple[str, dict[str, Any]]]
    """The module of `urja.headend.commands`, and what it takes."""
    at_once: int = 100
    """Sessions with meters: the head end has 512 places, and collection needs most of them."""

    def begin(self, task: Task, moment: Moment) -> None:
        kind, arguments = self.command_of(task.job)
        task.command = issue(task, kind, arguments, moment)
        task.state, task.sent_at = TaskState.SENT, moment.now
        task.save(update_fields=["command", "state", "sent_at"])

    def counts(self) -> Q:
        """A meter that was tried and is out of reach holds none."""
        return Q(command__again_at=None)

    def stirred(self) -> Q:
        return Q(command__state__in=TERMINAL)

    def hear(self, task: Task, moment: Moment) -> bool:
        assert task.command is not None, "it was sent"
        end(task, *ending(task.command), at=task.command.ended_at or moment.now, result=task.command.evidence)
        return True


def issue(task: Task, kind: str, arguments: dict[str, Any], moment: Moment) -> Command:
    """Give a command for a task, that lives as long as its job."""
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


def ending(command: Command) -> tuple[TaskState, Sentence | None]:
    """What a command's end means for a task."""
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
    result: Mapping[str, Any] | None = None,
) -> None:
    """Note how a task has ended."""
    task.state, task.ended_at = state, at
    task.detail = "" if detail is None else to_plain(detail)
    task.result = dict(result or {})
    task.save(update_fields=["state", "ended_at", "detail", "result"])
