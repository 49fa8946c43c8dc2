"""The Django application of the meter types."""

from django.apps import AppConfig


class MeterTypesConfig(AppConfig):
    """Label `meter_types`: table names start with `meter_types_`."""

    name = "urja.apps.meter_types"
    label = "meter_types"
