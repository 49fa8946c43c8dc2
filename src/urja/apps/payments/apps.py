"""The Django application of payments."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Label `payments`: table names start with `payments_`."""

    name = "urja.apps.payments"
    label = "payments"
