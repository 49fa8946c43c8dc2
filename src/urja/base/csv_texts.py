"""Texts in CSV files, which spreadsheets open: no text is run as a formula."""

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"[+-]?\d[\d ]*(?:[.,]\d+)?")
"""A signed number is no formula."""


def with_apostrophe(text: str) -> str:
    """Return a text as a CSV file has it: with an apostrophe before what a spreadsheet would run as a formula.

    `without_apostrophe` removes exactly that one.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def without_apostrophe(text: str) -> str:
    """Return a text without the apostrophe that `with_apostrophe` has added."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
