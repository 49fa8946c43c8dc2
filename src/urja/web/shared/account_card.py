"""An account as its people know it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.urls import reverse

from urja.apps.ledger.balances import Balance
from urja.apps.ledger.glance import Glance, glances
from urja.apps.registry.models import Agreement
from urja.core.policy import Outlook
from urja.core.power import Heard
from urja.web.shared.said import said as _


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


def _card(seen: Glance) -> AccountCard:
    return AccountCard(
        id=seen.account_id,
        title=seen.premise or seen.consumer_number or _("Connection to come"),
        number=seen.consumer_number or "",
        href=str(seen.account_id).join(_address_of_accounts()),
        agreement=seen.agreement,
        kept=seen.kept,
        mark=seen.mark,
        ordered=seen.ordered,
        relit=seen.relit,
        interval=seen.interval,
        heard=seen.heard,
        unconfirmed_until=seen.unconfirmed_until,
        outlook=seen.outlook,
    )


@cache
def _address_of_accounts() -> tuple[str, str]:
    """An account's address before and after its number: the resolver would be asked for it with every look."""
    before, after = reverse("portal:account", args=[0]).rsplit("0", 1)
    return before, after


def accounts_of(user_id: int, now: datetime) -> list[AccountCard]:
    """The accounts that a person has a role on."""
    return [_card(seen) for seen in glances(user_id, now)]


def account_of(user_id: int, account_id: int, now: datetime) -> AccountCard | None:
    """One account, if the person has a role on it."""
    found = glances(user_id, now, account_id)
    return _card(found[0]) if found else None
