"""The Django application of the signed log."""

from django.apps import AppConfig


class ProofsConfig(AppConfig):
    """Label `proofs`: table names start with `proofs_`."""

    name = "urja.apps.proofs"
    label = "proofs"
