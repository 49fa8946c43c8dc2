"""Which jobs, rows and answers of meters somebody may see.

A job is seen by whoever has `read:meter_jobs` where one of its meters is; of its rows those in that area, and those that
name no meter where it is their own job or they may everywhere. What a meter has said of its intervals takes
`read:load_curve` as well, and is written down as a read of whoever lives there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from urja.apps.contracts.models import Agreement
from urja.apps.identity.queries.access import Area, Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.meter_jobs.kinds import TaskState
from urja.apps.meter_jobs.models import Job, Task
from urja.apps.overviews.queries import areas
from urja.apps.overviews.queries.paging import given

CURVES: Final = frozenset({"block"})
"""What is read that shows when somebody uses how much."""


type JobRow = Job
type TaskRow = Task


def jobs(kind: str | None = None) -> QuerySet[Job]:
    """The jobs of a kind, or all."""
    return Job.objects.filter(given(kind=kind))


def seen_in(area: Area, at: datetime) -> Q:
    """The jobs with a meter in an area."""
    if area.everywhere:
        return Q()
    there = Task.objects.filter(areas.service_points(area, at, "service_point_id"), job=OuterRef("pk"))
    return Q(Exists(there))


def tasks_seen(
    job: Job, caller: Caller, area: Area, at: datetime, *, state: str | None = None
) -> QuerySet[Task]:
    """The rows of a job in an area, in the order of its list."""
    seen = areas.service_points(area, at, "service_point_id")
    if job.actor == caller.actor and not area.everywhere:
        seen |= Q(service_point=None)
    rows = Task.objects.filter(seen, given(state=state), job=job).select_related(
        "device", "service_point", "command"
    )
    # The web's role may not read all of a device: its keys are nobody's.
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
    """How many rows are in each state."""
    counted = dict(tasks.order_by().values_list("state").annotate(count=Count("id")))
    return {state: counted.get(state, 0) for state in TaskState.values}


def results(
    job: Job, tasks: Sequence[Task], caller: Caller, what: str, at: datetime
) -> dict[int, dict[str, Any]]:
    """What the meters of some rows have said, by row; without the rows whose answer the caller may not see.

    `what` names the page or route, for the book of who has read what.
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
