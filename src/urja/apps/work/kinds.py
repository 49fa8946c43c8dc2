"""Kinds and states of work orders and photographs, and what other apps see of an order."""

from datetime import datetime
from typing import Final, Protocol

from django.db.models import TextChoices


class WorkOrderKind(TextChoices):
    """What somebody must go and do."""

    WELD_OR_BYPASS = "weld_or_bypass"
    """The register advances after a confirmed cut: welded contacts, or a wire around the meter."""
    COVER_OPENED = "cover_opened"
    MAGNET = "magnet"
    """A magnet was held to the meter, whether it is gone again or not."""
    NEUTRAL_DISTURBED = "neutral_disturbed"
    SWITCH_OFF_BY_HAND = "switch_off_by_hand"
    """The supply is to be cut, and its meter has no load switch."""
    SWITCH_ON_BY_HAND = "switch_on_by_hand"
    """Somebody has switched it off, and it is to come back."""
    INSTALL = "install"
    """A new connection waits for its meter."""
    EXCHANGE = "exchange"
    """A meter is to be replaced by another one."""
    INSPECT = "inspect"
    """Somebody must go and look, for the reason that is given."""
    DISCONNECT_BY_HAND = "disconnect_by_hand"
    """The connection ends: meter and service line are to be taken away."""
    CONFIGURE = "configure"
    """The meter is to be set to something that no command sets."""
    CHECK_PUSHES = "check_pushes"
    """Authentic pushes of the meter do not say what is known of it: they are in quarantine."""


class WorkOrderState(TextChoices):
    """Where an order stands. The last two are its ends."""

    OPEN = "open"
    ASSIGNED = "assigned"
    DONE = "done"
    WITHDRAWN = "withdrawn"


UNFINISHED: Final = (WorkOrderState.OPEN, WorkOrderState.ASSIGNED)


class PhotoKind(TextChoices):
    JPEG = "image/jpeg"
    PNG = "image/png"


class WorkOrder(Protocol):
    """Something at a connection that no command can do (`models.WorkOrder`)."""

    id: int
    kind: str
    closed_at: datetime | None

    @property
    def done(self) -> bool:
        """Whether somebody has been there; one that was withdrawn is closed and not done."""
