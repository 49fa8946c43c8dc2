"""The Django application of the registry."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Label `registry`: table names start with `registry_`."""

    name = "urja.apps.registry"
    label = "registry"
