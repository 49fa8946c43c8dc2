"""Operations on personal data of consumers and on their sign-in addresses."""

from typing import ClassVar

from msgspec import UNSET, UnsetType

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class CorrectConsumer(Operation, kw_only=True):
    """Correct a consumer's personal data. Fields that are left out do not change.

    A new e-mail address signs in once it is confirmed, from the new address and from the old one (`address_changes`).
    """

    consumer_id: int
    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone: str | UnsetType | None = UNSET
    """In the usual notations: 98123 45678, 98123-45678."""
    language: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    """Postal address, if not the premise."""
    version: str = ""
    """Version that was read (`version` of the person); the operation is refused where the person has changed since."""


class AnonymiseConsumer(Operation, kw_only=True):
    """Erase what identifies a person from records, history and requests, for good; they can no longer sign in.

    Their accounts, money and readings stay, under a number that identifies no person.
    """

    undoable: ClassVar[bool] = False

    consumer_id: int


class ApproveAddressChange(Operation, kw_only=True):
    """Approve a change of sign-in address whose old address is lost: a second person has seen proof. It counts after
    a delay.
    """

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("correct_consumer with the current address withdraws the pending change")

    consumer_id: int
    email: str
    """The new address, as it was requested."""
    evidence: str
    """How the person's identity was verified."""


class ChangeAddress(Operation, kw_only=True):
    """Make a confirmed address the one to sign in with. Only the pipeline requests it."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say(
        "request the previous address with correct_consumer; it is confirmed like any other"
    )

    address_change: int
    old_email: str
    new_email: str
