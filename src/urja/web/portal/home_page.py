"""The first page of an account, and the choice among several: from queries to what templates show.

Every value is ready to be printed, in the reader's language and the utility's zone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed_version

from django.conf import settings
from django.utils.translation import get_language, gettext as _

from urja.apps.billing import queries as billing
from urja.apps.billing.queries import charge_reviews
from urja.apps.contracts.kinds import PaymentMode
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.rulebook.queries import tariffs
from urja.apps.supply import queries as supply
from urja.core.calendar import local_day
from urja.core.power import PowerState
from urja.web.portal import chain, paying, postings
from urja.web.portal.balance import (
    BalanceView,
    asked_once,
    balance_view,
    covers_use,
    ended,
    without_power,
)
from urja.web.portal.charges import Charges, charges
from urja.web.portal.energy_use import UseView, uses
from urja.web.portal.meter_facts import MeterFacts, meter_facts
from urja.web.portal.time_of_day import TimeOfDay, time_of_day
from urja.web.shared import formats, ledger_words, power_words, review_words, standing as standings
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone
from urja.web.shared.power_words import PowerView
from urja.web.shared.unit_words import UnitsView, units_view

RELEASE = installed_version("urja")


def version(card: AccountCard, now: datetime) -> str:
    """Changes whenever the live part of the page may: with the account's mark, or the clock's minute."""
    minute = int(now.timestamp()) // 60
    return f"{card.id:x}.{card.mark:x}.{minute:x}.{get_language()}.{RELEASE}"


@dataclass(frozen=True, slots=True)
class Danger:
    """What a consumer has to do where gas escapes."""

    text: str
    number: str
    """The number to call; empty where the utility has stated none."""


def _danger(card: AccountCard) -> Danger | None:
    if card.commodity != "gas" or card.agreement is None:
        return None
    if not supply.gas_escapes(card.agreement.service_point_id):
        return None
    text = _(
        "Your meter reports that gas escapes. Close the tap before the meter and those of your appliances. Open the windows, light no flame, touch no electrical switch, and leave the room. Your valve stays closed until a fitter has found the place safe. A payment does not open it."
    )
    return Danger(text, settings.URJA_GAS_EMERGENCY_NUMBER)


@dataclass(frozen=True, slots=True)
class LaterView:
    """What the end of a billing period will add: beside the balance, and apart from it."""

    text: str
    lines: list[tuple[str, str]]
    brief: str = ""
    """The same beside the button to recharge; empty for what is credited."""


@dataclass(frozen=True, slots=True)
class HomePage:
    account: AccountCard
    danger: Danger | None
    """Gas escapes: what to do at once."""
    balance: BalanceView
    later: list[LaterView]
    power: PowerView | None
    """Whether there is power; None where no meter bills the supply."""
    time_of_day: TimeOfDay | None
    """The prices of the day by zones; None where one price counts at all hours."""
    charges: Charges | None
    """The period so far by line, of a tariff that prices more than one quantity."""
    uses: list[UseView]
    meter: MeterFacts | None
    """Demand, export and phases, or the gas and its valve; None where there is nothing of them."""
    units: UnitsView | None
    """What net metering has banked; None where it has nothing."""
    postings: postings.Postings
    unconfirmed: str
    """Of readings that have come and do not count yet; mostly empty."""
    review: str
    """Of a charge that is being reviewed; mostly empty."""
    standing: str
    """Empty where no policy governs the account, or it is held back."""
    deposits: list[str]
    """Security deposits that are due or held, where it is paid for by bills."""
    button: str
    """What the link to pay is called; empty after the agreement's end, where nothing is owed."""
    under_way: paying.UnderWay | None
    chain: chain.ChainView | None
    """The way back to light, while it is under way and shortly after."""


@tariffs.cached_versions()
def home_page(card: AccountCard, now: datetime) -> HomePage:
    """All that the first page shows."""
    known = standings.known_of(card, now)
    balance = known.balance if known else _fresh(card, now)
    relay = power_words.opened(known) if known else power_words.opened_when_decided(supply.standing(card.id))
    power = power_words.power_of(card, now, relay)
    by_bill = _pays_by_bill(card, now)
    standing = standings.standing(known) if known else None
    ended_at = card.ended_at(now)
    view = _balance(card, balance, power, now, by_bill=by_bill)
    return HomePage(
        account=card,
        danger=None if ended_at else _danger(card),
        balance=asked_once(view) if standing and standing.says_used_up else view,
        later=_later(balance) if balance else [],
        power=power_words.shown(power, now, card.commodity) if power else None,
        time_of_day=time_of_day(card.agreement, now),
        charges=charges(card.agreement, now),
        uses=uses(card, now),
        meter=None if ended_at else meter_facts(card.agreement, known.facts if known else None, now),
        units=units_view(card.agreement, local_day(now, zone()))
        if card.has_banked and not ended_at
        else None,
        postings=postings.newest(card),
        unconfirmed="" if ended_at else _unconfirmed(card.unconfirmed_until, now),
        review=_review(card, now) if known is not None and known.facts.review else "",
        standing=standing.text if standing else "",
        deposits=_deposits(card, balance) if by_bill else [],
        button=_button(balance, by_bill=by_bill, ended_at=ended_at),
        under_way=paying.under_way(card.id, now) if card.ordered else None,
        chain=chain.of_account(card.id, now) if card.has_reconnection else None,
    )


def _balance(
    card: AccountCard,
    balance: billing.Balance | None,
    power: PowerState | None,
    now: datetime,
    *,
    by_bill: bool,
) -> BalanceView:
    view = balance_view(balance, now, by_bill=by_bill, commodity=card.commodity)
    ended_at = card.ended_at(now)
    return ended(view, balance, ended_at) if ended_at else without_power(view, balance, power)


def _button(balance: billing.Balance | None, *, by_bill: bool, ended_at: datetime | None) -> str:
    if ended_at is not None:
        return "" if covers_use(balance) else _("Pay")
    return _("Pay") if by_bill else _("Recharge")


def _later(balance: billing.Balance) -> list[LaterView]:
    return [_later_view(reserve, balance.currency) for reserve in balance.reserves if reserve.minor]


def _later_view(reserve: billing.Reserve, currency: str) -> LaterView:
    words = {
        "amount": formats.money(abs(reserve.minor), currency),
        "day": formats.day(reserve.settles_on),
    }
    return LaterView(
        _later_words(reserve.minor) % words,
        [(ledger_words.title(title), formats.money(minor, currency)) for title, minor in reserve.lines],
        _("About %(amount)s more is charged after %(day)s.") % words if reserve.minor > 0 else "",
    )


def _later_words(minor: int) -> str:
    if minor < 0:
        return _("About %(amount)s is credited after %(day)s.")
    return _(
        "Not due today: about %(amount)s is charged after %(day)s. Until then it is not taken off your balance, and your supply is not disconnected for it."
    )


def _deposits(card: AccountCard, balance: billing.Balance | None) -> list[str]:
    assert card.agreement is not None, "an account without an agreement is not paid for by bills"
    found, said = billing.security_deposits(card.agreement.id), []
    currency = balance.currency if balance else ""
    if found.due:
        day, minor = found.due[0]
        said.append(
            _("A security deposit of %(amount)s is due on %(day)s.")
            % {"amount": formats.money(minor, currency), "day": formats.day(day)}
        )
    if found.due[1:]:
        said.append(
            _("%(amount)s more of it is due by %(day)s, in monthly parts.")
            % {
                "amount": formats.money(sum(minor for _, minor in found.due[1:]), currency),
                "day": formats.day(found.due[-1][0]),
            }
        )
    if found.due:
        said.append(
            _(
                "Pay it as you pay your bills: on that day it is added to what you owe. Your supply is not disconnected for it."
            )
        )
    if found.held_minor:
        said.append(
            _("%(amount)s is held as your security deposit.")
            % {"amount": formats.money(found.held_minor, currency)}
        )
    return said


def _unconfirmed(until: datetime | None, now: datetime) -> str:
    if until is None:
        return ""
    return _(
        "Readings up to %(moment)s are received, but your meter has not confirmed them yet. They count once it does."
    ) % {"moment": formats.moment(until.astimezone(zone()), now.date())}


def _review(card: AccountCard, now: datetime) -> str:
    review = charge_reviews.newest_review(card.id)
    return review_words.review_sentence(review, now) if review is not None and review.ended_at is None else ""


def _fresh(card: AccountCard, now: datetime) -> billing.Balance | None:
    """Return the fresh balance; None where the account is held back, for no tariff says what its use costs."""
    try:
        return billing.fresh_balance(card.id, now, card.agreement)
    except UnknownTariffError:
        return None


def _pays_by_bill(card: AccountCard, now: datetime) -> bool:
    return card.agreement is not None and card.agreement.terms_at(now).payment_mode == PaymentMode.POSTPAID


@dataclass(frozen=True, slots=True)
class Choice:
    """An account among several."""

    account: AccountCard
    balance: BalanceView
    power: PowerView | None


def choices(cards: Iterable[AccountCard], now: datetime) -> list[Choice]:
    """Several accounts with the balance of each."""
    cards = list(cards)
    stored = supply.standings(card.id for card in cards)
    return [_choice(card, power_words.opened_when_decided(stored.get(card.id)), now) for card in cards]


def _choice(card: AccountCard, relay: power_words.Opened | None, now: datetime) -> Choice:
    balance, power = _fresh(card, now), power_words.power_of(card, now, relay)
    return Choice(
        card,
        _balance(card, balance, power, now, by_bill=_pays_by_bill(card, now)),
        power_words.shown(power, now, card.commodity) if power else None,
    )
