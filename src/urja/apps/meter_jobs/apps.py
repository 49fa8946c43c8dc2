"""The Django application of the meter jobs."""

from django.apps import AppConfig


class MeterJobsConfig(AppConfig):
    """Label `meter_jobs`: table names start with `meter_jobs_`."""

    name = "urja.apps.meter_jobs"
    label = "meter_jobs"
