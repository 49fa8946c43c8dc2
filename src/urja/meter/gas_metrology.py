"""The registers of a diaphragm meter, truncated to litres only where they leave the meter."""

from typing import Final

from urja.meter.gas_supply import GasSupply
from urja.meter.metrology import Demand, Metrology
from urja.meter.truth import Interval

LINE_VOLUME: Final = "7.0.3.0.0.255"
COMPENSATED_VOLUME: Final = "7.0.3.1.0.255"
INTERVAL_VOLUME: Final = "7.0.3.128.0.255"
FLOW: Final = "7.0.43.0.0.255"
TEMPERATURE: Final = "7.0.41.0.0.255"


class GasMetrology(Metrology):
    """Volumes as they flowed and at 15 °C, flow and temperature: in thousandths of m³ (litres), m³/h and °C."""

    def __init__(self, supply: GasSupply, start_l: int) -> None:
        super().__init__(supply, 0, 0)
        self._gas = supply
        self._start_l = start_l

    def line_litres(self) -> int:
        """Return the register of the gas as it flowed, in litres."""
        return self._start_l + self._gas.volume.line_ml // 1000

    def registers(self) -> dict[str, int]:
        """Return the cumulative registers by OBIS code, in litres."""
        return {
            LINE_VOLUME: self.line_litres(),
            COMPENSATED_VOLUME: self._start_l + self._gas.volume.compensated_ul // 1_000_000,
        }

    def period(self) -> dict[str, int]:
        """Return nothing: a gas meter counts neither demand nor power factor."""
        return {}

    def line(self) -> dict[str, int]:
        """Return the flow (thousandths of m³/h) and the temperature (thousandths of °C) now, by OBIS code."""
        return {
            FLOW: self._gas.flow_ml_s() * 3600 // 1000,
            TEMPERATURE: self._gas.temperature_dc() * 100,
        }

    def close_interval(self, interval: Interval, end_s: int, length_s: int) -> dict[str, int]:  # noqa: ARG002 - as its base
        """Return the block load values of a closed interval: its volume in litres, and the temperature at its end."""
        return self.block_of(interval)

    def block_of(self, _interval: Interval) -> dict[str, int]:
        """Return the block load values of the last closed interval, in litres and thousandths of °C."""
        return {
            INTERVAL_VOLUME: self._gas.last_interval.line_ml // 1000,
            TEMPERATURE: self._gas.temperature_dc() * 100,
        }

    def demands(self) -> dict[str, Demand]:
        """Return no maximum demand registers."""
        return {}
