"""The writing side of the meter jobs: an operation of the registry makes one, the stage `meter_jobs` leads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from urja.apps.assets.queries import is_installed
from urja.apps.meter_jobs.kinds import UNFINISHED, TaskState
from urja.apps.meter_jobs.models import Job, Task
from urja.apps.meter_jobs.steps import Moment, end
from urja.apps.meter_jobs.steps_by_kind import STEPS
from urja.base.sentences import Sentence, say, to_plain

RESULTS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a request: the meter that it names and where that is installed, or what is wrong with the row."""

    position: int
    """From 1, as people count."""
    named: str
    device_id: int | None = None
    service_point_id: int | None = None
    fault: Sentence | None = None


def make(
    job_id: int,
    kind: str,
    arguments: dict[str, Any],
    rows: Sequence[Row],
    *,
    reason: str,
    actor: str,
    asked_at: datetime,
    expires_at: datetime,
) -> Job:
    """Record a job; a row that names no meter is refused with its sentence."""
    job = Job.objects.create(
        id=job_id,
        kind=kind,
        arguments=arguments,
        reason=reason,
        actor=actor,
        asked_at=asked_at,
        expires_at=expires_at,
        meters=len(rows),
    )
    Task.objects.bulk_create([_task(job, row, asked_at) for row in rows], batch_size=1000)
    return job


def _task(job: Job, row: Row, at: datetime) -> Task:
    refused = {"state": TaskState.REFUSED, "detail": to_plain(row.fault or ""), "ended_at": at}
    return Task(
        job=job,
        position=row.position,
        named=row.named[:64],
        device_id=row.device_id,
        service_point_id=row.service_point_id,
        **(refused if row.device_id is None else {}),
    )


def cancel(job: Job, *, actor: str, at: datetime) -> int:
    """End what was not sent yet; how many tasks that were."""
    Job.objects.filter(id=job.id).update(cancelled_at=at, cancelled_by=actor)
    return Task.objects.filter(job=job, state=TaskState.WAITING).update(
        state=TaskState.CANCELLED, ended_at=at
    )


# -- the stage's -----------------------------------------------------------------------------------------------


def active_kinds() -> list[str]:
    """The kinds of which a job has not ended: mostly none, and then there is nothing else to ask."""
    found = set(Job.objects.filter(ended_at=None).values_list("kind", flat=True))
    return [kind for kind in STEPS if kind in found]


def process_results(kinds: Sequence[str], moment: Moment) -> int:
    """Take what came of what was sent; how many tasks moved."""
    return sum(_hear(kind, moment) for kind in kinds)


def _hear(kind: str, moment: Moment) -> int:
    steps = STEPS[kind]
    with transaction.atomic():
        stirred = (
            Task.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("job", "command")
            .filter(steps.stirred(), job__kind=kind, job__ended_at=None, state=TaskState.SENT)
            .order_by("id")[:RESULTS_AT_ONCE]
        )
        return sum(steps.hear(task, moment) for task in stirred)


def expire(moment: Moment) -> int:
    """End what was not sent in its job's time."""
    late = Task.objects.filter(job__ended_at=None, job__expires_at__lte=moment.now, state=TaskState.WAITING)
    return late.update(
        state=TaskState.EXPIRED,
        ended_at=moment.now,
        detail=to_plain(
            say("the job expired before this meter's turn: request it again, for longer or for fewer meters")
        ),
    )


_TURNS: Final = """
SELECT turn.id FROM meter_jobs_job j CROSS JOIN LATERAL (
    SELECT t.id, row_number() OVER (ORDER BY t.position) AS number FROM meter_jobs_task t
    WHERE t.job_id = j.id AND t.state = 'waiting' ORDER BY t.position LIMIT %(room)s
) turn
WHERE j.kind = %(kind)s AND j.ended_at IS NULL AND j.expires_at > %(now)s
ORDER BY turn.number, j.id LIMIT %(room)s
"""


def send(kinds: Sequence[str], moment: Moment) -> int:
    """Begin what there is room for, the jobs taking turns; how many tasks that were."""
    return sum(_send(kind, moment) for kind in kinds)


def _send(kind: str, moment: Moment) -> int:
    room = min(STEPS[kind].at_once - _under_way(kind), MOST_SENT - _sent())
    if room <= 0:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_TURNS, {"kind": kind, "room": room, "now": moment.now})
        turns = [id_ for (id_,) in cursor.fetchall()]
    return sum(_begin(kind, task_id, moment) for task_id in turns)


MOST_SENT: Final = 2000
"""Tasks of all jobs whose command has not ended, with meters that are out of reach among them: what the head ends take."""


def _under_way(kind: str) -> int:
    """Sent tasks that hold a place."""
    sent = Task.objects.filter(STEPS[kind].counts(), job__kind=kind, job__ended_at=None, state=TaskState.SENT)
    return sent.count()


def _sent() -> int:
    return Task.objects.filter(job__ended_at=None, state=TaskState.SENT).count()


def _begin(kind: str, task_id: int, moment: Moment) -> bool:
    """Send one task, whose meter may have been removed since it was asked for."""
    with transaction.atomic():
        task = (
            Task.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("job", "device", "service_point")
            .filter(id=task_id, state=TaskState.WAITING)
            .first()
        )
        if task is None:
            return False
        if is_installed(task.device_id, task.service_point_id):
            STEPS[kind].begin(task, moment)
        else:
            gone = say(
                "meter {device} is not installed at {service_point} any more",
                device=task.device,
                service_point=task.service_point,
            )
            end(task, TaskState.REFUSED, gone, at=moment.now)
        return True


def close(moment: Moment) -> int:
    """End the jobs of which nothing is under way any more."""
    open_tasks = Task.objects.filter(state__in=UNFINISHED).values("job_id")
    return Job.objects.filter(ended_at=None).exclude(id__in=open_tasks).update(ended_at=moment.now)


FORGOTTEN_AT_ONCE: Final = 20
"""Jobs, of at most 5,000 tasks each."""


def delete_ended(ended_before: datetime) -> int:
    """Delete jobs that ended before, with what their meters said; how many. The operations that asked for them stay."""
    with transaction.atomic():
        old = Job.objects.select_for_update(skip_locked=True).filter(ended_at__lt=ended_before)
        ids = [*old.order_by("id").values_list("id", flat=True)[:FORGOTTEN_AT_ONCE]]
        Task.objects.filter(job_id__in=ids).delete()
        Job.objects.filter(id__in=ids).delete()
    return len(ids)
