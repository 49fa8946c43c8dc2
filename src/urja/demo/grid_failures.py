"""Failures of the grid at premises with a generator: at fixed times of the demonstration, so that both registers count."""

from datetime import datetime, timedelta
from typing import Final

FIRST_AFTER: Final = timedelta(minutes=40)
LASTS: Final = timedelta(minutes=50)
EVERY: Final = timedelta(hours=3)


def has_failed(began_at: datetime, now: datetime) -> bool:
    """Return whether the grid has failed there at an instant of a demonstration that began at `began_at`."""
    since = now - began_at - FIRST_AFTER
    return since >= timedelta(0) and since % EVERY < LASTS
