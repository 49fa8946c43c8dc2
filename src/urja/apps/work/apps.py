"""The Django application of the work orders."""

from django.apps import AppConfig


class WorkConfig(AppConfig):
    """Label `work`: table names start with `work_`."""

    name = "urja.apps.work"
    label = "work"
