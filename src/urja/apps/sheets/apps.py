"""The Django application of uploaded spreadsheets."""

from django.apps import AppConfig


class SheetsConfig(AppConfig):
    """Label `sheets`: table names start with `sheets_`."""

    name = "urja.apps.sheets"
    label = "sheets"
