"""What is asked of an uploaded spreadsheet, and how far it is."""

from typing import Final

from django.db.models import TextChoices

MOST_BYTES: Final = 5 << 20
"""Largest size of an uploaded file."""
MOST_UPLOADS: Final = 60
"""Most uploads that are stored; the pipeline keeps `KEPT_UPLOADS` of them."""
KEPT_UPLOADS: Final = 40
MOST_OF_ONE: Final = 15
"""Most uploads of one person that are stored; the pipeline keeps `KEPT_OF_ONE` of them."""
KEPT_OF_ONE: Final = 10
MOST_WAITING: Final = 3
"""Most requests of one upload that wait."""


class SheetTask(TextChoices):
    """What the pipeline is asked to do."""

    CHECK = "check"
    """Read the file by a map or by guessing, and make a dry run."""
    LOAD = "load"


class SheetState(TextChoices):
    """State of a request. The last two are final."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
