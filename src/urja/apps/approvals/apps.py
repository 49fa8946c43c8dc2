"""The Django application of the approvals."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Label `approvals`: table names start with `approvals_`."""

    name = "urja.apps.approvals"
    label = "approvals"
