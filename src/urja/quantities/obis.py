"""Quantities as OBIS codes (IEC 62056-6-1 and 6-2; IS 15959-2 and -3), each with attribute 2 of its register."""

from typing import Final

from urja.quantities.catalogue import Accumulation, Commodity, Direction, Kind, Phase, Quantity, Source

_ACTIVE: Final = {Direction.IMPORT: 1, Direction.EXPORT: 2, Direction.NET: 16}
_APPARENT: Final = {Direction.IMPORT: 9, Direction.EXPORT: 10}
_REACTIVE: Final = {
    Direction.Q1: 5, Direction.Q2: 6, Direction.Q3: 7, Direction.Q4: 8,
    # IS 15959-2: what a forward meter lists as lag and lead are the registers of its two importing quadrants.
    Direction.LAG: 5, Direction.LEAD: 8,
}  # fmt: skip
_DIRECTED: Final = {
    Kind.ACTIVE_ENERGY: _ACTIVE, Kind.ACTIVE_POWER: _ACTIVE,
    Kind.APPARENT_ENERGY: _APPARENT, Kind.APPARENT_POWER: _APPARENT,
    Kind.REACTIVE_ENERGY: _REACTIVE, Kind.REACTIVE_POWER: _REACTIVE,
}  # fmt: skip
"""Value group C of what has a direction; L1, L2, L3 are 20, 40, 60 above."""
_UNDIRECTED: Final = {Kind.CURRENT: 11, Kind.VOLTAGE: 12, Kind.POWER_FACTOR: 13, Kind.FREQUENCY: 14}
_PROCESSING: Final = {
    Accumulation.DELTA: 29, Accumulation.REGISTER: 8, Accumulation.MAXIMUM: 6, Accumulation.MEAN: 27,
    Accumulation.INSTANT: 7,
}  # fmt: skip
"""Value group D; 29 is the increment of the load profile's interval, 27 its mean."""
_PHASES: Final = {Phase.NONE: 0, Phase.L1: 20, Phase.L2: 40, Phase.L3: 60}
_NEUTRAL_CURRENT: Final = 91
_GAS: Final = {
    (Kind.VOLUME, Accumulation.REGISTER): "7.0.3.0.0.255",
    (Kind.CONVERTED_VOLUME, Accumulation.REGISTER): "7.0.13.2.0.255",
    (Kind.TEMPERATURE, Accumulation.INSTANT): "7.0.41.0.0.255",
    (Kind.PRESSURE, Accumulation.INSTANT): "7.0.42.0.0.255",
}
_SINGLE: Final = {
    "meter_health": ("0.0.96.10.1.255",),
    "tamper_count": ("0.0.94.91.0.255",),
    "billing_count": ("0.0.0.1.0.255",),
    "programming_count": ("0.0.96.2.0.255",),
    "power_failure_count": ("0.0.96.7.0.255",),
    "valve_state": ("0.0.96.3.10.255",),
}


def codes(quantity: Quantity) -> tuple[str, ...]:
    """Return the OBIS codes of a quantity; none where the standards have none.

    A generator's registers have no code of their own in IS 15959, and neither has the interval of a gas
    meter: a meter's type says which code it uses. The instant of a maximum is attribute 5 of the maximum's own
    object (IEC 62056-6-2, class 4), and has its code.
    """
    if quantity.name in _SINGLE:
        return _SINGLE[quantity.name]
    if quantity.source is Source.DG:
        return ()
    if quantity.commodity is Commodity.GAS:
        code = _GAS.get((quantity.kind, quantity.accumulation))
        return () if code is None else (code,)
    c = _group_c(quantity)
    return () if c is None else (f"1.0.{c}.{_PROCESSING[quantity.accumulation]}.{quantity.zone}.255",)


def _group_c(quantity: Quantity) -> int | None:
    if quantity.phase is Phase.NEUTRAL:
        return _NEUTRAL_CURRENT
    if quantity.kind is Kind.TIME:
        total = (_APPARENT if "_va_" in quantity.name else _ACTIVE).get(quantity.direction)
    elif quantity.kind in _DIRECTED:
        total = _DIRECTED[quantity.kind].get(quantity.direction)
    else:
        total = _UNDIRECTED[quantity.kind]
    return None if total is None else total + _PHASES[quantity.phase]
