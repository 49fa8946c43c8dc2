"""The Django application of the readings."""

from django.apps import AppConfig


class ReadingsConfig(AppConfig):
    """Label `readings`: table names start with `readings_`. All of them are raw SQL (composite keys)."""

    name = "urja.apps.readings"
    label = "readings"
