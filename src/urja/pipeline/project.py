"""The pipeline's stage `project`: the registry's meters and the loaded meter types are written to the broker's
key-value store.

A head end knows them from there alone, so that it works while the database is not available. The store is a
projection: its entries for meters are compared with what the registry says was written, and entries that differ
(lost, purged, altered, of no meter) are written again. The pipeline may not read the store: head ends do, and report
digests of its parts. Entries are signed, because they decide whose keys a meter has and how its bytes become energy.
"""

import asyncio
import math
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import Counter, Gauge

from urja.apps.assets import queries as assets
from urja.apps.assets.queries import WrittenEntry
from urja.apps.commissioning import device_entries
from urja.apps.meter_types import queries as types
from urja.apps.readings import alarms
from urja.base.sentences import Sentence
from urja.pipeline.stage import InThread, Report
from urja.stream import messages
from urja.stream.bucket_contents import PARTS, BucketContents, digest_of, digests_of_parts, part_of
from urja.stream.devices import SignedDevice
from urja.stream.errors import BrokerUnavailableError, StreamError
from urja.stream.meter_types import SignedType, TypeEntry
from urja.usecases import operations

log = structlog.get_logger()

AT_ONCE: Final = 1000
AGAIN: Final = timedelta(minutes=5)
"""The interval at which the types in force are written again, because the pipeline may not read what became of them."""
COMPARE_EVERY_S: Final = 10.0
"""Seconds of real time between two comparisons with the head ends' reports."""

_MENDED = Counter(
    "urja_projection_mended",
    "Entries of the projection written again, and keys removed, because the projection was not as written.",
    ["how"],
)
_UNWRITTEN = Gauge(
    "urja_projection_types_unwritten",
    "Meter types in force that the broker does not take: pushes of their meters are refused.",
)


class ProjectionStore(Protocol):
    """The key-value store of the broker."""

    async def put_device(self, key: str, signed: SignedDevice) -> int: ...
    async def delete_device(self, key: str) -> int: ...
    async def device_keys(self) -> list[str]: ...
    async def devices_sequence(self) -> int: ...
    async def reported_contents(self) -> list[BucketContents]: ...
    async def put_type(self, name: str, signed: SignedType) -> int: ...


class Project:
    """The stage `project`: writes what changed in the registry to the broker's stores."""

    def __init__(
        self,
        store: ProjectionStore,
        zone: str,
        *,
        signing_key: bytes,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        self._store = store
        self._zone = ZoneInfo(zone)
        self._signing_key = signing_key
        self._types: dict[str, tuple[str, ...]] = {}
        """Hashes of the versions of each type that were written since `_types_again_at` was set."""
        self._types_again_at: datetime | None = None
        self._unwritten: dict[str, str] | None = None
        """Why the broker refused a type, by its name; None until the first report about types."""
        self._in_thread = in_thread
        self._compared: list[BucketContents] = []
        self._compare_at_s = -math.inf
        self._floor = -1
        """Reports of a lower sequence may be from before this process wrote; -1: not read yet."""
        self._highest = 0
        """The last sequence that the store is known to have assigned."""
        self._written_at: dict[int, int] = {}
        """The sequence at which each part was last written."""
        self._corrected: set[int] = set()
        """Parts that were corrected and not seen correct since."""
        self._again = False
        """Whether a part differed that had just been corrected: then something else writes there."""
        self._last_correction = ""

    async def run_once(self, now: datetime) -> Report:
        """Write changed types and meters; without changes, compare the head ends' digests. Raises StreamError."""
        # Types first: a meter waits at the head end for its type.
        brought = await self._project_types(now)
        if self._floor < 0:
            await self._all_again_if_written_otherwise()
            self._floor = self._highest = await self._store.devices_sequence()
        due = await self._in_thread(device_entries.due_entries, AT_ONCE)
        written = []
        for entry in due:
            signed = SignedDevice.of(entry, self._signing_key)
            self._wrote(entry.key, await self._store.put_device(entry.key, signed))
            written.append((entry, digest_of(messages.encode(signed))))
        if written:
            await self._in_thread(assets.mark_projected, written)
            log.info("meters projected", count=len(written))
        elif time.monotonic() >= self._compare_at_s:
            await self._compare(now)
            self._compare_at_s = time.monotonic() + COMPARE_EVERY_S
        details = [str(detail) for detail in (self._last_correction, self._types_unwritten()) if detail]
        return Report(len(due) + brought, detail=" ".join(details), ill=self._again or bool(self._unwritten))

    async def _all_again_if_written_otherwise(self) -> None:
        """Have everything written again where another signing key, or an earlier version of Urja, has written it.

        Head ends refuse such entries, and the comparison would find them as they were written. One entry is enough to
        tell: all others were written by the last process too, or it would have marked them as due.
        """
        example = await self._in_thread(device_entries.sample_written_entry)
        if example is None:
            return
        entry, digest = example
        if digest_of(messages.encode(SignedDevice.of(entry, self._signing_key))) != digest:
            count = await self._in_thread(operations.mark_written_due)
            log.warning("all meters are projected again: they were written or signed otherwise", count=count)

    async def _project_types(self, now: datetime) -> int:
        """Write the versions in force of each type where they changed, and all of them from time to time; return how
        many.
        """
        if self._types_again_at is None or now >= self._types_again_at:
            self._types.clear()
            self._types_again_at = now + AGAIN
        day = now.astimezone(self._zone).date()
        # By local day: a type's version comes into force at a midnight.
        in_force = await self._in_thread(types.in_force, day)
        due = {name: hashes for name, hashes in in_force.items() if self._types.get(name) != hashes}
        unwritten: dict[str, str] = {}
        written_us = int(now.timestamp() * 1_000_000)
        for name, hashes in due.items():
            versions = [await self._in_thread(types.files_of, sha256) for sha256 in hashes]
            try:
                entry = TypeEntry(name=name, written_us=written_us, versions=versions)
                await self._store.put_type(name, SignedType.of(entry, self._signing_key))
            except BrokerUnavailableError:
                raise
            except StreamError as refusal:
                # A full bucket, for example: this type's meters wait and it is tried again; everything else continues.
                unwritten[name] = str(refusal)
                continue
            self._types[name] = hashes
        if unwritten != self._unwritten:
            if unwritten:
                log.error("meter types were not written to the broker", types=unwritten)
            self._unwritten = unwritten
            _UNWRITTEN.set(len(unwritten))
            said = self._types_unwritten()
            await self._in_thread(alarms.store_alarm, "meter types", [said] if said else [], now)
        return len(due) - len(unwritten)

    def _types_unwritten(self) -> Sentence | None:
        return alarms.of_unwritten_types(self._unwritten) if self._unwritten else None

    def _wrote(self, key: str, sequence: int) -> None:
        self._written_at[part_of(key)] = sequence
        self._highest = max(self._highest, sequence)

    async def _compare(self, now: datetime) -> None:
        reports = await self._store.reported_contents()
        news = [one for one in reports if one not in self._compared]
        if not news:
            return
        sequence = await self._store.devices_sequence()
        if sequence < self._highest:
            # Another store, empty or of an earlier day: the sequences of the previous one do not apply to it.
            log.warning(
                "the projection's store was lost or restored", sequence=sequence, before=self._highest
            )
            self._written_at.clear()
            self._floor = sequence
        self._highest = sequence
        rows = await self._in_thread(assets.written_entries)
        # A report with a higher sequence than the store's is about the previous store.
        known, differing = self._judge([one for one in news if one.sequence <= sequence], rows)
        self._compared = reports
        self._again = bool(differing & self._corrected)
        self._corrected -= known - differing
        if differing:
            await self._correct(differing, rows, now)
        said = [alarms.of_registry_copy_conflict(self._last_correction)] if self._again else []
        await self._in_thread(alarms.store_alarm, "projection", said, now)

    def _judge(
        self, reports: Iterable[BucketContents], rows: Sequence[WrittenEntry]
    ) -> tuple[set[int], set[int]]:
        """The parts that head ends report on since their last write, and those of them that are not as written."""
        expected = digests_of_parts((row.key, row.digest) for row in rows)
        # A part with entries still to be written differs anyway, and the difference means nothing.
        changing = {part_of(row.key) for row in rows if row.is_due}
        known: set[int] = set()
        differing: set[int] = set()
        for one in reports:
            new = {
                part
                for part in range(PARTS)
                if part not in changing and one.sequence >= self._written_at.get(part, self._floor)
            }
            known |= new
            differing |= {part for part in new if one.parts[part] != expected[part]}
        return known, differing

    async def _correct(self, parts: set[int], rows: Iterable[WrittenEntry], now: datetime) -> None:
        own = {row.key: row.device_id for row in rows if part_of(row.key) in parts}
        strange = [key for key in await self._store.device_keys() if part_of(key) in parts and key not in own]
        for key in strange:
            self._wrote(key, await self._store.delete_device(key))
        written = await self._in_thread(operations.mark_written_due, list(own.values()))
        self._corrected |= parts
        _MENDED.labels("written").inc(written)
        _MENDED.labels("removed").inc(len(strange))
        self._last_correction = alarms.of_registry_copy_repair(
            parts=len(parts), written=written, removed=len(strange), now=now
        )
        log.error(
            "the projection was not as written", parts=len(parts), written=written, removed=strange[:20]
        )
