"""The link between a meter and its head end: its latency, and when nothing passes.

Latency is in real milliseconds, since it belongs to the transport; reachability follows the business clock. Profiles
are data (`links.toml`).
"""

import math
import random
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import msgspec

from urja.meter.surroundings import LinkOptions, hours_of

_MINUTE_S: Final = 60
_DAY_MIN: Final = 1440

FOR_EVER_S: Final = 1 << 40
"""A Unix time, in seconds, after the end of any simulation."""


class LinkProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One-way latency of a technology: `floor_ms` plus a log-normal part of median `median_ms` and sigma `spread`.

    A share `slow_share` of all messages takes up to `slow_ms` more. `wake_s` is the longest time until a modem is
    back after power or radio has returned.
    """

    floor_ms: float
    median_ms: float
    spread: float
    slow_share: float = 0.0
    slow_ms: float = 0.0
    wake_s: float = 0.0

    def draw_s(self, chance: random.Random) -> float:
        """Return one message's latency, in seconds.

        It always draws three numbers, so that one message's result does not change those of the messages after it.
        """
        normal, slow, how_slow = chance.gauss(0.0, self.spread), chance.random(), chance.random()
        if not self.median_ms:
            return 0.0
        late_ms = how_slow * self.slow_ms if slow < self.slow_share else 0.0
        return (self.floor_ms + self.median_ms * math.exp(normal) + late_ms) / 1000


@cache
def link_profiles() -> Mapping[str, LinkProfile]:
    """Return all link profiles by name."""
    text = files("urja.meter").joinpath("links.toml").read_text("utf-8")
    return MappingProxyType(msgspec.convert(tomllib.loads(text), dict[str, LinkProfile]))


def link_problems(options: LinkOptions) -> list[str]:
    """Return what is wrong with link options, as sentences."""
    found = []
    if options.profile not in link_profiles():
        found.append(f"link.profile is {options.profile!r}; known are {', '.join(link_profiles())}")
    try:
        hours_of(options.unreachable)
    except ValueError as error:
        found.append(f"link.{error}")
    return found


class Link:
    """One meter's link, by its options and a seed.

    `down_until_s` is set by a control order, in addition to the daily hours: the business instant (Unix seconds)
    until which nothing passes.
    """

    def __init__(self, options: LinkOptions, seed: str, utc_offset_s: int) -> None:
        self.profile = link_profiles()[options.profile]
        self.down_until_s = 0
        self._always = options.unreachable == "always"
        self._hours = hours_of(options.unreachable)
        self._offset_min = utc_offset_s // _MINUTE_S
        self._chance = random.Random(seed)  # noqa: S311 - a reproducible simulation, not a secret

    def latency_s(self) -> float:
        """Return the latency of the next message, in real seconds."""
        return self.profile.draw_s(self._chance)

    def waking_s(self) -> float:
        """Return how long the modem needs this time to be back, in real seconds."""
        return self._chance.random() * self.profile.wake_s

    def is_reachable(self, now: datetime) -> bool:
        """Return whether messages pass at a business instant."""
        if self._always or now.timestamp() < self.down_until_s:
            return False
        return self._hours is None or not _within(self._minute(now), *self._hours)

    @property
    def changes(self) -> bool:
        """Whether the link can become reachable or unreachable."""
        return self._hours is not None or self.down_until_s > 0

    def next_change(self, now: datetime) -> datetime | None:
        """Return the next instant at which reachability changes by itself; None where it never does."""
        moments = []
        if now.timestamp() < self.down_until_s < FOR_EVER_S:
            moments.append(datetime.fromtimestamp(self.down_until_s, UTC))
        if self._hours is not None:
            minute = self._minute(now)
            start = now.replace(second=0, microsecond=0)
            moments += [start + timedelta(minutes=(edge - minute - 1) % _DAY_MIN + 1) for edge in self._hours]
        return min((moment for moment in moments if moment > now), default=None)

    def _minute(self, now: datetime) -> int:
        return (int(now.timestamp()) // _MINUTE_S + self._offset_min) % _DAY_MIN


def _within(minute: int, first: int, last: int) -> bool:
    """Return whether a minute of the day is in [first, last), which may extend over midnight."""
    return first <= minute < last if first < last else minute >= first or minute < last
