"""Queries on meter jobs. Who may see which of them is in `urja.apps.overviews.queries.meter_jobs`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from urja.apps.billing.agreement_periods import period_of
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.apps.meter_jobs.answers_file import csv_of
from urja.apps.meter_jobs.kinds import UNFINISHED
from urja.apps.meter_jobs.models import Job, Task
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.rulebook.queries import tariffs
from urja.apps.rulebook.queries.calendars import versions_of
from urja.core.calendar import ONE_DAY, local_day
from urja.core.calendars import ActivityTables, UncoveredDayError, first_difference

__all__ = [
    "Progress",
    "TaskProgress",
    "csv_of",
    "jobs_of",
    "service_points_of",
    "tasks_of",
    "under_way",
    "unfinished",
]


def unfinished() -> int:
    """Return how many tasks of all jobs have not ended."""
    return Task.objects.filter(job__ended_at=None, state__in=UNFINISHED).count()


def under_way(kind: str, device_ids: Iterable[int]) -> dict[int, int]:
    """Return the job of this kind that has not ended for a device, by device; devices without one are left out."""
    return dict(
        Task.objects.filter(
            job__kind=kind, job__ended_at=None, state__in=UNFINISHED, device_id__in=list(device_ids)
        ).values_list("device_id", "job_id")
    )


def service_points_of(job_id: int) -> list[int]:
    """Return the service points of a job's meters."""
    tasks = Task.objects.filter(job_id=job_id, service_point_id__isnull=False)
    return list(tasks.values_list("service_point_id", flat=True))


@dataclass(frozen=True, slots=True)
class Progress:
    """A job with the number of its tasks in each state."""

    job_id: int
    asked_at: datetime
    actor: str
    reason: str
    ended_at: datetime | None
    states: Counter[str]
    """Number of tasks by state."""


def jobs_of(kind: str, limit: int, job_id: int | None = None) -> list[Progress]:
    """Return the newest jobs of a kind, newest first, or the one with a number."""
    found = Job.objects.filter(kind=kind).order_by("-id")
    return [
        Progress(
            job_id=job.id,
            asked_at=job.asked_at,
            actor=job.actor,
            reason=job.reason,
            ended_at=job.ended_at,
            states=Counter(Task.objects.filter(job=job).values_list("state", flat=True)),
        )
        for job in (found if job_id is None else found.filter(id=job_id))[:limit]
    ]


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """A task of a job as pages show it."""

    named: str
    state: str
    progress: dict[str, object]
    detail: str
    """As stored (`urja.base.sentences.from_plain`)."""
    trouble: str
    """What the last attempt failed on, while it is under way."""


def tasks_of(job_id: int) -> list[TaskProgress]:
    """Return the tasks of a job in the order of its list."""
    return [
        TaskProgress(
            named=task.named,
            state=task.state,
            progress=task.progress,
            detail=task.detail,
            trouble="" if task.command is None or task.ended_at is not None else task.command.last_error,
        )
        for task in Task.objects.filter(job_id=job_id).select_related("command").order_by("position")
    ]


class CalendarAgreement(StrEnum):
    """How a meter's calendar compares with that of its tariff."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NO_ZONES = "no_zones"
    """The tariff has no zones, or there is no agreement with a tariff."""
    NOT_IN_FORCE = "not_in_force"
    """No version of the tariff's calendar is in force throughout the billing period."""


@dataclass(frozen=True, slots=True)
class CalendarComparison:
    """A meter's calendar beside that of its tariff in a billing period."""

    result: CalendarAgreement
    code: str | None = None
    """Of the tariff's calendar; None for a tariff without zones."""
    first_day: date | None = None
    """The first local day of the billing period on which they differ."""


def compare_calendar(service_point_id: int, tables: ActivityTables, at: datetime) -> CalendarComparison:
    """Return how a meter's calendar compares with its tariff's in the billing period with an instant (UTC)."""
    found = tariff_calendar(service_point_id, at)
    if found is None:
        return CalendarComparison(CalendarAgreement.NO_ZONES)
    code, agreement = found
    period = period_of(agreement, local_day(at, local_zone()))
    try:
        differs = first_difference(versions_of(code), tables, period)
    except UncoveredDayError:
        return CalendarComparison(CalendarAgreement.NOT_IN_FORCE, code)
    result = CalendarAgreement.AGREES if differs is None else CalendarAgreement.DIFFERS
    return CalendarComparison(result, code, differs)


def tariff_calendar(service_point_id: int, at: datetime) -> tuple[str, Agreement] | None:
    """Return the code of the calendar by which a service point is billed at an instant (UTC), with its agreement.

    None without an agreement, and for a tariff without zones.
    """
    day = local_day(at, local_zone())
    for agreement in contracts.of_service_point(service_point_id):
        if agreement.valid_from <= at and (agreement.valid_to is None or at < agreement.valid_to):
            code = agreement.terms_at(at).tariff_code
            try:
                calendar = tariffs.versions_in_force(code, day, day + ONE_DAY)[-1].calendar
            except UnknownTariffError:
                return None
            return (calendar, agreement) if calendar else None
    return None
