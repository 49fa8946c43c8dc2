"""Cells as people write them, read: texts, numbers, amounts, telephone numbers, e-mail addresses.

A reader returns None for an empty cell and raises `CellError`, with a sentence and a remedy.
"""

import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Final, NamedTuple, assert_never

from urja.base.email_addresses import can_be_mailed
from urja.base.sentences import Sentence, say
from urja.core.sheets.grid import NO_VALUE, Cell
from urja.core.units import MOST_MINOR, major_text


class CellError(Exception):
    """A cell that cannot be read."""

    def __init__(self, sentence: Sentence, remedy: Sentence) -> None:
        super().__init__(sentence)
        self.sentence, self.remedy = sentence, remedy


_SPACES: Final = re.compile(r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000\x00-\x1f\x7f]+")
_INVISIBLE: Final = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
# A joiner belongs to Indian scripts and follows one of their letters; anywhere else it makes equal texts differ.
_LOOSE_JOINER: Final = re.compile("(?<![\u0900-\u0dff])[\u200c\u200d]|[\u200c\u200d](?![\u0900-\u0dff])")
_DIGITS: Final = {ord("०") + value: str(value) for value in range(10)}
_NOTHING: Final = frozenset(
    ("na", "n/a", "n.a", "n a", "-", "--", "---", "–", "—", "_", "nil", "none", "null", "tbd", "?", "not available",
     "not applicable", "निल", "लागू नहीं", "उपलब्ध नहीं")
)  # fmt: skip
_ERRORS: Final = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)


def text_of(cell: Cell) -> str:
    """Return a cell as one line of text, without invisible characters; numbers as a person writes them."""
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        case datetime():
            return cell.date().isoformat()
        case int():
            return str(cell)
        case str():
            return _one_line(cell)
        case _:
            assert_never(cell)


def _one_line(cell: str) -> str:
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", cell))
    return _SPACES.sub(" ", _LOOSE_JOINER.sub("", text)).strip().removeprefix("'").strip()


def with_ascii_digits(text: str) -> str:
    """Return a text with the digits of Devanagari written as 0 to 9."""
    return text.translate(_DIGITS)


def is_nothing(text: str) -> bool:
    """Return whether a text says that there is no value: empty, `NA`, `-`, `nil` ..."""
    return not text or text.casefold().strip(". ") in _NOTHING or not text.strip(". ")


def read_text(cell: Cell, limit: int) -> str | None:
    """Return the text of a cell of at most `limit` characters. Raises CellError for a longer one."""
    text = text_of(cell)
    if text.upper() in _ERRORS:
        raise CellError(say("the formula in this cell has an error"), say("correct the formula"))
    if text == NO_VALUE:
        raise CellError(
            say("the formula in this cell has no stored value"),
            say("open the file in a spreadsheet program and save it, or write the value"),
        )
    if is_nothing(text):
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= 10**15:
        raise CellError(
            say("a spreadsheet stores 15 digits of a number and this one has more"),
            say("format the column as text and write it again"),
        )
    if len(text) > limit:
        raise CellError(
            say("it has {length} characters, {limit} at most fit", length=len(text), limit=limit),
            say("shorten it"),
        )
    return text


_NUMBER: Final = re.compile(
    r"""(?P<open>\()?\s*(?P<sign>[-+\u2212])?\s*
    (?:₹|rs\.?|inr|रु\.?|रू\.?|रुपये)?\s*(?P<inner>[-+\u2212])?\s*
    (?P<digits>\d{1,3}(?:,\d{2,3})*,\d{3}|\d+)?(?P<fraction>\.\d+)?\s*
    (?:/-|₹|rs\.?|रुपये)?\s*(?P<close>\))?\s*(?P<side>[a-z\u0900-\u097f./]*?)\.?""",
    re.VERBOSE | re.IGNORECASE,
)


class Number(NamedTuple):
    """A number, and the word behind it: a unit, or `cr` and `dr`."""

    value: Decimal
    word: str


def read_number(cell: Cell) -> Number | None:
    """Return a number written as a number or as text: `₹ 1,23,456.50 Cr`, `(500)`, `५०`.

    Raises CellError for any other text.
    """
    text = read_text(cell, 60)
    if text is None:
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool) and isfinite(cell):
        return Number(Decimal(repr(cell)), "")
    match = _NUMBER.fullmatch(with_ascii_digits(text))
    if (
        match is None
        or not (match["digits"] or match["fraction"])
        or isinstance(cell, bool | datetime)
        or (match["sign"] and match["inner"])
        or bool(match["open"]) != bool(match["close"])
    ):
        raise CellError(say("it is not a number"), say("write a number such as 1,250.50"))
    value = Decimal((match["digits"] or "0").replace(",", "") + (match["fraction"] or ""))
    minus = match["open"] or any(sign in {"-", "\u2212"} for sign in (match["sign"], match["inner"]))
    return Number(-value if minus else value, match["side"].casefold().strip(". "))


_CREDIT: Final = frozenset({"cr", "credit", "adv", "advance", "जमा", "अग्रिम"})
_OWED: Final = frozenset({"dr", "debit", "due", "dues", "नामे", "बकाया"})


def read_amount(cell: Cell, positive: str) -> int | None:
    """Return an amount in minor units: above 0 what the resident has paid ahead, below 0 what is owed.

    `positive` says which of both an amount without a word is: `credit`, `owed`, or empty where it is not known. Raises
    CellError for an amount that is neither, has more than two decimals, or is beyond `MOST_MINOR`.
    """
    number = read_number(cell)
    if number is None or number.value == 0:
        return None
    minor = _in_minor_units(number.value)
    if number.word in _CREDIT | _OWED:
        return minor if number.word in _CREDIT else -minor
    if number.word:
        raise CellError(
            say("{word} after an amount is not known", word=number.word),
            say("write Cr, Dr or only the amount"),
        )
    if not positive:
        raise CellError(
            say("it is not said whether an amount is credit or owed"),
            say("choose it for the column, or write Cr or Dr behind the amount"),
        )
    return minor if positive == "credit" else -minor


def read_deposit(cell: Cell) -> int | None:
    """Return a deposit in minor units. Raises CellError for a negative one, or one that is owed."""
    number = read_number(cell)
    if number is None or number.value == 0:
        return None
    if number.value < 0 or number.word in _OWED:
        raise CellError(say("a deposit is not below zero"), say("write what is held"))
    return _in_minor_units(number.value)


def _in_minor_units(value: Decimal) -> int:
    scaled = value * 100
    minor = round(scaled)
    # A sum of doubles ends in 1e-10; anything larger was written.
    if abs(scaled - minor) > Decimal("0.0001"):
        raise CellError(say("it has more than two decimals"), say("round it to paise"))
    if abs(minor) > MOST_MINOR:
        most = major_text(MOST_MINOR, 2)
        raise CellError(
            say("the amount is beyond {most}, the largest that is taken", most=most), say("correct it")
        )
    return minor


_WATTS: Final = {"w": 1, "watt": 1, "watts": 1, "kw": 1000, "kilowatt": 1000, "किलोवाट": 1000, "वाट": 1}


def read_load(cell: Cell, unit: str) -> int | None:
    """Return a sanctioned load in watts; a unit in the cell goes before that of the column (`kW` or `W`).

    Raises CellError for another unit, and outside 1 W to 2000 kW.
    """
    number = read_number(cell)
    if number is None:
        return None
    word = number.word or unit.casefold()
    if word not in _WATTS:
        raise CellError(say("{word} is not a unit of the load", word=word), say("write the load in kW"))
    watts = number.value * _WATTS[word]
    if watts != int(watts) or not 1 <= watts <= 2_000_000:
        raise CellError(say("it is not a load from 1 W to 2000 kW"), say("write the load in kW"))
    return int(watts)


def read_energy(cell: Cell) -> int | None:
    """Return a meter's reading, written in kWh, in Wh. Raises CellError for a negative one, or another unit."""
    number = read_number(cell)
    if number is None:
        return None
    if number.value < 0 or number.word not in {"", "kwh", "unit", "units", "यूनिट"}:
        raise CellError(say("it is not a reading in kWh"), say("write the meter's reading in kWh"))
    return round(number.value * 1000)


def read_email(cell: Cell) -> str | None:
    """Return an e-mail address in small letters. Raises CellError for any other text."""
    text = read_text(cell, 254)
    if text is None:
        return None
    text = text.removeprefix("mailto:").strip("<> ").casefold()
    if not can_be_mailed(text):
        raise CellError(
            say("it is not an e-mail address"),
            say("write one address such as meera@example.org, or leave it empty"),
        )
    return text


class Phone(NamedTuple):
    """A telephone number with its country, and whether the cell has further ones."""

    number: str
    others: bool


_SCIENTIFIC: Final = re.compile(r"(\d)(?:\.(\d+))?e\+?(\d{1,2})", re.IGNORECASE)
_BETWEEN_NUMBERS: Final = re.compile(r"[/,;|&]|\s(?:or|and|या|एवं)\s", re.IGNORECASE)


def read_phone(cell: Cell, country: str = "91") -> Phone | None:
    """Return the first telephone number of a cell, as `+` and digits; a number without a country is of `country`.

    Raises CellError where a cell has no complete number.
    """
    text = read_text(cell, 80)
    if text is None:
        return None
    text = with_ascii_digits(text)
    if scientific := _SCIENTIFIC.fullmatch(text):
        first, fraction, power = scientific[1], scientific[2] or "", int(scientific[3])
        if len(fraction) < power - 1:
            raise CellError(
                say("the spreadsheet has rounded this number: its last digits are lost"),
                say("write all digits, in a column formatted as text"),
            )
        text = first + fraction.ljust(power, "0")
    written = [part for part in _BETWEEN_NUMBERS.split(text) if part.strip()]
    if not written:
        raise _no_phone()
    digits = re.sub(
        r"^\s*(?:mob|ph|tel|m)\b[.: ]*|[\s()\-.\u2010-\u2015]", "", written[0], flags=re.IGNORECASE
    )
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if not digits.startswith("+"):
        digits = digits.lstrip("0")
        if len(digits) == 10:
            digits = f"+{country}{digits}"
        elif digits.startswith(country) and len(digits) == 10 + len(country):
            digits = f"+{digits}"
        else:
            raise _no_phone()
    if not re.fullmatch(r"\+[1-9]\d{7,14}", digits):
        raise _no_phone()
    return Phone(digits, len(written) > 1)


def _no_phone() -> CellError:
    return CellError(
        say("it is not a telephone number"), say("write ten digits, with the area code, or leave it empty")
    )
