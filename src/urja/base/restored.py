"""A restore of an installation's data from an earlier copy, which each process learns of at its start."""

from datetime import datetime

from msgspec import Struct


class Restored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One restore, as it was detected. Instants are business time."""

    id: str
    """Drawn at random, so that the same restore is recorded once."""
    since_at: datetime
    """Time of the copy: later events are not in it."""
    at: datetime
    """When it was detected: before any process ran on the copy."""
    why: str
    """How it was detected, in words."""
