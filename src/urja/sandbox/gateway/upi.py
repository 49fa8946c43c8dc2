"""The gateway's UPI address, and links that pay to it."""

from typing import Final

from urja.base import upi

ADDRESS: Final = "urja@sandbox"
"""A virtual payment address whose handle no bank has: a real app that scans the code finds no payee."""

_UTILITIES: Final = "4900"
"""Merchant category code: electricity, gas, water."""


def intent(merchant: str, reference: str, amount: int | None) -> str:
    """Return the link of a payment; `amount` in paise, None where the payer chooses."""
    return upi.intent(ADDRESS, merchant, amount, note=reference, reference=reference, category=_UTILITIES)
