"""States of operations that need approval, and of the answers to them."""

from typing import Final

from django.db.models import TextChoices


class AnswerState(TextChoices):
    """The pipeline's verdict on an answer or a registration that the web recorded."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class WaitingState(TextChoices):
    """State of an operation that needs approval. The last four are final."""

    WAITING = "waiting"
    DELAYED = "delayed"
    """Approved by its actor where no second person has a passkey: done after the delay unless it is cancelled."""
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Action(TextChoices):
    APPROVE = "approve"
    CANCEL = "cancel"


OPEN_STATES: Final = (WaitingState.WAITING, WaitingState.DELAYED)
"""States in which an operation is not decided yet."""
