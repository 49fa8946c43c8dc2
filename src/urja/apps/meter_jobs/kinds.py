"""States of the tasks of a job."""

from typing import Final

from django.db.models import TextChoices


class TaskState(TextChoices):
    """State of a task. The first two are under way; each of the others is final."""

    WAITING = "waiting"
    """Nothing is sent yet: it can be cancelled."""
    SENT = "sent"
    """A command was issued for it, or a disconnection was requested."""
    DONE = "done"
    REFUSED = "refused"
    """Never sent: the row names no meter that the job can be sent to."""
    FAILED = "failed"
    """The meter was asked and did not do it."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"


UNFINISHED: Final = (TaskState.WAITING, TaskState.SENT)
