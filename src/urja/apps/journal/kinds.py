"""What became of a request, and what happened to a row."""

from django.db.models import TextChoices


class HistoryAction(TextChoices):
    UPDATED = "updated"
    DELETED = "deleted"


class RequestState(TextChoices):
    WAITING = "waiting"
    APPROVAL = "approval"
    """It waits for passkeys (`urja.apps.approvals`)."""
    DONE = "done"
    REFUSED = "refused"
