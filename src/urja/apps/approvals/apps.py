"""Django configuration of the approvals app."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """The app with the label `approvals`; its tables are named `approvals_*`."""

    name = "urja.apps.approvals"
    label = "approvals"
