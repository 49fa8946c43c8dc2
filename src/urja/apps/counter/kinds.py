"""Instruments and states of receipts, and the keys under which they are credited."""

from typing import Final

from django.db.models import TextChoices

LONGEST_HOURS: Final = 24
"""Most hours that a drawer stays open for receipts; the database has the same bound."""


class Instrument(TextChoices):
    """How an amount was paid."""

    CASH = "cash"
    CHEQUE = "cheque"
    TRANSFER = "transfer"
    """To the utility's bank account; no drawer has it."""
    UPI = "upi"


AT_A_DRAWER: Final = (Instrument.CASH, Instrument.CHEQUE)
"""Instruments that a cashier takes into a drawer."""


class ReceiptState(TextChoices):
    """State of a receipt. It only goes forward: a trigger refuses every other step."""

    TAKEN = "taken"
    """Cash and transfers are credited, a cheque is not yet."""
    CLEARED = "cleared"
    """The bank has paid the cheque; it is credited."""
    RETURNED = "returned"
    """The bank has not paid the cheque, or has taken the amount back."""
    CANCELLED = "cancelled"


CREDITED: Final = frozenset(
    {
        (Instrument.CASH, ReceiptState.TAKEN),
        (Instrument.CHEQUE, ReceiptState.CLEARED),
        (Instrument.TRANSFER, ReceiptState.TAKEN),
        (Instrument.UPI, ReceiptState.TAKEN),
    }
)
"""Instruments in the states in which their amount is on the account."""


def printed_number(series: str, number: int) -> str:
    """Return a receipt's number as it is printed, such as `GREENPARK-17`."""
    return f"{series}-{number}" if series else str(number)


def credit_key(receipt_id: int) -> str:
    """Return the idempotency key of the credit of a receipt of a drawer."""
    return f"counter:{receipt_id}"
