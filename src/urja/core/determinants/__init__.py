"""Determinants: what a bill is calculated from, in integers, for many agreements at once. Pure: columns in, columns out.

`inputs` has the columns, `shaping` puts a register's advance on its intervals, `demand` finds maxima, `gas` converts volumes,
`calculation` puts all of it together, `added_day` adds a day to what was calculated before.
"""

from urja.core.determinants.added_day import Value, with_day
from urja.core.determinants.calculation import ENERGIES, Question, calculate
from urja.core.determinants.demand import RecordedDemand, ratchet, usable_for_ratchet
from urja.core.determinants.gas import GasDay, GasTotals, RegisterDay, gas_totals
from urja.core.determinants.inputs import (
    DeterminantError,
    Determinants,
    Determined,
    Integers,
    Intervals,
    Origin,
    OwnPeriods,
    Reads,
    Rules,
    Segments,
)
from urja.core.determinants.shaping import allocate

__all__ = [
    "ENERGIES",
    "DeterminantError",
    "Determinants",
    "Determined",
    "GasDay",
    "GasTotals",
    "Integers",
    "Intervals",
    "Origin",
    "OwnPeriods",
    "Question",
    "Reads",
    "RecordedDemand",
    "RegisterDay",
    "Rules",
    "Segments",
    "Value",
    "allocate",
    "calculate",
    "gas_totals",
    "ratchet",
    "usable_for_ratchet",
    "with_day",
]
