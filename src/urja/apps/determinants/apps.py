"""The Django application of determinant rows."""

from django.apps import AppConfig


class DeterminantsConfig(AppConfig):
    """Label `determinants`: table names start with `determinants_`."""

    name = "urja.apps.determinants"
    label = "determinants"
