"""Amounts in the sentences of guards, in major units of the utility's currency."""

from collections.abc import Iterator

from babel.numbers import get_currency_precision
from django.conf import settings

from urja.base.sentences import Sentence, say
from urja.core.units import major_text


def amount_text(minor: int) -> str:
    """Return minor units as text in major units, such as `-1234.50`."""
    return major_text(minor, get_currency_precision(settings.URJA_CURRENCY))


def opening_faults(credit_minor: int, deposit_minor: int) -> Iterator[Sentence]:
    """Yield why an agreement cannot begin with an opening credit and a security deposit."""
    if credit_minor < 0:
        yield say(
            "an opening credit cannot be negative: {credit_minor}", credit_minor=amount_text(credit_minor)
        )
    if deposit_minor < 0:
        yield say(
            "a security deposit cannot be negative: {deposit_minor}", deposit_minor=amount_text(deposit_minor)
        )
