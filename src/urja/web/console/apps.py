from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "urja.web.console"
    label = "console"
