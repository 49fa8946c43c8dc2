"""Kinds of protection, and what other apps see of a person."""

from typing import Protocol

from django.db.models import TextChoices


class ProtectionKind(TextChoices):
    """Why somebody's supply is not cut. The first two are flags of `core.policy`."""

    MEDICAL = "medical"
    NEVER_CUT = "never_cut"


class Person(Protocol):
    """Somebody, or a firm, that a supply is agreed with (`models.Person`)."""

    id: int
    user_id: int | None
    name: str
    email: str
    phone: str | None
    language: str
