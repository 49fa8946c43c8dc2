"""Kinds of protected status, and what other apps see of a person."""

from typing import Protocol

from django.db.models import TextChoices


class ProtectionKind(TextChoices):
    """Why a supply is not disconnected. The first two are flags of `core.policy`."""

    MEDICAL = "medical"
    NEVER_CUT = "never_cut"


class Person(Protocol):
    """A person or organisation (`models.Person`)."""

    id: int
    user_id: int | None
    name: str
    email: str
    phone: str | None
    language: str
