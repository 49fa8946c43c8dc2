"""Django configuration of the meter types app."""

from django.apps import AppConfig


class MeterTypesConfig(AppConfig):
    """The app with the label `meter_types`; its tables are named `meter_types_*`."""

    name = "urja.apps.meter_types"
    label = "meter_types"
