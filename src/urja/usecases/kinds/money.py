"""Operations on instalments of old dues and on differences of payments."""

from datetime import date
from typing import ClassVar, Literal

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class AgreeInstalments(Operation, kw_only=True):
    """Agree that old dues are paid in instalments from a day on."""

    consumer_number: str
    every: Literal["day", "month"]
    amount_minor: int
    """Each instalment in minor units; the last one is the remainder."""
    first_due_on: date
    """Local day with whose close the first instalment is posted; monthly ones follow on the same day, or the month's
    last.
    """
    reason: str


class EndInstalments(Operation, kw_only=True):
    """End a plan of instalments before all is paid; the policy's share of recharges then pays the remaining dues."""

    consumer_number: str
    from_on: date
    """First local day without the plan; on the day of the first instalment the plan never took effect."""
    reason: str


class RecordDuesPaid(Operation, kw_only=True):
    """End a plan of instalments whose last instalment is posted and whose dues are paid."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("agree on new instalments with agree_instalments")

    plan_id: int
    from_on: date
    """Day after the last instalment; the first due day where none was posted."""


class NoteDifference(Operation, kw_only=True):
    """Add a note about a difference of payments; its state does not change."""

    undoable: ClassVar[bool] = False

    difference_id: int
    note: str


class CloseDifference(Operation, kw_only=True):
    """Close a difference that is settled with the gateway, the bank or in the ledger."""

    difference_id: int
    reason: str
