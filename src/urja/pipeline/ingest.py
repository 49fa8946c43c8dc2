"""Readings from the stream, stored and accrued: one NumPy batch, one transaction, then the acknowledgement.

A message that is delivered again finds its rows stored and changes nothing, whether the first delivery was committed
and not acknowledged or the same push came twice. No accepted row is dropped: a row that a check refuses goes to
`readings_exception` with its values.
"""

import asyncio
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import structlog
from numpy.typing import NDArray
from prometheus_client import Counter

from urja.apps.meter_types.channel_sets import TypeSets
from urja.apps.readings import accrual, channel_sets, gaps, last_gasps, staging, unconfirmed_intervals
from urja.apps.readings.channel_sets import Sets
from urja.apps.readings.exceptions import RefusedRows
from urja.apps.readings.kinds import Reason, Series, Status
from urja.apps.readings.registry_snapshot import (
    COMMODITIES,
    PlacedRows,
    RegistrySnapshot,
    current_revision,
)
from urja.apps.readings.staging import Rows, Stored
from urja.base.clock import Clock
from urja.core import vee
from urja.core.calendar import utc_offsets_s
from urja.pipeline.stage import InThread, Report, StageConnection, acknowledging
from urja.quantities.catalogue import Accumulation, Direction, Kind as QuantityKind
from urja.quantities.channel_sets import ChannelSet
from urja.stream.codec import Batch
from urja.stream.consumer import Consumer
from urja.stream.records import EVENT, NULL, RegisterKind, Source
from urja.stream.subjects import INGEST, READINGS, Kind

log = structlog.get_logger()

FUTURE_TOLERANCE_S: Final = 600
"""Seconds that a meter's clock may be ahead; rows with later stamps are refused."""

CAREFUL_BATCHES: Final = 8
"""Batches that are stored without assuming that all rows are new, after one in which some were stored already."""

MESSAGES_AT_ONCE: Final = 500
_SHOWN_CORRELATIONS: Final = 100
_INTEGER_LIMIT: Final = 2**31 - 1
"""An interval's values are stored in 4 bytes."""
_ENERGIES: Final = frozenset(
    {QuantityKind.ACTIVE_ENERGY, QuantityKind.APPARENT_ENERGY, QuantityKind.REACTIVE_ENERGY}
)
_COUNTING: Final = frozenset({Accumulation.REGISTER, Accumulation.MAXIMUM})
_VOLUMES: Final = frozenset({QuantityKind.VOLUME, QuantityKind.CONVERTED_VOLUME})

_ROWS = Counter("urja_ingest_rows", "Rows by what became of them", ["outcome"])


@dataclass(slots=True)
class IngestResult:
    """What became of a batch's rows."""

    stored: Stored = field(default_factory=Stored)
    refused: int = 0


class Ingester:
    """Ingest without a broker: arrays in, one committed transaction out."""

    def __init__(
        self,
        session: StageConnection,
        zone: str,
        type_sets: Callable[[psycopg.Cursor], Container[ChannelSet]] | None = None,
    ) -> None:
        """Rows are stored under the channel sets that `type_sets` has, those of all meter types by default, and no others."""
        self._session = session
        self._zone = zone
        self._type_sets = type_sets or TypeSets()
        self._places: RegistrySnapshot | None = None
        self._sets: dict[int, ChannelSet] = {}
        self._numbers: dict[ChannelSet, int] = {}
        self._days: set[int] = set()
        self._prepared: psycopg.Connection | None = None
        self._careful = 0

    def apply(self, batches: Sequence[Batch], now: datetime, *, sequence: int = 0) -> IngestResult:
        """Validate, store and accrue all records of the batches (Wh, VAh, seconds since the Unix epoch) in one
        transaction. Safe to repeat.
        """
        connection = self._session.get()
        with connection.cursor() as cursor:
            while True:
                self._prepare(connection, cursor)
                self._number_sets(cursor, batches)
                placed = self._place(cursor, batches, now)
                self._make_days(cursor, placed.blocks["start_at"])
                with connection.transaction():
                    placed.lock(cursor)
                    # A change of the registry takes these locks too: rows that were assigned by the registry before the
                    # change are assigned again.
                    if self._places is not None and self._places.revision == current_revision(cursor):
                        outcome = self._store(cursor, placed, now)
                        staging.record_stream_position(cursor, INGEST, READINGS, sequence, now)
                        return outcome

    def _prepare(self, connection: psycopg.Connection, cursor: psycopg.Cursor) -> None:
        if self._prepared is not connection:
            staging.prepare(cursor)
            self._prepared = connection
            self._days.clear()
        if self._places is None or self._places.revision != current_revision(cursor):
            self._places = RegistrySnapshot.load(cursor)

    def _number_sets(self, cursor: psycopg.Cursor, batches: Sequence[Batch]) -> None:
        """Learn the numbers of the batches' channel sets; new sets of a meter type get one.

        Others have numbers below zero during this call: their rows are refused. A thief with a head end's password at
        the broker can name a new set with each batch.
        """
        wanted = {batch.channel_set() for batch in batches if batch.kind is not Kind.EVENT}
        if not any(self._numbers.get(channels, -1) < 0 for channels in wanted):
            return
        self._sets = channel_sets.load(cursor)
        if new := wanted - set(self._sets.values()):
            of_types = self._type_sets(cursor)
            channel_sets.add(cursor, [channels for channels in new if channels in of_types])
            self._sets = channel_sets.load(cursor)
        foreign = wanted - set(self._sets.values())
        self._sets |= {-number: channels for number, channels in enumerate(foreign, 1)}
        self._numbers = {channels: number for number, channels in self._sets.items()}

    def _make_days(self, cursor: psycopg.Cursor, start_at: NDArray[np.int64]) -> None:
        missing = set(np.unique(start_at // 86_400).tolist()) - self._days
        if missing:
            staging.make_days(cursor, np.array(sorted(missing)) * 86_400)
            self._days |= missing

    def _place(self, cursor: psycopg.Cursor, batches: Sequence[Batch], now: datetime) -> "_Valid":
        assert self._places is not None
        judge = _Judge(self._places, self._sets, int(now.timestamp()), ZoneInfo(self._zone))
        signed_blocks, open_blocks = _by_proof(self._joined(batches, Kind.BLOCK))
        signed_registers, open_registers = _by_proof(self._joined(batches, Kind.REGISTER))
        signed_events, open_events = _by_proof(_joined_events(batches))
        blocks, block_sieve = judge.blocks(signed_blocks)
        registers, register_sieve = judge.registers(cursor, signed_registers)
        events, places, event_sieve = judge.events(signed_events)
        # Unauthenticated rows that do not pass are dropped: anyone can make them, and they were never accepted.
        unproven = _Unproven(
            judge.blocks(open_blocks)[0], judge.known(open_registers), judge.known(open_events)
        )
        return _Valid(blocks, registers, events, places, (block_sieve, register_sieve, event_sieve), unproven)

    def _joined(self, batches: Sequence[Batch], kind: Kind) -> Rows:
        """Return the records of one kind as rows to place, as wide as the widest set, with the numbers of their sets."""
        of_kind = [batch for batch in batches if batch.kind is kind]
        width = max((len(batch.channel_set()) for batch in of_kind), default=1)
        placed = staging.placed_block if kind is Kind.BLOCK else staging.placed_register
        rows = np.zeros(sum(len(batch.records) for batch in of_kind), placed(width))
        if len({batch.channel_set() for batch in of_kind}) > 1:
            rows["values"] = NULL
        start = 0
        for batch in of_kind:
            part = rows[start : start + len(batch.records)]
            for name in batch.records.dtype.names or ():
                if name != "values":
                    part[name] = batch.records[name]
            part["values"][:, : len(batch.channel_set())] = batch.records["values"]
            part["channel_set"] = self._numbers[batch.channel_set()]
            start += len(batch.records)
        return rows

    def _store(self, cursor: psycopg.Cursor, valid: "_Valid", now: datetime) -> IngestResult:
        stored = staging.store_blocks(
            cursor, valid.blocks, zone=self._zone, now=now, sets=self._sets, expect_new=not self._careful
        )
        # Repeated rows come many at a time: a redelivery, a pull over a range that is partly stored.
        self._careful = CAREFUL_BATCHES if stored.ignored or stored.changed else max(0, self._careful - 1)
        gaps.list_uncommissioned(cursor, valid.blocks, now)
        stored += staging.store_registers(cursor, valid.registers, zone=self._zone, now=now, sets=self._sets)
        staging.record_tamper_counts(cursor, valid.registers, self._sets)
        believed = valid.blocks["series"] == Series.COUNTED
        unconfirmed_intervals.confirm(cursor, valid.blocks if believed.all() else valid.blocks[believed], now)
        unproven = valid.unproven
        stored += Stored(
            ignored=len(unproven.blocks) - unconfirmed_intervals.store(cursor, unproven.blocks, self._sets)
        )
        unconfirmed_intervals.request_tamper_logs(
            cursor, (unproven.blocks, unproven.registers), unproven.events
        )
        last_gasps.record_batch(cursor, (valid.blocks, valid.registers), valid.events)
        new_events = staging.store_events(cursor, valid.event_places, valid.events)
        stored += Stored(inserted=new_events, ignored=len(valid.events) - new_events)
        for sieve in valid.sieves:
            sieve.store(cursor, now)
        return IngestResult(stored, sum(sieve.count for sieve in valid.sieves))


@dataclass(frozen=True, slots=True)
class _Unproven:
    """Rows of pushes without a tag: plausible blocks, and registers and events, which only cause the meter to be
    read.
    """

    blocks: Rows
    registers: Rows
    events: Rows


@dataclass(frozen=True, slots=True)
class _Valid:
    """Rows that passed, with their service points, and those that were refused."""

    blocks: Rows
    registers: Rows
    events: Rows
    event_places: NDArray[np.int64]
    sieves: tuple[RefusedRows, ...]
    unproven: _Unproven

    def lock(self, cursor: psycopg.Cursor) -> None:
        """Lock the readings of these service points until the transaction ends."""
        places = (self.blocks["service_point_id"], self.registers["service_point_id"])
        accrual.lock_shards(cursor, np.unique(np.concatenate(places)).tolist())


@dataclass(frozen=True, slots=True)
class _Judge:
    """The checks, in the order in which a row can fail them: the first reason is the one that is stored."""

    places: RegistrySnapshot
    sets: Sets
    now: int
    zone: ZoneInfo

    def blocks(self, rows: Rows) -> tuple[Rows, RefusedRows]:
        sieve = RefusedRows("block", "start_at", [], self.sets)
        end_at = rows["start_at"] + rows["length_s"]
        placed = self.places.place(rows["device_id"], rows["start_at"], end_at)
        length_s = rows["length_s"].astype(np.int64)
        passed = _sift(
            sieve,
            rows,
            [
                (rows["channel_set"] < 0, Reason.NO_CHANNEL_SET),
                (vee.in_future(end_at, self.now, FUTURE_TOLERANCE_S), Reason.FUTURE),
                (~placed.known, Reason.NO_DEVICE_PERIOD),
                (self._of_another_commodity(rows, placed), Reason.OTHER_COMMODITY),
                (vee.is_null(rows["values"][:, 0]), Reason.NO_ENERGY),
                (
                    vee.misaligned(
                        rows["start_at"],
                        length_s,
                        placed.interval_s,
                        self._clock_offset_s(placed, rows["start_at"], end_at),
                    ),
                    Reason.MISALIGNED,
                ),
                (self._implausible(rows, length_s, placed.max_power_w), Reason.IMPLAUSIBLE),
            ],
        )
        kept = _with_places(rows, placed, passed)
        kept["series"] = Series.COUNTED
        doubted = (kept["source"] == Source.PUSH) & ~placed.believed[passed]
        if doubted.any():
            kept["series"][doubted] = Series.UNCOMMISSIONED
            kept["agreement_id"][doubted] = 0
        return kept, sieve

    def _clock_offset_s(
        self, placed: PlacedRows, start_at: NDArray[np.int64], end_at: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the offset of each meter's clock at an instant: its own, or the utility's local time then."""
        # A row that is refused anyway is judged as of now: a wild stamp would cost the offsets of all years up to it.
        judged = placed.known & ~vee.in_future(end_at, self.now, FUTURE_TOLERANCE_S)
        local = utc_offsets_s(np.where(judged, start_at, self.now), self.zone)
        return np.where(vee.is_null(placed.clock_offset_s), local, placed.clock_offset_s)

    def _of_another_commodity(self, rows: Rows, placed: PlacedRows) -> NDArray[np.bool_]:
        """Mask of rows that would be billed as what their service point does not supply: litres as Wh, or Wh as litres."""
        numbers, places = np.unique(rows["channel_set"], return_inverse=True)
        measured = [
            COMMODITIES.index(self.sets[number].quantities[0].commodity) for number in numbers.tolist()
        ]
        wrong: NDArray[np.bool_] = np.array(measured, np.int64)[places] != placed.commodity
        return wrong

    def _implausible(
        self, rows: Rows, length_s: NDArray[np.int64], limit_w: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Mask of blocks with a value that cannot be stored, is less than nothing, or more than the meter can carry."""
        values = rows["values"]
        wrong: NDArray[np.bool_] = ((values != NULL) & (np.abs(values) > _INTEGER_LIMIT)).any(axis=1)
        for number in np.unique(rows["channel_set"]).tolist():
            of_set = rows["channel_set"] == number
            for place, quantity in enumerate(self.sets[number].quantities):
                # The first is what is billed, whatever a forged set calls it: it is held to the meter's limit.
                if quantity.kind in _ENERGIES or place == 0:
                    found = vee.implausible(values[of_set, place], length_s[of_set], limit_w[of_set])
                elif quantity.kind in _VOLUMES:
                    found = (values[of_set, place] < 0) & (values[of_set, place] != NULL)
                else:
                    continue
                wrong[of_set] |= found
        return wrong

    def registers(self, cursor: psycopg.Cursor, rows: Rows) -> tuple[Rows, RefusedRows]:
        sieve = RefusedRows("register", "read_at", [], self.sets)
        rows = rows[np.lexsort((rows["values"][:, 0], rows["read_at"], rows["device_id"]))]
        placed = self.places.place(rows["device_id"], rows["read_at"], rows["read_at"])
        passed = _sift(
            sieve,
            rows,
            [
                (rows["channel_set"] < 0, Reason.NO_CHANNEL_SET),
                (vee.in_future(rows["read_at"], self.now, FUTURE_TOLERANCE_S), Reason.FUTURE),
                (~placed.known, Reason.NO_DEVICE_PERIOD),
                (self._of_another_commodity(rows, placed), Reason.OTHER_COMMODITY),
                (vee.is_null(rows["values"][:, 0]), Reason.NO_ENERGY),
                (self._below_zero(rows), Reason.IMPLAUSIBLE),
            ],
        )
        kept = _with_places(rows, placed, passed)
        if len(kept) == 0:
            return kept, sieve
        doubted = (kept["source"] == Source.PUSH) & ~placed.believed[passed]
        kept["kind"][doubted] = RegisterKind.UNCOMMISSIONED
        before_at, before_wh, after_wh = staging.register_neighbours(cursor, kept)
        too_fast = vee.advances_too_fast(
            kept["read_at"], kept["values"][:, 0], before_at, before_wh, placed.max_power_w[passed]
        )
        # Pushes of an uncommissioned meter are stored as they came, without these checks.
        too_fast &= ~doubted
        # A read that is refused as too fast must not make the reads after it look as if they ran back.
        judged = np.where(too_fast | doubted, NULL, kept["values"][:, 0])
        back = vee.decreases(kept["device_id"], judged, before_wh, after_wh) & ~too_fast & ~doubted
        plain = rows[passed]
        sieve.refuse(plain, too_fast, Reason.IMPLAUSIBLE)
        sieve.refuse(plain, back, Reason.RUNS_BACK)
        return kept[~(too_fast | back)], sieve

    def _below_zero(self, rows: Rows) -> NDArray[np.bool_]:
        """Mask of reads with a register or a maximum demand below zero; a net register may run either way."""
        values = rows["values"]
        # The first is what is billed, whatever a forged set calls it.
        wrong: NDArray[np.bool_] = values[:, 0] < 0
        for number in np.unique(rows["channel_set"]).tolist():
            of_set = rows["channel_set"] == number
            for place, quantity in enumerate(self.sets[number].quantities):
                if quantity.accumulation in _COUNTING and quantity.direction is not Direction.NET:
                    wrong[of_set] |= (values[of_set, place] < 0) & ~vee.is_null(values[of_set, place])
        return wrong

    def known(self, rows: Rows) -> Rows:
        """The rows of devices that are installed now."""
        now = np.full(len(rows), self.now, np.int64)
        return rows[self.places.place(rows["device_id"], now, now).known]

    def events(self, rows: Rows) -> tuple[Rows, NDArray[np.int64], RefusedRows]:
        sieve = RefusedRows("event", "occurred_at", [], self.sets)
        placed = self.places.place(rows["device_id"], rows["occurred_at"], rows["occurred_at"])
        passed = _sift(
            sieve,
            rows,
            [
                (vee.in_future(rows["occurred_at"], self.now, FUTURE_TOLERANCE_S), Reason.FUTURE),
                (~placed.known, Reason.NO_DEVICE_PERIOD),
            ],
        )
        return rows[passed], placed.service_point_id[passed], sieve


def _joined_events(batches: Sequence[Batch]) -> Rows:
    parts = [batch.records for batch in batches if batch.kind is Kind.EVENT]
    return np.concatenate(parts) if parts else np.zeros(0, EVENT)


def _by_proof(rows: Rows) -> tuple[Rows, Rows]:
    """Authenticated rows, and those that came without a tag."""
    open_ = rows["source"] == Source.PUSH_UNAUTHENTICATED
    return (rows[~open_], rows[open_]) if open_.any() else (rows, rows[:0])


def _sift(
    sieve: RefusedRows, rows: Rows, checks: Sequence[tuple[NDArray[np.bool_], Reason]]
) -> NDArray[np.bool_]:
    """Refuse each row for the first check that it fails; return the mask of those that pass all."""
    passed = np.ones(len(rows), np.bool_)
    for objections, reason in checks:
        sieve.refuse(rows, objections & passed, reason)
        passed &= ~objections
    return passed


def _with_places(rows: Rows, placed: PlacedRows, passed: NDArray[np.bool_]) -> Rows:
    kept = rows[passed]
    kept["service_point_id"] = placed.service_point_id[passed]
    kept["agreement_id"] = placed.agreement_id[passed]
    kept["status"] = np.where(vee.clock_flagged(kept["clock_status"]), Status.SUSPECT, Status.MEASURED)
    return kept


class Ingest:
    """The stage: takes batches from the stream, applies them, acknowledges them after the commit."""

    def __init__(
        self,
        consumer: Consumer[Batch],
        ingester: Ingester,
        clock: Clock,
        *,
        in_thread: InThread = asyncio.to_thread,
        wait_s: float = 1.0,
    ) -> None:
        self._consumer = consumer
        self._ingester = ingester
        self._clock = clock
        self._in_thread = in_thread
        self._wait_s = wait_s

    async def run_once(self, now: datetime) -> Report:
        """Fetch messages, store their records in one transaction, acknowledge them; the lag is the number of messages
        left.
        """
        deliveries = await self._consumer.fetch(MESSAGES_AT_ONCE, self._wait_s)
        if not deliveries:
            return Report(lag=0)
        last = max(delivery.sequence for delivery in deliveries)
        async with acknowledging(deliveries) as batches:
            # Waiting took time: with the old `now`, a push that came meanwhile would seem to be from the future.
            outcome = await self._in_thread(
                self._ingester.apply, batches, max(now, self._clock.now()), sequence=last
            )
            _report(batches, outcome)
        return Report(
            outcome.stored.inserted + outcome.stored.changed + outcome.stored.ignored + outcome.refused,
            lag=await self._consumer.backlog(),
        )


def _report(batches: Sequence[Batch], outcome: IngestResult) -> None:
    _ROWS.labels("inserted").inc(outcome.stored.inserted)
    _ROWS.labels("changed").inc(outcome.stored.changed)
    _ROWS.labels("ignored").inc(outcome.stored.ignored)
    _ROWS.labels("refused").inc(outcome.refused)
    pushes = np.unique(np.concatenate([batch.records["correlation"] for batch in batches]))
    log.info(
        "readings stored",
        inserted=outcome.stored.inserted,
        changed=outcome.stored.changed,
        ignored=outcome.stored.ignored,
        refused=outcome.refused,
        correlations=pushes[:_SHOWN_CORRELATIONS].tolist(),
        more_correlations=max(0, len(pushes) - _SHOWN_CORRELATIONS),
    )
