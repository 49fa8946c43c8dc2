"""Meters that really count, and what they report: no register is taken from the code under test."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from zlib import crc32

import numpy as np
from tests.apps.town import HALF_HOUR, START as _SECOND_OF_MARCH, seconds

from urja.quantities.catalogue import BY_NAME, Accumulation, Commodity
from urja.quantities.channel_sets import (
    D1_BLOCK,
    D1_REGISTERS,
    D2_BLOCK,
    D2_REGISTERS,
    GAS_BLOCK,
    GAS_REGISTERS,
    ChannelSet,
)
from urja.stream.codec import Batch, dtype_of
from urja.stream.records import NULL, RegisterKind, Source
from urja.stream.subjects import Kind

DAY: Final = timedelta(days=1)
BEGUN: Final = _SECOND_OF_MARCH - 3 * DAY
"""Local midnight that begins 27 February in Kolkata: a billing period ends two days later."""
_BEFORE: Final = 4 * 48
_INTERVALS: Final = 40 * 48


@dataclass(frozen=True)
class MeterType:
    """What a type of meter sends."""

    name: str
    block: ChannelSet
    registers: ChannelSet
    exports: bool = False
    own_ratio: int = 1
    """Ratio of the transformers that its registers include."""

    @property
    def commodity(self) -> Commodity:
        return self.block.quantities[0].commodity


D1: Final = MeterType("urja-d1", D1_BLOCK, D1_REGISTERS)
DT: Final = MeterType("urja-dt", D1_BLOCK, D1_REGISTERS)
D2: Final = MeterType("urja-d2", D2_BLOCK, D2_REGISTERS)
D3: Final = MeterType("urja-d3", D2_BLOCK, D2_REGISTERS, own_ratio=40)
SOLAR: Final = MeterType("urja-d2-net", D2_BLOCK, D2_REGISTERS, exports=True)
GAS: Final = MeterType("urja-g1", GAS_BLOCK, GAS_REGISTERS)


@dataclass(frozen=True)
class Meter:
    """A meter that counts all the time, wherever it is installed: its registers are functions of the instant alone.

    The billed register counts imported energy, or volume; `wh` in names here is litres of a gas meter.
    """

    number: int
    type: MeterType
    start_wh: int
    _sums: list[int] = field(repr=False)

    @classmethod
    def of(cls, number: int, its_type: MeterType) -> "Meter":
        chance = random.Random(f"meter {number}")
        start_wh = chance.randrange(1_000, 900_000)
        sums = [start_wh]
        for _ in range(_INTERVALS):
            sums.append(sums[-1] + chance.choice((0, 3, chance.randrange(2_000))))
        return cls(number, its_type, start_wh, sums)

    @property
    def serial(self) -> str:
        return f"URJ{self.number:08}"

    def register_wh(self, at: datetime) -> int:
        """Where the register stands, in whole Wh as it shows them."""
        into = at - BEGUN
        number, rest = divmod(into, HALF_HOUR)
        before, after = self._sums[number + _BEFORE : number + _BEFORE + 2]
        return before + (after - before) * int(rest.total_seconds()) // int(HALF_HOUR.total_seconds())

    def counts(self, name: str, at: datetime) -> int:
        """Where a register stands; each but the billed one counts a share of its own."""
        if name in ("import_wh", "volume_l"):
            return self.register_wh(at)
        if name.startswith("export") and not self.type.exports:
            return 0
        return self.register_wh(at) * (1 + crc32(name.encode()) % 999) // 1000

    def sent(self, names: Sequence[str], begins: datetime, ends: datetime) -> list[int | None]:
        """What it sends of quantities for an interval, or for an instant."""
        key = (self.number, len(names), begins, ends)
        if key not in _SENT:
            _SENT[key] = {name: self._measured(name, begins, ends) for name in names}
        return [_SENT[key][name] for name in names]

    def _measured(self, name: str, begins: datetime, ends: datetime) -> int | None:
        """What it sends of a quantity for an interval, or for the instant at which one ends; None where nothing."""
        match BY_NAME[name].accumulation:
            case Accumulation.DELTA:
                register = name.removeprefix("interval_")
                return self.counts(register, ends) - self.counts(register, begins)
            case Accumulation.REGISTER if not name.endswith("_count"):
                return self.counts(name, ends)
            case Accumulation.MEAN:
                return crc32(f"{name} {self.number} {ends}".encode()) % 30_000
        return None


_SENT: Final[dict[tuple[int, int, datetime, datetime], dict[str, int | None]]] = {}
"""What meters have sent: the runs tell and compare the same times again and again."""


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
    blocks: dict[ChannelSet, list[Row]] = {}
    registers: dict[ChannelSet, list[Row]] = {}
    for meter, device_id, begins, ends in told_of:
        edges = boundaries(begins, ends)
        rows = blocks.setdefault(meter.type.block, [])
        rows += [(meter, device_id, start, end) for start, end in pairwise(edges)]
        rows = registers.setdefault(meter.type.registers, [])
        rows += [(meter, device_id, at, at) for at in edges if midnight(at) == at]
    return [
        _batch(kind, channels, rows)
        for kind, found in ((Kind.BLOCK, blocks), (Kind.REGISTER, registers))
        for channels, rows in found.items()
    ]


Row = tuple[Meter, int, datetime, datetime]
"""(meter, device, begins, ends)"""


def _batch(kind: Kind, channels: ChannelSet, rows: list[Row]) -> Batch:
    records, names = np.zeros(len(rows), dtype_of(kind, channels)), channels.names
    records["device_id"] = [device for _, device, _, _ in rows]
    records["values"] = np.array(
        [
            [NULL if value is None else value for value in meter.sent(names, begins, ends)]
            for meter, _, begins, ends in rows
        ],
        np.int64,
    ).reshape(len(rows), len(channels.names))
    records["source"] = Source.PULL
    records["received_at"] = seconds(BEGUN) * 1000
    instants = [seconds(begins) for _, _, begins, _ in rows]
    if kind == Kind.BLOCK:
        records["start_at"], records["length_s"] = instants, 1800
    else:
        records["read_at"], records["kind"] = instants, RegisterKind.DAILY
    return Batch(kind, 1, records, channels)
