"""Operations on the bank's statements and on claims of transfers."""

from datetime import date
from typing import ClassVar, Literal

import msgspec

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class NamedColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of a bank's CSV, named by hand as its heading is not known."""

    column: Literal["date", "narration", "reference", "debit", "credit", "amount", "balance"]
    heading: str
    """As the file has it."""

    @property
    def pair(self) -> tuple[str, str]:
        return self.column, self.heading


class LoadStatement(Operation, kw_only=True):
    """Accept an uploaded statement of the bank; it always needs the actor's passkey, over the account and the hash of
    the file.
    """

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("a statement stays; take back a wrong credit with reverse_claim")

    upload_id: int
    sha256: str
    """Of the file's bytes, in hexadecimal: what the passkey approves."""
    bank_account: str
    """Name of the society's account that it is a statement of."""
    account_number: str
    """Number of that account, without spaces: the passkey approves the account as well as the bytes."""
    opening_minor: int | None = None
    """Balance in minor units with which the statement begins; needed where neither the file nor an earlier statement says
    it.
    """
    headings: tuple[NamedColumn, ...] = ()
    """Columns of a CSV file whose headings are not known: the passkey approves how the file is read."""


class ClaimTransfer(Operation, kw_only=True):
    """Record for a consumer that a transfer was made to the society's account; the statement credits it."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("a claim credits nothing; refuse it with decide_claim")

    consumer_number: str
    utr: str
    """UTR of NEFT or RTGS, or the 12 digits of UPI and IMPS."""
    paid_minor: int
    paid_for: Literal["electricity", "maintenance"] = "electricity"
    paid_on: date
    """Local day of the transfer."""
    bank_account: str = ""
    """Name of the society's account; may be empty where there is one."""


class DecideClaim(Operation, kw_only=True):
    """Credit a claim that no rule settles by an entry of a statement, or refuse it."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say(
        "take back its credit with reverse_claim; a refused claim can be decided again"
    )

    claim_id: int
    decision: Literal["credit", "refuse"]
    bank_entry_id: int | None = None
    """The entry by which it is credited."""
    reason: str


class ReverseClaim(Operation, kw_only=True):
    """Take back the credit of a claim that was decided wrongly; its entry can then be credited to another claim."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("decide the claim again with decide_claim")

    claim_id: int
    reason: str
