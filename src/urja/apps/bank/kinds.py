"""States of claims, and protocols of the rows for other packages."""

from typing import Final

from django.db.models import TextChoices


class ClaimState(TextChoices):
    """State of a claim: the statement that a transfer to the society's bank account was made for an account."""

    WAITING = "waiting"
    """No statement has it yet."""
    CLERK = "clerk"
    """No rule settles it: a clerk decides."""
    REFUSED = "refused"
    CREDITED = "credited"
    REVERSED = "reversed"
    """It was credited, and the credit was taken back."""


PROVIDER: Final = "bank"
"""Name of the bank among the providers of the list of payment differences."""
