"""States of notices, and why they fail."""

from django.db.models import TextChoices


class NoticeState(TextChoices):
    """Where a notice stands; only a receipt makes it delivered."""

    REQUESTED = "requested"
    SENT = "sent"
    """The message service has taken it."""
    UNCONFIRMED = "unconfirmed"
    """No receipt came, and nobody waits for one any longer; one that comes after all still counts."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """It has not reached anybody; `failure` says why."""


class Failure(TextChoices):
    """Why a notice has not reached anybody."""

    NO_NUMBER = "no_number"
    """Nobody of the account has given an address of any channel."""
    NO_SERVICE = "no_service"
    """No channel is set up, or no longer the one that it was for."""
    REFUSED = "refused"
    """The service does not take such a message."""
    NOT_TAKEN = "not_taken"
    """The service could not be reached until what the notice says was old."""
    OUTDATED = "outdated"
    """A recharge came before it was sent."""
    UNDELIVERABLE = "undeliverable"
    """The service says that it could not deliver it."""
    WITHDRAWN = "withdrawn"
    """A letter that was entered by mistake: it was not posted."""
