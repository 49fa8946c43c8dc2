"""What a task does with its meter, by the kind of its job.

A kind is an entry of `STEPS`. `OneCommand` serves every kind that is a single command; a kind that takes several
(a relay test) has steps of its own. Only the pipeline's stage calls this.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from django.db.models import Q

from urja.apps.commands import operations as commands
from urja.apps.commands.models import CHANGE_KEYS, MAKE_KEYS, TERMINAL, Command, State
from urja.apps.meter_jobs.models import Job, Task, TaskState
from urja.apps.registry import meter_keys
from urja.apps.registry.operations.doing import perform
from urja.apps.registry.operations.proving import TakeNewKeys
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
            "the meter was not reached in time ({detail}): see to antenna, SIM and address, then ask again",
            detail=command.detail,
        )
    if command.state == State.SUPERSEDED:
        return TaskState.FAILED, say("another command took its place ({detail})", detail=command.detail)
    return TaskState.FAILED, say("the meter did not do it: {detail}", detail=command.detail or command.state)


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


def _read(job: Job) -> tuple[str, dict[str, Any]]:
    return (
        ("read_nameplate", {})
        if job.arguments["what"] == "nameplate"
        else (
            "read_profile",
            {
                "profile": job.arguments["what"],
                "from_at": job.arguments["from_at"],
                "to_at": job.arguments["to_at"],
                "shown": SHOWN,
            },
        )
    )


SHOWN: Final = 50
"""Rows of a profile that a job shows of each meter, the newest; all of them are stored as reads."""


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


_ACTOR: Final = "meter_jobs"

STEPS: Final[dict[str, Steps]] = {
    "change_keys": ChangeKeys(),
    "read_meters": OneCommand(_read),
    "set_clocks": OneCommand(lambda _job: ("set_clock", {})),
    "show_text": OneCommand(lambda job: ("show_text", {"text": job.arguments["text"]})),
}
