"""What a meter type says of a meter on a battery: when its module is awake, and what that costs in charge."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MAX_WAKE_UPS: Final = 24
_AWAKE_S: Final = (60, 3600)
"""Below a minute a head end that was just started would not have the meter's orders in time."""
_DAY_S: Final = 86_400
_YEAR_S: Final = 31_557_600
"""Seconds of a year of 365.25 days."""
_UAS_PER_MAH: Final = 3_600_000


class AwakePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a sleeping module can be reached: at planned local times of its standard time, and after an event of its own.

    It stays awake for `for_s` seconds after waking and after each request, at most `longest_s` in all.
    """

    at: tuple[str, ...]
    for_s: int
    longest_s: int

    def problems(self) -> list[str]:
        """Return what is wrong with the plan, as sentences."""
        found = []
        if not 0 < len(self.at) <= _MAX_WAKE_UPS or not all(map(_TIME.fullmatch, self.at)):
            found.append(f'at: is {list(self.at)}: write 1 to {_MAX_WAKE_UPS} local times such as ["06:00"]')
        elif any(later <= earlier for earlier, later in pairwise(self.at)):
            found.append(f"at: is {list(self.at)}: write each time once, in order")
        least, most = _AWAKE_S
        if not least <= self.for_s <= self.longest_s <= most:
            found.append(
                f"for_s and longest_s are {self.for_s} and {self.longest_s}: write {least} to {most} seconds, "
                "the first not above the second"
            )
        return found

    def next_wake_up(self, after: datetime, utc_offset_min: int) -> datetime:
        """Return the first planned wake-up at or after an instant; the meter's clock is `utc_offset_min` minutes east."""
        offset_s = utc_offset_min * 60
        after_s = -int(-after.timestamp() // 1)
        midnight_s = (after_s + offset_s) // _DAY_S * _DAY_S - offset_s
        moments = (midnight_s + day * _DAY_S + at_s for day in (0, 1) for at_s in self._times_s())
        return datetime.fromtimestamp(next(moment for moment in moments if moment >= after_s), UTC)

    def last_wake_up(self, now: datetime, utc_offset_min: int) -> datetime:
        """Return the last planned wake-up at or before an instant."""
        found = self.next_wake_up(now - timedelta(seconds=self.longest_asleep_s), utc_offset_min)
        while (following := self.next_wake_up(found + timedelta(seconds=1), utc_offset_min)) <= now:
            found = following
        return found

    def is_planned_awake(self, now: datetime, utc_offset_min: int) -> bool:
        """Return whether an instant is within `for_s` of a planned wake-up."""
        begun = self.next_wake_up(now - timedelta(seconds=self.for_s - 1), utc_offset_min)
        return begun <= now

    @property
    def longest_asleep_s(self) -> int:
        """The longest time from one planned wake-up to the next, in seconds."""
        times = [*self._times_s()]
        return max(later - earlier for earlier, later in pairwise([*times, times[0] + _DAY_S]))

    def _times_s(self) -> Iterator[int]:
        for text in self.at:
            yield int(text[:2]) * 3600 + int(text[3:]) * 60


class Battery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The battery of a meter's module and valve, and what each use takes from it.

    Currents are in µA, charges in µA s (1 µAh is 3,600 of them), the capacity in mAh.
    """

    capacity_mah: int
    standby_ua: int
    """Metering, clock and display, at all times."""
    wake_up_uas: int
    """One wake-up: the radio looks for its network."""
    awake_ua: int
    """While the module is awake, besides `standby_ua`."""
    valve_uas: int
    """One motion of the valve."""
    low_percent: int = 10
    """The share of its capacity below which the meter reports a low battery."""

    @property
    def capacity_uas(self) -> int:
        """The capacity in µA s."""
        return self.capacity_mah * _UAS_PER_MAH

    def problems(self) -> list[str]:
        """Return what is wrong with the values, as sentences."""
        found = [
            f"{name}: is {getattr(self, name)}: write {least} or more"
            for name, least in (
                ("capacity_mah", 1), ("standby_ua", 1), ("wake_up_uas", 0), ("awake_ua", 0), ("valve_uas", 0),
            )
            if getattr(self, name) < least
        ]  # fmt: skip
        if not 1 <= self.low_percent <= 50:
            found.append(f"low_percent: is {self.low_percent}: write 1 to 50")
        return found

    def spent_uas(self, *, lived_s: int, awake_s: int, wake_ups: int, valve_motions: int) -> int:
        """Return the charge used since installation, in µA s."""
        return (
            lived_s * self.standby_ua
            + awake_s * self.awake_ua
            + wake_ups * self.wake_up_uas
            + valve_motions * self.valve_uas
        )

    def planned_uas_per_year(self, plan: AwakePlan) -> int:
        """Return the charge of a year in which nothing but the plan wakes the module, in µA s."""
        wake_ups = round(len(plan.at) * _YEAR_S / _DAY_S)
        return self.spent_uas(
            lived_s=_YEAR_S, awake_s=wake_ups * plan.for_s, wake_ups=wake_ups, valve_motions=0
        )

    def left_s(self, spent_uas: int, lived_s: int, plan: AwakePlan) -> int:
        """Return for how many seconds the battery lasts, at the rate at which it was used so far.

        A meter that has lived for less than 30 days is judged by its plan.
        """
        remaining = max(self.capacity_uas - spent_uas, 0)
        if lived_s < 30 * _DAY_S:
            return remaining * _YEAR_S // self.planned_uas_per_year(plan)
        return remaining * lived_s // spent_uas
