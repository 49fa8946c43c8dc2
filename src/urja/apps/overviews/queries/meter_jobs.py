"""Which meter jobs, their rows and the meters' answers a caller may see.

A job is visible to a caller with `read:meter_jobs` where at least one of its meters is in the caller's area. Of its
rows the caller sees those in the area; rows that name no known meter only in the caller's own job, or without a limited
area. Answers with load curves need `read:load_curve` too, and each look is recorded as a read of the consumer's
personal data.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from urja.apps.contracts.models import Agreement
from urja.apps.identity.queries.access import Area, Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.meter_jobs.kinds import TaskState
from urja.apps.meter_jobs.models import Job, Task
from urja.apps.overviews.queries import areas
from urja.apps.overviews.queries.paging import counts_by_state, given

CURVES: Final = frozenset({"block"})
"""Profiles that show when a consumer uses how much."""


type JobRow = Job
type TaskRow = Task


def jobs(kind: str | None = None) -> QuerySet[Job]:
    """Return the query for jobs, of one kind or of all."""
    return Job.objects.filter(given(kind=kind))


def seen_in(area: Area, at: datetime) -> Q:
    """Return the condition that a job has a meter in an area."""
    if area.everywhere:
        return Q()
    there = Task.objects.filter(areas.service_points(area, at, "service_point_id"), job=OuterRef("pk"))
    return Q(Exists(there))


def tasks_seen(
    job: Job, caller: Caller, area: Area, at: datetime, *, state: str | None = None
) -> QuerySet[Task]:
    """Return the query for the rows of a job that a caller may see, in the order of the job's list."""
    seen = areas.service_points(area, at, "service_point_id")
    if job.actor == caller.actor and not area.everywhere:
        seen |= Q(service_point=None)
    rows = Task.objects.filter(seen, given(state=state), job=job).select_related(
        "device", "service_point", "command"
    )
    # The web's database role has no right on a device's wrapped keys, so a query for all columns would fail.
    return rows.only(*_SHOWN).order_by("position")


_SHOWN: Final = (
    "job_id",
    "position",
    "named",
    "device_id",
    "service_point_id",
    "state",
    "command_id",
    "progress",
    "result",
    "detail",
    "sent_at",
    "ended_at",
    "device__serial",
    "service_point__consumer_number",
    "command__last_error",
)


def progress(tasks: QuerySet[Task]) -> dict[str, int]:
    """Return the number of rows in each state, zero included."""
    return counts_by_state(tasks, TaskState.values)


def results(
    job: Job, tasks: Sequence[Task], caller: Caller, what: str, at: datetime
) -> dict[int, dict[str, object]]:
    """Return the answers of meters by row id, without those that the caller may not see.

    Where the answers are load curves the read is recorded for each consumer concerned; `what` names the page or route
    there.
    """
    answered = {task.id: task.result for task in tasks if task.result}
    if job.arguments.get("what") not in CURVES:
        return answered
    area = caller.area(Read.LOAD_CURVE)
    if area is None:
        return {}
    there = Task.objects.filter(areas.service_points(area, at, "service_point_id"), id__in=answered)
    shown = dict(there.values_list("id", "service_point_id"))
    living = Agreement.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at), service_point_id__in=shown.values(), valid_from__lte=at
    ).exclude(customer=None)
    record_personal_reads(caller, list(living.values_list("customer_id", flat=True)), what, at)
    return {id_: result for id_, result in answered.items() if id_ in shown}
