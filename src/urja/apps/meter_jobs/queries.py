"""The reading side of the meter jobs. Who may see what of them is `urja.apps.overviews.queries.meter_jobs`."""

from collections.abc import Iterable

from urja.apps.meter_jobs.answers_file import csv_of
from urja.apps.meter_jobs.kinds import UNFINISHED
from urja.apps.meter_jobs.models import Task

__all__ = ["csv_of", "places_of", "under_way", "unfinished"]


def unfinished() -> int:
    """Tasks of all jobs that have not ended."""
    return Task.objects.filter(job__ended_at=None, state__in=UNFINISHED).count()


def under_way(kind: str, device_ids: Iterable[int]) -> dict[int, int]:
    """Those of the devices that a job of this kind has not ended with, and the job."""
    return dict(
        Task.objects.filter(
            job__kind=kind, job__ended_at=None, state__in=UNFINISHED, device_id__in=list(device_ids)
        ).values_list("device_id", "job_id")
    )


def places_of(job_id: int) -> list[int]:
    """The service points of the meters that a job asks."""
    tasks = Task.objects.filter(job_id=job_id, service_point_id__isnull=False)
    return list(tasks.values_list("service_point_id", flat=True))
