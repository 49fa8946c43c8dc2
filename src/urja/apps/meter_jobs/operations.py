"""Making and cancelling of jobs, and the runs of the stage `meter_jobs` that carries them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from urja.apps.assets.queries import is_installed
from urja.apps.meter_jobs.kinds import UNFINISHED, TaskState
from urja.apps.meter_jobs.models import Job, Task
from urja.apps.meter_jobs.steps import Moment, end
from urja.apps.meter_jobs.steps_by_kind import STEPS
from urja.base.sentences import Sentence, say, to_plain

RESULTS_AT_ONCE: Final = 500
"""The most tasks whose results are processed in one transaction."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a request: its meter with the service point, or what is wrong with the row."""

    position: int
    """From 1, as people count."""
    named: str
    device_id: int | None = None
    service_point_id: int | None = None
    fault: Sentence | None = None


def make(
    job_id: int,
    kind: str,
    arguments: dict[str, object],
    rows: Sequence[Row],
    *,
    reason: str,
    actor: str,
    asked_at: datetime,
    expires_at: datetime,
) -> Job:
    """Create a job with its tasks and return it; a row with a fault is stored as refused, with its sentence.

    `asked_at` and `expires_at` are business time in UTC.
    """
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
    """Cancel the tasks of a job that are not sent yet; return how many."""
    Job.objects.filter(id=job.id).update(cancelled_at=at, cancelled_by=actor)
    return Task.objects.filter(job=job, state=TaskState.WAITING).update(
        state=TaskState.CANCELLED, ended_at=at
    )


# -- called by the stage `meter_jobs` ----------------------------------------------------------------------------


def active_kinds() -> list[str]:
    """Return the kinds with a job that has not ended. Mostly none: then a run of the stage asks no more."""
    found = set(Job.objects.filter(ended_at=None).values_list("kind", flat=True))
    return [kind for kind in STEPS if kind in found]


def process_results(kinds: Sequence[str], moment: Moment) -> int:
    """Process the results of sent tasks; return how many tasks changed."""
    return sum(_process(kind, moment) for kind in kinds)


def _process(kind: str, moment: Moment) -> int:
    steps = STEPS[kind]
    with transaction.atomic():
        ready = (
            Task.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("job", "command")
            .filter(steps.ready(), job__kind=kind, job__ended_at=None, state=TaskState.SENT)
            .order_by("id")[:RESULTS_AT_ONCE]
        )
        return sum(steps.follow_up(task, moment) for task in ready)


def expire(moment: Moment) -> int:
    """Expire the tasks that were not sent in their job's time; return how many."""
    late = Task.objects.filter(job__ended_at=None, job__expires_at__lte=moment.now, state=TaskState.WAITING)
    return late.update(
        state=TaskState.EXPIRED,
        ended_at=moment.now,
        detail=to_plain(
            say("the job expired before this meter's turn: request it again, for longer or for fewer meters")
        ),
    )


# Tasks are numbered within their job and taken by that number, so that a job of one meter does not wait
# behind a job of 5,000.
_TURNS: Final = """
SELECT turn.id FROM meter_jobs_job j CROSS JOIN LATERAL (
    SELECT t.id, row_number() OVER (ORDER BY t.position) AS number FROM meter_jobs_task t
    WHERE t.job_id = j.id AND t.state = 'waiting' ORDER BY t.position LIMIT %(room)s
) turn
WHERE j.kind = %(kind)s AND j.ended_at IS NULL AND j.expires_at > %(now)s
ORDER BY turn.number, j.id LIMIT %(room)s
"""


def send(kinds: Sequence[str], moment: Moment) -> int:
    """Send the tasks that there is capacity for, the jobs taking turns; return how many."""
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
"""The most tasks with an unfinished command, of all jobs: as many as head ends can hold.

Meters that are out of reach are among them.
"""


def _under_way(kind: str) -> int:
    """Return how many sent tasks of a kind occupy a session."""
    sent = Task.objects.filter(
        STEPS[kind].occupies_session(), job__kind=kind, job__ended_at=None, state=TaskState.SENT
    )
    return sent.count()


def _sent() -> int:
    return Task.objects.filter(job__ended_at=None, state=TaskState.SENT).count()


def _is_installed(task: Task) -> bool:
    if task.device_id is None or task.service_point_id is None:
        return False
    return is_installed(task.device_id, task.service_point_id)


def _begin(kind: str, task_id: int, moment: Moment) -> bool:
    """Send one task; refuse it where its meter was removed since the request."""
    with transaction.atomic():
        # Locked and its state checked again: another run may have sent it, or a person cancelled it, since
        # its turn was chosen.
        task = (
            Task.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("job", "device", "service_point")
            .filter(id=task_id, state=TaskState.WAITING)
            .first()
        )
        if task is None:
            return False
        if _is_installed(task):
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
    """End the jobs whose tasks have all ended; return how many."""
    open_tasks = Task.objects.filter(state__in=UNFINISHED).values("job_id")
    return Job.objects.filter(ended_at=None).exclude(id__in=open_tasks).update(ended_at=moment.now)


DELETED_AT_ONCE: Final = 20
"""The most jobs that are deleted in one transaction; a job has at most 5,000 tasks."""


def delete_ended(ended_before: datetime) -> int:
    """Delete jobs that ended before an instant (UTC), with their meters' answers; return how many.

    The operations that requested them stay in the journal.
    """
    with transaction.atomic():
        old = Job.objects.select_for_update(skip_locked=True).filter(ended_at__lt=ended_before)
        ids = [*old.order_by("id").values_list("id", flat=True)[:DELETED_AT_ONCE]]
        Task.objects.filter(job_id__in=ids).delete()
        Job.objects.filter(id__in=ids).delete()
    return len(ids)
