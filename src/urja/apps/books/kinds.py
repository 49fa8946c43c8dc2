"""Kinds of credits, and what follows from each."""

from typing import Final

SET_APART: Final = "set-apart"
"""By which bills leave the balance for the arrears."""
DEPOSIT: Final = "deposit"
"""By which a security deposit comes to the balance."""
NOT_PAID_IN: Final = (SET_APART, DEPOSIT)
"""By which nobody has paid anything now: none of them is a last recharge."""
RECHARGES: Final = ("recharge", "payment")
"""Of which a share goes to arrears."""
