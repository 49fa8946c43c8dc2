"""Names in the broker: streams, subjects, durable consumers, buckets, and who may use which.

Everything that publishes or consumes takes its names from here, and `urja.stream.server` derives each user's
permissions from here, so that a subject and the right to use it never drift apart.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from urja.base.ids import SHARDS


class User(StrEnum):
    """Who connects. Each process has its own user and only the subjects it needs."""

    HEADEND = "headend"
    PIPELINE = "pipeline"
    ADMIN = "admin"
    """The supervisor and the operator's command line."""


class Kind(StrEnum):
    """What a batch of readings holds; the dtypes are in `urja.stream.records`."""

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
"""Key-value bucket: the loaded meter types that are in force, for the head ends. Key: the type's name."""
WINDOWS: Final = "windows"
"""Key-value bucket: the head end's replay windows at rest. Key: group of buckets."""
COUNTERS: Final = "counters"
"""Key-value bucket: the head end's reservations of its own send counters. Key: system title in hex."""
ORDERS: Final = "orders"
"""Key-value bucket: what head ends remember of a meter's orders, and of their last cuts. Key: system title in hex."""
LEASES: Final = "leases"
"""Key-value bucket, in memory: which head end holds a meter's session. Key: system title in hex."""
HELD: Final = "held"
"""Key-value bucket: what head ends hold above their ceilings on cuts. Key: the head end's name."""
RELEASES: Final = "releases"
"""Key-value bucket: what people ask the head ends to release. Key: `asked`."""
CONTENTS: Final = "contents"
"""Key-value bucket: what head ends find in the bucket of devices (`urja.stream.bucket_contents`). Key: the head end's name."""
LEASE_S: Final = 120
"""Seconds after which a lease that was not given back is void, by the broker's clock. Longer than any session."""

INGEST: Final = "ingest"
SESSIONS: Final = "sessions"
SETTLE: Final = "settle"
CARRY: Final = "carry"
NOTE: Final = "note"
"""Durable consumers: readings to the pipeline, requests to the head ends, outcomes to the pipeline; orders to the
head ends, their progress to the pipeline."""

REPLAY: Final = "urja.replay"
"""An operator hands a quarantined frame back to the head end and gets its answer (request and reply)."""

POISON: Final = "poison"
"""The quarantine source of messages that could not be decoded."""
REFUSED_ORDERS: Final = "orders"
"""The quarantine source of orders that are not the pipeline's."""


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
    """Of what is held, of what is asked, and of what head ends find in the projection, each."""
    types: int = 16 << 20

    def total(self) -> int:
        """What the server must be allowed to store: all streams and buckets."""
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
    """Where batches of one kind from one shard of buckets are published."""
    return f"urja.readings.{kind}.{_checked(shard)}"


def requests_subject(shard: int) -> str:
    """Where the pipeline asks the head end for reads of meters in a shard."""
    return f"urja.requests.{_checked(shard)}"


def outcomes_subject(shard: int) -> str:
    """Where the head end says what became of a request."""
    return f"urja.outcomes.{_checked(shard)}"


def commands_subject(shard: int) -> str:
    """Where the pipeline sends signed orders for meters in a shard."""
    return f"urja.commands.{_checked(shard)}"


def progress_subject(shard: int) -> str:
    """Where the head end says how an order goes."""
    return f"urja.progress.{_checked(shard)}"


def _checked(shard: int) -> int:
    if not 0 <= shard < SHARDS:
        raise ValueError(f"shard {shard} is outside 0..{SHARDS - 1}")
    return shard


def ingest_durable(shards: range = range(SHARDS)) -> str:
    """The ingest consumer of a contiguous range of shards; all of them on one box."""
    if shards == range(SHARDS):
        return INGEST
    return f"{INGEST}-{shards.start}-{shards.stop - 1}"


def ingest_filters(shards: range) -> list[str]:
    """Subject filters of an ingest consumer. Those of one work queue must not overlap."""
    if shards == range(SHARDS):
        return ["urja.readings.>"]
    return [readings_subject(kind, shard) for kind in Kind for shard in shards]


def checked_splits(splits: Iterable[range]) -> list[range]:
    """The ranges in order; raises ValueError unless they cover every shard exactly once."""
    ordered = sorted(splits, key=lambda shards: shards.start)
    if [shard for shards in ordered for shard in shards] != list(range(SHARDS)):
        raise ValueError(f"{ordered} do not cover the shards 0..{SHARDS - 1} once each")
    return ordered
