"""Where an operation stands that needs approval, and what was answered and judged."""

from typing import Final

from django.db.models import TextChoices


class Judged(TextChoices):
    """What the pipeline said of bytes that the web recorded."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class WaitingState(TextChoices):
    """Where an operation stands that needs approval. The last four are its ends."""

    WAITING = "waiting"
    DELAYED = "delayed"
    """Its actor, who is all the staff, has approved it: it is done after the delay unless it is cancelled."""
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Action(TextChoices):
    APPROVE = "approve"
    CANCEL = "cancel"


OPEN: Final = (WaitingState.WAITING, WaitingState.DELAYED)
