"""Test of a relay where a consumer is supplied: the stage `decide` opens and closes it, as for any disconnection.

    order to hold off ─▶ decide: hours, protection, caps ─▶ disconnect ─▶ order to release ─▶ decide ─▶ connect

The task requests a supply hold for `relay_test`, as an operator would, and waits for what `decide` makes of it.
Whatever becomes of the opening, the hold is released: after the test, at the job's end, or because it was cancelled.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from urja.apps.commands import queries as commands
from urja.apps.commands.kinds import CARRIED_OUT, CONNECT, DISCONNECT, State
from urja.apps.commands.queries import CommandRow
from urja.apps.meter_jobs.kinds import TaskState
from urja.apps.meter_jobs.models import Task
from urja.apps.meter_jobs.steps import Moment, end, ending
from urja.apps.supply import operations as supply, queries as supplied
from urja.base.sentences import Sentence, say
from urja.core.policy import RELAY_TEST

BACK_WITHIN: Final = timedelta(hours=2)
"""How long after a job's end its last reconnections are waited for; `decide` goes on with them after that."""


@dataclass(frozen=True, slots=True)
class RelayTest:
    """Steps of a relay test. Few at a time: each of them is a supply that is disconnected, or about to be."""

    at_once: int = 20

    def begin(self, task: Task, moment: Moment) -> None:
        """Request the supply hold; `decide` disconnects when it may."""
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

    def occupies_session(self) -> Q:
        """Return a condition that every sent task meets.

        Unreachable meters count as well, because the supply of each may be disconnected at any moment.
        """
        return Q()

    def ready(self) -> Q:
        """Return a condition that every sent task meets: what `decide` does changes nothing in the task itself."""
        return Q()

    def follow_up(self, task: Task, moment: Moment) -> bool:
        """Follow the disconnection, then the reconnection."""
        cut = _newest(task, DISCONNECT)
        if cut is not None and cut.finished:
            return self._opened(task, cut, moment)
        over = _over(task, moment)
        if over is None:
            return _show(task, cut)
        released = _release(task, moment)
        if cut is None:
            end(task, *over, at=moment.now)
        return released or cut is None

    def _opened(self, task: Task, cut: CommandRow, moment: Moment) -> bool:
        """Handle the end of the disconnection: release the hold, and end the task where the reconnection has ended."""
        # Before anything else: whatever has become of the test, the supply must be reconnected.
        released = _release(task, moment)
        if cut.state != State.CONFIRMED:
            end(task, *_ending_unopened(task, cut, moment), at=moment.now)
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
        return _show(task, back or cut) or released


def _newest(task: Task, kind: str, after: int = 0) -> CommandRow | None:
    """Return the newest command of a kind to the meter since the test began."""
    assert task.sent_at is not None, "it was sent"
    assert task.device_id is not None, "it names a meter"
    return commands.newest(task.device_id, kind, since=task.sent_at, after=after)


def _over(task: Task, moment: Moment) -> tuple[TaskState, Sentence | None] | None:
    """Return how a test ends whose time is over before the relay has opened; None while it goes on."""
    if task.job.cancelled_at is not None:
        return TaskState.CANCELLED, None
    if moment.now < task.job.expires_at:
        return None
    return TaskState.EXPIRED, say(
        "the supply could not be disconnected before the job expired (protected hours, the policy or a cap): "
        "request it again, for longer or at another time"
    )


def _ending_unopened(task: Task, cut: CommandRow, moment: Moment) -> tuple[TaskState, Sentence | None]:
    """Return how a test ends whose relay did not open; superseded means that the end of the test called it back."""
    over = _over(task, moment)
    return over if over is not None and cut.state == State.SUPERSEDED else ending(cut)


def _release(task: Task, moment: Moment) -> bool:
    """Request the release of the hold, once; return whether it was requested now."""
    if task.progress.get("released"):
        return False
    assert task.service_point_id is not None, "it names a meter"
    supply.request_release(task.service_point_id, RELAY_TEST, actor=task.job.actor, requested_at=moment.now)
    task.progress = {"released": True}
    task.save(update_fields=["progress"])
    return True


def _show(task: Task, command: CommandRow | None) -> bool:
    """Let the task show a command that is under way; return whether that is a change."""
    if command is None or task.command_id == command.id:
        return False
    task.command = command
    task.save(update_fields=["command"])
    return True


def _held_for(task: Task) -> str:
    """Return the other reasons for which the supply is disconnected; empty while the test's own hold stands."""
    assert task.service_point_id is not None, "it names a meter"
    reasons = supplied.holds([task.service_point_id]).get(task.service_point_id, set())
    return "" if RELAY_TEST in reasons else ", ".join(sorted(reasons))


def _closed(task: Task, cut: CommandRow, back: CommandRow) -> None:
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


def _seconds_off(cut: CommandRow, back_at: datetime) -> int:
    opened_at = cut.acknowledged_at or cut.ended_at
    assert opened_at is not None, "it has ended"
    return round((back_at - opened_at).total_seconds())
