"""The measured quantities of a three-phase meter: quadrants, and voltage, current and power factor of each phase."""

from dataclasses import dataclass
from typing import ClassVar, Final

from urja.meter.load import Draw, PhaseDraw
from urja.meter.metrology import block_values, power_factor
from urja.meter.truth import Interval
from urja.meter.zoned_metrology import ZonedMetrology

_PHASE_CODES: Final = (20, 40, 60)
"""What value group C of L1, L2 and L3 is above that of the total."""


@dataclass(slots=True)
class ThreePhaseMetrology(ZonedMetrology):
    """The registers of a three-phase meter on one supply."""

    groups: ClassVar[tuple[int, ...]] = (1, 2, 9, 10, 5, 6, 7, 8)

    def line(self) -> dict[str, int]:
        """Return the instantaneous values by OBIS code, in mV, mA, mW, mVA, mvar, mHz, thousandths, and
        thousandths of a degree.
        """
        reading = self.supply.now()
        found = {
            "1.0.13.7.0.255": power_factor(reading),
            "1.0.14.7.0.255": 50_000 if reading.voltage_v else 0,
            "1.0.9.7.0.255": int(reading.apparent_va * 1000),
            "1.0.1.7.0.255": int((reading.active_w - reading.exporting_w) * 1000),
            "1.0.3.7.0.255": int(reading.reactive_var * 1000),
            "1.0.91.7.0.255": 0,
        }
        reference, *followers = reading.phases or (None,)
        for number, phase in enumerate(followers, 1):
            if reference is not None and reference.voltage_v and phase.voltage_v:
                angle_deg = (phase.angle_deg - reference.angle_deg) % 360
                found[f"1.0.81.7.{number}.255"] = angle_deg * 1000
        amperes = []
        for above, phase in zip(_PHASE_CODES, reading.phases, strict=False):
            current_ma = int(phase.apparent_va / phase.voltage_v * 1000) if phase.voltage_v else 0
            amperes.append(current_ma)
            factor = int(abs(phase.active_w) / phase.apparent_va * 1000) if phase.apparent_va else 1000
            found |= {
                f"1.0.{above + 11}.7.0.255": current_ma,
                f"1.0.{above + 12}.7.0.255": int(phase.voltage_v * 1000),
                f"1.0.{above + 13}.7.0.255": factor,
                f"1.0.{above + 16}.7.0.255": int(phase.active_w * 1000),
            }
        if amperes:
            # Three currents 120 degrees apart; their angles to the voltages are not modelled.
            a, b, c = amperes
            found["1.0.91.7.0.255"] = int(max(a * a + b * b + c * c - a * b - b * c - c * a, 0) ** 0.5)
        return found

    def _means(self, interval: Interval) -> dict[str, int]:
        """Return the means of voltage and current of each phase, and the meter's health."""
        phases = interval.draw.phases or PhaseDraw()
        found = {"0.0.96.10.1.255": 0}
        for above, mvah, cvs in zip(_PHASE_CODES, phases[4:7], phases[7:], strict=True):
            one = block_values(Draw(apparent_mvah=mvah, voltage_cvs=cvs), interval.powered_s)
            found[f"1.0.{above + 11}.27.0.255"] = one["1.0.11.27.0.255"]
            found[f"1.0.{above + 12}.27.0.255"] = one["1.0.12.27.0.255"]
        return found
