"""Operations that send a request or command to one meter or to many."""

from datetime import date, datetime
from typing import Literal

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class MeterJobRequest(Operation, kw_only=True):
    """Fields that all requests to meters share; not an operation itself."""

    undoable = False
    instead = say("cancel the job: rows that were not sent yet are left out")
    either = ("meters", "under")

    meters: tuple[str, ...] = ()
    """Serial numbers or consumer numbers."""
    under: str = ""
    """Instead of a list: a level and a code, such as `section North-2` or `transformer T1`, for all meters placed
    under it.
    """
    good_rows_only: bool = False
    """Go ahead with the rows that name a suitable meter, even where other rows do not."""
    good_for_minutes: int = 60
    """Business minutes after which pending rows are given up."""
    reason: str


class ReadMeters(MeterJobRequest, kw_only=True):
    """Read meters now. Rows are stored like any pulled reads, events and intervals, and shown as they were read.

    The calendar by which a meter counts tariff zones is compared with the tariff's; the nameplate is only shown.
    """

    what: Literal[
        "instantaneous",
        "block",
        "daily",
        "billing-profile",
        "calendar",
        "power-events",
        "tamper-events",
        "nameplate",
    ] = "instantaneous"
    from_at: datetime | None = None
    """For a profile with a period: rows from this instant on; left out, as far back as is usual for that profile."""
    to_at: datetime | None = None
    """Rows up to this instant; left out, up to now."""


class SetClocks(MeterJobRequest, kw_only=True):
    """Set the clocks of meters to business time; each row reports the deviation before and after."""


class SetCalendars(MeterJobRequest, kw_only=True):
    """Load a calendar of time of day into meters that count tariff zones, with its holidays of the next twelve months.

    Each row is read back. A meter counts by the calendar from the start of the day on, or at once.
    """

    calendar_code: str
    """Code of a stored calendar; the version in force on the day is loaded."""
    from_day: date | None = None
    """Local day from whose start the meters count by it; left out, at once."""
    good_for_minutes: int = 24 * 60


class ResetDemands(MeterJobRequest, kw_only=True):
    """Close the billing period of meters by order and read its row: the maximum demands count again from zero."""


class ChangeKeys(MeterJobRequest, kw_only=True):
    """Give meters new keys, which the head end creates and shows to no one. Both pairs are valid until the meter
    proves the new one.
    """

    good_for_minutes: int = 24 * 60


class ShowText(MeterJobRequest, kw_only=True):
    """Show a text on the displays of meters until another text is shown; an empty text clears it."""

    text: str = ""
    """ASCII letters, digits and punctuation, which is what displays show; at most as long as the display of the
    meter's type.
    """


class TestRelays(MeterJobRequest, kw_only=True):
    """Open and close the relays of meters in service: each test is a disconnection like any other.

    Protected consumers and hours, the policy, the head end's ceilings and the approval thresholds apply. Only a few
    meters are disconnected at a time. A meter that is not in service yet is tested by its commissioning.
    """


class CancelMeterJob(Operation, kw_only=True):
    """Cancel the rows of a job that were not sent yet. Sent rows run on; no further relay is opened, and open relays
    are closed.
    """

    undoable = False
    instead = say("create another job for the same meters")

    job_id: int
    reason: str
