"""What people are to an account and to the utility, what happens when they sign in, and how far a new address has come."""

from datetime import datetime
from typing import Protocol

from django.db.models import TextChoices

from urja.apps.people.kinds import Person


class AddressChangeState(TextChoices):
    """How far a change of the address that somebody signs in with has come."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    """By whoever reads the old address."""
    WITHDRAWN = "withdrawn"
    """Another one was asked for, or what asked for it was undone."""
    EXPIRED = "expired"
    IMPOSSIBLE = "impossible"
    """When it was confirmed it could not be done any more, such as where somebody else has the address by now."""


class AccessRole(TextChoices):
    """What a person is to an account."""

    OWNER = "owner"
    MEMBER = "member"


class StaffRole(TextChoices):
    """What somebody is employed as. Consumers and household members have `AccountAccess` instead."""

    SECRETARY = "secretary"
    """Of a society: sees totals, not load curves."""
    CLERK = "clerk"
    FIELD_ENGINEER = "field_engineer"
    CONTROL_ROOM = "control_room"
    REVENUE_OFFICER = "revenue_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class SignInKind(TextChoices):
    """What happened at the door."""

    ASKED = "asked"
    """A code was asked for; one is sent where somebody has the address."""
    WRONG_CODE = "wrong_code"
    LIMITED = "limited"
    """Too much was asked for from there: nothing was sent."""
    SIGNED_IN = "signed_in"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    SIGNED_OUT = "signed_out"


class AddressChange(Protocol):
    """A new address to sign in with (`models.AddressChange`)."""

    id: int
    user_id: int
    person: Person | None
    old_email: str
    new_email: str
    asked_at: datetime
    approval_counts_from: datetime | None
