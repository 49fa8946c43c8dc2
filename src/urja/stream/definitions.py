"""The streams, buckets and durable consumers at the broker, as the admin creates them."""

from collections.abc import Iterable
from functools import partial
from typing import Final

import nats.js.api as js_api
import nats.js.errors

from urja.base.ids import SHARDS
from urja.stream import subjects as names
from urja.stream.connection import Connection, as_stream_errors
from urja.stream.quarantine import PER_SOURCE
from urja.stream.subjects import StreamSizes

ORDER_ACK_S: Final = 10.0
"""Seconds after which the broker delivers an order again; a head end at work reports more often."""
_ORDERS_WAITING: Final = 200_000
"""Orders that may be unacknowledged at once: one for each meter that cannot be reached."""


async def ensure_streams(
    connection: Connection,
    sizes: StreamSizes | None = None,
    splits: Iterable[range] = (range(SHARDS),),
) -> None:
    """Create or adjust the streams, buckets and durable consumers (admin only; safe to repeat).

    `splits` divides the shards among ingest processes. Consumers of another division are removed; messages
    that they had not acknowledged go to the new ones. Raises ValueError unless `splits` cover every shard
    once, and StreamError where the broker refuses.
    """
    jetstream = connection.jetstream

    async def consumer(
        stream: str, durable: str, filters: list[str], ack_wait_s: float = 30.0, max_ack_pending: int = 2000
    ) -> None:
        await jetstream.add_consumer(
            stream,
            name=durable,
            durable_name=durable,
            filter_subjects=filters,
            ack_policy=js_api.AckPolicy.EXPLICIT,
            ack_wait=ack_wait_s,
            max_ack_pending=max_ack_pending,
        )

    with as_stream_errors():
        for config in stream_configs(sizes or StreamSizes()):
            # Update first: adding a stream that exists counts its bound against the store's limit a second time.
            try:
                await jetstream.update_stream(config)
            except nats.js.errors.NotFoundError:
                await jetstream.add_stream(config)
        ingests = {
            names.ingest_durable(one): names.ingest_filters(one) for one in names.checked_splits(splits)
        }
        for info in await jetstream.consumers_info(names.READINGS):
            if info.name not in ingests:
                await jetstream.delete_consumer(names.READINGS, info.name)
        for durable, filters in ingests.items():
            await consumer(names.READINGS, durable, filters)
        await consumer(names.REQUESTS, names.SESSIONS, ["urja.requests.>"], 120.0)
        await consumer(names.OUTCOMES, names.SETTLE, ["urja.outcomes.>"])
        # Orders for meters that cannot be reached stay unacknowledged for days.
        await consumer(names.COMMANDS, names.CARRY, ["urja.commands.>"], ORDER_ACK_S, _ORDERS_WAITING)
        await consumer(names.PROGRESS, names.NOTE, ["urja.progress.>"])


def stream_configs(sizes: StreamSizes) -> list[js_api.StreamConfig]:
    """Return the configuration of every stream and bucket."""
    stored = partial(
        js_api.StreamConfig,
        # Full streams refuse: the publisher learns of it and stops reading from its sockets, where discarding
        # would lose readings unseen (ADR 3).
        discard=js_api.DiscardPolicy.NEW,
        storage=js_api.StorageType.FILE,
        num_replicas=1,
        duplicate_window=120.0,
    )

    def queue(name: str, subject: str, max_bytes: int) -> js_api.StreamConfig:
        retention = js_api.RetentionPolicy.WORK_QUEUE
        return stored(name=name, subjects=[subject], retention=retention, max_bytes=max_bytes)

    def bucket(name: str, max_bytes: int, max_age_s: float | None = None) -> js_api.StreamConfig:
        return stored(
            name=f"KV_{name}",
            subjects=[f"$KV.{name}.>"],
            retention=js_api.RetentionPolicy.LIMITS,
            max_msgs_per_subject=1,
            max_bytes=max_bytes,
            max_age=max_age_s,
            allow_direct=True,
            allow_rollup_hdrs=True,
            deny_delete=True,
        )

    def quarantine(standing: str, name: str) -> js_api.StreamConfig:
        # A full subject drops its own oldest frame for the newest; a full stream refuses, so that no source pushes
        # out another's frames (ADR 20). A message of a queue is refused rather than lost: it stays on its queue.
        return stored(
            name=name,
            subjects=[f"urja.quarantine.{standing}.>"],
            retention=js_api.RetentionPolicy.LIMITS,
            max_msgs_per_subject=PER_SOURCE,
            discard_new_per_subject=standing == "message",
            max_bytes=sizes.quarantine,
        )

    return [
        queue(names.READINGS, "urja.readings.*.*", sizes.readings),
        queue(names.REQUESTS, "urja.requests.*", sizes.requests),
        queue(names.OUTCOMES, "urja.outcomes.*", sizes.outcomes),
        queue(names.COMMANDS, "urja.commands.*", sizes.commands),
        queue(names.PROGRESS, "urja.progress.*", sizes.progress),
        *(quarantine(standing, name) for standing, name in names.QUARANTINE.items()),
        bucket(names.DEVICES, sizes.devices),
        bucket(names.TYPES, sizes.types),
        *(bucket(name, sizes.key_values) for name in (names.WINDOWS, names.COUNTERS, names.ORDERS)),
        # On disk like the rest: a bucket in memory is lost with a killed broker, and no process would create it again.
        bucket(names.LEASES, sizes.leases, names.LEASE_S),
        *(bucket(name, sizes.releases) for name in (names.HELD, names.RELEASES, names.CONTENTS)),
    ]
