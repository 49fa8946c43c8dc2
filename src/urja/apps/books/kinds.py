"""Kinds of accounts and credits, what follows from each, and what other apps see of requests."""

from datetime import datetime
from typing import Final, Protocol

from django.db.models import TextChoices

SET_APART: Final = "set-apart"
"""By which bills leave the balance for the arrears."""
DEPOSIT: Final = "deposit"
"""By which a security deposit comes to the balance."""
NOT_PAID_IN: Final = (SET_APART, DEPOSIT)
"""By which nobody has paid anything now: none of them is a last recharge."""
RECHARGES: Final = ("recharge", "payment")
"""Of which a share goes to arrears."""


class AccountKind(TextChoices):
    """Whose book an account is."""

    CONSUMER = "consumer"
    CONTRA = "contra"


class Credit(Protocol):
    """A credit that was asked for (`models.CreditRequest`)."""

    id: int
    account_id: int
    amount_minor: int
    kind: str
    reference: str
    correlation: int
    requested_at: datetime
    arrears_minor: int


class Debit(Protocol):
    """A debit that was asked for (`models.DebitRequest`)."""

    id: int
    account_id: int
    amount_minor: int
    kind: str
    reverses: str
    credit_id: int | None
    reference: str
    correlation: int
    requested_at: datetime
