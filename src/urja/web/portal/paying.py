"""What the pages around a recharge show."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from urja.apps.billing import queries as billing
from urja.apps.payments import queries as payments
from urja.apps.payments.queries import gateways
from urja.apps.payments.queries.gateways import GatewayConfig, PaymentsConfig
from urja.apps.rulebook.queries import tariffs
from urja.web.portal import manual_payment
from urja.web.shared import formats, standing as standings
from urja.web.shared.account_card import AccountCard

CHIPS_MINOR = (10_000, 20_000, 50_000, 100_000)
USUAL_MINOR = 20_000
REMEMBERED = timedelta(days=1)
"""How long the first page mentions a payment that has not come in."""


@dataclass(frozen=True, slots=True)
class Chip:
    """An amount to choose by one touch."""

    rupees: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class PayPage:
    """Amounts, and what the chosen one would do."""

    account: AccountCard
    chips: list[Chip]
    rupees: str
    error: str
    effect: standings.EffectView | None
    recharges: bool
    """Whether it is recharged, and not paid: by a bill, or after the agreement's end."""
    beforehand: str
    """What is to be known before paying for an account that is held back, or whose agreement has ended."""
    amount: str
    amount_minor: int
    bounds: str
    gateway: str
    """Which takes the payment; empty where none is configured."""
    methods: "list[Method]"
    """What to choose between, where it decides which gateway takes the payment; empty elsewhere."""
    where: str
    """On whose page one pays."""
    manual: manual_payment.ManualWays | None
    """Ways to pay the amount without a payment service."""
    no_money: bool
    """Whether a gateway has test keys or is a stand-in."""
    label: str
    """Of the field for another amount, with the currency."""


@dataclass(frozen=True, slots=True)
class Method:
    """What people pay with, to choose by one touch."""

    name: str
    label: str
    chosen: bool


@tariffs.cached_versions()
def pay_page(
    card: AccountCard, config: PaymentsConfig, now: datetime, asked: str | None, method: str | None
) -> PayPage:
    """The page with the amount that was asked for, or the one that suits the account."""
    by_method = config.by_method()
    chosen = method if method in by_method else next(iter(by_method), "")
    known = standings.known_of(card, now)
    if asked is None:
        usual_minor = _owed_minor(card, now) if card.ended_at(now) else USUAL_MINOR
        amount_minor: int | None = standings.suggested_minor(known, config.least_minor, usual_minor)
    else:
        amount_minor = minor(asked)
    error = amount_error(amount_minor, config)
    shown = None if error else amount_minor
    return PayPage(
        account=card,
        chips=[
            Chip(typed(chip), formats.money(chip).removesuffix(_cents(0)), chip == shown)
            for chip in CHIPS_MINOR
            if config.least_minor <= chip <= config.most_minor
        ],
        rupees=typed(amount_minor)
        if amount_minor is not None and not (error and asked)
        else (asked or "")[:12],
        error=error,
        effect=standings.effect(known, shown, settings.URJA_CURRENCY) if known and shown else None,
        recharges=not card.ended_at(now) and (known is None or known.facts.prepaid),
        beforehand=_beforehand(card, now) if known is None else "",
        amount=formats.money(shown) if shown else "",
        amount_minor=shown or 0,
        bounds=bounds(config),
        gateway=by_method[chosen].name if chosen else "",
        manual=manual_payment.ways(card, shown, typed(shown), now, cash=not chosen) if shown else None,
        methods=methods(by_method, chosen),
        where=where(config, by_method),
        no_money=any(map(gateways.why_no_money_moves, by_method.values())),
        label=_("Other amount (%(currency)s)") % {"currency": formats.currency_symbol()},
    )


def bounds(config: PaymentsConfig) -> str:
    """What can be paid by a payment service at once."""
    return _("From %(least)s to %(most)s") % {
        "least": formats.money(config.least_minor),
        "most": formats.money(config.most_minor),
    }


def methods(by_method: Mapping[str, GatewayConfig], chosen: str) -> list[Method]:
    """What to choose between, where it decides which gateway takes the payment; empty elsewhere."""
    if len({gateway.name for gateway in by_method.values()}) <= 1:
        return []
    labels = {"upi": _("UPI"), "card": _("Card"), "wallet": _("Wallet")}
    return [Method(name, labels[name], name == chosen) for name in by_method]


def where(config: PaymentsConfig, by_method: Mapping[str, GatewayConfig]) -> str:
    """Return on whose page one pays, in a sentence."""
    if len(config.gateways) == 1 and by_method.keys() == {"upi", "card", "wallet"}:
        return _("You pay on the page of the payment service: by UPI, card or wallet.")
    return _("You pay on the page of the payment service.")


def _owed_minor(card: AccountCard, now: datetime) -> int:
    """What an account owes beside old dues after its agreement's end; zero where its use has no price."""
    if standings.held_back(card, now):
        return 0
    return -billing.fresh_balance(card.id, now, card.agreement).balance_minor


def _beforehand(card: AccountCard, now: datetime) -> str:
    ended_at = card.ended_at(now)
    if ended_at:
        return _(
            "Your agreement ended on %(day)s. A payment pays what is still owed; what is paid beyond it is returned to you."
        ) % {"day": formats.day_of(ended_at)}
    if not standings.held_back(card, now):
        return ""
    return _(
        "How long your credit lasts cannot be calculated at the moment: the price of your supply is missing in our "
        "records. Your payment is credited all the same. If your supply is disconnected, it is not reconnected "
        "before your utility has corrected this."
    )


def minor(rupees: str) -> int | None:
    """Return an amount such as `250`, `1,250.50` or `₹250` in minor units of the utility's currency; None for other text."""
    text = rupees.strip().removeprefix(formats.currency_symbol()).replace(",", "").strip()
    whole, point, rest = text.partition(".")
    decimals = formats.currency_decimals()
    if not re.fullmatch(r"[0-9]{1,8}", whole, re.ASCII):
        return None
    if point and not (len(rest) <= decimals and re.fullmatch(r"[0-9]+", rest, re.ASCII)):
        return None
    return int(whole + rest.ljust(decimals, "0"))


def amount_error(amount_minor: int | None, config: PaymentsConfig) -> str:
    """Why an amount cannot be paid; empty where it can."""
    if amount_minor is None:
        return _("Please enter an amount, such as 250.")
    if amount_minor < config.least_minor:
        return _("The minimum recharge is %(amount)s.") % {"amount": formats.money(config.least_minor)}
    if amount_minor > config.most_minor:
        return _("The maximum recharge is %(amount)s.") % {"amount": formats.money(config.most_minor)}
    return ""


def too_many_orders() -> str:
    """Say that no other payment of an account can be begun."""
    return _(
        "Too many payments of this account were begun and not finished. Finish one of them, or try again tomorrow."
    )


def typed(amount_minor: int) -> str:
    """An amount as it is typed: `250`, `250.50`."""
    whole, rest = divmod(amount_minor, 10 ** formats.currency_decimals())
    return f"{whole}{_cents(rest)}" if rest else str(whole)


def _cents(rest: int) -> str:
    decimals = formats.currency_decimals()
    return f".{rest:0{decimals}d}" if decimals else ""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A payment that has not come in, for the first page."""

    text: str
    order_id: int


def under_way(account_id: int, now: datetime) -> UnderWay | None:
    """The newest order, while it may still be paid."""
    if gateways.config() is None:
        return None
    order = payments.pending_order(account_id)
    if order is None or order.created_at < now - REMEMBERED:
        return None
    text = _("A recharge of %(amount)s is pending.") % {"amount": formats.money(order.amount_minor)}
    return UnderWay(text, order.id)
