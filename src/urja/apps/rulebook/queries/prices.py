"""The prices of a local day by time zones: what the tariff in force makes of its calendar."""

from dataclasses import dataclass
from datetime import date

from urja.apps.rulebook.queries import calendars, tariffs
from urja.core.calendars import Calendar
from urja.core.calendars.zones import MINUTES, in_force
from urja.core.rating import Tariff
from urja.core.rating.zone_prices import ZoneRate, zone_rates


@dataclass(frozen=True, slots=True)
class PricedSpan:
    """A part of a local day with one price."""

    from_minute: int
    """Of the wall clock, 0 to 1439."""
    to_minute: int
    """Exclusive, 1 to 1440."""
    title: str
    """Of the zone, as the calendar names it."""
    rate: ZoneRate


@dataclass(frozen=True, slots=True)
class DayPrices:
    """A local day in parts of one price each."""

    day: date
    tariff: Tariff
    calendar: Calendar
    spans: tuple[PricedSpan, ...]


def prices_of_day(code: str, day: date) -> DayPrices | None:
    """Return the prices of a day by a tariff's time zones; None where it has none, or none is in force.

    Raises UncoveredDayError where its calendar begins later.
    """
    tariff = tariffs.in_force(code, day)
    rates = {rate.number: rate for rate in zone_rates(tariff)} if tariff else {}
    if tariff is None or not rates:
        return None
    calendar = in_force(calendars.versions_of(tariff.calendar), day)
    titles = {zone.number: zone.title for zone in calendar.zones}
    # A zone that the tariff does not name has no price of its own.
    switches = [switch for switch in calendar.table_of(day).switches if switch[1] in rates]
    ends = [*(minute for minute, _ in switches[1:]), MINUTES]
    return DayPrices(
        day,
        tariff,
        calendar,
        tuple(
            PricedSpan(minute, end, titles[number], rates[number])
            for (minute, number), end in zip(switches, ends, strict=True)
        ),
    )
