"""An account as its people know it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.contracts.kinds import Agreement
from urja.apps.overviews.queries import accounts
from urja.apps.overviews.queries.accounts import AccountOverview
from urja.core.power import ALWAYS_AWAKE, LastMessage
from urja.web.shared import formats


@dataclass(frozen=True, slots=True)
class AccountCard:
    """An account as its people know it: a place and a consumer number."""

    id: int
    title: str
    """The place, and that it is of gas: a home has electricity under the same name."""
    number: str
    href: str
    agreement: Agreement | None
    mark: int
    ordered: bool
    """Whether a recharge was ever begun for the account."""
    has_reconnection: bool = False
    """Whether there is a chain from a payment to light, under way or at its end."""
    has_maintenance: bool = False
    """Whether a due of maintenance was ever posted beside the account."""
    has_banked: bool = False
    """Whether net metering has ever banked units of its agreement."""
    interval: timedelta | None = None
    """The interval of its billing meter; None where no meter is installed."""
    asleep: timedelta = ALWAYS_AWAKE
    """The longest sleep of that meter's module by its plan."""
    heard: LastMessage | None = None
    """That meter's newest message."""
    unconfirmed_until: datetime | None = None
    """To when its meter has told of intervals that no authenticated read has confirmed yet; None where it has not."""
    commodity: str = "electricity"
    """What its supply is of; amounts that bill it are shown by `formats.billed`."""
    premise: str = ""
    """The place alone; empty where it has no name."""

    def ended_at(self, now: datetime) -> datetime | None:
        """Return when its agreement ended; None while one is in force. What the meter says since is another consumer's."""
        return self.agreement.valid_to if self.agreement and self.agreement.has_ended(now) else None


def _card(seen: AccountOverview) -> AccountCard:
    commodity = seen.agreement.commodity if seen.agreement else "electricity"
    place = seen.premise or seen.consumer_number or _("Supply not started yet")
    return AccountCard(
        id=seen.account_id,
        title=f"{place} · {formats.commodity_name(commodity)}" if commodity == "gas" else place,
        number=seen.consumer_number or "",
        href=reverse("portal:account", args=[seen.account_id]),
        agreement=seen.agreement,
        mark=seen.mark,
        ordered=seen.ordered,
        has_reconnection=seen.has_reconnection,
        has_maintenance=seen.has_maintenance,
        has_banked=seen.has_banked,
        interval=seen.interval,
        asleep=seen.asleep,
        heard=seen.heard,
        unconfirmed_until=seen.unconfirmed_until,
        commodity=commodity,
        premise=seen.premise or "",
    )


def accounts_of(user_id: int | None, now: datetime) -> list[AccountCard]:
    """The accounts that a person has a role on."""
    return [_card(seen) for seen in accounts.accounts_of(user_id, now)]


def account_of(user_id: int | None, account_id: int, now: datetime) -> AccountCard | None:
    """Return one account, or None where the person has no role on it."""
    found = accounts.accounts_of(user_id, now, account_id)
    return _card(found[0]) if found else None
