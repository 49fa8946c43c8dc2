"""The Django application of the ledger."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Label `ledger`: table names start with `ledger_`."""

    name = "urja.apps.ledger"
    label = "ledger"
