"""Messages of records made from decoded pushes, by kind and shard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from urja.base.ids import SHARDS
from urja.cosem.companion import DeviceType
from urja.cosem.layout import Ints
from urja.cosem.push_batch import PushBatch, PushGroup
from urja.headend import record_conversion, unauthenticated_pushes
from urja.headend.received_batch import ReceivedBatch
from urja.headend.record_conversion import EventFact
from urja.headend.rejections import Rejections
from urja.headend.roster import Meter, Roster
from urja.quantities.channel_sets import ChannelSet
from urja.stream.codec import Records
from urja.stream.quarantine import Reason
from urja.stream.records import RegisterKind, Source
from urja.stream.subjects import Kind

RECORDS_PER_MESSAGE: Final = 4096
"""Keeps a message of the widest record well below the broker's size limit."""


type Placed = tuple[Kind, ChannelSet | None, Ints, Ints, Records]
"""Records of one kind and channel set (events have none), with the push and the slot of each."""


def faults_of(group: PushGroup) -> Iterator[tuple[int, Reason, str]]:
    """Yield each push without a valid time or with implausible values: its row, the reason and the reason in words."""
    _, valid = group.decoded.column("clock")
    for row in np.flatnonzero(~valid).tolist():
        yield row, "layout", "the clock has no valid time"
    if wrong := record_conversion.find_implausible(group.decoded):
        for row in np.flatnonzero(wrong.rows & valid).tolist():
            yield row, "implausible", wrong.describe(row)


@dataclass(slots=True)
class Outgoing:
    """Records of one kind and shard, and the pushes that they come from."""

    kind: Kind
    shard: int
    records: Records
    pushes: Ints
    slots: Ints
    channels: ChannelSet | None = None
    reported: int = 0
    """Number of pushes without a tag whose records these are; `pushes` is empty then."""


@dataclass(slots=True)
class EswUndo:
    """The event status word of a meter before an alert, to restore it if the alert is not stored."""

    meter: Meter
    esw: int
    esw_at: int


def _cut(rows: np.ndarray, index: Ints) -> Iterator[np.ndarray]:
    """`rows` in parts of bounded size; the records of one push (`index`) stay together."""
    start = 0
    while start < len(rows):
        end = min(start + RECORDS_PER_MESSAGE, len(rows))
        # A push is accepted with the message that holds its records: were they in two messages, of which one is refused, the
        # push would be both accepted and rolled back.
        while start + 1 < end < len(rows) and index[rows[end]] == index[rows[end - 1]]:
            end -= 1
        yield rows[start:end]
        start = end


class PushRecords:
    """Makes the messages of a batch."""

    def __init__(self, roster: Roster, rejections: Rejections) -> None:
        self._roster = roster
        self._rejections = rejections

    def place(
        self, received: ReceivedBatch, batch: PushBatch, undo: dict[int, EswUndo]
    ) -> tuple[list[Outgoing], list[tuple[int, int]]]:
        """Messages with the records of the decoded pushes, by kind and shard; and push and slot of alerts that
        changed nothing.
        """
        unchanged: list[tuple[int, int]] = []
        placed = [self._records(group, batch, received, undo, unchanged) for group in batch.groups]
        return self._stamped(received, placed, Source.PUSH), unchanged

    def unauthenticated(self, received: ReceivedBatch, batch: PushBatch) -> list[Outgoing]:
        """Messages with the records of pushes without a tag; such pushes are never in flight."""
        for group in batch.unauthenticated:
            received.unauthenticated += len(group.index)
            for row, reason, detail in faults_of(group):
                received.unauthenticated -= 1
                self._rejections.quarantine_unauthenticated(received, group, row, reason, detail)
        placed = [unauthenticated_pushes.records_of(group, self._roster) for group in batch.unauthenticated]
        none = np.zeros(0, np.int64)
        messages = self._stamped(received, placed, Source.PUSH_UNAUTHENTICATED)
        reports = [
            replace(message, pushes=none, slots=none, reported=len(message.pushes)) for message in messages
        ]
        # The others are counted as they are stored; an alert without events has nothing to store.
        received.unauthenticated -= sum(report.reported for report in reports)
        return reports

    def _stamped(self, received: ReceivedBatch, placed: list[Placed], source: Source) -> list[Outgoing]:
        parts: dict[tuple[Kind, ChannelSet | None], list[tuple[Ints, Ints, Records]]] = {}
        for kind, channels, index, refs, records in placed:
            if len(records):
                records["device_id"] = self._roster.device_ids[refs]
                record_conversion.set_provenance(
                    records, source, received.correlations(index), received.received_at_ms
                )
                parts.setdefault((kind, channels), []).append((index, refs, records))
        return [
            message
            for (kind, channels), pieces in parts.items()
            for message in self.messages(kind, pieces, channels)
        ]

    def inspection_requests(self, received: ReceivedBatch) -> list[Outgoing]:
        """Events that report meters whose authentic pushes could not be taken, so that an operator inspects them."""
        at_s = int(received.began_at.timestamp())
        records = record_conversion.head_end_events(
            [(meter.entry.device_id, code) for meter, code, _ in received.misfits], at_s
        )
        index = np.array([push for _, _, push in received.misfits], np.int64)
        record_conversion.set_provenance(
            records, Source.PUSH, received.correlations(index), received.received_at_ms
        )
        shards = np.array([meter.entry.shard for meter, _, _ in received.misfits])
        none = np.zeros(0, np.int64)
        return [
            Outgoing(Kind.EVENT, shard, records[shards == shard], none, none)
            for shard in np.unique(shards).tolist()
        ]

    def _records(
        self,
        group: PushGroup,
        batch: PushBatch,
        received: ReceivedBatch,
        undo: dict[int, EswUndo],
        unchanged: list[tuple[int, int]],
    ) -> Placed:
        clock, _ = group.decoded.column("clock")
        keep = np.ones(len(group.index), np.bool_)
        for row, reason, detail in faults_of(group):
            keep[row] = False
            self._rejections.quarantine_decoded(received, batch, group, row, reason, detail)
        compiled = self._roster.by_slot[int(group.refs[0])].compiled
        # In the usual case nothing is left out, and nothing is copied.
        kept: np.ndarray | slice = slice(None) if keep.all() else keep
        index, refs = group.index[kept].astype(np.int64, copy=False), group.refs[kept]
        match compiled.push_key(group.layout.name):
            case "block":
                records, channels = record_conversion.blocks(
                    group.decoded, self._roster.intervals_s[group.refs]
                )
                return Kind.BLOCK, channels, index, refs, records[kept]
            case "instantaneous":
                records, channels = record_conversion.registers(group.decoded, RegisterKind.INSTANTANEOUS)
                return Kind.REGISTER, channels, index, refs, records[kept]
            case "alert":
                rows = np.flatnonzero(keep)
                rows = rows[np.argsort(clock[rows], kind="stable")]
                return self._alerts(group, rows, undo, unchanged, compiled.device_type)
            case unknown:
                raise AssertionError(f"the loader of meter types lets no push {unknown!r} through")

    def _alerts(
        self,
        group: PushGroup,
        rows: np.ndarray,
        undo: dict[int, EswUndo],
        unchanged: list[tuple[int, int]],
        device_type: DeviceType,
    ) -> Placed:
        clock, _ = group.decoded.column("clock")
        status = group.decoded.clock_status("clock")
        words = group.decoded.strings("esw")
        facts: list[tuple[int, int, EventFact, int]] = []
        index: list[int] = []
        refs: list[int] = []
        for row in rows.tolist():
            push, slot, at = int(group.index[row]), int(group.refs[row]), int(clock[row])
            meter = self._roster.by_slot[slot]
            word = int.from_bytes(words[row] or b"")
            in_order = at >= meter.esw_at
            found = record_conversion.esw_changes(meter.esw, word, device_type, in_order=in_order)
            if in_order:
                undo[push] = EswUndo(meter, meter.esw, meter.esw_at)
                meter.esw, meter.esw_at = word, at
            if not found:
                unchanged.append((push, slot))
            for fact in found:
                facts.append((meter.entry.device_id, at, fact, int(status[row])))
                index.append(push)
                refs.append(slot)
        return (
            Kind.EVENT,
            None,
            np.array(index, np.int64),
            np.array(refs, np.int64),
            record_conversion.events(facts),
        )

    def messages(
        self, kind: Kind, pieces: Sequence[tuple[Ints, Ints, Records]], channels: ChannelSet | None = None
    ) -> list[Outgoing]:
        """Messages of one kind and channel set by shard, each at most `RECORDS_PER_MESSAGE` records; `pieces` are
        (push, slot, records).
        """
        if len(pieces) == 1:
            index, refs, records = pieces[0]
        else:
            index = np.concatenate([piece[0] for piece in pieces])
            refs = np.concatenate([piece[1] for piece in pieces])
            records = np.concatenate([piece[2] for piece in pieces])
        shards = self._roster.shards[refs]
        order = np.argsort(shards, kind="stable")
        bounds = np.searchsorted(shards[order], np.arange(SHARDS + 1))
        messages = []
        for shard in range(SHARDS):
            rows = order[bounds[shard] : bounds[shard + 1]]
            for part in _cut(rows, index):
                pushes = index[part]
                if kind is Kind.EVENT:  # one alert may give several records
                    pushes = np.array(list(dict.fromkeys(pushes.tolist())), np.int64)
                messages.append(Outgoing(kind, shard, records[part], pushes, refs[part], channels))
        return messages
