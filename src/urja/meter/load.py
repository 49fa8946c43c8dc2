"""Household load and solar export: seeded, by hour, weekday and season, exact in integers.

Power is constant within a minute and a whole number of *quanta*: 1 mWh per second, which is 3.6 W. The energy between
any two whole seconds is then an exact integer of mWh, and a day is one cumulative array, so that an interval of any
length costs two look-ups.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from operator import add, sub
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

MINUTES: Final = 1440
DAY_S: Final = 86_400
WATTS_PER_QUANTUM: Final = 3.6
"""1 mWh/s in watts (and 1 mVAh/s in volt-amperes)."""

IST_OFFSET_S: Final = 19_800


class Season(Enum):
    """The part of the year in which an appliance is used."""

    ALL = "all"
    HOT = "hot"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class ApplianceUse:
    """One appliance and its use: `runs` a day (weekday, weekend), each of `minutes`, at `watts` and `power_factor`.

    A run begins anywhere in [`first_min`, `last_min`) of the local day. `owned_by` is the share of households that
    have one.
    """

    name: str
    watts: int
    power_factor: float
    first_min: int
    last_min: int
    runs: tuple[float, float]
    minutes: int
    season: Season = Season.ALL
    owned_by: float = 1.0
    each_days: int = 1
    """In use on local days (since 1970-01-01) that are divisible by it."""


def _clock(hour: int, minute: int = 0) -> int:
    return hour * 60 + minute


# A north Indian town: powers and hours are plausible, not measured (docs/meter.md).
FAMILY_APPLIANCES: Final = (
    ApplianceUse("refrigerator", 130, 0.86, 0, MINUTES, (26.0, 27.0), 22, owned_by=0.9),
    ApplianceUse("standby", 12, 0.7, 0, 1, (1.0, 1.0), MINUTES),
    ApplianceUse("lights, morning", 45, 0.95, _clock(5, 15), _clock(6), (1.0, 0.7), 70),
    ApplianceUse("lights, evening", 75, 0.95, _clock(18), _clock(18, 50), (1.0, 1.0), 270),
    ApplianceUse("television", 90, 0.93, _clock(18, 30), _clock(20, 30), (1.0, 1.4), 110, owned_by=0.95),
    ApplianceUse("television, day", 90, 0.93, _clock(10), _clock(15), (0.5, 1.2), 80, owned_by=0.95),
    ApplianceUse("water pump", 750, 0.82, _clock(6), _clock(7, 30), (0.8, 0.9), 18, owned_by=0.7),
    ApplianceUse("mixer", 500, 0.85, _clock(7), _clock(9), (1.4, 1.8), 4),
    ApplianceUse("rice cooker", 700, 1.0, _clock(19), _clock(20, 30), (0.6, 0.7), 25, owned_by=0.5),
    ApplianceUse("induction plate", 1400, 0.98, _clock(7), _clock(8, 45), (0.8, 0.9), 16, owned_by=0.4),
    ApplianceUse("iron", 1000, 1.0, _clock(7), _clock(9), (0.5, 0.3), 12),
    ApplianceUse("washing machine", 400, 0.8, _clock(9), _clock(12), (0.2, 0.8), 50, owned_by=0.6),
    ApplianceUse("fans, day", 140, 0.9, _clock(9), _clock(12), (1.0, 1.3), 300, Season.HOT),
    ApplianceUse("fans, night", 140, 0.9, _clock(21), _clock(22), (1.0, 1.0), 179, Season.HOT),
    ApplianceUse("fans, small hours", 140, 0.9, 0, 5, (1.0, 1.0), 360, Season.HOT),
    ApplianceUse("cooler", 180, 0.85, _clock(12), _clock(14), (0.9, 1.1), 240, Season.HOT, 0.6),
    ApplianceUse(
        "air conditioner, evening", 1500, 0.92, _clock(21), _clock(22), (0.8, 0.9), 115, Season.HOT, 0.35
    ),
    ApplianceUse("air conditioner, night", 900, 0.92, 0, 10, (0.8, 0.9), 280, Season.HOT, 0.35),
    ApplianceUse("geyser", 2000, 1.0, _clock(6), _clock(8, 30), (2.0, 2.4), 12, Season.COLD, 0.65),
    ApplianceUse("room heater", 1000, 1.0, _clock(19), _clock(20, 30), (0.7, 0.8), 110, Season.COLD, 0.4),
)


@dataclass(frozen=True, slots=True)
class LoadPattern:
    """A load pattern: appliances, the range in which a seed scales their powers, and the peak of a solar roof, in W.

    Behind a three-phase meter each phase has the appliances of its own household. `balanced` are machines on all
    three phases, with their whole power; a capacitor bank gives `capacitor_var` at all hours.
    """

    habits: tuple[ApplianceUse, ...]
    scale: tuple[float, float] = (0.6, 1.5)
    solar_peak_w: tuple[int, int] | None = None
    balanced: tuple[ApplianceUse, ...] = ()
    capacitor_var: int = 0


FAMILY_PATTERN: Final = LoadPattern(FAMILY_APPLIANCES)


@dataclass(frozen=True, slots=True)
class DayCurve:
    """A local day of one household, in integers. Sums have 1441 entries: the total up to each minute.

    `quanta` is power drawn from the line. What a solar roof feeds in is in the `export_*` arrays, None without a
    roof.
    """

    quanta: npt.NDArray[np.int32]
    energy_mwh: npt.NDArray[np.int64]
    va_quanta: npt.NDArray[np.int32]
    apparent_mvah: npt.NDArray[np.int64]
    voltage_cv: npt.NDArray[np.int32]
    voltage_cvs: npt.NDArray[np.int64]
    export_quanta: npt.NDArray[np.int32] | None = None
    exported_mwh: npt.NDArray[np.int64] | None = None
    export_va_quanta: npt.NDArray[np.int32] | None = None
    exported_mvah: npt.NDArray[np.int64] | None = None


class PhaseDraw(NamedTuple):
    """What flowed in the phases of a three-phase load: by quadrant in mvarh, then by phase in mVAh and cV s.

    Quadrants as in IEC 62053-23: 1 and 4 with import (lagging, leading), 2 and 3 with export. The volt-amperes of a
    phase are those through it, in either direction.
    """

    q1_mvarh: int = 0
    q2_mvarh: int = 0
    q3_mvarh: int = 0
    q4_mvarh: int = 0
    apparent_mvah_l1: int = 0
    apparent_mvah_l2: int = 0
    apparent_mvah_l3: int = 0
    voltage_cvs_l1: int = 0
    voltage_cvs_l2: int = 0
    voltage_cvs_l3: int = 0


@dataclass(frozen=True, slots=True)
class Draw:
    """The energy that flowed over a time, in mWh and mVAh.

    Import and export through the meter, what bypassed it by a hooked wire, and what was lost on the way; of a
    transformer's load, `hooked_mwh` is the part that no premise's meter measured. `voltage_cvs` is the voltage summed
    over the seconds. `phases` is there where the load has three.
    """

    energy_mwh: int = 0
    apparent_mvah: int = 0
    voltage_cvs: int = 0
    exported_mwh: int = 0
    exported_mvah: int = 0
    hooked_mwh: int = 0
    lost_mwh: int = 0
    phases: PhaseDraw | None = None

    def __add__(self, other: "Draw") -> "Draw":
        return Draw(
            self.energy_mwh + other.energy_mwh,
            self.apparent_mvah + other.apparent_mvah,
            self.voltage_cvs + other.voltage_cvs,
            self.exported_mwh + other.exported_mwh,
            self.exported_mvah + other.exported_mvah,
            self.hooked_mwh + other.hooked_mwh,
            self.lost_mwh + other.lost_mwh,
            self.phases
            if other.phases is None
            else other.phases
            if self.phases is None
            else PhaseDraw(*map(add, self.phases, other.phases)),
        )

    def since(self, earlier: "Draw") -> "Draw":
        """Return the difference to an earlier total."""
        return Draw(
            self.energy_mwh - earlier.energy_mwh,
            self.apparent_mvah - earlier.apparent_mvah,
            self.voltage_cvs - earlier.voltage_cvs,
            self.exported_mwh - earlier.exported_mwh,
            self.exported_mvah - earlier.exported_mvah,
            self.hooked_mwh - earlier.hooked_mwh,
            self.lost_mwh - earlier.lost_mwh,
            self.phases
            if self.phases is None or earlier.phases is None
            else PhaseDraw(*map(sub, self.phases, earlier.phases)),
        )

    def voltage_alone(self) -> "Draw":
        """Return what is measured of it on the grid side of an open relay: the voltages."""
        phases = self.phases and PhaseDraw(*(0,) * 7, *self.phases[7:])
        return Draw(voltage_cvs=self.voltage_cvs, phases=phases)


GRID_ANGLES_DEG: Final = (0, 120, 240)
"""How far the voltage of each phase of the grid follows that of the first, in degrees."""


class PhaseReading(NamedTuple):
    """The instantaneous values of one phase; active power is negative where the phase feeds in.

    `angle_deg` is how far its voltage follows that of the grid's first phase, in degrees.
    """

    active_w: float
    apparent_va: float
    voltage_v: float
    angle_deg: int


@dataclass(frozen=True, slots=True)
class InstantaneousReading:
    """The instantaneous values of one minute: power drawn or fed in, apparent power, voltage.

    Of a three-phase load also the reactive power (var, negative where it leads), and `phases`.
    """

    active_w: float
    apparent_va: float
    voltage_v: float
    exporting_w: float = 0.0
    reactive_var: float = 0.0
    phases: tuple[PhaseReading, ...] = ()

    def voltage_alone(self) -> "InstantaneousReading":
        """Return what is measured of it on the grid side of an open relay: the voltages."""
        phases = tuple(phase._replace(active_w=0.0, apparent_va=0.0) for phase in self.phases)
        return InstantaneousReading(0.0, 0.0, self.voltage_v, phases=phases)


class LoadSource(Protocol):
    """A load behind a meter."""

    def between(self, start_s: int, end_s: int) -> Draw:
        """Return what flows from `start_s` to `end_s` (Unix seconds, half open) with the supply on."""
        ...

    def at(self, instant_s: int) -> InstantaneousReading:
        """Return the instantaneous values at an instant, with the supply on."""
        ...

    def watts(self, instant_s: int) -> float:
        """Return the active power drawn at an instant, with the supply on, in W: constant until the next whole
        minute.
        """
        ...


def season_weight(day: int, season: Season) -> float:
    """Return how far a seasonal appliance is in use on a day (days since 1970-01-01, local), 0 to 1.

    Hot from about April to September, cold from mid-November to February, with gradual transitions.
    """
    if season is Season.ALL:
        return 1.0
    year_phase = 2 * np.pi * ((day % 365.2425) / 365.2425)
    warmth = -np.cos(year_phase - 2 * np.pi * 15 / 365)  # coldest in mid-January
    strength = warmth + 0.35 if season is Season.HOT else -warmth - 0.25
    return float(np.clip(2.0 * strength, 0.0, 1.0))


class Household:
    """The load behind one meter: a seed gives the same curve for a day, in whatever order days are requested."""

    def __init__(
        self, seed: int, utc_offset_s: int = IST_OFFSET_S, way: LoadPattern = FAMILY_PATTERN
    ) -> None:
        self.seed = seed
        self.utc_offset_s = utc_offset_s
        count = len(way.habits)
        draw = np.random.Generator(np.random.PCG64([seed, 1])).random(count + 2)
        low, high = way.scale
        self.scale = low + (high - low) * float(draw[count])
        self.solar_peak_w = 0.0
        if way.solar_peak_w is not None:
            least, most = way.solar_peak_w
            self.solar_peak_w = least + (most - least) * float(draw[count + 1])
        self._owned = tuple(habit for habit, u in zip(way.habits, draw, strict=False) if u < habit.owned_by)
        self._days: OrderedDict[int, DayCurve] = OrderedDict()

    def day(self, day: int) -> DayCurve:
        """Return the curve of a local day (days since 1970-01-01). The last two days are cached."""
        curve = self._days.get(day)
        if curve is None:
            curve = self._days[day] = self._draw_day(day)
            if len(self._days) > 2:
                self._days.popitem(last=False)
        return curve

    def between(self, start_s: int, end_s: int) -> Draw:
        """Return what flows from `start_s` to `end_s` (Unix seconds, half open) with the supply on, in mWh and mVAh."""
        total = Draw()
        for day, start, stop in split_at_midnights(start_s + self.utc_offset_s, end_s + self.utc_offset_s):
            total += _span(self.day(day), start, stop)
        return total

    def at(self, instant_s: int) -> InstantaneousReading:
        """Return the instantaneous values (W, VA, V) in the minute of an instant, with the supply on."""
        curve, minute = self._minute(instant_s)
        apparent, exporting = curve.va_quanta[minute], 0
        if curve.export_quanta is not None and curve.export_va_quanta is not None:
            apparent, exporting = apparent + curve.export_va_quanta[minute], curve.export_quanta[minute]
        return InstantaneousReading(
            float(curve.quanta[minute]) * WATTS_PER_QUANTUM,
            float(apparent) * WATTS_PER_QUANTUM,
            float(curve.voltage_cv[minute]) / 100,
            float(exporting) * WATTS_PER_QUANTUM,
        )

    def watts(self, instant_s: int) -> float:
        """Return the active power drawn in the minute of an instant, with the supply on, in W."""
        curve, minute = self._minute(instant_s)
        return float(curve.quanta[minute]) * WATTS_PER_QUANTUM

    def _minute(self, instant_s: int) -> tuple[DayCurve, int]:
        day, second = divmod(instant_s + self.utc_offset_s, DAY_S)
        return self.day(day), second // 60

    def _draw_day(self, day: int) -> DayCurve:
        # A generator of its own for each day, seeded with the day: a day's curve must not depend on which days were
        # requested before it.
        generator = np.random.Generator(np.random.PCG64([self.seed, 2, day & 0xFFFFFFFF]))
        weekend = (day + 3) % 7 >= 5  # 1970-01-01 was a Thursday
        watts = np.zeros(MINUTES)
        apparent = np.zeros(MINUTES)
        for habit in self._owned:
            wanted = habit.runs[weekend] * season_weight(day, habit.season) * (day % habit.each_days == 0)
            runs = int(wanted + generator.random())
            starts = habit.first_min + (generator.random(runs) * (habit.last_min - habit.first_min)).astype(
                int
            )
            for start in starts:
                watts[start : start + habit.minutes] += habit.watts
                apparent[start : start + habit.minutes] += habit.watts / habit.power_factor
        flicker = self.scale * (0.97 + 0.06 * generator.random(MINUTES))
        quanta = np.rint(watts * flicker / WATTS_PER_QUANTUM).astype(np.int32)
        va_quanta = np.maximum(np.rint(apparent * flicker / WATTS_PER_QUANTUM), quanta).astype(np.int32)
        voltage = self._voltage_cv(generator, apparent)
        if self.solar_peak_w:
            return _net_curve(quanta, va_quanta, self._roof_quanta(day), voltage)
        return DayCurve(
            quanta, _cumulative(quanta), va_quanta, _cumulative(va_quanta), voltage, _cumulative(voltage)
        )

    def _roof_quanta(self, day: int) -> npt.NDArray[np.int32]:
        """Return the solar power of each minute in quanta: a clear day's bell from 06:00 to 18:30, less clouds."""
        generator = np.random.Generator(np.random.PCG64([self.seed, 3, day & 0xFFFFFFFF]))
        hours = np.arange(MINUTES) / 60
        height = np.sin(np.pi * np.clip((hours - 6.0) / 12.5, 0, 1)) ** 1.3
        cloudiness = 0.7 * generator.random() ** 2
        passing = np.repeat(generator.random(MINUTES // 15), 15)  # a cloud stays for a quarter of an hour
        sun = self.solar_peak_w * height * (1 - cloudiness * (0.4 + 0.6 * passing))
        roof: npt.NDArray[np.int32] = np.rint(sun / WATTS_PER_QUANTUM).astype(np.int32)
        return roof

    def _voltage_cv(
        self, generator: np.random.Generator, apparent: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int32]:
        """Return the voltage of each minute in hundredths of a volt: it sags in the evening and under the own load."""
        hours = np.arange(MINUTES) / 60
        evening = np.exp(-(((hours - 20.5) / 2.2) ** 2))
        noise = generator.random(MINUTES) * 3 - 1.5
        volts = 233 + noise - 11 * evening - apparent * 0.0008
        centivolts: npt.NDArray[np.int32] = np.rint(volts * 100).astype(np.int32)
        return centivolts


def split_at_midnights(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield a time in local seconds split at midnights: day, first second in it, second after the last."""
    while start < end:
        day = start // DAY_S
        stop = min(end, (day + 1) * DAY_S)
        yield day, start - day * DAY_S, stop - day * DAY_S
        start = stop


def _net_curve(
    used: npt.NDArray[np.int32],
    used_va: npt.NDArray[np.int32],
    roof: npt.NDArray[np.int32],
    voltage_cv: npt.NDArray[np.int32],
) -> DayCurve:
    """Return consumption less solar power, minute by minute. The roof supplies no reactive power, the line all of it."""
    net = used - roof
    reactive_square = used_va.astype(np.float64) ** 2 - used.astype(np.float64) ** 2
    va = np.ceil(np.sqrt(net.astype(np.float64) ** 2 + reactive_square)).astype(np.int32)
    drawn, given = np.maximum(net, 0), np.maximum(-net, 0)
    drawn_va, given_va = np.where(net >= 0, va, 0), np.where(net < 0, va, 0)
    return DayCurve(
        drawn,
        _cumulative(drawn),
        drawn_va,
        _cumulative(drawn_va),
        voltage_cv,
        _cumulative(voltage_cv),
        given,
        _cumulative(given),
        given_va,
        _cumulative(given_va),
    )


def _cumulative(per_second: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    total = np.zeros(MINUTES + 1, np.int64)
    np.cumsum(per_second.astype(np.int64) * 60, out=total[1:])
    return total


def _span(curve: DayCurve, start: int, stop: int) -> Draw:
    """Return the energy between two seconds of one local day."""
    first, first_s = divmod(start, 60)
    last, last_s = divmod(stop, 60)

    def total(sums: npt.NDArray[np.int64] | None, rates: npt.NDArray[np.int32] | None) -> int:
        if sums is None or rates is None:
            return 0
        tail = last_s * int(rates[last]) if last_s else 0
        return int(sums[last]) + tail - int(sums[first]) - first_s * int(rates[first])

    return Draw(
        total(curve.energy_mwh, curve.quanta),
        total(curve.apparent_mvah, curve.va_quanta),
        total(curve.voltage_cvs, curve.voltage_cv),
        total(curve.exported_mwh, curve.export_quanta),
        total(curve.exported_mvah, curve.export_va_quanta),
    )
