"""Stored readings whose quantities contradict each other: found when asked for, and refused nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import connection

from urja.apps.readings import channel_sets
from urja.core.conservation import NULL, phase_excess_vah, zone_residuals_of_row


@dataclass(frozen=True, slots=True)
class ZoneResidual:
    """What a read's total is above the sum of its zones, in the total's unit."""

    device_id: int
    read_at: datetime
    quantity: str
    residual: int


@dataclass(frozen=True, slots=True)
class PhaseExcess:
    """Apparent energy of an interval above what its phases can have carried, in VAh."""

    device_id: int
    start_at: datetime
    excess_vah: int


_REGISTERS = """
SELECT DISTINCT ON (device_id, read_at, kind) channel_set, device_id, read_at, values FROM readings_register
WHERE service_point_id = %s AND read_at >= %s AND read_at < %s ORDER BY device_id, read_at, kind, version DESC
"""
_INTERVALS = """
SELECT DISTINCT ON (device_id, start_at) channel_set, device_id, start_at, values, length_s FROM readings_interval
WHERE service_point_id = %s AND series = 1 AND start_at >= %s AND start_at < %s
ORDER BY device_id, start_at, version DESC
"""


def zone_residuals_of(service_point_id: int, begins: datetime, ends: datetime) -> Iterator[ZoneResidual]:
    """Yield the residual of each total with zones that a meter at a service point had in [begins, ends), UTC."""
    with connection.cursor() as cursor:
        sets = channel_sets.load(cursor)
        cursor.execute(_REGISTERS, [service_point_id, begins, ends])
        for number, device_id, read_at, values in cursor.fetchall():
            for name, residual in zone_residuals_of_row(sets[number], values).items():
                yield ZoneResidual(device_id, read_at, name, residual)


def phase_excesses(service_point_id: int, begins: datetime, ends: datetime) -> Iterator[PhaseExcess]:
    """Yield the intervals that begin in [begins, ends), UTC, with more apparent energy than their phases carried."""
    with connection.cursor() as cursor:
        sets = channel_sets.load(cursor)
        cursor.execute(_INTERVALS, [service_point_id, begins, ends])
        for number, device_id, start_at, values, length_s in cursor.fetchall():
            row = _row(values, len(sets[number]))
            excess = int(phase_excess_vah(sets[number], row, np.array([length_s]))[0])
            if excess > 0:
                yield PhaseExcess(device_id, start_at, excess)


def _row(values: list[int | None], width: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    padded = [*values, *[None] * (width - len(values))]
    return np.array([[NULL if value is None else value for value in padded]], np.int64)
