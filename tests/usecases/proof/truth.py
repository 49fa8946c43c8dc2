"""Meters that really count, and what they report: no register is taken from the code under test."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
from tests.apps.street import HALF_HOUR, START as _SECOND_OF_MARCH, seconds

from urja.stream.codec import Batch
from urja.stream.records import BLOCK, NULL, REGISTER, RegisterKind, Source
from urja.stream.subjects import Kind

DAY: Final = timedelta(days=1)
BEGUN: Final = _SECOND_OF_MARCH - 3 * DAY
"""Local midnight that begins 27 February in Kolkata: a billing period ends two days later."""
_BEFORE: Final = 4 * 48
_INTERVALS: Final = 40 * 48


@dataclass(frozen=True)
class Meter:
    """A meter that counts all the time, wherever it hangs: its register is a function of the instant alone."""

    number: int
    start_wh: int
    _sums: list[int] = field(repr=False)

    @classmethod
    def of(cls, number: int) -> "Meter":
        chance = random.Random(f"meter {number}")
        start_wh = chance.randrange(1_000, 900_000)
        sums = [start_wh]
        for _ in range(_INTERVALS):
            sums.append(sums[-1] + chance.choice((0, 3, chance.randrange(2_000))))
        return cls(number, start_wh, sums)

    @property
    def serial(self) -> str:
        return f"URJ{self.number:08}"

    def register_wh(self, at: datetime) -> int:
        """Where the register stands, in whole Wh as it shows them."""
        into = at - BEGUN
        number, rest = divmod(into, HALF_HOUR)
        before, after = self._sums[number + _BEFORE : number + _BEFORE + 2]
        return before + (after - before) * int(rest.total_seconds()) // int(HALF_HOUR.total_seconds())


def floor(at: datetime) -> datetime:
    """The last boundary of half-hours up to an instant."""
    return at - (at - BEGUN) % HALF_HOUR


def ceiling(at: datetime) -> datetime:
    return -((BEGUN - at) // HALF_HOUR) * HALF_HOUR + BEGUN


def midnight(at: datetime) -> datetime:
    """The last local midnight up to an instant."""
    return at - (at - BEGUN) % DAY


def boundaries(begins: datetime, ends: datetime) -> list[datetime]:
    """The boundaries of half-hours in [begins, ends]."""
    first = ceiling(begins)
    return [first + n * HALF_HOUR for n in range((ends - first) // HALF_HOUR + 1)] if first <= ends else []


def told(told_of: Iterable[tuple[Meter, int, datetime, datetime]]) -> list[Batch]:
    """What meters say of times: (meter, device, begins, ends) gives the whole half-hours and the midnights in it."""
    blocks, registers = [], []
    for meter, device_id, begins, ends in told_of:
        edges = boundaries(begins, ends)
        for start, end in pairwise(edges):
            blocks.append((device_id, start, meter.register_wh(end) - meter.register_wh(start)))
        registers += [(device_id, at, meter.register_wh(at)) for at in edges if midnight(at) == at]
    return [_batch(Kind.BLOCK, blocks), _batch(Kind.REGISTER, registers)]


def _batch(kind: Kind, rows: list[tuple[int, datetime, int]]) -> Batch:
    records = np.zeros(len(rows), BLOCK if kind == Kind.BLOCK else REGISTER)
    for name in ("import_vah", "export_wh", "export_vah"):
        records[name] = NULL
    records["device_id"] = [device for device, _, _ in rows]
    records["import_wh"] = [wh for _, _, wh in rows]
    records["source"] = Source.PULL
    records["received_at"] = seconds(BEGUN) * 1000
    instants = [seconds(at) for _, at, _ in rows]
    if kind == Kind.BLOCK:
        for name in ("voltage_cv", "current_ca", "health"):
            records[name] = NULL
        records["start_at"] = instants
        records["length_s"] = 1800
    else:
        records["read_at"] = instants
        records["kind"] = RegisterKind.DAILY
    return Batch(kind, 1, records)
