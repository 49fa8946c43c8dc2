"""The catalogue of quantities: what a meter can measure, with a number and a name that never change.

A stored value has no column of its own: its place in a channel set says which quantity it is. So a number
that was given once is never given again, and a family of quantities keeps its first number.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Commodity(StrEnum):
    """What is supplied."""

    ELECTRICITY = "electricity"
    GAS = "gas"


class Kind(StrEnum):
    """The physical kind of a quantity."""

    ACTIVE_ENERGY = "active_energy"
    APPARENT_ENERGY = "apparent_energy"
    REACTIVE_ENERGY = "reactive_energy"
    ACTIVE_POWER = "active_power"
    APPARENT_POWER = "apparent_power"
    REACTIVE_POWER = "reactive_power"
    VOLTAGE = "voltage"
    CURRENT = "current"
    POWER_FACTOR = "power_factor"
    FREQUENCY = "frequency"
    VOLUME = "volume"
    """Gas as the meter counts it, at the conditions that its type states."""
    CONVERTED_VOLUME = "converted_volume"
    """Gas as a converter in the meter counts it, at base conditions."""
    STANDARD_VOLUME = "standard_volume"
    """Gas at the utility's base conditions, as calculated from what a meter counts; no meter sends it."""
    GAS_ENERGY = "gas_energy"
    """Heat of a standard volume, gross or net as the heat value is; no meter sends it."""
    TEMPERATURE = "temperature"
    PRESSURE = "pressure"
    """Absolute pressure of gas at the meter."""
    COUNT = "count"
    STATUS = "status"
    TIME = "time"
    """The instant of a maximum."""


class Direction(StrEnum):
    """Which way energy flows, or the quadrant of reactive energy (IEC 62053-23: Q1 is import, inductive)."""

    NONE = "none"
    IMPORT = "import"
    EXPORT = "export"
    NET = "net"
    Q1 = "q1"
    Q2 = "q2"
    Q3 = "q3"
    Q4 = "q4"
    LAG = "lag"
    LEAD = "lead"


class Phase(StrEnum):
    """A conductor; NONE is all of them together."""

    NONE = "none"
    L1 = "l1"
    L2 = "l2"
    L3 = "l3"
    NEUTRAL = "neutral"


class Source(StrEnum):
    """Where a dual-source meter's energy comes from: the grid, or a diesel generator."""

    GRID = "grid"
    DG = "dg"


class Accumulation(StrEnum):
    """How a value came about in time."""

    DELTA = "delta"
    """The increment over one interval."""
    REGISTER = "register"
    """A register that only goes up."""
    MAXIMUM = "maximum"
    """The highest demand since the last reset."""
    MEAN = "mean"
    """The mean over one interval."""
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured, and in which integer unit its values are stored."""

    id: int
    name: str
    commodity: Commodity
    kind: Kind
    direction: Direction
    phase: Phase
    zone: int
    """0 for the total, 1 to 8 for a time zone of the meter's calendar."""
    source: Source
    accumulation: Accumulation
    unit: str
    """Wh, VAh, varh, W, VA, var, cV and cA (hundredths), permille, mHz, L, dC (tenths of a degree Celsius), Pa,
    1, or s (UTC seconds since 1970).
    """


ZONES: Final = 8
"""Time zones that a meter of IS 15959 counts apart."""

_PREFIXES: Final = {
    Accumulation.DELTA: "interval_", Accumulation.REGISTER: "", Accumulation.MAXIMUM: "max_",
    Accumulation.MEAN: "mean_", Accumulation.INSTANT: "instant_",
}  # fmt: skip
_UNITS: Final = {
    Kind.ACTIVE_ENERGY: "Wh", Kind.APPARENT_ENERGY: "VAh", Kind.REACTIVE_ENERGY: "varh",
    Kind.ACTIVE_POWER: "W", Kind.APPARENT_POWER: "VA", Kind.REACTIVE_POWER: "var",
    Kind.VOLTAGE: "cV", Kind.CURRENT: "cA", Kind.POWER_FACTOR: "permille", Kind.FREQUENCY: "mHz",
    Kind.VOLUME: "L", Kind.CONVERTED_VOLUME: "L",
    Kind.STANDARD_VOLUME: "L", Kind.GAS_ENERGY: "Wh", Kind.TEMPERATURE: "dC", Kind.PRESSURE: "Pa",
    Kind.COUNT: "1", Kind.STATUS: "1", Kind.TIME: "s",
}  # fmt: skip
_GAS: Final = frozenset(
    {
        Kind.VOLUME,
        Kind.CONVERTED_VOLUME,
        Kind.STANDARD_VOLUME,
        Kind.GAS_ENERGY,
        Kind.TEMPERATURE,
        Kind.PRESSURE,
    }
)
_DIRECTED: Final = frozenset(
    {
        Kind.ACTIVE_ENERGY,
        Kind.APPARENT_ENERGY,
        Kind.REACTIVE_ENERGY,
        Kind.ACTIVE_POWER,
        Kind.APPARENT_POWER,
        Kind.REACTIVE_POWER,
    }
)
"""Kinds whose unit says what they are, so that the name has the direction before it and not the kind."""

_PHASES: Final = {Phase.L1: 11, Phase.L2: 12, Phase.L3: 13, Phase.NEUTRAL: 14}
_STRIDE: Final = 20
"""Numbers of one family: its total, 1 to 8 the zones, 11 to 14 the phases; the others are free."""


def name_of(
    kind: Kind, direction: Direction, phase: Phase, zone: int, source: Source, accumulation: Accumulation
) -> str:
    """Return the name that the rule gives: how it came about, source, direction or kind, unit, phase, zone."""
    what = direction.value if kind in _DIRECTED else kind.value
    return "".join(
        (
            _PREFIXES[accumulation],
            "" if source is Source.GRID else f"{source.value}_",
            what,
            f"_{_UNITS[kind].lower()}",
            "" if phase is Phase.NONE else f"_{phase.value}",
            f"_z{zone}" if zone else "",
        )
    )


class _Builder:
    """Quantities as they are added, family by family."""

    def __init__(self) -> None:
        self.quantities: list[Quantity] = []

    def family(
        self,
        first: int,
        kind: Kind,
        accumulation: Accumulation,
        direction: Direction = Direction.NONE,
        source: Source = Source.GRID,
        *,
        zones: int = 0,
        phases: tuple[Phase, ...] = (),
    ) -> None:
        """Add a total with its zones and phases, numbered from `first`."""
        members = [(0, Phase.NONE, 0)]
        members += [(zone, Phase.NONE, zone) for zone in range(1, zones + 1)]
        members += [(_PHASES[phase], phase, 0) for phase in phases]
        for offset, phase, zone in members:
            name = name_of(kind, direction, phase, zone, source, accumulation)
            commodity = Commodity.GAS if kind in _GAS else Commodity.ELECTRICITY
            self.quantities.append(
                Quantity(
                    first + offset,
                    name,
                    commodity,
                    kind,
                    direction,
                    phase,
                    zone,
                    source,
                    accumulation,
                    _UNITS[kind],
                )
            )
            if accumulation is Accumulation.MAXIMUM:
                # The family of instants follows its family of maxima.
                self.quantities.append(
                    Quantity(
                        first + _STRIDE + offset, f"{name}_at", commodity, Kind.TIME, direction, phase, zone, source,
                        accumulation, "s",
                    )
                )  # fmt: skip

    def single(self, number: int, name: str, kind: Kind, commodity: Commodity) -> None:
        """Add a count or a status word, which is named by what it counts."""
        self.quantities.append(
            Quantity(
                number, name, commodity, kind, Direction.NONE, Phase.NONE, 0, Source.GRID, Accumulation.INSTANT,
                _UNITS[kind],
            )
        )  # fmt: skip


_LINES: Final = (Phase.L1, Phase.L2, Phase.L3)
_REACTIVE: Final = (
    Direction.LAG, Direction.LEAD, Direction.Q1, Direction.Q2, Direction.Q3, Direction.Q4,
)  # fmt: skip


def _build() -> tuple[Quantity, ...]:
    it = _Builder()
    active, apparent, reactive = Kind.ACTIVE_ENERGY, Kind.APPARENT_ENERGY, Kind.REACTIVE_ENERGY
    delta, register, maximum = Accumulation.DELTA, Accumulation.REGISTER, Accumulation.MAXIMUM
    # Energy, from 1,000 over an interval and from 2,000 as registers; from a generator 500 above.
    for base, accumulation in ((1000, delta), (2000, register)):
        zones = ZONES if accumulation is register else 0
        for above, source in ((0, Source.GRID), (500, Source.DG)):
            at = base + above
            for direction in (Direction.IMPORT, Direction.EXPORT, Direction.NET):
                it.family(at, active, accumulation, direction, source, zones=zones)
                it.family(at + _STRIDE, apparent, accumulation, direction, source, zones=zones)
                at += 2 * _STRIDE
            for direction in _REACTIVE:
                it.family(at, reactive, accumulation, direction, source, zones=zones)
                at += _STRIDE
    # Maximum demand since the last reset, from 3,000; each family of instants after its maxima.
    for above, source in ((0, Source.GRID), (500, Source.DG)):
        at = 3000 + above
        for direction in (Direction.IMPORT, Direction.EXPORT):
            for kind in (Kind.ACTIVE_POWER, Kind.APPARENT_POWER):
                it.family(at, kind, maximum, direction, source, zones=ZONES)
                at += 2 * _STRIDE
    # What a meter measures at an instant, from 4,000, and its means over an interval, from 5,000.
    for base, accumulation in ((4000, Accumulation.INSTANT), (5000, Accumulation.MEAN)):
        it.family(base, Kind.VOLTAGE, accumulation, phases=_LINES)
        it.family(base + 20, Kind.CURRENT, accumulation, phases=(*_LINES, Phase.NEUTRAL))
        it.family(base + 40, Kind.POWER_FACTOR, accumulation, phases=_LINES)
        it.family(base + 60, Kind.FREQUENCY, accumulation)
        at = base + 100
        for kind in (Kind.ACTIVE_POWER, Kind.APPARENT_POWER):
            for direction in (Direction.IMPORT, Direction.EXPORT, Direction.NET):
                it.family(at, kind, accumulation, direction, phases=_LINES)
                at += _STRIDE
        for direction in (Direction.LAG, Direction.LEAD):
            it.family(at, Kind.REACTIVE_POWER, accumulation, direction, phases=_LINES)
            at += _STRIDE
    # Gas, from 6,000.
    for kind in (Kind.VOLUME, Kind.CONVERTED_VOLUME):
        at = 6000 if kind is Kind.VOLUME else 6040
        it.family(at, kind, delta)
        it.family(at + _STRIDE, kind, register)
    for at, accumulation in ((6100, Accumulation.INSTANT), (6140, Accumulation.MEAN)):
        it.family(at, Kind.TEMPERATURE, accumulation)
        it.family(at + _STRIDE, Kind.PRESSURE, accumulation)
    # Totals of a billing period, calculated from registers.
    it.family(6200, Kind.STANDARD_VOLUME, register)
    it.family(6220, Kind.GAS_ENERGY, register)
    # What a meter counts and says of itself, from 9,000.
    it.single(9000, "meter_health", Kind.STATUS, Commodity.ELECTRICITY)
    it.single(9001, "tamper_count", Kind.COUNT, Commodity.ELECTRICITY)
    it.single(9002, "billing_count", Kind.COUNT, Commodity.ELECTRICITY)
    it.single(9003, "programming_count", Kind.COUNT, Commodity.ELECTRICITY)
    it.single(9004, "power_failure_count", Kind.COUNT, Commodity.ELECTRICITY)
    it.single(9005, "valve_state", Kind.STATUS, Commodity.GAS)
    return tuple(it.quantities)


QUANTITIES: Final = _build()
"""Every quantity, in the order of the table in docs/quantities.md."""

BY_NAME: Final = {quantity.name: quantity for quantity in QUANTITIES}
BY_ID: Final = {quantity.id: quantity for quantity in QUANTITIES}

BILLED_REGISTERS: Final = {"electricity": "import_wh", "gas": "volume_l"}
"""Name of the register by which each commodity is billed."""
