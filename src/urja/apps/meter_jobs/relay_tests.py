"""The test of a load switch where somebody is supplied: opened and closed again by the stage `decide`, never beside it.

    order to hold off ─▶ decide: hours, protection, caps ─▶ disconnect ─▶ order to release ─▶ decide ─▶ connect

The task orders that the supply be held off for `relay_test`, as an operator would, and waits for what `decide` makes of
that. Whatever becomes of the opening, the hold is released: by its end, by the job's, or because it was cancelled.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from urja.apps.commands import queries as commands
from urja.apps.commands.kinds import CARRIED_OUT, CONNECT, DISCONNECT, Command, State
from urja.apps.meter_jobs.kinds import TaskState
from urja.apps.meter_jobs.models import Task
from urja.apps.meter_jobs.steps import Moment, end, ending
from urja.apps.supply import operations as supply, queries as supplied
from urja.base.sentences import Sentence, say
from urja.core.policy import RELAY_TEST

BACK_WITHIN: Final = timedelta(hours=2)
"""After the end of a job its last supplies are waited for so long; `decide` goes on reconnecting them beyond that."""


@dataclass(frozen=True, slots=True)
class RelayTest:
    """So few at a time, whether they are reached or not: each of them is a supply that is off, or about to be."""

    at_once: int = 20

    def begin(self, task: Task, moment: Moment) -> None:
        """Order that the supply be held off; `decide` switches when it may."""
        assert task.service_point_id is not None, "it names a meter"
        supply.request_hold(
            task.service_point_id,
            RELAY_TEST,
            actor=task.job.actor,
            requested_at=moment.now,
            note=f"job {task.job_id}: {task.job.reason}",
        )
        task.state, task.sent_at = TaskState.SENT, moment.now
        task.save(update_fields=["state", "sent_at"])

    def counts(self) -> Q:
        """Every one that was sent holds a place."""
        return Q()

    def stirred(self) -> Q:
        """All of them: what `decide` makes of an order is no change of a task's own command."""
        return Q()

    def hear(self, task: Task, moment: Moment) -> bool:
        """Follow the opening, then the closing."""
        cut = _newest(task, DISCONNECT)
        if cut is not None and cut.finished:
            return self._opened(task, cut, moment)
        over = _over(task, moment)
        if over is None:
            return _shows(task, cut)
        released = _release(task, moment)
        if cut is None:
            end(task, *over, at=moment.now)
        return released or cut is None

    def _opened(self, task: Task, cut: Command, moment: Moment) -> bool:
        """The opening has ended: the supply comes back, if it went."""
        released = _release(task, moment)
        if cut.state != State.CONFIRMED:
            end(task, *_came_to_nothing(task, cut, moment), at=moment.now)
            return True
        back = _newest(task, CONNECT, after=cut.sequence)
        if back is not None and back.finished:
            _closed(task, cut, back)
            return True
        if back is None and (held := _held_for(task)):
            end(
                task,
                TaskState.DONE,
                say(
                    "the relay opened and stays open: the supply is disconnected for {reasons}", reasons=held
                ),
                at=moment.now,
                result={"opened": cut.evidence},
            )
            return True
        if moment.now >= task.job.expires_at + BACK_WITHIN:
            last = "" if back is None else back.last_error
            end(task, TaskState.FAILED, _not_back(last), at=moment.now, result={"opened": cut.evidence})
            return True
        return _shows(task, back or cut) or released


def _newest(task: Task, kind: str, after: int = 0) -> Command | None:
    """The newest command of a kind to the meter since the test began."""
    assert task.sent_at is not None, "it was sent"
    assert task.device_id is not None, "it names a meter"
    return commands.newest(task.device_id, kind, since=task.sent_at, after=after)


def _over(task: Task, moment: Moment) -> tuple[TaskState, Sentence | None] | None:
    """How a test ends whose time is over before the switch has opened; none while it goes on."""
    if task.job.cancelled_at is not None:
        return TaskState.CANCELLED, None
    if moment.now < task.job.expires_at:
        return None
    return TaskState.EXPIRED, say(
        "the supply could not be disconnected before the job expired (protected hours, the policy or a cap): "
        "request it again, for longer or at another time"
    )


def _came_to_nothing(task: Task, cut: Command, moment: Moment) -> tuple[TaskState, Sentence | None]:
    """A test whose opening was called back because it was over has ended by that."""
    over = _over(task, moment)
    return over if over is not None and cut.state == State.SUPERSEDED else ending(cut)


def _release(task: Task, moment: Moment) -> bool:
    """Order that the supply come back, once."""
    if task.progress.get("released"):
        return False
    assert task.service_point_id is not None, "it names a meter"
    supply.request_release(task.service_point_id, RELAY_TEST, actor=task.job.actor, requested_at=moment.now)
    task.progress = {"released": True}
    task.save(update_fields=["progress"])
    return True


def _shows(task: Task, command: Command | None) -> bool:
    """Let the task show a command that is under way."""
    if command is None or task.command_id == command.id:
        return False
    task.command = command
    task.save(update_fields=["command"])
    return True


def _held_for(task: Task) -> str:
    """What else holds the supply off by now; empty while the test's own hold stands, or where nothing does."""
    assert task.service_point_id is not None, "it names a meter"
    reasons = supplied.holds([task.service_point_id]).get(task.service_point_id, set())
    return "" if RELAY_TEST in reasons else ", ".join(sorted(reasons))


def _closed(task: Task, cut: Command, back: Command) -> None:
    ended_at = back.ended_at
    assert ended_at is not None, "it has ended"
    said = {"opened": cut.evidence, "closed": back.evidence, "off_s": _seconds_off(cut, ended_at)}
    if back.state == State.WAITING_FOR_PERSON:
        waits = say("the relay opened and is ready to close: the button at the meter has to be pressed")
        end(task, TaskState.FAILED, waits, at=ended_at, result=said)
    elif back.state in CARRIED_OUT:
        end(task, TaskState.DONE, at=ended_at, result=said)
    else:
        end(task, TaskState.FAILED, _not_back(back.detail), at=ended_at, result=said)


def _not_back(detail: str) -> Sentence:
    return say(
        "the relay opened and did not close again ({detail}): attempts continue, see the service point",
        detail=detail,
    )


def _seconds_off(cut: Command, back_at: datetime) -> int:
    opened_at = cut.acknowledged_at or cut.ended_at
    assert opened_at is not None, "it has ended"
    return round((back_at - opened_at).total_seconds())
