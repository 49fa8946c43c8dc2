"""Amounts in the sentences of guards, in major units of the utility's currency."""

from babel.numbers import get_currency_precision
from django.conf import settings

from urja.core.units import major_text


def amount_text(minor: int) -> str:
    """Return minor units as text in major units, such as `-1234.50`."""
    return major_text(minor, get_currency_precision(settings.URJA_CURRENCY))
