"""An account as its people know it."""

from dataclasses import dataclass

from urja.apps.ledger.balances import Balance
from urja.apps.registry.models import Agreement


@dataclass(frozen=True, slots=True)
class AccountCard:
    """An account as its people know it: a place and a consumer number."""

    id: int
    title: str
    number: str
    href: str
    agreement: Agreement | None
    mark: int
    ordered: bool
    """Whether anybody has ever begun a recharge."""
    kept: Balance | None = None
    """The fresh balance, where it is kept and still good."""
