"""Answer with all stored data of a person."""

from datetime import datetime

from urja.web.api.agreement_answers import Agreement
from urja.web.api.answers import Shown
from urja.web.api.ledger_answers import Entry
from urja.web.api.people_answers import Consumer, PersonalRead


class ExportedAgreement(Shown, frozen=True, kw_only=True):
    """An agreement of a person, with the address of its readings."""

    agreement: Agreement
    premise: str
    readings: str
    """Address of the intervals, up to 31 days at a time."""


class ExportedAccount(Shown, frozen=True, kw_only=True):
    """An account of a person, with all entries and messages."""

    account_id: int
    role: str
    currency: str
    agreements: list[ExportedAgreement]
    entries: list[Entry]
    maintenance: list[Entry]
    """Entries of the maintenance account beside it: dues and payments."""
    messages: list["Message"]


class Message(Shown, frozen=True, kw_only=True):
    """A message that was sent for an account."""

    kind: str
    requested_at: datetime
    delivered_at: datetime | None
    channel: str
    recipient: str
    text: str


class Evidence(Shown, frozen=True, kw_only=True):
    """The evidence of a protected status."""

    kind: str
    evidence: str
    valid_from: datetime
    valid_to: datetime | None


class Export(Shown, frozen=True, kw_only=True):
    """All stored data of a person."""

    exported_at: datetime
    consumer: Consumer
    last_signed_in_at: datetime | None
    protections: list[Evidence]
    accounts: list[ExportedAccount]
    read_by: list[PersonalRead]
    """Reads of this data by others."""
