"""Lines of the second rater and their pieces, each with its weights over the days."""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from urja.laws.second_rater.numbers import ZERO, ByDay


@dataclass
class Part:
    """A piece of a line (a slab, a month, a base) with its weights over the days."""

    which: object
    amount: Fraction
    spread: ByDay


@dataclass
class Line:
    """The amount of a line in minor units, with its parts."""

    amount: int = 0
    parts: list[Part] = field(default_factory=list)
    zones: dict[object, str] = field(default_factory=dict)
    """The zone of each part that has one."""


def grown(now: Line, before: Line | None, since: list[date]) -> Line:
    """Return the growth of a line on some days: all of it where nothing came before them."""
    if before is None:
        return Line(now.amount, [on_days(part, since) for part in now.parts], now.zones)
    old = {part.which: part for part in before.parts}
    parts = [
        Part(
            part.which,
            part.amount - old[part.which].amount if part.which in old else part.amount,
            part.spread,
        )
        for part in now.parts
    ]
    kept = {part.which for part in now.parts}
    parts += [Part(which, -part.amount, part.spread) for which, part in old.items() if which not in kept]
    grown_parts = [on_days(part, since) for part in parts if part.amount]
    return Line(now.amount - before.amount, grown_parts, before.zones | now.zones)


def on_days(part: Part, days: list[date]) -> Part:
    return Part(part.which, part.amount, {day: part.spread[day] for day in days if day in part.spread})


def evenly(days: list[date]) -> ByDay:
    return dict.fromkeys(days, Fraction(1))


def share_on(spread: ByDay, days: list[date], of_days: list[date]) -> Fraction:
    """Return the share of a weight on some days; by their number where all weights are zero."""
    total = sum(spread.values(), ZERO)
    if total == 0:
        return Fraction(len(days), len(of_days))
    return sum((spread.get(day, ZERO) for day in days), ZERO) / total


def spread_of_all(parts: list[Part]) -> ByDay:
    """Return the weights of a whole line over the days, by the amounts of its parts."""
    spread: ByDay = {}
    for part in parts:
        total = sum(part.spread.values(), ZERO)
        for day, weight in part.spread.items():
            if total:
                spread[day] = spread.get(day, ZERO) + part.amount * weight / total
    return spread
