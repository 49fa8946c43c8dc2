"""What was done to each meter of a fleet, by the fleet's own journal: evidence for the laws beside the truth file."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final

from urja.meter.fleet import FleetFile
from urja.meter.identity import Identity
from urja.meter.inputs import (
    NOT_INSTALLED,
    Entry,
    MoveTamper,
    PowerBack,
    PowerCut,
    RunGenerator,
    Silence,
    Weld,
)

type Span = tuple[int, int]
"""Unix seconds, half open."""

FOR_EVER_S: Final = 1 << 40
_TAMPERS: Final = {"cover": "cover_opened", "magnet": "magnet", "neutral": "neutral_disturbed"}


@dataclass(slots=True)
class MeterHistory:
    """What was done to one meter: an undisturbed meter has an empty history."""

    welded: bool = False
    tampered: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """When each tamper began, by the flag it calls for."""
    away: list[Span] = field(default_factory=list)
    """When it was unreachable, for want of a link or of power; sorted and disjoint."""
    not_installed: list[Span] = field(default_factory=list)
    """When it was in stock or removed: it measures nothing then, and no communication is expected."""
    has_daily_hours: bool = False
    """Whether its link follows daily hours: then nothing is claimed of when it was reachable."""

    def is_away(self, start_s: int, end_s: int) -> bool:
        """Return whether it was unreachable for the whole time."""
        return any(begins <= start_s and end_s <= ends for begins, ends in self.away)

    def is_installed(self, at_s: int) -> bool:
        """Return whether it was installed at an instant."""
        return not any(begins <= at_s < ends for begins, ends in self.not_installed)

    def measures(self, start_s: int, end_s: int) -> bool:
        """Return whether it was installed at any time in between."""
        return not any(begins <= start_s and end_s <= ends for begins, ends in self.not_installed)

    def is_there(self, start_s: int, end_s: int) -> bool:
        """Return whether it was reachable for the whole time."""
        return not self.has_daily_hours and not any(
            begins < end_s and start_s < ends for begins, ends in self.away
        )


def meter_histories(fleet: FleetFile, done: Iterable[Entry], horizon: datetime) -> dict[str, MeterHistory]:
    """Return every meter's history up to `horizon`, by serial."""
    entries: dict[str, list[Entry]] = defaultdict(list)
    for entry in done:
        if entry.at_s <= horizon.timestamp():
            entries[entry.serial].append(entry)
    return {meter.serial: _past(meter, entries[meter.serial]) for meter in fleet.meters}


def _past(meter: Identity, entries: list[Entry]) -> MeterHistory:
    past = MeterHistory(
        welded=meter.relay.welded, has_daily_hours=meter.link.unreachable not in ("never", "always")
    )
    _tell(past, entries)
    if meter.link.unreachable == "always":
        past.away = [(0, FOR_EVER_S)]
    return past


def _tell(past: MeterHistory, entries: list[Entry]) -> None:
    """Fold the inputs of a meter, in their order."""
    on: set[str] = set()
    for entry in entries:
        match entry.input:
            case Weld(True):
                past.welded = True
            case MoveTamper(switch, now_on):
                if now_on and switch not in on:
                    past.tampered[_TAMPERS[switch]].append(entry.at_s)
                on = on | {switch} if now_on else on - {switch}
            case _:
                pass  # no other input is a tamper
    past.not_installed = list(_not_installed(entries))
    past.away = _merged([*_without_power(entries), *_link_down(entries)])


def _without_power(entries: list[Entry]) -> Iterator[Span]:
    """Yield when the meter had no power: as long as one reason for it lasts and no generator runs."""
    reasons: set[str] = set()
    since_s, before, generator_on = 0, False, False
    for entry in entries:
        match entry.input:
            case PowerCut(reason):
                reasons.add(reason)
            case PowerBack(None):
                reasons &= {NOT_INSTALLED}
            case PowerBack(reason):
                reasons.discard(reason)
            case RunGenerator(on):
                generator_on = on
            case _:
                pass  # no other input changes the power
        after = bool(reasons) and not generator_on
        if after and not before:
            since_s = entry.at_s
        if before and not after:
            yield since_s, entry.at_s
        before = after
    if before:
        yield since_s, FOR_EVER_S


def _not_installed(entries: list[Entry]) -> Iterator[Span]:
    """Yield when it was in stock or removed."""
    since_s: int | None = None
    for entry in entries:
        if entry.input == PowerCut(NOT_INSTALLED):
            since_s = entry.at_s
        elif entry.input == PowerBack(NOT_INSTALLED) and since_s is not None:
            yield since_s, entry.at_s
            since_s = None
    if since_s is not None:
        yield since_s, FOR_EVER_S


def _link_down(entries: list[Entry]) -> Iterator[Span]:
    """Yield when the link was down by an order: each order replaces the one before."""
    orders = [(entry.at_s, entry.input.until_s) for entry in entries if isinstance(entry.input, Silence)]
    for (at_s, until_s), (next_s, _) in pairwise([*orders, (FOR_EVER_S, 0)]):
        if until_s > at_s:
            yield at_s, min(until_s, next_s)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Return the spans sorted and merged."""
    joined: list[Span] = []
    for begins, ends in sorted(spans):
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((begins, ends))
    return joined
