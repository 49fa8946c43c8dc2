"""The Django application of the rulebook."""

from django.apps import AppConfig


class RulebookConfig(AppConfig):
    """Label `tariffs`: names of the tables of tariffs start with `tariffs_`."""

    name = "urja.apps.rulebook"
    label = "tariffs"
