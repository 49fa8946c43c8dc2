"""Kinds and states of work orders and photographs, and what other apps see of a work order."""

from typing import Final

from django.db.models import TextChoices


class WorkOrderKind(TextChoices):
    """What field staff have to do."""

    WELD_OR_BYPASS = "weld_or_bypass"
    """The register advances after a confirmed disconnection: welded contacts, or a bypass around the meter."""
    COVER_OPENED = "cover_opened"
    MAGNET = "magnet"
    """A magnet was held to the meter, whether or not it is still there."""
    NEUTRAL_DISTURBED = "neutral_disturbed"
    PHASE_MISSING = "phase_missing"
    """A phase of a three-phase meter has no voltage, or had none."""
    CURRENT_REVERSED = "current_reversed"
    """The current of a phase flows backwards through the meter."""
    CALENDAR_DIFFERS = "calendar_differs"
    """The meter counts by another calendar than its tariff: to be loaded by the operation `set_calendars`."""
    GAS_ESCAPES = "gas_escapes"
    """Gas flows although the valve is closed, or the leak test failed: danger to life."""
    SWITCH_OFF_BY_HAND = "switch_off_by_hand"
    """The supply is to be disconnected, and its meter has no load switch."""
    SWITCH_ON_BY_HAND = "switch_on_by_hand"
    """The supply was switched off by hand and is to be reconnected."""
    INSTALL = "install"
    """A new service point needs its meter."""
    EXCHANGE = "exchange"
    """A meter is to be replaced."""
    INSPECT = "inspect"
    """The meter is to be inspected for the given reason."""
    DISCONNECT_BY_HAND = "disconnect_by_hand"
    """The service point ends: meter and service line are to be removed."""
    CONFIGURE = "configure"
    """The meter needs a setting that no command can write."""
    CHECK_PUSHES = "check_pushes"
    """Authentic pushes of the meter contradict what is known of it; they are in quarantine."""


class WorkOrderState(TextChoices):
    """States of a work order; the last two are final."""

    OPEN = "open"
    ASSIGNED = "assigned"
    DONE = "done"
    WITHDRAWN = "withdrawn"


UNFINISHED: Final = (WorkOrderState.OPEN, WorkOrderState.ASSIGNED)


class PhotoKind(TextChoices):
    """Image formats, as media types."""

    JPEG = "image/jpeg"
    PNG = "image/png"
