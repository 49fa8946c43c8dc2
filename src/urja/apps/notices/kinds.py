"""States of notices, and reasons for their failure."""

from typing import Final

from django.db.models import TextChoices

GAS_ESCAPES: Final = "gas_escapes"
"""The kind that tells a consumer of escaping gas: what to do at once."""
GAS_ESCAPES_STAFF: Final = "gas_escapes_staff"
"""The kind that tells a member of staff of it."""
SAFETY: Final = frozenset({GAS_ESCAPES, GAS_ESCAPES_STAFF})
"""Kinds that are composed and sent before all others, and tried again without longer pauses."""


class NoticeState(TextChoices):
    """State of a notice. Only a receipt makes it delivered."""

    REQUESTED = "requested"
    SENT = "sent"
    """The message service has taken it."""
    UNCONFIRMED = "unconfirmed"
    """No receipt came in time. One that comes later still counts."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """It has reached no person; `failure` says why."""


class Failure(TextChoices):
    """Why a notice has reached no person."""

    NO_NUMBER = "no_number"
    """No person of the account has an address of any channel."""
    NO_SERVICE = "no_service"
    """No channel is configured, or no longer the one that it was for."""
    REFUSED = "refused"
    """The service does not accept this message."""
    NOT_TAKEN = "not_taken"
    """The service could not be reached before the text was out of date."""
    OUTDATED = "outdated"
    """A recharge was posted, or the supply disconnected, before it was sent."""
    UNDELIVERABLE = "undeliverable"
    """The service reports that it could not deliver it."""
    WITHDRAWN = "withdrawn"
    """A letter that was entered by mistake and not posted."""
