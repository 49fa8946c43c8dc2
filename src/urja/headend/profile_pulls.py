"""Pulls of profiles: rows read by the meter's own capture objects, published as records on the stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

import numpy as np
import structlog

from urja.base.clock import Clock
from urja.base.ip_networks import NOWHERE
from urja.cosem import axdr
from urja.cosem.axdr import Data
from urja.cosem.companion import DeviceType
from urja.cosem.companion.stored_columns import billing_columns
from urja.headend import record_conversion
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.metrics import Metrics
from urja.headend.profiles import (
    EVENT_LOGS,
    ProfileShape,
    Stamped,
    billing_records,
    block_records,
    event_records,
    implausible_rows,
    read_rows,
    read_shape,
    register_records,
    stamp_rows,
)
from urja.headend.quarantine_queue import QuarantineQueue
from urja.headend.readable_rows import Buffer
from urja.headend.record_conversion import Measured, energy_pairs, set_provenance
from urja.headend.roster import Meter
from urja.headend.session import Session
from urja.quantities.channel_sets import ChannelSet
from urja.stream.broker import Broker
from urja.stream.codec import Records
from urja.stream.messages import Profile
from urja.stream.quarantine import Quarantined
from urja.stream.records import OwnEvent, RegisterKind, Source
from urja.stream.subjects import Kind

log = structlog.get_logger()

RECORDS_PER_MESSAGE = 4096
PROFILES: tuple[str, ...] = get_args(Profile)


@dataclass(frozen=True, slots=True)
class PulledProfile:
    """A profile's rows: as records for the stream, and as the meter sent them."""

    kind: Kind
    records: Records
    buffers: tuple[Buffer, ...]
    channels: ChannelSet | None = None
    """What the values are; None for events."""


class ProfilePuller:
    """Reads profiles in open sessions and publishes their rows."""

    def __init__(self, broker: Broker, quarantine: QuarantineQueue, clock: Clock, metrics: Metrics) -> None:
        self._broker = broker
        self._queue = quarantine
        self._clock = clock
        self._metrics = metrics
        self._shapes: dict[tuple[bytes, str], ProfileShape] = {}

    async def pull(
        self,
        session: Session,
        meter: Meter,
        profile: str,
        window: tuple[datetime, datetime],
        correlation: int,
    ) -> PulledProfile:
        """Read a profile's rows stamped within `window` (UTC, both ends included), as records in base units (Wh,
        VAh).

        Raises SessionFailedError, and StreamError where a report of implausible rows cannot be published.
        """
        pulled = await self._pull(session, meter, profile, window, correlation)
        pulled.records["device_id"] = meter.entry.device_id
        set_provenance(pulled.records, Source.PULL, correlation, int(self._clock.now().timestamp() * 1000))
        return pulled

    async def publish(self, pulled: PulledProfile, meter: Meter, correlation: int) -> int:
        """Publish records and return how many there were. Raises StreamError."""
        kind, records = pulled.kind, pulled.records
        for start in range(0, len(records), RECORDS_PER_MESSAGE):
            part = records[start : start + RECORDS_PER_MESSAGE]
            await self._broker.publish_batch(
                kind, meter.entry.shard, part, correlation, channels=pulled.channels
            )
            self._metrics.records.labels(kind.value).inc(len(part))
        return len(records)

    async def whole(self, session: Session, meter: Meter, profile: str) -> Buffer:
        """Read all rows of a profile, as they are shown: nameplate, billing. Raises SessionFailedError."""
        device_type = meter.compiled.device_type
        known = device_type.profiles.get(profile)
        if known is None:
            raise SessionFailedError(
                FailureKind.OURS, f"meters of the type {device_type.name} have no profile {profile}"
            )
        shape = await self._shape(session, meter, known.obis, known.scaler_obis)
        return Buffer(shape, await read_rows(session, device_type, shape, None))

    async def _pull(
        self,
        session: Session,
        meter: Meter,
        profile: str,
        window: tuple[datetime, datetime],
        correlation: int,
    ) -> PulledProfile:
        device_type = meter.compiled.device_type
        if profile in EVENT_LOGS:
            return await self._events(session, meter, EVENT_LOGS[profile], window)
        known = device_type.profiles.get(profile)
        if known is None or (profile == "billing" and billing_columns(device_type) is None):
            raise SessionFailedError(
                FailureKind.OURS,
                f"meters of the type {device_type.name} have no profile {profile} that can be stored",
            )
        shape = await self._shape(session, meter, known.obis, known.scaler_obis)
        stamped = await _stamped_rows(session, meter, profile, shape, window)
        if stamped.unplaced:
            log.warning("rows without a valid time", correlation=correlation, rows=stamped.unplaced)
        buffers = (Buffer(shape, stamped.rows),)
        kind, measured = _records(stamped, shape, meter, profile)
        wrong = implausible_rows(measured, shape, known.columns, kind)
        for at in np.flatnonzero(wrong).tolist():
            self._quarantine(meter, profile, stamped.rows[at], measured, at, correlation)
        if wrong.any():
            await self._request_inspection(meter, correlation)
        return PulledProfile(kind, measured.records[~wrong], buffers, measured.channels)

    async def _request_inspection(self, meter: Meter, correlation: int) -> None:
        now_ms = int(self._clock.now().timestamp() * 1000)
        if meter.inspection_due(now_ms // 1000):
            events = record_conversion.head_end_events(
                [(meter.entry.device_id, OwnEvent.PUSH_IMPLAUSIBLE)], now_ms // 1000
            )
            set_provenance(events, Source.PULL, correlation, now_ms)
            await self._broker.publish_batch(Kind.EVENT, meter.entry.shard, events, correlation)

    def _quarantine(
        self, meter: Meter, profile: str, row: Sequence[Data], measured: Measured, at: int, correlation: int
    ) -> None:
        """Quarantine an implausible row as the meter sent it (A-XDR, without a frame); it is no reading."""
        title = meter.entry.system_title.hex()
        values, names = measured.records["values"][at].tolist(), measured.channels.names
        told = ", ".join(
            f"{names[place]} {values[place]}" for pair in energy_pairs(measured.channels) for place in pair
        )
        self._queue.put(
            Quarantined(
                standing="proven",
                source=NOWHERE,
                title=title,
                reason="implausible",
                detail=f"a row of the profile {profile} has less apparent than active energy: {told}",
                peer="a session",
                received_at_ms=int(self._clock.now().timestamp() * 1000),
                frame=axdr.encode(axdr.structure(*row)),
                correlation=correlation,
            )
        )

    async def _events(
        self, session: Session, meter: Meter, logs: tuple[str, ...], window: tuple[datetime, datetime]
    ) -> PulledProfile:
        """Read event logs. A log that this meter does not have is left out, as long as it has one of them."""
        device_type = meter.compiled.device_type
        found: list[Records] = []
        buffers: list[Buffer] = []
        refused: SessionFailedError | None = None
        for obis in logs:
            try:
                shape = await self._shape(session, meter, obis, None)
                rows = await _read_log(session, device_type, shape, window)
            except SessionFailedError as failure:
                if failure.kind is not FailureKind.REFUSED:
                    raise
                refused = failure
                continue
            stamped = stamp_rows(rows, _clock_index(shape), device_type, None).within(window)
            found.append(event_records(stamped, shape, device_type, meter.entry.device_id))
            buffers.append(Buffer(shape, stamped.rows))
        if refused is not None and not found:
            raise refused
        return PulledProfile(Kind.EVENT, np.concatenate(found), tuple(buffers))

    async def _shape(
        self, session: Session, meter: Meter, obis: str, scaler_obis: str | None
    ) -> ProfileShape:
        """The meter's description of a profile: read once, and again after a key change (a new meter, or a new
        configuration).
        """
        key = (meter.entry.system_title + meter.key_id, obis)
        if key not in self._shapes:
            self._shapes[key] = await read_shape(session, obis, scaler_obis)
        return self._shapes[key]


async def _read_log(
    session: Session, device_type: DeviceType, shape: ProfileShape, window: tuple[datetime, datetime]
) -> list[Sequence[Data]]:
    """The rows of an event log in `window`, or all where the meter takes no range there (IS 15959 requires selection
    by entry only).
    """
    try:
        return await read_rows(session, device_type, shape, window)
    except SessionFailedError as failure:
        if failure.kind is not FailureKind.REFUSED:
            raise
        return await read_rows(session, device_type, shape, None)


async def _stamped_rows(
    session: Session, meter: Meter, profile: str, shape: ProfileShape, window: tuple[datetime, datetime]
) -> Stamped:
    device_type = meter.compiled.device_type
    if profile == "billing":
        # Read whole: IS 15959 requires selection by entry alone there, and a meter has 13 rows at most.
        rows = await read_rows(session, device_type, shape, None)
        index = _present(shape.end_index, shape, "end of a billing period")
        return stamp_rows(rows, index, device_type, None).within(window)
    rows = await read_rows(session, device_type, shape, None if profile == "instantaneous" else window)
    period_s = meter.interval_s if profile == "block" else 86_400
    return stamp_rows(rows, _clock_index(shape), device_type, period_s)


def _records(stamped: Stamped, shape: ProfileShape, meter: Meter, profile: str) -> tuple[Kind, Measured]:
    device_type = meter.compiled.device_type
    match profile:
        case "block":
            return Kind.BLOCK, block_records(stamped, shape, device_type, meter.interval_s)
        case "billing":
            return Kind.REGISTER, billing_records(stamped, shape, device_type)
        case _:
            live = profile == "instantaneous"
            register = RegisterKind.INSTANTANEOUS if live else RegisterKind.DAILY
            return Kind.REGISTER, register_records(stamped, shape, device_type, profile, register)


def _clock_index(shape: ProfileShape) -> int:
    return _present(shape.clock_index, shape, "clock")


def _present(index: int | None, shape: ProfileShape, what: str) -> int:
    if index is None:
        raise SessionFailedError(FailureKind.PROTOCOL, f"the profile {shape.obis} captures no {what}")
    return index
