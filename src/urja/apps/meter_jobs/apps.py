"""Django configuration of the meter jobs app."""

from django.apps import AppConfig


class MeterJobsConfig(AppConfig):
    """The app with the label `meter_jobs`; its tables are named `meter_jobs_*`."""

    name = "urja.apps.meter_jobs"
    label = "meter_jobs"
