"""Operations on opening balances, instalments of old dues, differences of payments and reviews of charges."""

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


class ChargeDeposit(Operation, kw_only=True):
    """Charge a security deposit, or an instalment of it, that is due."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("convert_to_prepaid and the end of the agreement give it back")

    demand_id: int


class NoteDifference(Operation, kw_only=True):
    """Add a note about a difference of payments; its state does not change."""

    undoable: ClassVar[bool] = False

    difference_id: int
    note: str


class CloseDifference(Operation, kw_only=True):
    """Close a difference that is settled with the gateway, the bank or in the ledger."""

    difference_id: int
    reason: str


class DecideReview(Operation, kw_only=True):
    """End the review of an abnormal charge: it is right, or it was corrected or waived since the review began."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say(
        "waive charges with waive_charges, or adjust the balance with adjust_balance"
    )

    consumer_number: str
    review_id: int
    outcome: Literal["confirmed", "corrected", "waived"]
    reason: str


class SignOffOpeningBalances(Operation, kw_only=True):
    """Sign off the listed opening balances, so that their supplies are charged."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("load the corrected balances and sign them off again")
    sums: ClassVar[frozenset[str]] = frozenset({"credit_minor", "deposit_minor", "dues_minor"})

    content_sha256: str
    """SHA-256 of the list as it was shown, in hexadecimal."""
    supplies: int
    credit_minor: int
    """Opening credits of the list, in minor units."""
    deposit_minor: int
    dues_minor: int


class AdjustBalance(Operation, kw_only=True):
    """Add an amount to a balance, or take it off, to correct what no other operation corrects."""

    consumer_number: str
    adjustment_minor: int
    """In minor units; above zero it is added, below zero it is taken off."""
    reason: str


class WaiveCharges(Operation, kw_only=True):
    """Give charges back to a consumer: an amount is added to the balance, old dues beside it are reduced, or both."""

    consumer_number: str
    waived_minor: int = 0
    """In minor units; no more than was charged in the last twelve months and not waived yet."""
    waived_dues_minor: int = 0
    """Of old bills, in minor units, the oldest first; no more than remains of them."""
    reason: str


class WriteOff(Operation, kw_only=True):
    """Give up an amount that a consumer who has left owes on the account."""

    consumer_number: str
    written_off_minor: int
    """In minor units; no more than the posted balance is below zero."""
    reason: str


class RefundCredit(Operation, kw_only=True):
    """Take an amount off a balance that was paid out to the consumer."""

    undoable: ClassVar[bool] = False
    # The money has left the bank: an undo would let it be paid, or consumed, a second time.
    instead: ClassVar[str] = say("a payout stays; correct a wrong record with adjust_balance")

    consumer_number: str
    refunded_minor: int
    """In minor units; no more than the posted balance."""
    payout_reference: str
    """What proves the payout, such as the UTR of the transfer."""
    reason: str


class RecordSubsidyPayment(Operation, kw_only=True):
    """Record what a government or another body has paid of its subsidy claims, as the bank says."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("record the opposite amount under the same reference")

    body: str
    """Who paid, as the claim names it."""
    subsidy_paid_minor: int
    """In minor units; below zero it takes back what was recorded wrongly under the same reference."""
    paid_on: date
    payment_reference: str
    """The bank's, such as the UTR; it stands for one payment of the body."""
