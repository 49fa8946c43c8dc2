"""Kinds of accounts and credits."""

from typing import Final

from django.db.models import TextChoices

SET_APART: Final = "set-apart"
"""Kind of credit by which unpaid bills leave the balance and become dues."""
DEPOSIT: Final = "deposit"
"""Kind of credit by which a security deposit is added to the balance."""
INTERNAL_CREDITS: Final = (SET_APART, DEPOSIT, "adjustment", "waiver", "write-off")
"""Kinds of credit without a new payment: none of them counts as the last recharge."""
RECHARGE_KINDS: Final = ("recharge", "payment")
"""Kinds of credit of which a share pays dues."""
RECHARGE: Final = "recharge"
"""Kind of the credit of a consumer's payment for electricity."""
MAINTENANCE: Final = "maintenance"
"""Kind of the credit of a payment for maintenance, the only one that a maintenance account takes."""
MAINTENANCE_DUE: Final = "maintenance-due"
"""What the debit of a maintenance due reverses: its contra account is `clearing:maintenance-due`."""


class AccountKind(TextChoices):
    """Whether an account is a consumer's, for electricity or for maintenance, or the other side of the entries in its bucket."""

    CONSUMER = "consumer"
    MAINTENANCE = "maintenance"
    """What a flat owes its society for maintenance. No entry moves between it and any other kind of account."""
    CONTRA = "contra"
