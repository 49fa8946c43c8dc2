"""What one meter or many are asked."""

from datetime import datetime
from typing import Literal

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class MeterJobRequest(Operation, kw_only=True):
    """What the operations for one meter or many have in common; none of them itself."""

    undoable = False
    instead = say("cancel_meter_job cancels what was not sent yet")
    either = ("meters", "under")

    meters: tuple[str, ...] = ()
    """Serials or consumer numbers."""
    under: str = ""
    """In their place a level and a code, such as `section North-2` or `transformer T1`: all meters there."""
    good_rows_only: bool = False
    """Go ahead with the rows that name a meter which can be asked, where others do not."""
    good_for_minutes: int = 60
    """What is not done by then is given up."""
    reason: str


class ReadMeters(MeterJobRequest, kw_only=True):
    """Read meters now. The rows are stored as reads, events and intervals as any that are pulled, and shown as read.

    The nameplate and the billing profile are shown alone.
    """

    what: Literal[
        "instantaneous",
        "block",
        "daily",
        "billing-profile",
        "power-events",
        "tamper-events",
        "nameplate",
    ] = "instantaneous"
    from_at: datetime | None = None
    """Of a profile that has a period: rows from then on; left out, as far back as is usual for it."""
    to_at: datetime | None = None
    """Up to then; left out, up to now."""


class SetClocks(MeterJobRequest, kw_only=True):
    """Set meters' clocks to the business time; each row says how far its clock was off before, and is afterwards."""


class ChangeKeys(MeterJobRequest, kw_only=True):
    """Give meters new keys, which the head end makes and nobody sees. Until a meter has proven them both pairs are good."""

    good_for_minutes: int = 24 * 60


class ShowText(MeterJobRequest, kw_only=True):
    """Show a text on meters' displays until another is shown; an empty one takes away what is shown."""

    text: str = ""
    """Letters, digits and marks of ASCII, which is what displays show; as long as the display of each meter's type."""


class TestRelays(MeterJobRequest, kw_only=True):
    """Open load switches and close them again, where somebody is supplied: a disconnection as any that is ordered.

    Protected people and hours, the policy and the head end's ceilings bind each; so do the thresholds of approvals. Only
    so few at a time are off. A meter that is not in service yet is tested when it is commissioned.
    """


class CancelMeterJob(Operation, kw_only=True):
    """End what a job has not sent yet. What was sent goes on; of switches none is opened any more, and what is open closes."""

    undoable = False
    instead = say("the meters are asked again by another job")

    job_id: int
    reason: str
