"""The registers of a meter that counts apart: tariff zones, and what a generator supplied.

Milli-units as in `metrology`. Zones count what the grid supplied; a generator's energy has registers of its own, so
that neither the grid's registers nor its maximum demands contain it.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar, Final

from urja.meter.load import Draw, PhaseDraw
from urja.meter.metrology import Demand, Metrology, block_values
from urja.meter.split_totals import GENERATOR, NOTHING, Flowed, SplitTotals
from urja.meter.truth import Interval

GRID_CHANNEL: Final = 0
GENERATOR_CHANNEL: Final = 2
"""Value group B: IS 15959 has no code for a generator's registers, so these types use a channel of their own."""


@cache
def _energy_codes(groups: tuple[int, ...], channel: int, d: int, e: int) -> tuple[str, ...]:
    return tuple(f"1.{channel}.{c}.{d}.{e}.255" for c in groups)


def _milli(draw: Draw) -> tuple[int, ...]:
    """Return import, export, their volt-ampere hours, and the quadrants, in the order of `groups`."""
    phases = draw.phases or PhaseDraw()
    return (
        draw.energy_mwh, draw.exported_mwh, draw.apparent_mvah, draw.exported_mvah, *phases[:4],
    )  # fmt: skip


@cache
def _demand_codes(zones: int) -> tuple[tuple[str, ...], ...]:
    """Return the maximum demand registers by zone (0 is all of them): W and VA of import, W and VA of export."""
    return tuple(tuple(f"1.0.{c}.6.{e}.255" for c in (1, 9, 2, 10)) for e in range(zones + 1))


@dataclass(slots=True)
class ZonedMetrology(Metrology):
    """The registers of a single-phase meter that counts apart.

    A maximum demand is the average over `demand_period_s`, a whole number of intervals. It counts for the zone in
    force at its end.
    """

    groups: ClassVar[tuple[int, ...]] = (1, 2, 9, 10)
    """Value group C of the energies that it counts."""

    zones: int = 0
    demand_period_s: int = 0
    utc_offset_s: int = 0
    split: SplitTotals = field(default_factory=SplitTotals)
    _demands: dict[str, Demand] = field(default_factory=dict)
    _demand_from: Draw = field(default_factory=Draw)
    _generated_before: Flowed = NOTHING

    def __post_init__(self) -> None:
        self._reset_demands()

    def _reset_demands(self) -> None:
        self._demands = {code: Demand() for codes in _demand_codes(self.zones) for code in codes}

    def _energies(self, draw: Draw, channel: int, d: int, e: int = 0) -> dict[str, int]:
        # Of the quadrants a single-phase meter counts none: the codes are fewer than the values.
        return dict(zip(_energy_codes(self.groups, channel, d, e), _milli(draw), strict=False))

    def enter(self, label: int) -> None:
        """Count from now on under a tariff zone, or the generator (`split_totals`)."""
        self.split.enter(label, self._total())

    def _total(self) -> Flowed:
        return Flowed(self.supply.total, self.supply.powered_s)

    def generated(self) -> Flowed:
        """Return what the generator has supplied, and for how many seconds."""
        return self.split.of(GENERATOR, self._total())

    def _from_grid(self) -> Draw:
        generated = self.generated()
        return self.supply.total if generated == NOTHING else self.supply.total.since(generated.draw)

    def import_mwh(self) -> int:
        """Return the active import register of the grid: its start value and all since, in mWh."""
        return self.start_wh * 1000 + self._from_grid().energy_mwh

    def registers(self) -> dict[str, int]:
        """Return the cumulative registers and the demands by OBIS code, in mWh, mVAh, mvarh, mW and mVA."""
        total = self._total()
        start = Draw(self.start_wh * 1000, self.start_vah * 1000)
        found = self._energies(start + self._from_grid(), GRID_CHANNEL, 8)
        for zone in range(1, self.zones + 1):
            part = self.split.of(zone, total).draw
            # A meter that has run before ran without a calendar, and that is zone 1.
            found |= self._energies(part + start if zone == 1 else part, GRID_CHANNEL, 8, zone)
        found |= self._energies(self.generated().draw, GENERATOR_CHANNEL, 8)
        return found | {code: demand.milli for code, demand in self._demands.items()}

    def period(self) -> dict[str, int]:
        """Return the values counted since the billing period began; also the minutes that the generator ran."""
        # Named, as slots and `super` without arguments do not go together in a dataclass.
        minutes = self.generated().powered_s // 60
        return Metrology.period(self) | {f"0.{GENERATOR_CHANNEL}.94.91.14.255": minutes * 1000}

    def close_interval(self, interval: Interval, end_s: int, length_s: int) -> dict[str, int]:
        """Return the block load values of a closed interval, and offer a closed demand period to the registers."""
        period_s = max(self.demand_period_s, length_s)
        if (end_s + self.utc_offset_s) % period_s == 0:
            grid = self._from_grid()
            milli = [energy * 3600 // period_s for energy in _milli(grid.since(self._demand_from))]
            self._demand_from = grid
            label = self.split.label
            for zone in (0, label) if 0 < label <= self.zones else (0,):
                for code, energy in zip(
                    _demand_codes(self.zones)[zone], (milli[0], milli[2], milli[1], milli[3]), strict=True
                ):
                    self._demands[code].offer(energy, end_s)
        return self.block_of(interval)

    def block_of(self, interval: Interval) -> dict[str, int]:
        """Return block load values by OBIS code, in milli-units; what the generator supplied is in its own channel."""
        generated = self.generated()
        from_generator = generated.since(self._generated_before).draw
        self._generated_before = generated
        return (
            self._means(interval)
            | self._energies(interval.draw.since(from_generator), GRID_CHANNEL, 29)
            | self._energies(from_generator, GENERATOR_CHANNEL, 29)
        )

    def _means(self, interval: Interval) -> dict[str, int]:
        """Return the means of voltage and current, and the meter's health."""
        return block_values(interval.draw, interval.powered_s)

    def demands(self) -> dict[str, Demand]:
        """Return the maximum demand registers by OBIS code."""
        return self._demands

    def begin_period(self) -> None:
        """Reset the maximum demand registers and the counts of the billing period."""
        Metrology.begin_period(self)
        self._reset_demands()
        self._demand_from = self._from_grid()
