"""The Django application of the tariffs."""

from django.apps import AppConfig


class TariffsConfig(AppConfig):
    """Label `tariffs`: table names start with `tariffs_`."""

    name = "urja.apps.tariffs"
    label = "tariffs"
