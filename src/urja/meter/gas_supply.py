"""The gas behind a meter and its truth: what really flowed, by valve and leak, written to the truth file.

A battery meter has no mains: `Supply` is used for its clock of what passed, for the valve as its relay, and for whether the
meter is installed.
"""

from typing import Final

from urja.meter.gas_load import GasHousehold, GasVolume
from urja.meter.load import Draw, InstantaneousReading
from urja.meter.truth import Interval, Supply, TruthRecord, TruthSink, discard_record

_HOUR_S: Final = 3600


class _NoElectricity:
    """The load source of a meter that measures no electricity."""

    def between(self, _start_s: int, _end_s: int) -> Draw:
        return Draw()

    def at(self, _instant_s: int) -> InstantaneousReading:
        return InstantaneousReading(0.0, 0.0, 0.0)

    def watts(self, _instant_s: int) -> float:
        return 0.0


class GasSupply(Supply):
    """The gas of one household: drawn through the valve while it is open, and escaping whatever the valve does."""

    def __init__(self, serial: str, household: GasHousehold, start_s: int, sink: TruthSink) -> None:
        super().__init__(serial, _NoElectricity(), start_s, discard_record)
        self.household = household
        self.volume = GasVolume()
        """All that the meter let through since installation."""
        self.leaked_ml = 0
        """The part of it that escaped."""
        self.last_interval = GasVolume()
        self.leak_ml_s = 0
        """Gas that escapes behind the meter, past a valve that does not close tightly."""
        self._gas_sink = sink
        self._volume_opened = (self.volume, self.leaked_ml)

    def run_to(self, instant_s: int) -> None:
        """Let gas flow up to an instant (Unix seconds); raises ValueError for an instant in the past."""
        start_s = self.cursor_s
        super().run_to(instant_s)
        if not self.grid_on:
            return
        if self.relay_closed:
            self.volume += self.household.between(start_s, instant_s)
        if self.leak_ml_s:
            self._leak(start_s, instant_s)

    def _leak(self, start_s: int, end_s: int) -> None:
        # In steps of whole hours, in which the temperature is constant: the sum must not depend on how time is divided.
        while start_s < end_s:
            stop_s = min(end_s, start_s - start_s % (_HOUR_S // 2) + _HOUR_S // 2)
            seconds = stop_s - start_s
            compensated = self.household.at_15_degrees_ul_s(self.leak_ml_s, start_s)
            self.volume += GasVolume(self.leak_ml_s * seconds, compensated * seconds)
            self.leaked_ml += self.leak_ml_s * seconds
            start_s = stop_s

    def flow_ml_s(self) -> int:
        """Return the flow through the meter now, in mL/s: constant until the next whole minute."""
        if not self.grid_on:
            return 0
        drawn = self.household.flow_ml_s(self.cursor_s) if self.relay_closed else 0
        return drawn + self.leak_ml_s

    def temperature_dc(self) -> int:
        """Return the temperature of the gas now, in tenths of a degree Celsius."""
        return self.household.temperature_dc(self.cursor_s)

    def close_interval(self, start_s: int, end_s: int) -> Interval:
        """Close an interval, write its truth record and open the next; `last_interval` is what passed in it.

        `start_s` and `end_s` are Unix seconds by the meter's own clock.
        """
        interval = super().close_interval(start_s, end_s)
        volume, leaked_ml = self._volume_opened
        self.last_interval = self.volume - volume
        more = {
            "drawn_ml": self.last_interval.line_ml,
            "cumulative_ml": self.volume.line_ml,
            "compensated_ul": self.last_interval.compensated_ul,
            "leaked_ml": self.leaked_ml - leaked_ml,
        }
        self._volume_opened = (self.volume, self.leaked_ml)
        powered_s = interval.powered_s
        self._gas_sink(
            TruthRecord(self.serial, start_s, end_s, self.cursor_s, 0, 0, powered_s > 0, powered_s, more=more)
        )
        return interval
