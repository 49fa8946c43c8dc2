"""States of tasks."""

from typing import Final

from django.db.models import TextChoices


class TaskState(TextChoices):
    """Where a task stands. The first two are on the way; each of the others is an end."""

    WAITING = "waiting"
    """Nothing has left yet: it can be cancelled."""
    SENT = "sent"
    """A command was given for it, or a disconnection was asked for."""
    DONE = "done"
    REFUSED = "refused"
    """It was never sent: the row names no meter that can be asked."""
    FAILED = "failed"
    """The meter was asked and did not do it."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"


UNFINISHED: Final = (TaskState.WAITING, TaskState.SENT)
