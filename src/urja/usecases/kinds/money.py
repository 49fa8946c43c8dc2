"""Arrears in instalments, and payments that fit nothing."""

from datetime import date
from typing import ClassVar, Literal

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class AgreeInstalments(Operation, kw_only=True):
    """Let what is owed by old bills be paid off by instalments from a day on."""

    consumer_number: str
    every: Literal["day", "month"]
    amount_minor: int
    """Of each; the last one is what is left."""
    first_due_on: date
    """The local day with whose close the first is posted; each month the same day, or its last."""
    reason: str


class EndInstalments(Operation, kw_only=True):
    """End a plan of instalments before all is paid; what is still owed is then paid by the policy's share again."""

    consumer_number: str
    from_on: date
    """The first local day on which it holds no longer; on the day of the first instalment it never did."""
    reason: str


class RecordDuesPaid(Operation, kw_only=True):
    """The last instalment is posted and nothing is owed any more: the plan has come to its end."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("what is owed again is agreed upon anew by agree_instalments")

    plan_id: int
    from_on: date
    """The day after the last instalment; that of the first where none was posted."""


class NoteDifference(Operation, kw_only=True):
    """Write down what was found out about a difference; it stays open, or closed, as it is."""

    undoable: ClassVar[bool] = False

    difference_id: int
    note: str


class CloseDifference(Operation, kw_only=True):
    """A difference is settled, with the gateway, the bank or in the books: nobody need look any more."""

    difference_id: int
    reason: str
