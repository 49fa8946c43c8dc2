"""An account as its people know it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from urja.apps.ledger.balances import Balance
from urja.apps.registry.models import Agreement
from urja.core.policy import Outlook
from urja.core.power import Heard


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
    relit: bool = False
    """Whether there is a chain from a payment to light, under way or at its end."""
    kept: Balance | None = None
    """The fresh balance, where it is kept and still good."""
    interval: timedelta | None = None
    """Of its billing meter; None where none hangs there."""
    heard: Heard | None = None
    """That meter's newest message."""
    unconfirmed_until: datetime | None = None
    """To when its meter has told of intervals that no authenticated read has confirmed yet; None where it has not."""
    outlook: Outlook | None = None
    """What lies ahead of its supply, where that is kept and still good."""
