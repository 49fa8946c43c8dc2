"""Texts in CSV files, which spreadsheets read: none is run as a formula."""

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"[+-]?\d[\d ]*(?:[.,]\d+)?")
"""With its sign it is no formula."""


def with_apostrophe(text: str) -> str:
    """A text as a CSV file holds it: with an apostrophe before what a spreadsheet would run as a formula.

    `without_apostrophe` takes exactly that one away again.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def without_apostrophe(text: str) -> str:
    """The text that was meant."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
