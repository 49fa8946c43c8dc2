"""Roles of people for accounts and for the utility, sign-in events and codes, and states of address changes."""

from datetime import timedelta
from typing import Final

from django.db.models import TextChoices

CODE_EXPIRES_AFTER: Final = timedelta(minutes=5)
"""How long a sign-in code can be used, and how long its mail is tried."""


class AddressChangeState(TextChoices):
    """State of a change of the address that a person signs in with. All but the first are final."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    """By the reader of the old address."""
    WITHDRAWN = "withdrawn"
    """Another change was requested, or the operation that requested it was undone."""
    EXPIRED = "expired"
    IMPOSSIBLE = "impossible"
    """Confirmed, but no longer possible, for instance because another person has the address by now."""


class AccessRole(TextChoices):
    """A person's role for an account."""

    OWNER = "owner"
    MEMBER = "member"


class StaffRole(TextChoices):
    """A role of the utility's staff. Consumers and household members have `AccountAccess` instead."""

    SECRETARY = "secretary"
    """Of a society: sees its totals, no load curves."""
    CLERK = "clerk"
    CASHIER = "cashier"
    """Takes payments at the counter, and nothing else."""
    FIELD_ENGINEER = "field_engineer"
    CONTROL_ROOM = "control_room"
    REVENUE_OFFICER = "revenue_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class SignInKind(TextChoices):
    """What happened at a sign-in."""

    ASKED = "asked"
    """A code was requested. It is sent only where the address has an account."""
    WRONG_CODE = "wrong_code"
    LIMITED = "limited"
    """Too many requests from there: nothing was sent."""
    SIGNED_IN = "signed_in"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    SIGNED_OUT = "signed_out"


class CodeMedium(TextChoices):
    """How a sign-in code reaches its user."""

    EMAIL = "email"
    SMS = "sms"


class CodeOutcome(TextChoices):
    """What became of a requested sign-in code."""

    SENT = "sent"
    """The relay has accepted the mail, or the SMS service the message."""
    UNKNOWN = "unknown"
    """No account has the address or number that was typed: nothing was sent."""
    REFUSED = "refused"
    """The relay refuses the address or the mail for good."""
    LIMITED = "limited"
    """So many codes were sent of late that this one was not."""
    EXPIRED = "expired"
