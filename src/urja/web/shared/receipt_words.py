"""What a receipt says, in the reader's language: how it was paid, and what has become of it."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _

from urja.apps.counter.kinds import Instrument, ReceiptState
from urja.apps.counter.queries import ReceiptRow
from urja.web.shared import formats

INSTRUMENTS: Final[dict[str, Promise]] = {
    Instrument.CASH: _("cash"),
    Instrument.CHEQUE: _("cheque"),
    Instrument.TRANSFER: _("bank transfer"),
    Instrument.UPI: _("UPI"),
}


def instrument(row: ReceiptRow) -> str:
    """Return how it was paid, in a word."""
    return str(INSTRUMENTS.get(row.instrument, row.instrument))


def paid_by(row: ReceiptRow) -> str:
    """Return how it was paid; of a cheque with its number, day and bank."""
    if row.instrument != Instrument.CHEQUE:
        return instrument(row)
    return gettext("cheque %(number)s of %(day)s, %(bank)s") % {
        "number": row.cheque_number,
        "day": formats.day(row.cheque_date) if row.cheque_date else "",
        "bank": row.cheque_bank,
    }


def note(row: ReceiptRow) -> str:
    """Return what is to be said of its state, such as that a cheque is credited when it clears."""
    match row.instrument, row.state:
        case _, ReceiptState.CANCELLED:
            return gettext("Cancelled: %(reason)s") % {"reason": row.reason}
        case Instrument.TRANSFER | Instrument.UPI, ReceiptState.RETURNED:
            return gettext("The amount was taken back: %(reason)s") % {"reason": row.reason}
        case _, ReceiptState.RETURNED:
            return gettext("The bank has returned the cheque: %(reason)s") % {"reason": row.reason}
        case Instrument.CHEQUE, ReceiptState.TAKEN:
            return gettext("The amount is credited when the bank has paid the cheque.")
        case _:
            return gettext("The amount is credited to your account.")
