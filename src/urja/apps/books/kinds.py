"""Kinds of accounts and credits."""

from typing import Final

from django.db.models import TextChoices

SET_APART: Final = "set-apart"
"""Kind of credit by which unpaid bills leave the balance and become dues."""
DEPOSIT: Final = "deposit"
"""Kind of credit by which a security deposit is added to the balance."""
INTERNAL_CREDITS: Final = (SET_APART, DEPOSIT)
"""Kinds of credit without a new payment: none of them counts as the last recharge."""
RECHARGE_KINDS: Final = ("recharge", "payment")
"""Kinds of credit of which a share pays dues."""


class AccountKind(TextChoices):
    """Whether an account is a consumer's, or the other side of the entries in its bucket."""

    CONSUMER = "consumer"
    CONTRA = "contra"
