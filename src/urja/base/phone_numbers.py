"""Telephone numbers as people write them, in the form of ITU-T E.164; Indian mobile numbers without a country code."""

import re

_SEPARATORS = re.compile(r"[\s().\-]")
_INDIAN_MOBILE = re.compile(r"(?:\+91|91|0)?([6-9][0-9]{9})")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{7,14}")


def normalised(text: str) -> str | None:
    """Return a number as `+919876543210`; None where the text is no number that can be called.

    Indian mobile numbers have ten digits of which the first is 6 to 9, and may begin with 0, 91 or +91. A number of
    another country needs its plus sign.
    """
    number = _SEPARATORS.sub("", text)
    indian = _INDIAN_MOBILE.fullmatch(number)
    if indian:
        return f"+91{indian[1]}"
    return number if _INTERNATIONAL.fullmatch(number) else None


def spellings(number: str) -> tuple[str, ...]:
    """Return all forms in which a normalised number may be stored."""
    if number.startswith("+91") and _INDIAN_MOBILE.fullmatch(number):
        digits = number.removeprefix("+91")
        return number, digits, f"0{digits}", f"91{digits}"
    return number, number.removeprefix("+")
