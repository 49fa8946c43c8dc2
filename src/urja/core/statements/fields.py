"""Amounts and dates as banks write them."""

import re
from datetime import date
from typing import Final

from urja.core.units import MOST_MINOR, major_text

_INDIAN: Final = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?|\d+(?:\.\d*)?|\.\d+")
_EUROPEAN: Final = re.compile(r"\d{1,3}(?:\.\d{3})*,\d{1,2}|\d+,\d{1,2}")
_DECORATION: Final = re.compile(r"(?i)^(?:INR|RS\.?|₹)\s*|\s*(?:INR|₹)$")
_SIGNED: Final = re.compile(
    "([+\N{MINUS SIGN}-])([^+\N{MINUS SIGN}-]+)()|()([^+\N{MINUS SIGN}-]+)([+\N{MINUS SIGN}-])"
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/., ]+(\d{4}|\d{2})(?!\d)")
_YEAR_FIRST: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_DIGITS: Final = re.compile(r"(\d{4})(\d{2})(\d{2})$")


def amount_minor(text: str, decimals: int = 2) -> int:
    """Return an amount in minor units: `1,00,000.00`, `1.000,00`, `-5`, `(5.00)`, `5.00 Dr`. `Dr` is negative.

    Raises ValueError with a sentence where the text is no amount, or has more decimals than the currency.
    """
    rest, sign = text.strip(), 1
    for mark, of_mark in (("cr", 1), ("dr", -1)):
        if rest.lower().removesuffix(".").endswith(mark):
            rest, sign = rest.lower().removesuffix(".").removesuffix(mark).strip(), of_mark
    if rest.startswith("(") and rest.endswith(")"):
        rest, sign = rest[1:-1].strip(), -sign
    rest = _DECORATION.sub("", rest).strip()
    marked = _SIGNED.fullmatch(rest)
    if marked:
        rest = (marked[2] or marked[5]).strip()
        sign = sign if "+" in (marked[1], marked[6]) else -sign
    rest = _DECORATION.sub("", rest).strip()
    return sign * _unsigned(rest, text, decimals)


def _unsigned(rest: str, text: str, decimals: int) -> int:
    if not rest.isascii():
        raise ValueError(f"{text.strip()!r} is not an amount, such as 1,00,000.00")
    if _EUROPEAN.fullmatch(rest):
        rest = rest.replace(".", "").replace(",", ".")
    elif not _INDIAN.fullmatch(rest):
        raise ValueError(f"{text.strip()!r} is not an amount, such as 1,00,000.00")
    whole, _, part = rest.replace(",", "").partition(".")
    if len(part) > decimals:
        raise ValueError(f"{text.strip()!r} has more than {decimals} decimals")
    whole = whole.lstrip("0")
    if len(whole) > len(str(MOST_MINOR)):
        raise _too_large(text, decimals)
    value: int = int(whole or "0") * 10**decimals + int(part.ljust(decimals, "0") or "0")
    if value > MOST_MINOR:
        raise _too_large(text, decimals)
    return value


def _too_large(text: str, decimals: int) -> ValueError:
    most = major_text(MOST_MINOR, decimals)
    return ValueError(f"{text.strip()!r} is beyond {most}, the largest amount that is taken")


def day(text: str) -> date:
    """Return the date at the beginning of a text, the day before the month; a time may follow it.

    Raises ValueError with a sentence where there is none.
    """
    text = text.strip()
    if found := _YEAR_FIRST.match(text) or _DIGITS.match(text):
        return _date(text, int(found[1]), int(found[2]), int(found[3]))
    if found := _DAY_FIRST.match(text):
        month = int(found[2]) if found[2].isdecimal() else _MONTHS.get(found[2][:3].lower(), 0)
        year = int(found[3]) + (2000 if len(found[3]) == 2 else 0)
        return _date(text, year, month, int(found[1]))
    raise ValueError(f"{text!r} is not a date, such as 31/01/2026 (the day first)")


def _date(text: str, year: int, month: int, of_month: int) -> date:
    try:
        return date(year, month, of_month)
    except ValueError:
        raise ValueError(f"{text!r} is not a date, such as 31/01/2026 (the day first)") from None
