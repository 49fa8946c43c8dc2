"""The prices of the day by time zones: what a kilowatt-hour costs now, from when it is cheaper, and the day as a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final, NamedTuple

from django.utils.translation import gettext as _

from urja.apps.contracts.kinds import Agreement
from urja.apps.rulebook.queries.prices import DayPrices, PricedSpan, prices_of_day
from urja.core.calendar import ONE_DAY
from urja.core.calendars import UncoveredDayError
from urja.core.calendars.zones import MINUTES, clock_text
from urja.core.rating.zone_prices import ZoneRate
from urja.web.shared import formats, ledger_words

_HEIGHTS_PX: Final = {"low": 16, "middle": 28, "high": 40}
"""A dearer zone is taller: colour alone says nothing to many readers."""
_STRIP_PX: Final = 40


class Band(NamedTuple):
    """A part of the day in the picture."""

    kind: str
    """`low` for the cheapest zone, `high` for the dearest, else `middle`; its class in the style sheet."""
    x: str
    width: str
    y: int
    height: int
    text: str


class Hours(NamedTuple):
    """A part of the day in the table."""

    kind: str
    hours: str
    zone: str
    price: str
    is_now: bool


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """The prices of today."""

    price: str
    """Of now."""
    sentences: list[str]
    bands: list[Band]
    hours: list[Hours]
    now_x: str
    ticks: list[tuple[str, str]]
    strip_px: int = _STRIP_PX


def time_of_day(agreement: Agreement | None, now: datetime) -> TimeOfDay | None:
    """Return the prices of the local day of `now`; None where one price counts at all hours, or none is known."""
    if agreement is None:
        return None
    code = agreement.terms_at(now).tariff_code
    try:
        today, tomorrow = prices_of_day(code, now.date()), prices_of_day(code, now.date() + ONE_DAY)
    except UncoveredDayError:
        return None
    if today is None or not today.spans:
        return None
    minute = now.hour * 60 + now.minute
    current = next(span for span in reversed(today.spans) if span.from_minute <= minute)
    kinds = _kinds(today.spans)
    return TimeOfDay(
        price=_price(today, current.rate),
        sentences=_sentences(today, tomorrow, current),
        bands=[_band(today, span, kinds) for span in today.spans],
        hours=[
            Hours(
                kinds[span.rate.number],
                _hours(span),
                ledger_words.title(span.title),
                _price(today, span.rate),
                span is current,
            )
            for span in today.spans
        ],
        now_x=_percent_of_day(minute),
        ticks=[(_percent_of_day(hour * 60), f"{hour:02d}") for hour in (6, 12, 18)],
    )


def _kinds(spans: Sequence[PricedSpan]) -> dict[int, str]:
    levels = sorted({span.rate.level for span in spans})
    kinds = {levels[-1]: "high", levels[0]: "low"}
    return {span.rate.number: kinds.get(span.rate.level, "middle") for span in spans}


def _percent_of_day(minute: int) -> str:
    return f"{minute * 100 / MINUTES:.2f}%"


def _band(day: DayPrices, span: PricedSpan, kinds: dict[int, str]) -> Band:
    kind = kinds[span.rate.number]
    height = _HEIGHTS_PX[kind]
    return Band(
        kind,
        _percent_of_day(span.from_minute),
        _percent_of_day(span.to_minute - span.from_minute),
        _STRIP_PX - height,
        height,
        f"{_hours(span)}: {ledger_words.title(span.title)}, {_price(day, span.rate)}",
    )


def _hours(span: PricedSpan) -> str:
    return _("%(begins)s to %(ends)s") % {
        "begins": clock_text(span.from_minute),
        "ends": clock_text(span.to_minute),
    }


def _price(day: DayPrices, rate: ZoneRate) -> str:
    """Return the price of one unit; of a zone on slabs how much more or less than usual it costs."""
    if rate.price is not None:
        return _("%(price)s per %(unit)s") % {
            "price": formats.rate(rate.price, day.tariff.currency),
            "unit": ledger_words.unit(rate.unit),
        }
    percent = formats.ratio(abs(rate.percent) * 100)
    if rate.percent > 0:
        return _("%(percent)s %% above the usual price") % {"percent": percent}
    if rate.percent < 0:
        return _("%(percent)s %% below the usual price") % {"percent": percent}
    return _("the usual price")


def _sentences(today: DayPrices, tomorrow: DayPrices | None, current: PricedSpan) -> list[str]:
    """Say what counts now, and the next changes to a lower and to a higher price within a day."""
    found = [
        _("Now: %(zone)s, %(price)s.")
        % {"zone": ledger_words.title(current.title), "price": _price(today, current.rate)}
    ]
    later = [(today, span) for span in today.spans if span.from_minute > current.from_minute]
    if tomorrow is not None:
        later += [(tomorrow, span) for span in tomorrow.spans]
    cheaper = _first(later, lambda level: level < current.rate.level)
    dearer = _first(later, lambda level: level > current.rate.level)
    if cheaper is None:
        found.append(_("It is the cheapest time of the day."))
    changes = [
        (cheaper, _("Cheaper from %(time)s: %(price)s.")),
        (dearer, _("Dearer from %(time)s: %(price)s.")),
    ]
    for number, said in sorted((number, said) for number, said in changes if number is not None):
        day, span = later[number]
        found.append(said % {"time": _from(day, span, today), "price": _price(day, span.rate)})
    return found


def _first(later: Sequence[tuple[DayPrices, PricedSpan]], wanted: Callable[[Fraction], bool]) -> int | None:
    """Return the number of the next span at a wanted price; None where none comes."""
    return next((number for number, (_day, span) in enumerate(later) if wanted(span.rate.level)), None)


def _from(day: DayPrices, span: PricedSpan, today: DayPrices) -> str:
    clock = clock_text(span.from_minute)
    return clock if day is today else _("%(time)s tomorrow") % {"time": clock}
