"""The Django application of bank statements."""

from django.apps import AppConfig


class BankConfig(AppConfig):
    """Label `bank`: table names start with `bank_`."""

    name = "urja.apps.bank"
    label = "bank"
