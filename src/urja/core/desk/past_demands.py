"""Maximum demands of billing periods before the usage, as they are stated beside it: ratchets go by them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from urja.core.calendar import ONE_DAY, Period, month_of
from urja.core.rating import PastDemand, Tariff, period_of


class PastDemandError(ValueError):
    """A stated demand that no ratchet can go by; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class StatedDemand:
    """The maximum demand of one earlier period."""

    text: str
    """As it was given, for messages."""
    day: date
    """A day of the period; of a whole month its first day."""
    of_month: bool
    """Whether it is of the period that begins in the month of `day`."""
    zone: str
    """Name of the zone in which it was recorded; empty for all times."""
    apparent: bool
    """Whether `power` is in VA; else in W."""
    power: int


def past_demands(
    stated: Sequence[StatedDemand], versions: Sequence[Tariff], first: date
) -> tuple[PastDemand, ...]:
    """Return stated demands by the billing periods of a tariff, whose bills begin on `first`.

    Raises PastDemandError for a demand that no ratchet goes by, is of no period before `first`, or is stated twice.
    """
    found: dict[tuple[Period, str], PastDemand] = {}
    for one in stated:
        past = PastDemand(_period(one, versions[0]), _name(one, versions), one.power)
        if past.period.end > first:
            raise PastDemandError(
                f"{one.text} is of {past.period.first} to {past.period.end}, which is not over on {first}, the first "
                "billed day: state demands of earlier periods alone, the usage has the others"
            )
        if (past.period, past.name) in found:
            raise PastDemandError(
                f"{one.text} is of a period whose demand is stated before: keep one of them"
            )
        found[past.period, past.name] = past
    return tuple(found.values())


def goes_by(one: StatedDemand, versions: Sequence[Tariff]) -> bool:
    """Return whether a ratchet of any version goes by a stated demand."""
    return _determinant(one, versions) in _ratchets(versions)


def within_reach(
    past: Sequence[PastDemand], versions: Sequence[Tariff], billed: Period
) -> tuple[tuple[PastDemand, ...], tuple[str, ...]]:
    """Return the demands of the periods that ratchets of a bill look back to, and a note for each that is not known."""
    used: list[PastDemand] = []
    notes: list[str] = []
    for name, count in sorted(_ratchets(versions).items()):
        periods = list(_before(billed, versions[0], count))
        known = [one for one in past if one.name == name and one.period.first >= periods[-1].first]
        used += known
        lacking = [
            period.first
            for period in periods
            if not any(one.period.intersection(period).days for one in known)
        ]
        if lacking:
            days = f"{lacking[-1]}" if len(lacking) == 1 else f"{lacking[-1]} to {lacking[0]}"
            notes.append(
                f"{name}: the ratchet looks back {count} periods, and the demand of {len(lacking)} is not known (beginning "
                f"{days}): state it with --past-demand"
            )
    return tuple(sorted(used, key=lambda one: one.period)), tuple(notes)


def _before(billed: Period, tariff: Tariff, count: int) -> Iterator[Period]:
    """Yield the billing periods before a bill, the latest first."""
    begins = period_of(billed.first, tariff.cycle, tariff.period_starts_on).first
    for _ in range(count):
        period = period_of(begins - ONE_DAY, tariff.cycle, tariff.period_starts_on)
        yield period
        begins = period.first


def _ratchets(versions: Sequence[Tariff]) -> dict[str, int]:
    """Return how many periods ratchets of any version look back, by the name of the maximum demand."""
    found: dict[str, int] = {}
    for tariff in versions:
        for name, count in tariff.ratchets.items():
            found[name] = max(count, found.get(name, 0))
    return found


def _determinant(one: StatedDemand, versions: Sequence[Tariff]) -> str:
    name = "max_import_va" if one.apparent else "max_import_w"
    if not one.zone:
        return name
    numbers = {zone: number for tariff in versions for zone, number in tariff.zones}
    return f"{name}_z{numbers[one.zone]}" if one.zone in numbers else ""


def _name(one: StatedDemand, versions: Sequence[Tariff]) -> str:
    if not goes_by(one, versions):
        zones = {f"z{number}": zone for tariff in versions for zone, number in tariff.zones}
        ratchets = []
        for name in sorted(_ratchets(versions)):
            unit, _, zone = name.removeprefix("max_import_").partition("_")
            ratchets.append(("kVA" if unit == "va" else "kW") + (f" in {zones[zone]}" if zone else ""))
        tariff = versions[-1]
        has = f"its ratchets go by {', '.join(ratchets)}" if ratchets else "it has no ratchet: leave it out"
        raise PastDemandError(f"no ratchet of {tariff.code} {tariff.version} goes by {one.text}; {has}")
    return _determinant(one, versions)


def _period(one: StatedDemand, tariff: Tariff) -> Period:
    if not one.of_month:
        return period_of(one.day, tariff.cycle, tariff.period_starts_on)
    month = month_of(one.day)
    begin = {period_of(day, tariff.cycle, tariff.period_starts_on) for day in month}
    inside = sorted(period for period in begin if period.first in month)
    if len(inside) != 1:
        how_many = f"{len(inside)} billing periods begin" if inside else "no billing period begins"
        raise PastDemandError(
            f"{one.text} names a month in which {how_many}: {tariff.code} has periods of {tariff.cycle}; give a day of the "
            f"period instead, such as {one.day}"
        )
    return inside[0]
