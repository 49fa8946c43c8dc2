"""The Django application of the commands."""

from django.apps import AppConfig


class CommandsConfig(AppConfig):
    """Label `commands`: table names start with `commands_`."""

    name = "urja.apps.commands"
    label = "commands"
