"""Conversion of decoded pushes to records: base units, interval starts in UTC, device ids. Arrays in, arrays out.

The meter stamps an interval with its *end*; here, and nowhere else, the stamp becomes the start of a half-open
interval. Scaled quantities become whole base units by one rounding: towards minus infinity, as the meter itself
truncates; the fraction cut off stays in the register and shows as the residual.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from urja.cosem.companion import DeviceType
from urja.cosem.companion.stored_columns import StoredColumns, stored_columns
from urja.cosem.layout import Decoded, Ints
from urja.cosem.time import NOT_SPECIFIED
from urja.quantities.catalogue import Kind as QuantityKind
from urja.quantities.channel_sets import ChannelSet
from urja.stream.codec import Records
from urja.stream.records import (
    EVENT,
    NULL,
    EventState,
    OwnEvent,
    RegisterKind,
    Source,
    block_dtype,
    register_dtype,
    unlisted_bit,
)

_LARGEST: Final = 2**63 - 1
Mask = npt.NDArray[np.bool_]


class Measured(NamedTuple):
    """Records of one kind, and what their values are."""

    records: Records
    channels: ChannelSet


def rescale(values: Ints, valid: Mask | bool, scaler: int, exponent: int) -> Ints:
    """`values * 10**scaler` in units of `10**exponent` (0 for Wh, -2 for cV), rounded down; NULL where not valid."""
    shift = scaler - exponent
    factor = 10 ** abs(shift)
    if factor > _LARGEST:
        # A scaler that no meter has: of its values only zero is one that can be told.
        valid = valid & (values == 0)
    elif shift > 0:
        # A product outside int64 is no value that a meter measures: it becomes missing instead of wrapping around.
        valid = valid & (np.abs(values) <= _LARGEST // factor)
        values = np.where(valid, values, 0) * factor
    elif shift < 0:
        values = values // factor
    return np.where(valid, values, NULL)


def blocks(decoded: Decoded, interval_s: Ints) -> Measured:
    """Records of block-load pushes, in their order; device and provenance are filled in later.

    `interval_s` is the length of each meter's intervals in seconds: two meters of one type need not have the same.
    Values are in the units of the channel set, `start_at` in seconds since the Unix epoch.
    """
    stored = stored_columns(decoded.layout.columns, of_intervals=True)
    records = np.zeros(len(decoded.ok), block_dtype(len(stored.channels)))
    end_at, _ = decoded.column("clock")
    # IS 15959: the stamp of a block is its end.
    records["start_at"] = end_at - interval_s
    records["length_s"] = interval_s
    records["clock_status"] = decoded.clock_status("clock")
    return _filled(records, decoded, stored)


def _filled(records: Records, decoded: Decoded, stored: StoredColumns) -> Measured:
    records["values"] = NULL
    for place, column in stored.places:
        values, valid = decoded.column(column.key)
        records["values"][:, place] = rescale(values, valid, column.scaler, stored.exponent(place))
    return Measured(records, stored.channels)


ENERGY_PAIRS: Final = (("import_wh", "import_vah"), ("export_wh", "export_vah"))
"""Columns of active energy, and of the apparent energy that is never below it."""


@lru_cache(maxsize=256)
def energy_pairs(channels: ChannelSet) -> tuple[tuple[int, int], ...]:
    """Return the places in the set (from 0) of active energy, in Wh, each with that of the apparent energy, in VAh, that is
    never below it.
    """
    return tuple(
        (place, apparent)
        for place, quantity in enumerate(channels.quantities)
        if quantity.kind is QuantityKind.ACTIVE_ENERGY
        and (apparent := channels.position(quantity.name.replace("_wh", "_vah"))) is not None
    )


@dataclass(frozen=True, slots=True)
class Implausible:
    """Pushes whose apparent energy is below the active one, which no load causes."""

    rows: Mask
    pairs: tuple[tuple[str, str], ...]
    decoded: Decoded

    def describe(self, row: int) -> str:
        """The contradiction in the push at `row`, in words. Raises AssertionError where the row is plausible."""
        for active, apparent in self.pairs:
            (wh, _), (vah, _) = self.decoded.column(active), self.decoded.column(apparent)
            if _too_low(self.decoded, active, apparent)[row]:
                return f"{apparent} ({vah[row]}) is below {active} ({wh[row]})"
        raise AssertionError("it is one of them")


def find_implausible(decoded: Decoded) -> Implausible | None:
    """The pushes whose apparent energy is below the active one by more than one unit of the coarser scaler; None
    without any.

    Each register is truncated to whole units by itself, so one unit below is consistent.
    """
    known = decoded.layout.value_rows
    pairs = tuple(pair for pair in ENERGY_PAIRS if pair[0] in known and pair[1] in known)
    rows = np.zeros(len(decoded.ok), np.bool_)
    for active, apparent in pairs:
        rows |= _too_low(decoded, active, apparent)
    return Implausible(rows, pairs, decoded) if rows.any() else None


def _too_low(decoded: Decoded, active: str, apparent: str) -> Mask:
    scalers = {column.key: column.scaler for column in decoded.layout.columns}
    (wh, has_wh), (vah, has_vah) = decoded.column(active), decoded.column(apparent)
    finer = scalers[active] - scalers[apparent]
    low: Mask
    if finer == 0:
        low = wh - vah > 1
    else:
        units = 10.0 ** abs(finer)
        low = (wh * units - vah if finer > 0 else wh - vah * units) > units
    return low & has_wh & has_vah


def registers(decoded: Decoded, kind: RegisterKind) -> Measured:
    """Records of pushes that carry cumulative registers, in the units of the channel set (`read_at` in seconds since
    the Unix epoch).
    """
    stored = stored_columns(decoded.layout.columns, of_intervals=False)
    records = np.zeros(len(decoded.ok), register_dtype(len(stored.channels)))
    records["read_at"], _ = decoded.column("clock")
    records["kind"] = kind
    records["clock_status"] = decoded.clock_status("clock")
    return _filled(records, decoded, stored)


@dataclass(frozen=True, slots=True)
class EventFact:
    """An event derived from a change of the event status word."""

    code: int
    state: EventState


_STATES: Final = {
    "occurred": EventState.OCCURRED,
    "restored": EventState.RESTORED,
    "instant": EventState.INSTANT,
}


def esw_changes(
    before: int, after: int, device_type: DeviceType, *, in_order: bool = True
) -> list[EventFact]:
    """The events between two event status words (IS 15959: bit 0 is the first on the wire).

    A bit that rises is its event; one that falls is the event's counterpart where the event began a condition. An
    alert that was overtaken by a later one (`in_order` False) shows what had risen, but not what has ended since. A
    bit that the type does not list is an event with a number of its own.
    """
    companion = device_type.companion
    changed = before ^ after if in_order else after & ~before
    facts: dict[int, EventFact] = {}
    for bit, meaning in companion.esw.items():
        mask = 1 << (companion.esw_length - 1 - bit)
        if not changed & mask or meaning.event is None:
            continue
        event = companion.events[meaning.event]
        if not after & mask:
            if event.state != "occurred" or event.counterpart is None:
                continue
            event = companion.events[event.counterpart]
        facts[event.code] = EventFact(device_type.meant.get(event.code, event.code), _STATES[event.state])
    for bit in range(companion.esw_length):
        mask = 1 << (companion.esw_length - 1 - bit)
        if changed & mask and bit not in companion.esw:
            code = unlisted_bit(bit)
            facts[code] = EventFact(code, EventState.OCCURRED if after & mask else EventState.RESTORED)
    return list(facts.values())


def events(rows: Sequence[tuple[int, int, EventFact, int]]) -> Records:
    """EVENT records of `(device_id, occurred_at, fact, clock_status)` rows; `occurred_at` in seconds since the Unix
    epoch.
    """
    records = np.zeros(len(rows), EVENT)
    for record, (device_id, occurred_at, fact, clock_status) in zip(records, rows, strict=True):
        record["device_id"] = device_id
        record["occurred_at"] = occurred_at
        record["code"] = fact.code
        record["state"] = fact.state
        record["clock_status"] = clock_status
    return records


def head_end_events(told: Sequence[tuple[int, OwnEvent]], at_s: int) -> Records:
    """EVENT records that the head end itself reports about devices, all at the instant `at_s` (seconds since the Unix
    epoch).
    """
    return events(
        [(device_id, at_s, EventFact(code, EventState.INSTANT), NOT_SPECIFIED) for device_id, code in told]
    )


def set_provenance(
    records: Records, source: Source, correlations: Ints | int, received_at_ms: int
) -> Records:
    """Set source, correlation and time of receipt (ms since the Unix epoch) of records; return the records."""
    records["source"] = source
    records["correlation"] = correlations
    records["received_at"] = received_at_ms
    return records
