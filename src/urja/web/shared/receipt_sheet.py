"""The sheet of a receipt, as the consumer prints it and the cashier hands it out."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import get_language, gettext

from urja.web.shared import formats
from urja.web.shared.amount_words import amount_in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptSheet:
    """A receipt to print; every text is in `language`."""

    language: str
    other_language: str
    utility: str
    printed: str
    day: str
    consumer: str
    place: str
    number: str
    amount: str
    words: str
    paid_by: str
    paid_for: str
    note: str
    """What is to be said of its state, such as that a cheque is credited when it clears."""
    cashier: str
    """Empty on a copy, which has no signature."""


def languages() -> list[str]:
    """Return the codes of the languages that a receipt can be in."""
    return [code for code, _name in settings.LANGUAGES]


def receipt_sheet(
    *,
    printed: str,
    at: datetime,
    amount_minor: int,
    currency: str,
    consumer: str,
    place: str,
    number: str,
    paid_by: str,
    commodity: str,
    for_maintenance: bool,
    note: str,
    cashier: str = "",
) -> ReceiptSheet:
    """Return a receipt in the active language; `printed` is its number, `paid_by` and `note` are in that language already."""
    language = str(get_language())
    return ReceiptSheet(
        language=language,
        other_language=next((one for one in languages() if one != language), ""),
        utility=settings.URJA_UTILITY,
        printed=printed,
        day=formats.day_of(at),
        consumer=consumer,
        place=place,
        number=number,
        amount=formats.money(amount_minor, currency),
        words=amount_in_words(amount_minor, currency, language),
        paid_by=paid_by,
        paid_for=gettext("Maintenance") if for_maintenance else formats.commodity_name(commodity),
        note=note,
        cashier=cashier,
    )
