"""Django configuration of the commissioning app."""

from django.apps import AppConfig


class CommissioningConfig(AppConfig):
    """The app with the label `commissioning`; its tables are named `commissioning_*`."""

    name = "urja.apps.commissioning"
    label = "commissioning"
