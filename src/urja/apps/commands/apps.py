"""Django configuration of the commands app."""

from django.apps import AppConfig


class CommandsConfig(AppConfig):
    """The app with the label `commands`; its tables are named `commands_*`."""

    name = "urja.apps.commands"
    label = "commands"
