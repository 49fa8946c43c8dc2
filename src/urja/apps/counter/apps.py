"""The Django application of the counter."""

from django.apps import AppConfig


class CounterConfig(AppConfig):
    """Label `counter`: table names start with `counter_`."""

    name = "urja.apps.counter"
    label = "counter"
