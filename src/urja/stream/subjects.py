"""Names at the broker: streams, subjects, durable consumers, buckets and users.

Publishers and consumers take their names from here, and `urja.stream.server` derives each user's permissions
from here, so that a subject and the right to use it never differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from urja.base.ids import SHARDS


class User(StrEnum):
    """The user of a process, which has only the subjects that it needs."""

    HEADEND = "headend"
    PIPELINE = "pipeline"
    ADMIN = "admin"
    """The supervisor and the operator's command line."""


class Kind(StrEnum):
    """The content of a batch of readings; the dtypes are in `urja.stream.records`."""

    BLOCK = "block"
    REGISTER = "register"
    EVENT = "event"


READINGS: Final = "READINGS"
REQUESTS: Final = "REQUESTS"
OUTCOMES: Final = "OUTCOMES"
COMMANDS: Final = "COMMANDS"
PROGRESS: Final = "PROGRESS"
QUARANTINE: Final[Mapping[str, str]] = {
    "unknown": "QUARANTINE_UNKNOWN",
    "claimed": "QUARANTINE_CLAIMED",
    "proven": "QUARANTINE_PROVEN",
    "message": "QUARANTINE",
}
"""The stream of each standing (`urja.stream.quarantine`)."""

DEVICES: Final = "devices"
"""Key-value bucket: the registry's projection for the head ends. Key: system title in hex."""
TYPES: Final = "types"
"""Key-value bucket: the loaded meter types that are in force. Key: the type's name."""
WINDOWS: Final = "windows"
"""Key-value bucket: the head end's replay windows at rest. Key: group of buckets."""
COUNTERS: Final = "counters"
"""Key-value bucket: the head end's reservations of its own send counters. Key: system title in hex."""
ORDERS: Final = "orders"
"""Key-value bucket: a meter's orders as head ends remember them, and its last disconnections. Key: system
title in hex.
"""
LEASES: Final = "leases"
"""Key-value bucket: the head end that holds a meter's session. Key: system title in hex."""
HELD: Final = "held"
"""Key-value bucket: disconnections that head ends hold above their ceilings. Key: the head end's name."""
RELEASES: Final = "releases"
"""Key-value bucket: releases that people request of the head ends. Key: `asked`."""
CONTENTS: Final = "contents"
"""Key-value bucket: contents of the bucket of devices as head ends read them. Key: the head end's name."""
LEASE_S: Final = 120
"""Seconds after which a lease that was not freed is void, by the broker's clock: longer than any session."""

INGEST: Final = "ingest"
SESSIONS: Final = "sessions"
SETTLE: Final = "settle"
CARRY: Final = "carry"
NOTE: Final = "note"
"""Durable consumers: readings to the pipeline, requests to the head ends, outcomes to the pipeline; orders to the
head ends, their progress to the pipeline."""

REPLAY: Final = "urja.replay"
"""Subject on which an operator gives a quarantined frame to a head end (request and reply)."""

POISON: Final = "poison"
"""The quarantine source of messages that could not be decoded."""
REFUSED_ORDERS: Final = "orders"
"""The quarantine source of orders that the pipeline did not sign."""


@dataclass(frozen=True, slots=True)
class StreamSizes:
    """Bounds of the stored streams in bytes. A full stream refuses (`discard: new`): back-pressure, no loss."""

    readings: int = 1 << 30
    requests: int = 64 << 20
    outcomes: int = 64 << 20
    commands: int = 64 << 20
    progress: int = 64 << 20
    quarantine: int = 64 << 20
    """Of each of its four streams."""
    devices: int = 512 << 20
    """Of the projection: a signed entry takes up to about 1,000 bytes, so half a million meters."""
    key_values: int = 256 << 20
    """Of windows, counters and orders, each."""
    leases: int = 8 << 20
    releases: int = 8 << 20
    """Of held disconnections, requested releases and contents, each."""
    types: int = 16 << 20

    def total(self) -> int:
        """Return the bytes that the server must be allowed to store: all streams and buckets."""
        streams = self.readings + self.requests + self.outcomes + self.commands + self.progress
        quarantine = len(QUARANTINE) * self.quarantine
        return (
            streams
            + quarantine
            + self.devices
            + 3 * self.key_values
            + self.leases
            + 3 * self.releases
            + self.types
        )


def readings_subject(kind: Kind, shard: int) -> str:
    """Return the subject of batches of one kind from one shard; ValueError for a shard out of range."""
    return f"urja.readings.{kind}.{_checked(shard)}"


def requests_subject(shard: int) -> str:
    """Return the subject of read requests for meters in a shard; ValueError for a shard out of range."""
    return f"urja.requests.{_checked(shard)}"


def outcomes_subject(shard: int) -> str:
    """Return the subject of outcomes of read requests in a shard; ValueError for a shard out of range."""
    return f"urja.outcomes.{_checked(shard)}"


def commands_subject(shard: int) -> str:
    """Return the subject of signed orders for meters in a shard; ValueError for a shard out of range."""
    return f"urja.commands.{_checked(shard)}"


def progress_subject(shard: int) -> str:
    """Return the subject of progress of orders in a shard; ValueError for a shard out of range."""
    return f"urja.progress.{_checked(shard)}"


def _checked(shard: int) -> int:
    if not 0 <= shard < SHARDS:
        raise ValueError(f"shard {shard} is outside 0..{SHARDS - 1}")
    return shard


def ingest_durable(shards: range = range(SHARDS)) -> str:
    """Return the name of the ingest consumer of a contiguous range of shards; one machine has all."""
    if shards == range(SHARDS):
        return INGEST
    return f"{INGEST}-{shards.start}-{shards.stop - 1}"


def ingest_filters(shards: range) -> list[str]:
    """Return the subject filters of an ingest consumer; those of one work queue must not overlap."""
    if shards == range(SHARDS):
        return ["urja.readings.>"]
    return [readings_subject(kind, shard) for kind in Kind for shard in shards]


def checked_splits(splits: Iterable[range]) -> list[range]:
    """Return the ranges in order; raises ValueError unless they cover every shard exactly once."""
    ordered = sorted(splits, key=lambda shards: shards.start)
    if [shard for shards in ordered for shard in shards] != list(range(SHARDS)):
        raise ValueError(f"{ordered} do not cover the shards 0..{SHARDS - 1} once each")
    return ordered
