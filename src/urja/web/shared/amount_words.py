"""Amounts in words, in English and Hindi, with lakh and crore, as they are written on receipts and cheques."""

from typing import Final

from django.utils.translation import gettext as _

from urja.web.shared.formats import currency_decimals, currency_symbol

_ONES: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_HINDI: Final = [
    "शून्य",
    "एक",
    "दो",
    "तीन",
    "चार",
    "पाँच",
    "छह",
    "सात",
    "आठ",
    "नौ",
    "दस",
    "ग्यारह",
    "बारह",
    "तेरह",
    "चौदह",
    "पंद्रह",
    "सोलह",
    "सत्रह",
    "अठारह",
    "उन्नीस",
    "बीस",
    "इक्कीस",
    "बाईस",
    "तेईस",
    "चौबीस",
    "पच्चीस",
    "छब्बीस",
    "सत्ताईस",
    "अट्ठाईस",
    "उनतीस",
    "तीस",
    "इकतीस",
    "बत्तीस",
    "तैंतीस",
    "चौंतीस",
    "पैंतीस",
    "छत्तीस",
    "सैंतीस",
    "अड़तीस",
    "उनतालीस",
    "चालीस",
    "इकतालीस",
    "बयालीस",
    "तैंतालीस",
    "चौवालीस",
    "पैंतालीस",
    "छियालीस",
    "सैंतालीस",
    "अड़तालीस",
    "उनचास",
    "पचास",
    "इक्यावन",
    "बावन",
    "तिरेपन",
    "चौवन",
    "पचपन",
    "छप्पन",
    "सत्तावन",
    "अट्ठावन",
    "उनसठ",
    "साठ",
    "इकसठ",
    "बासठ",
    "तिरेसठ",
    "चौंसठ",
    "पैंसठ",
    "छियासठ",
    "सड़सठ",
    "अड़सठ",
    "उनहत्तर",
    "सत्तर",
    "इकहत्तर",
    "बहत्तर",
    "तिहत्तर",
    "चौहत्तर",
    "पचहत्तर",
    "छिहत्तर",
    "सतहत्तर",
    "अठहत्तर",
    "उन्यासी",
    "अस्सी",
    "इक्यासी",
    "बयासी",
    "तिरासी",
    "चौरासी",
    "पचासी",
    "छियासी",
    "सत्तासी",
    "अट्ठासी",
    "नवासी",
    "नब्बे",
    "इक्यानवे",
    "बानवे",
    "तिरानवे",
    "चौरानवे",
    "पंचानवे",
    "छियानवे",
    "सत्तानवे",
    "अट्ठानवे",
    "निन्यानवे",
]
"""Hindi has a word of its own for each number below one hundred."""
_STEPS: Final = (
    (10_000_000, "crore", "करोड़"),
    (100_000, "lakh", "लाख"),
    (1_000, "thousand", "हज़ार"),
    (100, "hundred", "सौ"),
)


def number_in_words(value: int, language: str) -> str:
    """Return a whole number from 0 on in words: `1234567` is `twelve lakh thirty-four thousand five hundred sixty-seven`."""
    hindi = language.startswith("hi")
    parts = []
    for step, english, devanagari in _STEPS:
        count, value = divmod(value, step)
        if count:
            parts.append(f"{number_in_words(count, language)} {devanagari if hindi else english}")
    if value or not parts:
        parts.append(_HINDI[value] if hindi else _below_hundred(value))
    return " ".join(parts)


def _below_hundred(value: int) -> str:
    if value < len(_ONES):
        return _ONES[value]
    tens, ones = divmod(value, 10)
    return f"{_TENS[tens]}-{_ONES[ones]}" if ones else _TENS[tens]


def amount_in_words(amount_minor: int, currency: str, language: str) -> str:
    """Return an amount of minor units, from 0 on, in words: `Rupees five hundred and paise fifty only`.

    Texts around the number are in the language that is active.
    """
    whole, minor = divmod(amount_minor, 10 ** currency_decimals(currency))
    words = {
        "whole": number_in_words(whole, language),
        "minor": number_in_words(minor, language),
        "currency": currency_symbol(currency),
    }
    if currency == "INR":
        pattern = _("Rupees %(whole)s and paise %(minor)s only") if minor else _("Rupees %(whole)s only")
    else:
        pattern = (
            _("%(currency)s %(whole)s and %(minor)s only") if minor else _("%(currency)s %(whole)s only")
        )
    return pattern % words
