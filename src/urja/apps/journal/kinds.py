"""States of requests, and actions on rows."""

from django.db.models import TextChoices


class HistoryAction(TextChoices):
    """What happened to a row after the state that was stored."""

    UPDATED = "updated"
    DELETED = "deleted"


class RequestState(TextChoices):
    """State of a request. The last two are final."""

    WAITING = "waiting"
    APPROVAL = "approval"
    """Needs passkeys (`urja.apps.approvals`)."""
    DONE = "done"
    REFUSED = "refused"
