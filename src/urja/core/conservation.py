"""What the quantities of one reading say of each other: zones of their total, phases of the apparent energy.

These are queries. Nothing is refused by them, as a meter truncates each register by itself, apparent energy of
phases does not add, and means over an interval do not multiply exactly. Import and export are never netted.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from urja.quantities.catalogue import ZONES, Accumulation, Kind, Phase
from urja.quantities.channel_sets import ChannelSet

Integers = NDArray[np.int64]

NULL: Final = -(2**63)
"""A value that the meter did not send."""

PHASE_TOLERANCE_PERCENT: Final = 5
"""How far apparent energy may be above the product of mean voltages and mean currents: a load that is on for half of an
interval, while the voltage is lower, has a greater mean of products than product of means.
"""
_LINES: Final = (Phase.L1, Phase.L2, Phase.L3)


def zone_residuals(channels: ChannelSet, values: Integers) -> dict[str, Integers]:
    """Return, by the name of each total that has zones in the set, the total less its zones, in the total's unit.

    `values` has a row for each reading. `NULL` where the total or one of its zones was not sent. Zones count what the total
    counts, and each register is truncated by itself: without a fault the residual is from 0 to one step of each zone, less
    one of the total.
    """
    found = {}
    for place, quantity in enumerate(channels.quantities):
        if quantity.accumulation is not Accumulation.REGISTER or quantity.zone:
            continue
        zones = [
            at
            for zone in range(1, ZONES + 1)
            if (at := channels.position(f"{quantity.name}_z{zone}")) is not None
        ]
        if zones:
            parts = values[:, zones]
            known = (values[:, place] != NULL) & (parts != NULL).all(axis=1)
            residual = np.where(known, values[:, place], 0) - np.where(parts == NULL, 0, parts).sum(axis=1)
            found[quantity.name] = np.where(known, residual, NULL)
    return found


def zone_residuals_of_row(channels: ChannelSet, values: Sequence[int | None]) -> dict[str, int]:
    """Return the `zone_residuals` of one reading, without those that are not known; `values` has None for what was not sent."""
    padded = [*values, *[None] * (len(channels) - len(values))]
    row = np.array([[NULL if value is None else value for value in padded]], np.int64)
    return {
        name: int(residual[0])
        for name, residual in zone_residuals(channels, row).items()
        if residual[0] != NULL
    }


def phase_excess_vah(channels: ChannelSet, values: Integers, length_s: Integers) -> Integers:
    """Return by how many VAh the apparent energy of each interval is above what its phases can have carried.

    The bound is the sum over the phases of mean voltage (cV) by mean current (cA) over `length_s` seconds, and
    `PHASE_TOLERANCE_PERCENT` above it. Zero and less is within the bound. `NULL` where the set has not all of these quantities, or
    one of them was not sent.
    """
    places = [
        [channels.position(f"mean_{kind}_{phase.value}") for kind in ("voltage_cv", "current_ca")]
        for phase in _LINES
    ]
    flows = [
        place
        for place, quantity in enumerate(channels.quantities)
        if quantity.kind is Kind.APPARENT_ENERGY and quantity.accumulation is Accumulation.DELTA
    ]
    if not flows or any(place is None for pair in places for place in pair):
        return np.full(len(values), NULL, np.int64)
    named = [[place for place in pair if place is not None] for pair in places]
    needed = values[:, [*flows, *(place for pair in named for place in pair)]]
    known = (needed != NULL).all(axis=1)
    safe = np.where(known[:, None], values, 0)
    # Of cV by cA 10^4 are one VA. Half a step of each factor is what truncation has cut off.
    product = sum(
        ((safe[:, volt] + 1) * (safe[:, ampere] + 1) for volt, ampere in named),
        np.zeros(len(values), np.int64),
    )
    bound = product * length_s * (100 + PHASE_TOLERANCE_PERCENT) // (10_000 * 3600 * 100)
    # An interval has import and export one after the other, and both were carried.
    return np.where(known, safe[:, flows].sum(axis=1) - bound - len(flows), NULL)
