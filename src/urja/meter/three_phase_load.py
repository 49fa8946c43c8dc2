"""The load behind a three-phase meter: a household on each phase, machines on all three, a roof, a capacitor bank.

Power is constant within a minute, in quanta as in `load`. Active and reactive power add up over the phases with their
signs, as a meter of IS 16444 counts them: the total is imported or exported, never both in one minute. Apparent power
is the vector sum of the two totals, so it is at most the sum of the phases' volt-amperes.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from urja.meter.load import (
    DAY_S,
    FAMILY_PATTERN,
    GRID_ANGLES_DEG,
    IST_OFFSET_S,
    MINUTES,
    WATTS_PER_QUANTUM,
    DayCurve,
    Draw,
    Household,
    InstantaneousReading,
    LoadPattern,
    PhaseDraw,
    PhaseReading,
    split_at_midnights,
)
from urja.meter.surroundings import Wiring

type _Ints = npt.NDArray[np.int64]

AS_DRAWN: Final = Wiring()
"""A meter that is connected as its terminal cover shows."""

PHASES: Final = 3
_BALANCED: Final = 3
"""The number of the household of three-phase machines, after the three phases'."""
_IMPORT, _EXPORT, _IMPORT_VA, _EXPORT_VA, _PHASES = 0, 1, 2, 3, 4
"""The rows of a day: totals first, then the fields of `PhaseDraw` in their order."""


@dataclass(frozen=True, slots=True)
class _Day:
    """A local day: per minute the rates per second, their sums up to each minute, and the signed powers in quanta."""

    rates: _Ints
    sums: _Ints
    net: _Ints
    reactive: _Ints
    phase_net: _Ints

    def over(self, start: int, stop: int) -> Draw:
        """Return what flowed between two seconds of the day."""
        first, first_s = divmod(start, 60)
        last, last_s = divmod(stop, 60)
        flowed = self.sums[:, last] - self.sums[:, first] - first_s * self.rates[:, first]
        if last_s:
            flowed += last_s * self.rates[:, last]
        rows = flowed.tolist()
        phases = PhaseDraw(*rows[_PHASES:])
        return Draw(
            rows[_IMPORT],
            rows[_IMPORT_VA],
            phases.voltage_cvs_l1,
            rows[_EXPORT],
            rows[_EXPORT_VA],
            phases=phases,
        )


class ThreePhaseLoad:
    """The load behind one three-phase meter: a seed gives the same curves, in whatever order days are requested."""

    def __init__(
        self,
        seed: int,
        utc_offset_s: int = IST_OFFSET_S,
        pattern: LoadPattern = FAMILY_PATTERN,
        *,
        pt_ratio: int = 1,
        wiring: Wiring = AS_DRAWN,
    ) -> None:
        """Create the load of a seed; behind voltage transformers its voltages are the primary side's.

        With a wrong `wiring` it is the load as the meter sees it: a phase backwards, or none, or two exchanged.
        """
        self._wiring = wiring
        self._order = [wiring.grid_phase(terminal) - 1 for terminal in range(1, PHASES + 1)]
        self._angles_deg = [GRID_ANGLES_DEG[phase] for phase in self._order]
        self._utc_offset_s = utc_offset_s
        # 110 V between phases on the secondary side, and the curves are of a line of 230 V.
        self._voltage_factor = 1.0 if pt_ratio == 1 else pt_ratio * 110 / 3**0.5 / 230
        alone = replace(pattern, solar_peak_w=None)
        # The sun is the same on all phases, so the roof belongs to what is balanced.
        balanced = replace(pattern, habits=pattern.balanced)
        # Seeds of their own, so that no phase repeats the household of another meter.
        seeds = [int(np.random.SeedSequence([seed, 4, k]).generate_state(1)[0]) for k in range(PHASES + 1)]
        self._phases = tuple(Household(one, utc_offset_s, alone) for one in seeds[:PHASES])
        self._balanced = Household(seeds[_BALANCED], utc_offset_s, balanced)
        self._capacitor = round(pattern.capacitor_var / WATTS_PER_QUANTUM)
        self._days: OrderedDict[int, _Day] = OrderedDict()

    def between(self, start_s: int, end_s: int) -> Draw:
        """Return what flows from `start_s` to `end_s` (Unix seconds, half open) with the supply on."""
        total = Draw()
        for day, start, stop in split_at_midnights(start_s + self._utc_offset_s, end_s + self._utc_offset_s):
            total += self._day(day).over(start, stop)
        return total

    def at(self, instant_s: int) -> InstantaneousReading:
        """Return the instantaneous values (W, VA, var, V) in the minute of an instant, with the supply on."""
        day, minute = self._minute(instant_s)
        column = day.rates[:, minute].tolist()
        phases = PhaseDraw(*column[_PHASES:])
        return InstantaneousReading(
            column[_IMPORT] * WATTS_PER_QUANTUM,
            (column[_IMPORT_VA] + column[_EXPORT_VA]) * WATTS_PER_QUANTUM,
            phases.voltage_cvs_l1 / 100,
            column[_EXPORT] * WATTS_PER_QUANTUM,
            int(day.reactive[minute]) * WATTS_PER_QUANTUM,
            tuple(
                PhaseReading(net * WATTS_PER_QUANTUM, va * WATTS_PER_QUANTUM, cv / 100, angle)
                for net, va, cv, angle in zip(
                    day.phase_net[:, minute].tolist(), phases[4:7], phases[7:], self._angles_deg, strict=True
                )
            ),
        )

    def watts(self, instant_s: int) -> float:
        """Return the active power drawn in the minute of an instant, with the supply on, in W."""
        day, minute = self._minute(instant_s)
        return max(int(day.net[minute]), 0) * WATTS_PER_QUANTUM

    def day(self, number: int) -> DayCurve:
        """Return the totals of a local day (days since 1970-01-01), as a transformer sums them."""
        day = self._day(number)
        voltage = day.rates[_PHASES + 7], day.sums[_PHASES + 7]
        return DayCurve(
            day.rates[_IMPORT].astype(np.int32),
            day.sums[_IMPORT],
            day.rates[_IMPORT_VA].astype(np.int32),
            day.sums[_IMPORT_VA],
            voltage[0].astype(np.int32),
            voltage[1],
            day.rates[_EXPORT].astype(np.int32),
            day.sums[_EXPORT],
            day.rates[_EXPORT_VA].astype(np.int32),
            day.sums[_EXPORT_VA],
        )

    def phase_powers(self, number: int, phase: int) -> tuple[_Ints, _Ints]:
        """Return net and apparent power of each minute of a local day in one phase (0 to 2), in quanta."""
        day = self._day(number)
        return day.phase_net[phase], day.rates[_PHASES + 4 + phase]

    def _minute(self, instant_s: int) -> tuple[_Day, int]:
        day, second = divmod(instant_s + self._utc_offset_s, DAY_S)
        return self._day(day), second // 60

    def _day(self, number: int) -> _Day:
        """Return a local day (days since 1970-01-01). The last two are cached."""
        day = self._days.get(number)
        if day is None:
            day = self._days[number] = self._draw_day(number)
            if len(self._days) > 2:
                self._days.popitem(last=False)
        return day

    def _draw_day(self, number: int) -> _Day:
        shared = self._balanced.day(number)
        third_w, third_var = _net(shared) / PHASES, (_var(shared) - self._capacitor) / PHASES
        curves = [household.day(number) for household in self._phases]
        watts = np.array([np.rint(_net(curve) + third_w) for curve in curves]).astype(np.int64)
        var = np.array([np.rint(_var(curve) + third_var) for curve in curves]).astype(np.int64)
        volts = np.rint(np.array([curve.voltage_cv for curve in curves]) * self._voltage_factor).astype(
            np.int64
        )
        watts, var, volts = watts[self._order], var[self._order], volts[self._order]
        midnight_s = number * DAY_S - self._utc_offset_s
        begins, ends = (
            min(max((at_s - midnight_s) // 60, 0), MINUTES)
            for at_s in (self._wiring.since_s, self._wiring.until_s)
        )
        for phase in self._wiring.reversed:
            watts[phase - 1, begins:ends] *= -1
            var[phase - 1, begins:ends] *= -1
        for phase in self._wiring.missing:
            for of_phase in (watts, var, volts):
                of_phase[phase - 1, begins:ends] = 0
        phase_va = _apparent(watts, var)
        net, reactive = watts.sum(axis=0), var.sum(axis=0)
        drawn, va = net >= 0, _apparent(net, reactive)
        lag, lead = np.maximum(reactive, 0), np.maximum(-reactive, 0)
        rates = np.vstack(
            [
                np.maximum(net, 0),
                np.maximum(-net, 0),
                va * drawn,
                va * ~drawn,
                lag * drawn,
                lag * ~drawn,
                lead * ~drawn,
                lead * drawn,
                phase_va,
                volts,
            ]
        )
        sums = np.zeros((len(rates), MINUTES + 1), np.int64)
        np.cumsum(rates * 60, axis=1, out=sums[:, 1:])
        return _Day(rates, sums, net, reactive, watts)


def _net(curve: DayCurve) -> _Ints:
    """Return the active power of each minute in quanta, negative where it feeds in."""
    net: _Ints = curve.quanta.astype(np.int64)
    return net if curve.export_quanta is None else net - curve.export_quanta


def _var(curve: DayCurve) -> npt.NDArray[np.float64]:
    """Return the reactive power of each minute in quanta: appliances draw it, so it lags."""
    va = curve.va_quanta.astype(np.float64)
    if curve.export_va_quanta is not None:
        va += curve.export_va_quanta
    reactive: npt.NDArray[np.float64] = np.sqrt(np.maximum(va**2 - _net(curve).astype(np.float64) ** 2, 0))
    return reactive


def _apparent(watts: _Ints, var: _Ints) -> _Ints:
    """Return the vector sum, upwards to whole quanta so that it is never below the active power."""
    va: _Ints = np.ceil(np.hypot(watts, var)).astype(np.int64)
    return va
