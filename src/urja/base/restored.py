"""That the data of an installation are those of an earlier day: what each process is told of it at its start."""

from datetime import datetime

from msgspec import Struct


class Restored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One restore, as it was noticed. Instants are business time."""

    id: str
    """Drawn at random: the same restore is recorded once."""
    since_at: datetime
    """The time of the copy: what happened later is not in it."""
    at: datetime
    """When it was noticed: before anything of the installation ran on the copy."""
    why: str
    """By what it was noticed, in words."""
