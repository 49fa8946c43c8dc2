"""The measured quantities: registers, interval values and the state of the line, in whole thousandths.

Every quantity is an integer of milli-units (mWh, mW, mV, mA, mHz, thousandths of a power factor). It is truncated to
the resolution of a register only where it leaves the meter, always downwards: this truncation is why the sum of the
blocks stays behind the register.
"""

from dataclasses import dataclass, field
from typing import Final

from urja.meter.load import Draw, InstantaneousReading
from urja.meter.truth import Interval, Supply

MILLI: Final = 3
"""Decimal digits of a milli-unit below its unit."""

_POWERS: Final[tuple[int, ...]] = tuple(10**exponent for exponent in range(131))


def to_register(milli: int, scaler: int) -> int:
    """Return a milli-value as a register with scaler 10**`scaler` shows it (Wh, W, V), truncated downwards."""
    shift = scaler + MILLI
    return milli // _POWERS[shift] if shift >= 0 else milli * _POWERS[-shift]


@dataclass(slots=True)
class Demand:
    """A maximum demand register: the highest average power of a demand interval in the billing period."""

    milli: int = 0
    at_s: int = 0

    def offer(self, milli: int, end_s: int) -> None:
        """Store an interval's average power (mW or mVA) if it is a new maximum; of equal ones the first stays."""
        if milli > self.milli:
            self.milli, self.at_s = milli, end_s


@dataclass(slots=True)
class Metrology:
    """The registers of a single-phase meter on one supply; import and export are counted separately."""

    supply: Supply
    start_wh: int
    start_vah: int
    demand: Demand = field(default_factory=Demand)
    apparent_demand: Demand = field(default_factory=Demand)
    _opened: Draw = field(default_factory=Draw)
    _opened_powered_s: int = 0
    """The supply's totals when the billing period began."""

    def import_mwh(self) -> int:
        """Return the active import register: its start value and all energy since, in mWh."""
        return self.start_wh * 1000 + self.supply.total.energy_mwh

    def import_mvah(self) -> int:
        """Return the apparent import register, in mVAh."""
        return self.start_vah * 1000 + self.supply.total.apparent_mvah

    def registers(self) -> dict[str, int]:
        """Return the cumulative registers (attribute 2) by OBIS code, in mWh, mVAh, mW and mVA."""
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
        """Return the values counted since the billing period began, by OBIS code, in thousandths.

        They are the average power factor and the minutes of supply.
        """
        drawn = self.supply.total.since(self._opened)
        apparent = drawn.apparent_mvah
        powered_s = self.supply.powered_s - self._opened_powered_s
        return {
            "1.0.13.0.0.255": drawn.energy_mwh * 1000 // apparent if apparent else 1000,
            "0.0.94.91.13.255": powered_s // 60 * 1000,
        }

    def line(self) -> dict[str, int]:
        """Return the instantaneous values (attribute 2) by OBIS code, in mV, mA, mW, mVA, mHz and thousandths."""
        reading: InstantaneousReading = self.supply.now()
        current_ma = int(reading.apparent_va / reading.voltage_v * 1000) if reading.voltage_v else 0
        return {
            "1.0.12.7.0.255": int(reading.voltage_v * 1000),
            "1.0.11.7.0.255": current_ma,
            "1.0.91.7.0.255": current_ma,
            "1.0.13.7.0.255": power_factor(reading),
            "1.0.14.7.0.255": 50_000 if reading.voltage_v else 0,
            "1.0.9.7.0.255": int(reading.apparent_va * 1000),
            "1.0.1.7.0.255": int((reading.active_w - reading.exporting_w) * 1000),
        }

    def close_interval(self, interval: Interval, end_s: int, length_s: int) -> dict[str, int]:
        """Return the block load values of a closed interval, and offer its average power to the demand registers.

        Averages of voltage and current are taken over the seconds with supply: a meter without power measures
        nothing. The average current is apparent energy over voltage and time.
        """
        draw = interval.draw
        self.demand.offer(draw.energy_mwh * 3600 // length_s, end_s)
        self.apparent_demand.offer(draw.apparent_mvah * 3600 // length_s, end_s)
        return self.block_of(interval)

    def block_of(self, interval: Interval) -> dict[str, int]:
        """Return block load values by OBIS code, in mWh, mVAh, mV and mA."""
        return block_values(interval.draw, interval.powered_s)

    def demands(self) -> dict[str, Demand]:
        """Return the maximum demand registers by OBIS code."""
        return {"1.0.1.6.0.255": self.demand, "1.0.9.6.0.255": self.apparent_demand}

    def begin_period(self) -> None:
        """Reset the maximum demand registers and the counts of the billing period."""
        self.demand, self.apparent_demand = Demand(), Demand()
        self._opened, self._opened_powered_s = self.supply.total, self.supply.powered_s


def block_values(draw: Draw, powered_s: int) -> dict[str, int]:
    """Return block load values by OBIS code, in mWh, mVAh, mV and mA; all zero for an interval without supply."""
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


def power_factor(reading: InstantaneousReading) -> int:
    """Return active over apparent power in thousandths, of import or export; 1000 without load."""
    active_w = reading.active_w + reading.exporting_w  # one of them is zero
    return int(active_w / reading.apparent_va * 1000) if reading.apparent_va else 1000
