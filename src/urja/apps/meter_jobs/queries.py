"""The reading side of the meter jobs. Who may see what of them is `urja.apps.meter_jobs.seen`."""

from urja.apps.meter_jobs.models import UNFINISHED, Task


def unfinished() -> int:
    """Tasks of all jobs that have not ended."""
    return Task.objects.filter(job__ended_at=None, state__in=UNFINISHED).count()
