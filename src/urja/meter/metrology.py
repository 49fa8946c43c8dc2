"""What the meter measures: registers, interval values and the state of the line, in whole thousandths.

Every quantity is an integer of milli-units of its unit (mWh, mW, mV, mA, mHz, thousandths for a power factor).
It is cut to the resolution of a register only where it leaves the meter, always downwards: that is the
truncation which makes the sum of the blocks lag behind the register.
"""

from dataclasses import dataclass, field
from typing import Final

from urja.meter.load import Draw, InstantaneousReading
from urja.meter.truth import Interval, Supply

MILLI: Final = 3
"""Digits that a milli-unit has below its unit."""

_POWERS: Final[tuple[int, ...]] = tuple(10**exponent for exponent in range(131))


def to_register(milli: int, scaler: int) -> int:
    """A milli-value as a register of resolution 10**`scaler` shows it, cut downwards."""
    shift = scaler + MILLI
    return milli // _POWERS[shift] if shift >= 0 else milli * _POWERS[-shift]


@dataclass(slots=True)
class Demand:
    """A maximum demand register: the highest average power of a demand interval in the billing period."""

    milli: int = 0
    at_s: int = 0

    def offer(self, milli: int, end_s: int) -> None:
        """Keep an interval's average if it is a new maximum (the first of equals stays)."""
        if milli > self.milli:
            self.milli, self.at_s = milli, end_s


@dataclass(slots=True)
class Metrology:
    """The registers of a single-phase meter over one supply; what is drawn and what is given count apart."""

    supply: Supply
    start_wh: int
    start_vah: int
    demand: Demand = field(default_factory=Demand)
    apparent_demand: Demand = field(default_factory=Demand)
    _opened: Draw = field(default_factory=Draw)
    _opened_powered_s: int = 0
    """What the supply had given when the billing period began, and for how long."""

    def import_mwh(self) -> int:
        """Active energy import, cumulative: the register's start value and all that was drawn."""
        return self.start_wh * 1000 + self.supply.total.energy_mwh

    def import_mvah(self) -> int:
        """Apparent energy import, cumulative."""
        return self.start_vah * 1000 + self.supply.total.apparent_mvah

    def registers(self) -> dict[str, int]:
        """Cumulative registers, attribute 2, in milli-units."""
        given = self.supply.total
        return {
            "1.0.1.8.0.255": self.import_mwh(),
            "1.0.9.8.0.255": self.import_mvah(),
            "1.0.2.8.0.255": given.exported_mwh,
            "1.0.10.8.0.255": given.exported_mvah,
            "1.0.1.6.0.255": self.demand.milli,
            "1.0.9.6.0.255": self.apparent_demand.milli,
        }

    def period(self) -> dict[str, int]:
        """What is counted since the billing period began, in milli-units."""
        drawn = self.supply.total.since(self._opened)
        apparent = drawn.apparent_mvah
        powered_s = self.supply.powered_s - self._opened_powered_s
        return {
            "1.0.13.0.0.255": drawn.energy_mwh * 1000 // apparent if apparent else 1000,
            "0.0.94.91.13.255": powered_s // 60 * 1000,
        }

    def line(self) -> dict[str, int]:
        """The state of the line now, attribute 2, in milli-units."""
        reading: InstantaneousReading = self.supply.now()
        current_ma = int(reading.apparent_va / reading.voltage_v * 1000) if reading.voltage_v else 0
        return {
            "1.0.12.7.0.255": int(reading.voltage_v * 1000),
            "1.0.11.7.0.255": current_ma,
            "1.0.91.7.0.255": current_ma,
            "1.0.13.7.0.255": _power_factor(reading),
            "1.0.14.7.0.255": 50_000 if reading.voltage_v else 0,
            "1.0.9.7.0.255": int(reading.apparent_va * 1000),
            "1.0.1.7.0.255": int((reading.active_w - reading.exporting_w) * 1000),
        }

    def close_interval(self, interval: Interval, end_s: int, length_s: int) -> dict[str, int]:
        """The block load values of a closed interval, and its average power offered to the demand registers.

        Averages of voltage and current are taken over the seconds with supply: a meter without power measures
        nothing. Average current is apparent energy over voltage and time.
        """
        draw = interval.draw
        self.demand.offer(draw.energy_mwh * 3600 // length_s, end_s)
        self.apparent_demand.offer(draw.apparent_mvah * 3600 // length_s, end_s)
        return block_values(draw, interval.powered_s)

    def demands(self) -> dict[str, Demand]:
        """The maximum demand registers."""
        return {"1.0.1.6.0.255": self.demand, "1.0.9.6.0.255": self.apparent_demand}

    def begin_period(self) -> None:
        """Start the maximum demand registers, and what else counts a billing period, anew."""
        self.demand, self.apparent_demand = Demand(), Demand()
        self._opened, self._opened_powered_s = self.supply.total, self.supply.powered_s


def block_values(draw: Draw, powered_s: int) -> dict[str, int]:
    """Block load columns in milli-units; all zero for an interval without supply."""
    voltage_mv = draw.voltage_cvs * 10 // powered_s if powered_s else 0
    through_mvah = draw.apparent_mvah + draw.exported_mvah
    current_ma = through_mvah * 3_600_000 // (powered_s * voltage_mv) if voltage_mv else 0
    return {
        "1.0.12.27.0.255": voltage_mv,
        "1.0.1.29.0.255": draw.energy_mwh,
        "1.0.9.29.0.255": draw.apparent_mvah,
        "1.0.2.29.0.255": draw.exported_mwh,
        "1.0.10.29.0.255": draw.exported_mvah,
        "1.0.11.27.0.255": current_ma,
        "0.0.96.10.1.255": 0,
    }


def _power_factor(reading: InstantaneousReading) -> int:
    active_w = reading.active_w + reading.exporting_w  # one of them is zero
    return int(active_w / reading.apparent_va * 1000) if reading.apparent_va else 1000
