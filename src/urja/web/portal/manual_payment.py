"""Ways to pay the society directly: UPI and transfers to its bank account, and cash at the counter."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from urja.apps.bank.queries import SocietyAccountRow, society_accounts
from urja.base import upi
from urja.web.shared.account_card import AccountCard


@dataclass(frozen=True, slots=True)
class UpiWay:
    """A UPI address of the society, with the amount and the consumer number filled in."""

    holder: str
    address: str
    link: str
    qr: SafeString


@dataclass(frozen=True, slots=True)
class ManualWays:
    """What a consumer can pay by without a payment service."""

    utility: str
    number: str
    """The consumer number: what staff find the payment by."""
    upi: UpiWay | None
    transfer: SocietyAccountRow | None
    cash: bool
    report: str
    """Where a payment to the bank account is reported, with the amount."""


def ways(
    card: AccountCard,
    amount_minor: int,
    typed: str,
    now: datetime,
    *,
    cash: bool,
    paid_for: str = "electricity",
) -> ManualWays:
    """Return the ways to pay an amount of the utility's currency, in minor units and as it is typed.

    `paid_for` is `electricity` or `maintenance`.
    """
    accounts = [one for one in society_accounts() if one.currency == settings.URJA_CURRENCY]
    with_upi = [one for one in accounts if one.vpa and one.currency == upi.CURRENCY]
    return ManualWays(
        utility=settings.URJA_UTILITY,
        number=card.number,
        upi=_upi(with_upi[0], card.number, amount_minor, paid_for, now) if with_upi else None,
        transfer=next(iter(accounts), None),
        cash=cash,
        report=f"{reverse('portal:transfer', args=[card.id])}?{urlencode({'amount': typed, 'for': paid_for})}",
    )


def _upi(account: SocietyAccountRow, number: str, amount_minor: int, paid_for: str, now: datetime) -> UpiWay:
    link = upi.intent(
        account.vpa,
        account.holder,
        amount_minor,
        note=number if paid_for == "electricity" else f"{number} {paid_for}",
        # Another one each minute, for an app may take a reference once only.
        reference=f"{number}{int(now.timestamp()) // 60:x}",
    )
    # Its only text is the title, which segno escapes.
    qr = mark_safe(upi.qr_inline(link, _("UPI code of %(holder)s") % {"holder": account.holder}))  # noqa: S308 - segno's own SVG
    return UpiWay(account.holder, account.vpa, link, qr)
