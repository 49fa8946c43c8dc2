"""Operations at the counter: drawers, receipts for cash and cheques, deposits at the bank."""

from datetime import date
from typing import ClassVar, Literal

import msgspec

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class OpenDrawer(Operation, kw_only=True):
    """Open the requester's own drawer; always with the requester's passkey, whatever the thresholds are."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("close the drawer with close_drawer")

    ceiling_minor: int
    """Most that the receipts of this drawer come to together, in minor units. Thresholds of money count it."""
    float_minor: int = 0
    """Cash in it at the opening, in minor units."""
    hours: int = 12
    """How long it takes receipts: at most 24."""
    premise_code: str = ""
    """A society, for whose supplies alone it takes receipts; empty for all supplies."""


class TakeReceipt(Operation, kw_only=True):
    """Take a payment into the requester's open drawer. Cash is credited at once, a cheque when it has cleared."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("cancel the receipt with cancel_receipt while its drawer is open")

    consumer_number: str
    received_minor: int
    """Amount received, in minor units."""
    paid_for: Literal["electricity", "maintenance"] = "electricity"
    """What the payer says that it is for: no part of it pays the other."""
    instrument: Literal["cash", "cheque"] = "cash"
    cheque_number: str = ""
    cheque_bank: str = ""
    cheque_date: date | None = None


class CancelReceipt(Operation, kw_only=True):
    """Cancel a receipt of the requester's drawer while it is open; what was credited is taken back."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("take the payment again with take_receipt")

    receipt_id: int
    reason: str


class Pieces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Notes or coins of one value."""

    value_minor: int
    pieces: int


class CloseDrawer(Operation, kw_only=True):
    """Close a drawer with its counted cash; the difference to its receipts is stored."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("explain a miscount to the revenue officer; a closed drawer does not change")

    drawer_id: int
    counts: tuple[Pieces, ...] = ()
    """Counted notes and coins; none for an empty drawer."""
    explanation: str = ""
    """Required where the count differs."""


class DrawerCash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cash out of one drawer."""

    drawer_id: int
    cash_minor: int


class DepositTakings(Operation, kw_only=True):
    """Record a deposit slip: cash of drawers and cheques that were brought to the bank together."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("write to the revenue officer; the bank's statement shows what arrived")

    deposited_on: date
    cash: tuple[DrawerCash, ...] = ()
    receipt_ids: tuple[int, ...] = ()
    """The receipts of the cheques."""
    slip_reference: str = ""
    """The bank's number of the slip."""


class ClearCheque(Operation, kw_only=True):
    """Record that the bank has paid a cheque: its amount is credited."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("record a return with return_cheque")

    receipt_id: int
    cleared_on: date


class ReturnCheque(Operation, kw_only=True):
    """Record that the bank has returned a cheque. One that was credited is taken back."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("take the payment again with take_receipt")

    receipt_id: int
    reason: str
    charge_minor: int = 0
    """The bank's charge that the consumer bears, in minor units."""
