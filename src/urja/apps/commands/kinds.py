"""Kinds and states of commands and releases, and the parts of a command that other apps use."""

from typing import Final

from django.db.models import TextChoices


class State(TextChoices):
    """State of a command. The first three are under way; each of the others is final."""

    QUEUED = "queued"
    SENT = "sent"
    """Signed and handed to the broker; stored there once `published`."""
    ACKNOWLEDGED = "acknowledged"
    """The meter has accepted it."""
    CONFIRMED = "confirmed"
    """The meter's own state, read back, is what was ordered."""
    CONNECTED_LOAD_UNPROVEN = "connected_load_unproven"
    """The meter reports "connected" in control mode 0, in which it always does, and no load was measured."""
    WAITING_FOR_PERSON = "waiting_for_person"
    """Ready for reconnection: the button at the meter must be pressed (IEC 62056-6-2, class 70)."""
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    FAILED = "failed"


UNFINISHED: Final = (State.QUEUED, State.SENT, State.ACKNOWLEDGED)
TERMINAL: Final = tuple(state for state in State if state not in UNFINISHED)
CARRIED_OUT: Final = (State.CONFIRMED, State.CONNECTED_LOAD_UNPROVEN, State.WAITING_FOR_PERSON)
"""Final states in which the meter has done what was ordered."""
CONNECT: Final = "connect"
DISCONNECT: Final = "disconnect"
SUPPLY_KINDS: Final = (CONNECT, DISCONNECT)
MAKE_KEYS: Final = "make_keys"
CHANGE_KEYS: Final = "change_keys"


class ReleaseState(TextChoices):
    """State of a release of held disconnections. The head end decides it; the last three are final."""

    ASKED = "asked"
    """Needs passkeys."""
    DELAYED = "delayed"
    """Approved by the only person with a passkey: it counts after a delay."""
    RELEASED = "released"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """It ended before it was approved."""


OPEN_RELEASES: Final = (ReleaseState.ASKED, ReleaseState.DELAYED, ReleaseState.RELEASED)
