"""The Django application of the supply."""

from django.apps import AppConfig


class SupplyConfig(AppConfig):
    """Label `supply`: table names start with `supply_`."""

    name = "urja.apps.supply"
    label = "supply"
    default_auto_field = "django.db.models.BigAutoField"
