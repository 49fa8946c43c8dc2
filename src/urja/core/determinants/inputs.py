"""What determinants are calculated from: columns for many agreements at once, as meters count, before any ratio.

Instants are Unix seconds, energies Wh, VAh and varh, volumes litres, all in int64 arrays; `NULL` marks what no meter sent.
The order of rows never matters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from urja.core.vee import NULL

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Columns = Mapping[str, Integers]
"""Values by the name of their quantity (`urja.quantities`)."""

AT_BITS: Final = 34
"""Bits of an instant in a sort key, enough until the year 2514; the segment's number is above them."""


class DeterminantError(ValueError):
    """Inputs from which no determinant can be calculated; the text says which and why."""


class Origin(IntEnum):
    """Where a determinant comes from."""

    NONE = 0
    """Not known: no meter captures it."""
    REGISTER = 1
    """Advance of the meter's register."""
    BLOCKS = 2
    """Sum of intervals, at least since the last register read."""
    SHAPED = 3
    """Advance of a register, put into zones or days by its intervals."""
    METER = 4
    """The meter's own total or maximum of the billing period."""
    DERIVED = 5
    """Calculated from other determinants."""


Reactive = Literal["lag", "lag+lead"]
"""Which reactive energy counts towards the power factor."""


@dataclass(frozen=True, slots=True)
class Segments:
    """The time of one meter under one ratio in the period of an agreement; neighbours do not overlap."""

    agreement: Integers
    """Number of the agreement, from 0."""
    from_at: Integers
    to_at: Integers
    ratio_primary: Integers
    ratio_secondary: Integers
    """Transformer ratio that the meter has not applied; it is applied here, once."""

    def scaled(self, counted: Integers, segment: Integers) -> Integers:
        """Return what a register's count stands for behind the transformers, rounded down as accruals are."""
        scaled: Integers = counted * self.ratio_primary[segment] // self.ratio_secondary[segment]
        return scaled


@dataclass(frozen=True, slots=True)
class Reads:
    """Registers that the meters froze; of each segment the last one before it, those in it, and the first one after."""

    segment: Integers
    read_at: Integers
    values: Columns


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals in their latest version; of each segment from the last register read before it on."""

    segment: Integers
    start_at: Integers
    length_s: Integers
    estimated: Mask
    values: Columns


@dataclass(frozen=True, slots=True)
class OwnPeriods:
    """Billing profiles of meters: the registers that they froze when they ended a billing period of their own."""

    segment: Integers
    opened_at: Integers
    """Instant of the reset before, and of the one that ended it."""
    closed_at: Integers
    same_calendar: Mask
    """Whether the meter's calendar, read back, was the tariff's throughout."""
    opening: Columns
    """Registers by zone at the reset before."""
    closing: Columns
    """Registers by zone, and maxima with their instants, at the end."""
    resolution: Integers
    """Step of the registers of energy, in their unit."""
    demand_resolution: Integers
    """Step of the maxima, in their unit."""
    demand_s: Integers
    """Length of the meter's own demand period, in seconds."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How determinants are calculated, besides the readings."""

    demand_s: int = 1800
    """Length of the demand period, in seconds."""
    reactive: Reactive = "lag"

    def __post_init__(self) -> None:
        if self.demand_s not in (900, 1800, 3600):
            raise DeterminantError(f"a demand period has 900, 1800 or 3600 seconds, not {self.demand_s}")


@dataclass(frozen=True, slots=True)
class Determined:
    """One determinant of all agreements."""

    values: Integers
    """`NULL` where it is not known."""
    origin: NDArray[np.int8]
    estimated: Integers
    """The part of an energy that rests on estimated or missing intervals; 0 for other quantities."""


@dataclass(frozen=True, slots=True)
class Determinants:
    """Determinants of a period by the name of their quantity, each with one entry for each agreement."""

    of_period: dict[str, Determined]
    of_days: dict[str, Integers]
    """By name: a row for each agreement, a column for each local day; they sum to the period."""
    known_to: Integers
    """End of what is known of the total energy without a gap, by agreement."""
    residual: dict[str, Integers]
    """By name: register advance less the sum of the intervals under it, by agreement, behind the ratio."""
    volumes: Integers = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """Litres of `volume_l`: a row for each segment, a column for each local day; no rows where no meter counts gas."""
    notes: tuple[tuple[int, str], ...] = field(default=())
    """(agreement, sentence): why a meter's own totals or maxima were not used."""


def column(values: Columns, name: str, length: int) -> Integers:
    """Return a quantity's column, or one of `NULL` where the meters do not capture it."""
    found = values.get(name)
    return np.full(length, NULL, np.int64) if found is None else found


def sort_key(segment: Integers, at: Integers) -> Integers:
    """Return keys that order rows by segment and instant."""
    return (segment << AT_BITS) | at
