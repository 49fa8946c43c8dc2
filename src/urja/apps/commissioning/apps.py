"""The Django application of the commissioning."""

from django.apps import AppConfig


class CommissioningConfig(AppConfig):
    """Label `commissioning`: table names start with `commissioning_`."""

    name = "urja.apps.commissioning"
    label = "commissioning"
