"""Kinds of protected status, and what other apps see of a person."""

from django.db.models import TextChoices


class ProtectionKind(TextChoices):
    """Why a supply is not disconnected. The first two are flags of `core.policy`."""

    MEDICAL = "medical"
    NEVER_CUT = "never_cut"
