"""Kinds of protection."""

from django.db.models import TextChoices


class ProtectionKind(TextChoices):
    """Why somebody's supply is not cut. The first two are flags of `core.policy`."""

    MEDICAL = "medical"
    NEVER_CUT = "never_cut"
