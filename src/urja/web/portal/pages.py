"""From queries to what templates show: balance, standing, use and postings.

Every value is ready to be printed, in the reader's language and the utility's zone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from importlib.metadata import version as installed_version
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, assert_never
from zoneinfo import ZoneInfo

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext

from urja.apps.asking import Answer
from urja.apps.ledger import queries as ledger
from urja.apps.payments import gateways
from urja.apps.readings import queries as readings
from urja.apps.registry.models import Agreement, PaymentMode
from urja.apps.supply import queries as supply
from urja.apps.supply.facts import Known
from urja.apps.tariffs.errors import UnknownTariffError
from urja.core.calendar import billing_period
from urja.core.policy.facts import CREDIT_HOLD
from urja.core.power import Disconnected, NoPower, NotHeardFrom, Powered, PowerState
from urja.web.portal import chain as chains
from urja.web.portal import charts, paying
from urja.web.shared import formats
from urja.web.shared import ledger_words as wording
from urja.web.shared import power_words as powers
from urja.web.shared import standing as standings
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone
from urja.web.shared.power_words import PowerView
from urja.web.shared.said import said as _

RELEASE = installed_version("urja")
LOW_DAYS = 3
"""From this many days left down, the balance is shown as low."""
RUNWAY_DAYS = 14
LATE = timedelta(hours=3)
"""Readings older than this are said to be late."""
ONE_HOUR = timedelta(hours=1)
HOME_ENTRIES = 12
PASSBOOK_ENTRIES = 60


def version(card: AccountCard, now: datetime) -> str:
    """Changes whenever the live part of the page may: with the account's mark, or the clock's minute."""
    minute = int(now.timestamp()) // 60
    return f"{card.id:x}.{card.mark:x}.{minute:x}.{get_language()}.{RELEASE}"


@dataclass(frozen=True, slots=True)
class BalanceView:
    """The fresh balance. `state` is `good`, `low`, `out` or `unknown`, and where the supply has no power `off` or `dark`;
    the sentence in `days`, and what is said of the power, say the same in words.
    """

    amount: str
    state: str
    days: str
    runway: SafeString | str
    as_of: str
    late: str
    parts: list[tuple[str, str]]


def _balance(balance: ledger.Balance | None, now: datetime, *, by_bill: bool = False) -> BalanceView:
    if balance is None:
        return _unpriced()
    as_of = balance.as_of.astimezone(zone()) if balance.as_of else None
    return BalanceView(
        amount=formats.money(balance.balance_minor, balance.currency),
        # Who pays by a bill owes until it is paid, and nothing runs out.
        state="good" if by_bill else _state(balance),
        days=_owed(balance) if by_bill else _days(balance),
        runway="" if by_bill else _runway(balance),
        as_of=_("As of %(moment)s") % {"moment": formats.moment(as_of, now.date())}
        if as_of
        else _("No reading has come in yet"),
        late=_("Readings are late. What you have used since then is not in this figure yet.")
        if as_of and now - as_of > LATE
        else "",
        parts=_parts(balance),
    )


def _without_power(
    view: BalanceView, balance: ledger.Balance | None, power: PowerState | None
) -> BalanceView:
    """The same where the supply has no power or may have none: then nothing is green, and nearly off is not off."""
    match power:
        case Disconnected(holds=holds):
            used_up = balance is not None and view.state == "out" and _covered_minor(balance) < 0
            if not used_up:
                return replace(view, state="off")
            words = (
                _("Disconnected: the credit is used up. Please recharge.")
                if CREDIT_HOLD in holds
                else _("The credit is used up. Please recharge.")
            )
            return replace(view, state="off", days=words)
        case NoPower() | NotHeardFrom():
            return replace(view, state="dark") if view.state == "good" else view
        case Powered() | None:
            return view
        case _:
            assert_never(power)


def _unpriced() -> BalanceView:
    """Of an account that is held back: what was used has no price, so nobody knows what is left."""
    return BalanceView(
        amount="–",
        state="unknown",
        days=_(
            "What is left cannot be reckoned at the moment: the price of your electricity is missing in our books."
        ),
        runway="",
        as_of=_("The electricity office sees to it; you need do nothing. Until then no use is charged."),
        late="",
        parts=[],
    )


def _covered_minor(balance: ledger.Balance) -> int:
    """With the credit on its way: nobody is told to recharge who has just done so."""
    return balance.balance_minor + balance.credits_minor


def _state(balance: ledger.Balance) -> str:
    if _covered_minor(balance) <= 0:
        return "out"
    if balance.days_left is not None and balance.days_left < LOW_DAYS:
        return "low"
    return "good"


def _pays_by_bill(card: AccountCard, now: datetime) -> bool:
    """Whether an account's use is paid for by bills, and no credit is used up: then nothing like an outlook is kept."""
    if card.agreement is None or card.outlook is not None:
        return False
    return card.agreement.terms_at(now).payment_mode == PaymentMode.POSTPAID


def _owed(balance: ledger.Balance) -> str:
    """With the payment on its way, as in `_covered_minor`."""
    covered = _covered_minor(balance)
    if covered < 0:
        return _("You pay by bill. Used and not paid yet: %(amount)s.") % {
            "amount": formats.money(-covered, balance.currency)
        }
    return _("You pay by bill. Nothing is owed.")


def _days(balance: ledger.Balance) -> str:
    if _covered_minor(balance) < 0:
        return _("The credit is used up; you are still connected. Please recharge.")
    if balance.days_left is None:
        return _("Days left are shown once your usual use is known")
    if balance.days_left < 1:
        return _("At your usual use less than a day")
    return ngettext(
        "At your usual use about %(days)d day",
        "At your usual use about %(days)d days",
        int(balance.days_left),
    ) % {"days": int(balance.days_left)}


def _runway(balance: ledger.Balance) -> SafeString | str:
    """Days left as a row of cells, a picture of the sentence above it."""
    if balance.days_left is None:
        return ""
    return _cells(min(int(balance.days_left), RUNWAY_DAYS) if balance.balance_minor > 0 else 0)


@cache
def _cells(left: int) -> SafeString:
    width = 100 / RUNWAY_DAYS
    cells = "".join(
        f'<rect x="{width * index:.2f}%" width="{width - 1:.2f}%" height="6" rx="3"'
        f"{' class="left"' if index < left else ''}/>"
        for index in range(RUNWAY_DAYS)
    )
    return mark_safe(  # noqa: S308 - numbers alone
        f'<svg class="runway" width="100%" height="6" aria-hidden="true" focusable="false">{cells}</svg>'
    )


def _parts(balance: ledger.Balance) -> list[tuple[str, str]]:
    """What the figure consists of, where it is more than what has been posted."""
    parts = []
    if balance.pending_minor:
        parts = [
            (_("Posted"), formats.money(balance.ledger_minor, balance.currency)),
            (_("Used since, not posted yet"), formats.money(-balance.pending_minor, balance.currency)),
        ]
    if balance.credits_minor:
        parts.append(
            (_("Credit on its way"), formats.money(balance.credits_minor, balance.currency, signed=True))
        )
    if balance.estimated_wh:
        parts.append((_("Of that estimated"), formats.energy(balance.estimated_wh)))
    return parts


@dataclass(frozen=True, slots=True)
class UseView:
    """Energy over a day or a month: a chart, its total and the same as a table."""

    name: str
    heading: str
    total: str
    chart: SafeString
    legend: SafeString
    table: SafeString


class EntryLine(NamedTuple):
    """A posting in a list."""

    seq: int
    title: str
    amount: str
    credit: bool
    href: str


class EntryDay(NamedTuple):
    """The postings of one service day, and what they come to."""

    title: str
    total: str
    lines: list[EntryLine]


@dataclass(frozen=True, slots=True)
class HomePage:
    account: AccountCard
    balance: BalanceView
    power: PowerView | None
    """Whether there is power; None where no meter bills the supply."""
    uses: list[UseView]
    days: list[EntryDay]
    more: bool
    unconfirmed: str
    """Of readings that have come and do not count yet; mostly empty."""
    standing: str
    """Empty where no policy governs the account, or it is held back."""
    by_bill: bool
    """Whether it is paid for by bills: then it is paid, and not recharged."""
    can_pay: bool
    under_way: paying.UnderWay | None
    chain: chains.ChainView | None
    """The way back to light, while it is under way and shortly after."""


def home_asked(card: AccountCard, now: datetime) -> Answer[HomePage]:
    """All that the first page shows."""
    by_bill = _pays_by_bill(card, now)
    # Nothing more is asked of the supply where all that is told of it is kept.
    known_asked = None if card.outlook else standings.known_asked(card, now)
    # What takes longest is asked first.
    month_asked = _month_asked(card.agreement, now.date()) if card.agreement else None
    entries_asked = ledger.entries_asked(card.id, HOME_ENTRIES + 1)
    # Written while the answers are on their way.
    kept = _balance(card.kept, now, by_bill=by_bill) if card.kept else None
    told = standings.told(card.outlook, card.kept.currency, now) if card.outlook and card.kept else ""

    def answer() -> HomePage:
        known = known_asked() if known_asked else None
        entries, month = entries_asked(), month_asked() if month_asked else None
        balance = known.balance if known else _fresh(card, now)
        power = powers.power_of(card, now, _relay(card, known))
        view = kept if kept and balance is card.kept else _balance(balance, now, by_bill=by_bill)
        return HomePage(
            account=card,
            balance=_without_power(view, balance, power),
            power=powers.shown(power, now) if power else None,
            uses=_uses(card.agreement, now, month) if card.agreement and month else [],
            days=_by_day(card, _whole_days(entries, HOME_ENTRIES)),
            more=len(entries) > HOME_ENTRIES,
            unconfirmed=_unconfirmed(card.unconfirmed_until, now),
            standing=standings.standing(known).text if known else told,
            by_bill=by_bill,
            can_pay=gateways.config() is not None,
            under_way=paying.under_way(card.id, now) if card.ordered else None,
            chain=chains.of_account(card.id, now) if card.relit else None,
        )

    return answer


def _unconfirmed(until: datetime | None, now: datetime) -> str:
    if until is None:
        return ""
    return _(
        "Readings up to %(moment)s have come in and are not yet confirmed by your meter. They do not count before that."
    ) % {"moment": formats.moment(until.astimezone(zone()), now.date())}


def _relay(card: AccountCard, known: Known | None) -> powers.Opened | None:
    """Whether the relay is open. What lies ahead is kept of nobody whose relay is."""
    if card.outlook:
        return None
    return powers.opened(known) if known else powers.opened_when_decided(supply.standing(card.id))


def _fresh(card: AccountCard, now: datetime) -> ledger.Balance | None:
    """None where the account is held back, for no tariff says what its use costs."""
    try:
        return card.kept or ledger.fresh_balance(card.id, now, card.agreement)
    except UnknownTariffError:
        return None


@dataclass(frozen=True, slots=True)
class Choice:
    """An account among several."""

    account: AccountCard
    balance: BalanceView
    power: PowerView | None


def choices(cards: Iterable[AccountCard], now: datetime) -> list[Choice]:
    """Several accounts with what is left on each."""
    cards = list(cards)
    stored = supply.standings(card.id for card in cards)
    return [_choice(card, powers.opened_when_decided(stored.get(card.id)), now) for card in cards]


def _choice(card: AccountCard, relay: powers.Opened | None, now: datetime) -> Choice:
    balance, power = _fresh(card, now), powers.power_of(card, now, relay)
    view = _balance(balance, now, by_bill=_pays_by_bill(card, now))
    return Choice(card, _without_power(view, balance, power), powers.shown(power, now) if power else None)


def _month_asked(agreement: Agreement, today: date) -> Answer[readings.MonthUse]:
    """The month that is shown: the billing period where the agreement has a calendar of its own."""
    return readings.use_of_month_asked(agreement, today, billing_period(today, agreement.billing_day or 1))


def _uses(agreement: Agreement, now: datetime, month: readings.MonthUse) -> list[UseView]:
    return [_today(agreement, now, month.hours), _this_month(agreement, now, month.days)]


def _today(agreement: Agreement, now: datetime, hours: Sequence[readings.HourUse]) -> UseView:
    midnight = hours[0].start_at
    agreed, present = (agreement.valid_from - midnight) // ONE_HOUR, (now - midnight) // ONE_HOUR
    axis = _hours_axis(get_language(), midnight, len(hours), zone().key)
    return _use("today", _("Today"), axis, hours, range(max(agreed, 0), present + 1))


@lru_cache(maxsize=64)
def _hours_axis(_language: str | None, begins_at: datetime, hours: int, zone_name: str) -> charts.Axis:
    local = [(begins_at + n * ONE_HOUR).astimezone(ZoneInfo(zone_name)) for n in range(hours)]
    return charts.axis(
        "today",
        _captions(
            _("Use today, %(day)s, by hour") % {"day": formats.short_day(local[0].date())}, _("Hour from")
        ),
        [formats.clock_time(at) for at in local],
        [f"{at.hour:02d}" if at.hour % 6 == 0 else "" for at in local],
    )


def _this_month(agreement: Agreement, now: datetime, days: Sequence[readings.DayUse]) -> UseView:
    first, since = days[0].day, agreement.valid_from.astimezone(zone()).date()
    begun = range(max((since - first).days, 0), (now.date() - first).days + 1)
    axis = _days_axis(get_language(), first, len(days))
    return _use("month", formats.billing_period(first), axis, days, begun)


@lru_cache(maxsize=64)
def _days_axis(_language: str | None, first: date, count: int) -> charts.Axis:
    days = [first + timedelta(days=n) for n in range(count)]
    title = _("Use in %(month)s, by day") if first.day == 1 else _("Use from %(month)s, by day")
    return charts.axis(
        "month",
        _captions(title % {"month": formats.billing_period(first)}, _("Day")),
        [formats.short_day(day) for day in days],
        [str(day.day) if day.day % 7 == 1 else "" for day in days],
    )


def _captions(title: str, interval: str) -> charts.Captions:
    return charts.Captions(title, interval, _("kWh"), _("estimated"), _("no reading yet"))


type _Uses = Sequence[readings.HourUse] | Sequence[readings.DayUse]


def _use(name: str, heading: str, axis: charts.Axis, uses: _Uses, begun: range) -> UseView:
    known = [use.energy_wh for use in uses if use.energy_wh is not None]
    total = formats.energy(sum(known))
    summary = _summary(axis, uses, total, max(known)) if known else _("No readings yet.")
    chart = charts.draw(axis, uses, begun, summary)
    return UseView(
        name=name,
        heading=heading,
        total=total if known else "–",
        chart=chart.picture,
        legend=chart.legend,
        table=chart.table,
    )


def _summary(axis: charts.Axis, uses: _Uses, total: str, highest_wh: int) -> str:
    """What a glance at the chart tells, in words."""
    highest = [use.energy_wh for use in uses].index(highest_wh)
    return _("%(total)s altogether. The most: %(highest)s (%(when)s).") % {
        "total": total,
        "highest": formats.energy(highest_wh),
        "when": axis.slots[highest].label,
    }


def _whole_days(entries: Sequence[ledger.Entry], limit: int) -> Sequence[ledger.Entry]:
    """The first `limit` entries at most, without a day that the limit would cut; one day alone is cut."""
    if len(entries) <= limit:
        return entries
    whole = limit
    while whole and entries[whole - 1].service_date == entries[limit].service_date:
        whole -= 1
    return entries[: whole or limit]


def _by_day(card: AccountCard, entries: Iterable[ledger.Entry]) -> list[EntryDay]:
    days = []
    address, language = f"{card.href}entries/", get_language()
    for day, group in groupby(entries, key=attrgetter("service_date")):
        members = sorted(group, key=attrgetter("seq"))
        total = sum(entry.amount_minor for entry in members)
        days.append(
            EntryDay(
                title=formats.day(day),
                total=formats.money(total, members[0].currency, signed=True) if len(members) > 1 else "",
                lines=[
                    EntryLine(
                        seq=entry.seq,
                        title=wording.title_in(language, entry.title),
                        amount=formats.money(entry.amount_minor, entry.currency, signed=True),
                        credit=entry.amount_minor > 0,
                        href=f"{address}{entry.seq}/",
                    )
                    for entry in members
                ],
            )
        )
    return days


@dataclass(frozen=True, slots=True)
class Passbook:
    account: AccountCard
    days: list[EntryDay]
    before: int | None
    """Where older postings go on, if there are any."""


def passbook(card: AccountCard, before_seq: int | None) -> Passbook:
    """Postings below `before_seq`, newest first."""
    entries = ledger.entries(card.id, PASSBOOK_ENTRIES + 1, before_seq)
    shown = _whole_days(entries, PASSBOOK_ENTRIES)
    return Passbook(
        account=card,
        days=_by_day(card, shown),
        before=shown[-1].seq if len(entries) > PASSBOOK_ENTRIES else None,
    )
