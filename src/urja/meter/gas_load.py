"""Gas behind a diaphragm meter: burners and a water heater by habit, and the temperature of the gas.

Flow is constant within a minute, in whole mL a second, and temperature within an hour. So the volume between any two whole
seconds is an exact integer, however the time between them is divided. Habits and temperatures are plausible for northern
India, not measured.
"""

import math
import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from urja.meter.load import DAY_S, IST_OFFSET_S
from urja.meter.surroundings import HouseholdKind

_MINUTES: Final = 1440
_CACHED_DAYS: Final = 4
_ZERO_CELSIUS_CK: Final = 27_315
_COMPENSATED_TO_DC: Final = 150
"""The temperature to which the meter's second register refers: 15 °C."""


@dataclass(frozen=True, slots=True)
class GasUse:
    """A habit: a flow in mL/s, the minutes of the day in which it may begin, how long it lasts, and how often it occurs.

    `winter` uses occur in the cold months alone.
    """

    flow_ml_s: int
    begins_min: tuple[int, int]
    lasts_min: tuple[int, int]
    chance: float = 1.0
    winter: bool = False


_MEALS: Final = (
    GasUse(55, (375, 450), (15, 35)),
    GasUse(70, (690, 780), (25, 50), 0.8),
    GasUse(90, (1110, 1200), (35, 70)),
    GasUse(40, (960, 1020), (8, 15), 0.9),
)
_PATTERNS: Final[dict[HouseholdKind, tuple[GasUse, ...]]] = {
    "family": (*_MEALS, GasUse(440, (390, 460), (8, 20), 0.9, winter=True)),
    "solar": _MEALS,
    "shop": (GasUse(140, (420, 450), (600, 780)), GasUse(90, (660, 720), (90, 150))),
    "empty": (),
    "festive": _MEALS,
    "heavy": (*_MEALS, GasUse(300, (0, 0), (_MINUTES, _MINUTES))),
}
"""Kitchens and a water heater; a tea stall; nothing; kitchens; a heater that burns at all hours."""


@dataclass(frozen=True, slots=True)
class GasVolume:
    """A volume that flowed, in mL as it flowed, and in µL at 15 °C."""

    line_ml: int = 0
    compensated_ul: int = 0

    def __add__(self, other: "GasVolume") -> "GasVolume":
        return GasVolume(self.line_ml + other.line_ml, self.compensated_ul + other.compensated_ul)

    def __sub__(self, other: "GasVolume") -> "GasVolume":
        return GasVolume(self.line_ml - other.line_ml, self.compensated_ul - other.compensated_ul)


@dataclass(frozen=True, slots=True)
class _Day:
    flow_ml_s: npt.NDArray[np.int64]
    line_ml: npt.NDArray[np.int64]
    """Volume from midnight to the beginning of each minute; the last is the day's."""
    compensated_ul: npt.NDArray[np.int64]


class GasHousehold:
    """The gas that a household draws, by seed. Times are true Unix seconds."""

    def __init__(self, seed: int, utc_offset_s: int = IST_OFFSET_S, life: HouseholdKind = "family") -> None:
        self._seed = seed
        self._offset_s = utc_offset_s
        self._uses = _PATTERNS[life]
        self._days: OrderedDict[int, _Day] = OrderedDict()

    def flow_ml_s(self, instant_s: int) -> int:
        """Return the flow at an instant in mL/s: constant until the next whole minute."""
        day, second = divmod(instant_s + self._offset_s, DAY_S)
        return int(self._day(day).flow_ml_s[second // 60])

    def between(self, start_s: int, end_s: int) -> GasVolume:
        """Return what flows from `start_s` to `end_s` (Unix seconds, half open) with the valve open."""
        total = GasVolume()
        while start_s < end_s:
            day, second = divmod(start_s + self._offset_s, DAY_S)
            stop_s = min(end_s, start_s - second + DAY_S)
            total += self._until(day, stop_s - start_s + second) - self._until(day, second)
            start_s = stop_s
        return total

    def temperature_dc(self, instant_s: int) -> int:
        """Return the temperature of the gas in the meter in tenths of a degree Celsius: constant within an hour."""
        day, second = divmod(instant_s + self._offset_s, DAY_S)
        season = math.cos((day % 365.2425 - 15) / 365.2425 * 2 * math.pi)  # coldest in mid-January
        hour = math.cos((second // 3600 - 15) / 24 * 2 * math.pi)  # warmest at three in the afternoon
        return round(240 - 90 * season + 50 * hour)

    def at_15_degrees_ul_s(self, flow_ml_s: int, instant_s: int) -> int:
        """Return a flow (mL/s) as the compensated register counts it at an instant, in µL/s."""
        kelvin_ck = _ZERO_CELSIUS_CK + 10 * self.temperature_dc(instant_s)
        return flow_ml_s * 1000 * (_ZERO_CELSIUS_CK + 10 * _COMPENSATED_TO_DC) // kelvin_ck

    def _until(self, day: int, second: int) -> GasVolume:
        curve = self._day(day)
        minute, over_s = divmod(second, 60)
        line_ml, compensated_ul = int(curve.line_ml[minute]), int(curve.compensated_ul[minute])
        if over_s:
            flow = int(curve.flow_ml_s[minute])
            at_s = day * DAY_S - self._offset_s + second
            line_ml += flow * over_s
            compensated_ul += self.at_15_degrees_ul_s(flow, at_s) * over_s
        return GasVolume(line_ml, compensated_ul)

    def _day(self, day: int) -> _Day:
        if day not in self._days:
            self._days[day] = self._plan(day)
            if len(self._days) > _CACHED_DAYS:
                self._days.popitem(last=False)
        return self._days[day]

    def _plan(self, day: int) -> _Day:
        chance = random.Random(f"gas {self._seed} {day}")  # noqa: S311 - a reproducible simulation, not a secret
        flow = np.zeros(_MINUTES, np.int64)
        midnight_s = day * DAY_S - self._offset_s
        is_winter = self.temperature_dc(midnight_s + 15 * 3600) < 230
        for use in self._uses:
            # All three numbers are drawn in any case, so that one use does not move those after it.
            occurs, begins, lasts = (
                chance.random(),
                chance.randint(*use.begins_min),
                chance.randint(*use.lasts_min),
            )
            if occurs < use.chance and (is_winter or not use.winter):
                flow[begins : begins + lasts] += use.flow_ml_s
        compensated = np.array(
            [self.at_15_degrees_ul_s(int(ml), midnight_s + minute * 60) for minute, ml in enumerate(flow)],
            np.int64,
        )
        return _Day(flow, _from_midnight(flow), _from_midnight(compensated))


def _from_midnight(per_second: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(per_second * 60)])
