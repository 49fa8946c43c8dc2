"""Kinds and states of commands and of releases, and what other apps see of a command."""

from datetime import datetime
from typing import Any, Final, Protocol

from django.db.models import TextChoices


class State(TextChoices):
    """Where a command stands. The first three are on the way; each of the others is an end."""

    QUEUED = "queued"
    SENT = "sent"
    """Signed and on its way; stored by the broker once `published`."""
    ACKNOWLEDGED = "acknowledged"
    """The meter has accepted it."""
    CONFIRMED = "confirmed"
    """The meter's own state, read back, is what was ordered."""
    CONNECTED_LOAD_UNPROVEN = "connected_load_unproven"
    """The meter calls itself connected where its word alone proves nothing, and no load was seen."""
    WAITING_FOR_PERSON = "waiting_for_person"
    """Ready for reconnection: somebody must press the button at the meter."""
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    FAILED = "failed"


UNFINISHED: Final = (State.QUEUED, State.SENT, State.ACKNOWLEDGED)
TERMINAL: Final = tuple(state for state in State if state not in UNFINISHED)
CARRIED_OUT: Final = (State.CONFIRMED, State.CONNECTED_LOAD_UNPROVEN, State.WAITING_FOR_PERSON)
"""Ends in which the meter has done what it was told."""
CONNECT: Final = "connect"
DISCONNECT: Final = "disconnect"
SUPPLY_KINDS: Final = (CONNECT, DISCONNECT)
MAKE_KEYS: Final = "make_keys"
CHANGE_KEYS: Final = "change_keys"


class Command(Protocol):
    """One command to one meter (`models.Command`)."""

    id: int
    device_id: int
    service_point_id: int
    kind: str
    sequence: int
    state: str
    issued_at: datetime
    issued_wall_ms: int
    sent_at: datetime | None
    acknowledged_at: datetime | None
    ended_at: datetime | None
    detail: str
    evidence: dict[str, Any]
    last_error: str

    @property
    def finished(self) -> bool:
        """Whether it is at its end."""


class ReleaseState(TextChoices):
    """Where a release of held cuts stands. The head end decides; the last three are ends."""

    ASKED = "asked"
    """It waits for passkeys."""
    DELAYED = "delayed"
    """Approved by the one person who is all the staff: it counts after a delay."""
    RELEASED = "released"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """It ended before it was approved."""


OPEN_RELEASES: Final = (ReleaseState.ASKED, ReleaseState.DELAYED, ReleaseState.RELEASED)
