"""What is known of people, and what they sign in with."""

from typing import ClassVar

from msgspec import UNSET, UnsetType

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class CorrectConsumer(Operation, kw_only=True):
    """Put right what is known of a person. What is left out stays.

    A new e-mail address is what they sign in with once it is confirmed, at the new one and at the old (`addresses`).
    """

    consumer_id: int
    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone: str | UnsetType | None = UNSET
    """As people write it: 98123 45678, 98123-45678."""
    language: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    """Where letters go, if not to the premise."""
    version: str = ""
    """The version that was looked at (`version` of the person): where it is another one by now, nothing is done."""


class AnonymiseConsumer(Operation, kw_only=True):
    """Take away for good what names a person: here, in the history, and in what was asked for; they sign in no more.

    Their accounts, money and readings stay as they are, under a number that leads to nobody.
    """

    undoable: ClassVar[bool] = False

    consumer_id: int


class ApproveAddressChange(Operation, kw_only=True):
    """Stand in for the old address, where it is lost: a second person has seen who asks. It counts after a delay."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("correct_consumer with the address they have takes back what waits")

    consumer_id: int
    email: str
    """The new address, as it was asked for."""
    evidence: str
    """How it was seen who they are."""


class ChangeAddress(Operation, kw_only=True):
    """A confirmed address becomes the one that somebody signs in with. The pipeline's own deed."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say(
        "correct_consumer asks for the address of before, which is confirmed as any other"
    )

    address_change: int
    old_email: str
    new_email: str
