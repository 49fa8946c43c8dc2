"""Determinants of agreements from their stored readings, with everything that a row says of its derivation."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache, reduce
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from urja.apps.determinants.gas_rules import GasRules, register_text, registers_of
from urja.apps.determinants.own_totals import own_periods, registers_beside
from urja.apps.readings.kinds import Status
from urja.apps.readings.queries.columns import (
    Blocks,
    MeterTime,
    Owner,
    OwnerKind,
    Read,
    Window,
    by_quantity,
    interval_values,
    reading_columns,
)
from urja.base.sql_cursor import Cursor
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.calendars import Calendar
from urja.core.determinants import (
    ENERGIES,
    Determinants,
    GasTotals,
    Integers,
    Intervals,
    Origin,
    Question,
    Reads,
    RegisterDay,
    Rules,
    Segments,
    Value,
    calculate,
    gas_totals,
)
from urja.core.gas import RegisterConditions
from urja.core.vee import NULL
from urja.quantities.catalogue import BY_NAME, Commodity
from urja.quantities.channel_sets import ChannelSet, channel_set

RULES_VERSION: Final = "determinants 3"
"""Of the arithmetic in `urja.core.determinants` and of the hash of readings: rows name theirs."""

_ORDER: Final = {
    name: n for n, name in enumerate([*(name for name, *_ in ENERGIES), "standard_volume_l", "gas_energy_wh"])
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Determinants that are asked for: of an owner, from the first day of a period to `as_of`, both included."""

    owner: Owner
    period: Period
    as_of: date
    calendars: tuple[Calendar, ...] = ()
    """Versions of its tariff's calendar."""
    rules: Rules = field(default_factory=Rules)
    gas: GasRules | None = None
    """By which its gas is converted; None for electricity."""

    @property
    def agreement_id(self) -> int:
        """The agreement that it is asked for. What a service point counts has no row, and is asked by its owner."""
        assert self.owner.kind is OwnerKind.AGREEMENT
        return self.owner.id

    @property
    def key(self) -> tuple[int, date, date]:
        """Agreement, first day of the period, and last day: what a row has versions of."""
        return self.agreement_id, self.period.first, self.as_of

    @property
    def rules_text(self) -> str:
        """All that the result rests on besides readings and meters: rules version, demand period, reactive energy, calendars,
        heat values.
        """
        calendars = [
            f"calendar {one.code} {one.version}:{one.sha256[:16]}"
            for one in self.calendars
            if one.valid_from <= self.as_of
        ]
        return "; ".join(
            [
                RULES_VERSION,
                f"demand {self.rules.demand_s} s",
                f"reactive {self.rules.reactive}",
                *calendars,
                *([] if self.gas is None else [self.gas.text]),
            ]
        )

    def made_by(self, rules: str) -> bool:
        """Return whether a row with these rules was calculated by the ones wanted now."""
        return rules.partition("; register ")[0] == self.rules_text


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The determinants of one owner, as a row stores those of an agreement."""

    wanted: Wanted
    channels: ChannelSet
    values: tuple[int, ...]
    origins: tuple[int, ...]
    estimated: tuple[int, ...]
    known_from_at: datetime
    known_to_at: datetime | None
    reads: str
    """Keys of the register reads as JSON: all on the first and on the last day of a period, on others of the day alone."""
    intervals: int
    intervals_hash: bytes
    """Of all readings: the digests of the time before the period and of each day, each chained to the one before."""
    last_digest: bytes
    """The last day's digest in it; not stored."""
    notes: tuple[str, ...]
    """Why the meter's own totals or maxima were not used."""
    meters: str = ""
    """What is said of its meters besides the rules: which of several served when, the ratio behind which each counts, of
    gas each register's conditions, and why an energy is not known.
    """

    @property
    def values_by_name(self) -> dict[str, Value]:
        """Its determinants by the names of their quantities."""
        columns = zip(self.values, self.origins, self.estimated, strict=True)
        return dict(zip(self.channels.names, map(Value._make, columns), strict=True))

    @property
    def rules(self) -> str:
        """The rules that the row names."""
        return self.wanted.rules_text + self.meters

    def sha256(self, version: int) -> bytes:
        """Return the hash of a row with this content and version."""
        known = None if self.known_to_at is None else int(self.known_to_at.timestamp())
        return row_hash(
            [
                self.wanted.agreement_id,
                self.wanted.period.first.isoformat(),
                self.wanted.period.end.isoformat(),
                self.wanted.as_of.isoformat(),
                version,
                list(self.channels.ids),
                list(self.values),
                list(self.origins),
                list(self.estimated),
                int(self.known_from_at.timestamp()),
                known,
                self.reads,
                self.intervals,
                self.intervals_hash.hex(),
                self.rules,
                # Rows from before there were any hash alike.
                *([list(self.notes)] if self.notes else []),
            ]
        )


def row_hash(content: Sequence[object]) -> bytes:
    """Return the SHA-256 of a row's columns, in the order of `Evaluated.sha256`, as compact JSON."""
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).digest()


def evaluate(cursor: Cursor, wanted: Sequence[Wanted], zone: ZoneInfo) -> list[Evaluated]:
    """Return the determinants (in the units of their quantities) of owners that have a billing meter with a register read.

    Owners that ask alike are calculated together. Raises UncoveredDayError for a day before an agreement's calendar.
    """
    found: list[Evaluated] = []

    def alike(one: Wanted) -> tuple[date, date, date, int, str]:
        return one.period.first, one.period.end, one.as_of, one.owner.kind.value, one.rules_text

    for _, group in groupby(sorted(wanted, key=alike), key=alike):
        found += _together(cursor, list(group), zone)
    return sorted(found, key=lambda one: (one.wanted.owner.id, one.wanted.period, one.wanted.as_of))


def _together(cursor: Cursor, wanted: list[Wanted], zone: ZoneInfo) -> list[Evaluated]:
    first = wanted[0]
    asked = Period(first.period.first, first.as_of + ONE_DAY)
    begins, ends = asked.bounds(zone)
    columns = reading_columns(cursor, [Window(one.owner, begins, ends) for one in wanted])
    number = {one.owner: n for n, one in enumerate(wanted)}
    segments = Segments(
        _integers(number[meter.owner] for meter in columns.meters),
        *(
            _integers(getattr(meter, name) for meter in columns.meters)
            for name in ("from_at", "to_at", "ratio_primary", "ratio_secondary")
        ),
    )
    reads = [*columns.reads, *registers_beside(columns)]
    # A meter's own totals are of a whole period.
    own_totals = None
    if asked == first.period:
        own_totals = own_periods(cursor, columns, asked, (begins, ends), first.calendars)
    found = calculate(
        len(wanted),
        segments,
        Reads(
            _integers(row.number for row in reads),
            _integers(row.read_at for row in reads),
            by_quantity(reads),
        ),
        Intervals(
            _joined(one.number for one in columns.blocks),
            _joined(one.start_at for one in columns.blocks),
            _joined(one.length_s for one in columns.blocks),
            _joined(one.status for one in columns.blocks) == Status.ESTIMATED,
            interval_values(columns.blocks),
        ),
        Question(asked, zone, first.calendars, first.rules),
        own_totals,
    )
    inputs: dict[int, _Inputs] = {}
    for meter in columns.meters:
        own = inputs.setdefault(number[meter.owner], _Inputs(meter.from_at, [], [], {}))
        own.known_from = min(own.known_from, meter.from_at)
        own.meters.append(meter)
    owners = [number[meter.owner] for meter in columns.meters]
    for read in (*columns.reads, *columns.billing):
        inputs[owners[read.number]].reads.append(read)
    borders = [int(midnight(day, zone).timestamp()) for day in (*asked, asked.end)]
    for owner, day, each in _interval_contents(columns.blocks, columns.meters, segments.agreement, borders):
        inputs[owner].intervals.setdefault(day, []).append(each)
    gas = _gas(cursor, wanted, columns.meters, owners, found, asked)
    # As lists of integers, since each number of an array is taken out of it for a row of its own.
    columns_of = {
        name: (one.values.tolist(), one.origin.tolist(), one.estimated.tolist())
        for name, one in found.of_period.items()
        if name in BY_NAME
    }
    rows = (_row(wanted[n], n, found, columns_of, own, gas.get(n), borders) for n, own in inputs.items())
    return [row for row in rows if row is not None]


@dataclass(frozen=True, slots=True)
class _Gas:
    """The conversion of one agreement's gas: its totals, and what its row says of it."""

    totals: GasTotals
    text: str


def _gas(
    cursor: Cursor,
    wanted: Sequence[Wanted],
    meters: Sequence[MeterTime],
    owners: Sequence[int],
    found: Determinants,
    days: Period,
) -> dict[int, _Gas]:
    """Return the conversions by the agreements' numbers; none of agreements of other commodities."""
    metered: dict[int, list[int]] = {}
    for segment, owner in enumerate(owners):
        if wanted[owner].gas is not None:
            metered.setdefault(owner, []).append(segment)
    if not metered or "volume_l" not in found.of_period:
        return {}
    registers = registers_of(cursor, (meters[n].device_id for segments in metered.values() for n in segments))
    return {
        owner: _converted(
            wanted[owner].gas, [meters[n] for n in segments], found.volumes[segments], registers, days
        )
        for owner, segments in metered.items()
    }


def _converted(
    rules: GasRules | None,
    meters: Sequence[MeterTime],
    volumes: np.typing.NDArray[np.int64],
    registers: Mapping[int, RegisterConditions],
    days: Period,
) -> _Gas:
    assert rules is not None
    by = {day: rules.on(day) for day in days}
    totals = gas_totals(
        RegisterDay(day, int(litres), registers.get(meter.device_id), by[day])
        for meter, counted in zip(meters, volumes, strict=True)
        for day, litres in zip(days, counted, strict=True)
    )
    said = sorted({register_text(meter.device_id, registers.get(meter.device_id)) for meter in meters})
    return _Gas(
        totals, "".join(f"; {one}" for one in [*said, *([f"not known: {totals.why}"] if totals.why else [])])
    )


@dataclass(slots=True)
class _Inputs:
    """The readings of one agreement, and the Unix second from which it has a meter in the period."""

    known_from: int
    meters: list[MeterTime]
    reads: list[Read]
    intervals: dict[int, list[Integers]]
    """For each day from 1, and 0 for the time before the period: what digests have of its intervals, in their order."""


def _integers(values: Iterable[int]) -> Integers:
    return np.fromiter(values, np.int64)


def _joined(parts: Iterable[Integers]) -> Integers:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _interval_contents(
    blocks: Sequence[Blocks], meters: Sequence[MeterTime], owners: Integers, borders: Sequence[int]
) -> Iterator[tuple[int, int, Integers]]:
    """Yield what digests have of intervals, for each owner and day in the order of device and time: a row for each interval.

    A row has device, start, length, version, status, the quantities of the set and their values.
    """
    devices = _integers(meter.device_id for meter in meters)
    keys, contents = [], []
    for place, one in enumerate(blocks):
        facts = (devices[one.number], one.start_at, one.length_s, one.version, one.status)
        quantities = np.broadcast_to(np.array(one.channels.ids, np.int64), one.values.shape)
        contents.append(np.column_stack((*facts, quantities, one.values)))
        days = np.searchsorted(borders, one.start_at, "right")
        row = np.arange(len(one.number))
        keys.append((owners[one.number], days, *facts[:2], np.full(len(row), place), row))
    if not keys:
        return
    key = np.stack([np.concatenate(column) for column in zip(*keys, strict=True)], axis=1)
    key = key[np.lexsort(key[:, 3::-1].T)]
    new = (key[1:, [0, 1, 4]] != key[:-1, [0, 1, 4]]).any(axis=1)
    for rows in np.split(key, np.flatnonzero(new) + 1):
        owner, day, _, _, place, _ = rows[0].tolist()
        yield owner, day, contents[place][rows[:, 5]]


def _row(
    wanted: Wanted,
    number: int,
    found: Determinants,
    columns: Mapping[str, tuple[list[int], list[int], list[int]]],
    inputs: _Inputs,
    gas: _Gas | None,
    borders: Sequence[int],
) -> Evaluated | None:
    """Return an agreement's row; None where its meters have no reading of what it is supplied with."""
    commodity = Commodity.ELECTRICITY if wanted.gas is None else Commodity.GAS
    # Readings of another commodity than the agreement's bill nothing, and must not stop the close of others.
    determined = {
        name: (values[number], origins[number], estimated[number])
        for name, (values, origins, estimated) in columns.items()
        if values[number] != NULL and BY_NAME[name].commodity is commodity
    }
    if not determined:
        return None
    if gas is not None:
        volume_l, _, estimated_l = determined.get("volume_l", (0, 0, 0))
        for name, total in (
            ("standard_volume_l", gas.totals.standard_l),
            ("gas_energy_wh", gas.totals.energy_wh),
        ):
            if total is not None and "volume_l" in determined:
                estimated = total * estimated_l // volume_l if volume_l else 0
                determined[name] = (total, Origin.DERIVED, estimated)
    channels = channels_of(determined)
    names = channels.names
    known_to = int(found.known_to[number])
    digests = _digests(inputs, borders)
    reads = inputs.reads
    if wanted.period.first < wanted.as_of < wanted.period.end - ONE_DAY:
        reads = _last_reads(inputs, borders[-2])
    return Evaluated(
        wanted,
        channels,
        tuple(determined[name][0] for name in names),
        tuple(determined[name][1] for name in names),
        tuple(determined[name][2] for name in names),
        datetime.fromtimestamp(inputs.known_from, UTC),
        None if known_to == NULL else datetime.fromtimestamp(known_to, UTC),
        json.dumps(sorted({read.key for read in reads}), separators=(",", ":")),
        sum(len(each) for of_day in inputs.intervals.values() for each in of_day),
        reduce(chained, digests),
        digests[-1],
        tuple(sentence for agreement, sentence in found.notes if agreement == number),
        _meters_text(inputs.meters) + ("" if gas is None else gas.text),
    )


def _meters_text(meters: Sequence[MeterTime]) -> str:
    """Return what a row says of its meters: nothing of one meter without a ratio."""
    if len(meters) == 1 and meters[0].ratio_primary == meters[0].ratio_secondary:
        return ""
    return "".join(
        f"; register of meter {one.device_id} from {datetime.fromtimestamp(one.from_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
        f" to {datetime.fromtimestamp(one.to_at, UTC):%Y-%m-%dT%H:%M:%SZ} times {one.ratio_primary}/{one.ratio_secondary}"
        for one in sorted(meters, key=lambda one: one.from_at)
    )


def channels_of(names: Iterable[str]) -> ChannelSet:
    """Return the channel set of a row with these determinants, in their order."""
    return _channels_of(frozenset(names))


@lru_cache(maxsize=512)
def _channels_of(names: frozenset[str]) -> ChannelSet:
    return channel_set("determinants", sorted(names, key=_place))


def _place(name: str) -> tuple[int, int, str, int, bool]:
    """Return the place of a determinant in its row: energies first, each with its zones, each maximum with its instant."""
    quantity = BY_NAME[name]
    total = name.removesuffix("_at").removesuffix(f"_z{quantity.zone}")
    base = total.removesuffix("_at")
    energy = _ORDER.get(base)
    return (energy is None, energy or 0, base, quantity.zone, name.endswith("_at"))


def chained(earlier: bytes, digest: bytes) -> bytes:
    """Return the SHA-256 of readings with one more day, from that of the days before and the day's digest."""
    return hashlib.sha256(earlier + digest).digest()


def _digests(inputs: _Inputs, borders: Sequence[int]) -> list[bytes]:
    """Return the SHA-256 of the readings before the first border, and of those between each border and the next one.

    Of reads the keys, of intervals keys, versions, states and values, each in the order of device and time. A read at a border
    is the day's that begins with it; what closes the last day is the next one's.
    """
    content: list[list[Integers]] = [[] for _ in borders]
    for key in sorted({read.key for read in inputs.reads}):
        if key[1] < borders[-1]:
            content[bisect_right(borders, key[1])].append(np.array(key))
    for day, rows in inputs.intervals.items():
        content[day] += rows
    return [
        hashlib.sha256(b"".join(each.astype("<i8").tobytes() for each in of_day)).digest()
        for of_day in content
    ]


def _last_reads(inputs: _Inputs, begins: int) -> list[Read]:
    """Return the reads of the day that `begins` at a Unix second, with the last one of each meter before it."""
    since = {
        meter.device_id: max(
            (
                read.read_at
                for read in inputs.reads
                if read.device_id == meter.device_id and read.read_at <= max(meter.from_at, begins)
            ),
            default=meter.from_at,
        )
        for meter in inputs.meters
        if meter.to_at > begins
    }
    return [
        read for read in inputs.reads if read.device_id in since and read.read_at >= since[read.device_id]
    ]
