"""What the billing period costs so far, line by line; of a supply with a generator, its two sources with their prices."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from django.utils.translation import gettext as _, pgettext

from urja.apps.billing import queries as billing
from urja.apps.contracts.kinds import Agreement
from urja.apps.readings.queries.channel_values import NewestInterval, newest_interval
from urja.apps.rulebook.errors import UnknownTariffError
from urja.core.rating import LinePart, RatedLine, RatedPeriod, Tariff
from urja.core.rating.zone_prices import flat_rate
from urja.web.shared import formats, ledger_words, unit_words
from urja.web.shared.clock import zone

IMPORT: Final = "import_wh"
GENERATOR: Final = "dg_import_wh"
_RECENT: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class PartView:
    """A row of a line: what for, and quantity times rate."""

    label: str
    product: str


@dataclass(frozen=True, slots=True)
class LineView:
    """A charge line so far."""

    title: str
    amount: str
    parts: list[PartView]


@dataclass(frozen=True, slots=True)
class Source:
    """The grid or the generator."""

    name: str
    price: str
    used: str
    """In the billing period so far."""
    supplies: bool
    """Whether it supplied in the newest interval."""


@dataclass(frozen=True, slots=True)
class Charges:
    """The charges of the billing period so far."""

    heading: str
    total: str
    lines: list[LineView]
    bank: list[str]
    """What net metering has fed in, set off and left so far, in sentences."""
    sources: list[Source]
    """Grid and generator; empty of a supply without a generator."""
    sentence: str
    """Which of them supplies, and at what price."""
    covers: str
    """Up to when the charges are known."""
    later: str
    """What of the use that the page shows is not in them yet; empty where nothing is."""


def charges(agreement: Agreement | None, now: datetime) -> Charges | None:
    """Return the charges so far of a tariff that prices more than one quantity; None of any other, and before a reading."""
    if agreement is None:
        return None
    try:
        so_far = billing.charges_so_far(agreement, now)
        period = billing.current_period(agreement, now)
    except UnknownTariffError:
        return None
    if so_far is None:
        return None
    rated, as_of = so_far
    tariff = rated.versions[-1]
    newest = newest_interval(agreement.service_point_id, now - _RECENT)
    sources = _sources(rated, tariff, newest)
    return Charges(
        heading=_("Charges so far, %(period)s") % {"period": formats.billing_period(period)},
        total=formats.money(rated.total_minor, tariff.currency),
        lines=[_line(line, tariff.currency) for line in rated.lines if line.parts],
        bank=unit_words.of_charge([(_zone_title(tariff, row.zone), row) for row in rated.bank]),
        sources=sources,
        sentence=_sentence(tariff, newest, now) if sources else "",
        covers=_("Up to the reading of %(moment)s, with what is not posted yet")
        % {"moment": _moment(as_of, now)},
        later=_later(newest, as_of, now),
    )


def _later(newest: NewestInterval | None, as_of: datetime, now: datetime) -> str:
    if newest is None or newest.ended_at <= as_of:
        return ""
    return _(
        "The use of today and of the month is shown up to %(known)s. What came after %(moment)s is charged with the next reading."
    ) % {"known": _moment(newest.ended_at, now), "moment": _moment(as_of, now)}


def _moment(at: datetime, now: datetime) -> str:
    return formats.moment(at.astimezone(zone()), now.date())


def _line(line: RatedLine, currency: str) -> LineView:
    return LineView(
        title=ledger_words.title(line.title),
        amount=formats.money(line.amount_minor, currency),
        parts=[
            PartView(
                _label(part, of_days=line.is_split),
                ledger_words.product(part.quantity, part.unit, part.rate, currency),
            )
            for part in line.parts
            if part.unit != "line"
        ],
    )


def _label(part: LinePart, *, of_days: bool) -> str:
    """Return what a row is for, and its days where another version of the tariff splits the line."""
    label = ledger_words.label(part.label)
    return f"{label}, {formats.billing_period(part.days)}" if of_days and part.days else label


def _zone_title(tariff: Tariff, number: int) -> str:
    return next((ledger_words.title(name) for name, zone in tariff.zones if zone == number), "")


def _sources(rated: RatedPeriod, tariff: Tariff, newest: NewestInterval | None) -> list[Source]:
    prices = {name: flat_rate(tariff, name) for name in (IMPORT, GENERATOR)}
    if prices[GENERATOR] is None:
        return []
    runs = _runs(newest)
    names = {IMPORT: pgettext("source", "Grid"), GENERATOR: pgettext("source", "Generator")}
    return [
        Source(
            name=names[name],
            price=_price(prices[name], tariff),
            used=formats.energy(_used_wh(rated, tariff, name)),
            supplies=newest is not None and runs is (name == GENERATOR),
        )
        for name in (IMPORT, GENERATOR)
    ]


def _runs(newest: NewestInterval | None) -> bool:
    """Return whether the generator supplied most of the newest interval."""
    if newest is None:
        return False
    return newest.values.get(f"interval_{GENERATOR}", 0) > newest.values.get(f"interval_{IMPORT}", 0)


def _used_wh(rated: RatedPeriod, tariff: Tariff, name: str) -> int:
    lines = {
        line.name: line.measure.size for line in tariff.lines if (line.measure.quantity or IMPORT) == name
    }
    used = (
        part.quantity * lines[line.name]
        for line in rated.lines
        if line.name in lines
        for part in line.parts
        if part.unit == tariff.line(line.name).measure.unit
    )
    return int(sum(used, Fraction(0)))


def _price(rate: Fraction | None, tariff: Tariff) -> str:
    if rate is None:
        return "–"
    return _("%(price)s per %(unit)s") % {
        "price": formats.rate(rate, tariff.currency),
        "unit": formats.billed_unit("electricity"),
    }


def _sentence(tariff: Tariff, newest: NewestInterval | None, now: datetime) -> str:
    if newest is None:
        return ""
    values = {
        "moment": _moment(newest.ended_at, now),
        "price": _price(flat_rate(tariff, GENERATOR if _runs(newest) else IMPORT), tariff),
    }
    if _runs(newest):
        return (
            _("The grid has failed and the generator supplies, at %(price)s (reading: %(moment)s).") % values
        )
    return _("The grid supplies, at %(price)s (reading: %(moment)s).") % values
