"""What pages say of maintenance: what is owed and since when, what was paid, and ways to pay it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from urja.apps.maintenance.queries import Maintenance
from urja.apps.payments import queries as payments
from urja.apps.payments.queries import gateways
from urja.apps.payments.queries.gateways import PaymentsConfig
from urja.web.portal import manual_payment, paying
from urja.web.shared import formats
from urja.web.shared.account_card import AccountCard


@dataclass(frozen=True, slots=True)
class DueView:
    """A due, or a payment, in words."""

    title: str
    amount: str
    left: str
    """What is not paid of a due; empty where it is paid."""


@dataclass(frozen=True, slots=True)
class MaintenanceCard:
    """What the first page says of maintenance."""

    amount: str
    text: str
    owed: bool


@dataclass(frozen=True, slots=True)
class MaintenancePage:
    account: AccountCard
    card: MaintenanceCard
    dues: list[DueView]
    paid: list[DueView]
    rupees: str
    label: str
    error: str
    amount: str
    amount_minor: int
    gateway: str
    """Which takes the payment; empty where none is configured, or nothing can be paid."""
    online: bool
    """Whether there is a payment service."""
    methods: list[paying.Method]
    where: str
    """On whose page one pays, or what the payment service takes."""
    no_money: bool
    manual: manual_payment.ManualWays | None
    pending: int | None
    """The newest order that may still be paid."""


def maintenance_card(found: Maintenance) -> MaintenanceCard:
    """Return what is owed and since when."""
    if found.since is not None:
        text = _("Owed since %(month)s") % {"month": formats.month(found.since)}
        return MaintenanceCard(formats.money(found.owed_minor, found.currency), text, owed=True)
    if found.advance_minor:
        text = _("Paid in advance")
        return MaintenanceCard(formats.money(found.advance_minor, found.currency), text, owed=False)
    return MaintenanceCard(formats.money(0, found.currency), _("All paid"), owed=False)


def maintenance_page(
    card: AccountCard,
    found: Maintenance,
    config: PaymentsConfig,
    now: datetime,
    asked: str | None,
    method: str | None,
) -> MaintenancePage:
    """Return the page for an amount as it was typed, or for all that is owed."""
    by_method = config.by_method()
    chosen = method if method in by_method else next(iter(by_method), "")
    amount_minor = found.owed_minor if asked is None else paying.minor(asked)
    shown = amount_minor or 0
    online = config.least_minor <= shown <= config.most_minor
    pending = payments.pending_order(found.account_id) if gateways.config() else None
    return MaintenancePage(
        account=card,
        card=maintenance_card(found),
        dues=list(_dues(found)),
        paid=[
            DueView(
                formats.day_of(one.posted_at),
                formats.money(one.amount_minor, found.currency, signed=True),
                "",
            )
            for one in found.payments
        ],
        rupees=paying.typed(shown) if shown else (asked or "")[:12],
        label=_("Amount (%(currency)s)") % {"currency": formats.currency_symbol()},
        error="" if asked is None or shown else _("Please enter an amount, such as 250."),
        amount=formats.money(shown) if shown else "",
        amount_minor=shown,
        gateway=by_method[chosen].name if chosen and shown and online else "",
        online=bool(chosen) and bool(shown),
        methods=paying.methods(by_method, chosen),
        where=paying.where(config, by_method) if online else paying.bounds(config),
        no_money=any(map(gateways.why_no_money_moves, by_method.values())),
        manual=manual_payment.ways(
            card, shown, paying.typed(shown), now, cash=not chosen, paid_for="maintenance"
        )
        if shown
        else None,
        pending=pending.id if pending and pending.created_at >= now - paying.REMEMBERED else None,
    )


def _dues(found: Maintenance) -> Iterable[DueView]:
    """Yield the dues, the newest first."""
    for one in reversed(found.dues):
        yield DueView(
            _("%(name)s, %(month)s") % {"name": one.due.name, "month": formats.month(one.due.month)},
            formats.money(one.due.amount_minor, found.currency),
            formats.money(one.left_minor, found.currency) if one.left_minor else "",
        )
