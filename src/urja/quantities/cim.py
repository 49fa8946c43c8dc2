"""Quantities as ReadingTypes of CIM (IEC 61968-9, Annex C): 18 numbers with dots between them."""

from typing import Final

from urja.quantities.catalogue import Accumulation, Commodity, Direction, Kind, Phase, Quantity

_NONE: Final = 0
_BILLING_PERIOD: Final = 8
_MAXIMUM: Final = 8
_AVERAGE: Final = 2
_MEASURING_PERIODS: Final = {0: 0, 900: 2, 1800: 5, 3600: 7, 86400: 4}
"""Code of a measuring period by its length in seconds."""
_ACCUMULATIONS: Final = {
    Accumulation.DELTA: 4, Accumulation.REGISTER: 1, Accumulation.MAXIMUM: 6, Accumulation.MEAN: 6,
    Accumulation.INSTANT: 12,
}  # fmt: skip
"""deltaData, bulkQuantity, indicating (twice), instantaneous."""
_FLOWS: Final = {
    Direction.NONE: 0, Direction.IMPORT: 1, Direction.LAG: 2, Direction.LEAD: 3, Direction.NET: 4,
    Direction.Q1: 15, Direction.Q2: 16, Direction.Q3: 17, Direction.Q4: 18, Direction.EXPORT: 19,
}  # fmt: skip
_COMMODITIES: Final = {Commodity.ELECTRICITY: 1, Commodity.GAS: 7}
_DEMAND: Final = 8
_MEASURES: Final = {
    Kind.ACTIVE_ENERGY: (12, 0, 72), Kind.APPARENT_ENERGY: (12, 0, 71), Kind.REACTIVE_ENERGY: (12, 0, 73),
    Kind.ACTIVE_POWER: (37, 0, 38), Kind.APPARENT_POWER: (37, 0, 61), Kind.REACTIVE_POWER: (37, 0, 63),
    Kind.VOLTAGE: (54, -2, 29), Kind.CURRENT: (4, -2, 5), Kind.POWER_FACTOR: (38, -3, 65),
    Kind.FREQUENCY: (15, -3, 33), Kind.VOLUME: (58, 0, 134), Kind.CONVERTED_VOLUME: (58, -3, 166),
    Kind.STANDARD_VOLUME: (58, -3, 166), Kind.GAS_ENERGY: (12, 0, 72),
    Kind.TEMPERATURE: (46, -1, 23), Kind.PRESSURE: (0, 0, 155),
    Kind.COUNT: (0, 0, 0), Kind.STATUS: (0, 0, 0),
}  # fmt: skip
"""Kind of measurement, power of ten and unit of measure; only its unit says that a value is an absolute pressure."""
_CALCULATED: Final = frozenset({Kind.STANDARD_VOLUME, Kind.GAS_ENERGY})
"""Totals of a billing period, which no register of a meter has."""
_PHASES: Final = {Phase.NONE: 0, Phase.L1: 128, Phase.L2: 64, Phase.L3: 32, Phase.NEUTRAL: 16}


def reading_type(quantity: Quantity, period_s: int = 0) -> str:
    """Return the ReadingType of a quantity whose intervals are `period_s` seconds long (0: not said).

    CIM has no source: grid and generator have the same type. The instant of a maximum is the time stamp of
    its reading there, so that its type is that of its maximum. Raises KeyError for a length without a code.
    """
    maximum = quantity.accumulation is Accumulation.MAXIMUM
    total = quantity.kind in _CALCULATED
    kind, multiplier, unit = _MEASURES[_measured(quantity)]
    return ".".join(
        map(
            str,
            (
                _BILLING_PERIOD if maximum or total else _NONE,
                _MAXIMUM if maximum else _AVERAGE if quantity.accumulation is Accumulation.MEAN else _NONE,
                _MEASURING_PERIODS[period_s],
                _ACCUMULATIONS[Accumulation.DELTA if total else quantity.accumulation],
                _FLOWS[quantity.direction],
                _COMMODITIES[quantity.commodity],
                _DEMAND if maximum else kind,
                *(0, 0),  # harmonic
                *(0, 0),  # argument
                quantity.zone,
                *(0, 0),  # critical peak, tier
                _PHASES[quantity.phase],
                multiplier,
                unit,
                0,  # currency
            ),
        )
    )


def _measured(quantity: Quantity) -> Kind:
    if quantity.kind is not Kind.TIME:
        return quantity.kind
    return Kind.APPARENT_POWER if "_va_" in quantity.name else Kind.ACTIVE_POWER
