"""The Django application of statements of account."""

from django.apps import AppConfig


class StatementsConfig(AppConfig):
    """Label `statements`: table names start with `statements_`."""

    name = "urja.apps.statements"
    label = "statements"
