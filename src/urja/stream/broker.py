"""The broker in the terms of this system: readings, requests, orders, projections, leases and releases."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Literal, overload

import nats.js.errors
from nats.aio.msg import Msg

from urja.quantities.channel_sets import ChannelSet
from urja.stream import codec, messages, subjects as names
from urja.stream.bucket_contents import BucketContents
from urja.stream.buckets import Buckets, Change
from urja.stream.codec import Batch, Records
from urja.stream.connection import as_stream_errors
from urja.stream.consumer import Consumer
from urja.stream.devices import SignedDevice
from urja.stream.errors import BrokerRefusedError, RevisionConflictError
from urja.stream.messages import ReadOutcome, ReadRequest
from urja.stream.meter_types import SignedType
from urja.stream.orders import Order, Progress, SignedOrder
from urja.stream.quarantine_store import QuarantineStore
from urja.stream.releases import HeldDisconnections, ReleaseRequest, ReleaseRequests
from urja.stream.snapshots import Snapshots
from urja.stream.subjects import Kind, User

_REQUESTED: Final = "asked"
"""Key of the value that lists all release requests."""

type DeviceChange = Change[SignedDevice]
type TypeChange = Change[SignedType]


class Broker(Buckets, QuarantineStore, Snapshots):
    """One process's connection to the broker; made by `connect`."""

    async def publish_batch(
        self,
        kind: Kind,
        shard: int,
        records: Records,
        correlation: int,
        message_id: str | None = None,
        *,
        channels: ChannelSet | None = None,
    ) -> int:
        """Store a batch of readings and return its sequence in the stream once it is on disk.

        Without a channel set the values are those of a single-phase meter.

        With a `message_id`, publishing the same batch again after BrokerUnavailableError stores it once
        (within two minutes). Raises StreamFullError, BrokerUnavailableError, NotPermittedError,
        BrokerRefusedError.
        """
        headers, payload = codec.encode_batch(kind, records, correlation, channels)
        if message_id is not None:
            headers["Nats-Msg-Id"] = message_id
        return await self._publish(names.readings_subject(kind, shard), payload, headers)

    async def publish_request(self, request: ReadRequest, shard: int) -> int:
        """Request a read from the head ends; returns the sequence in the stream.

        A request is stored once per `request_id` and deadline: the same read with a later deadline is a new
        one. Raises as `publish_batch`.
        """
        headers = {"Nats-Msg-Id": f"request-{request.request_id}-{request.not_after_at.timestamp():.0f}"}
        return await self._publish(names.requests_subject(shard), messages.encode(request), headers)

    async def publish_outcome(self, outcome: ReadOutcome, shard: int) -> int:
        """Report the outcome of a request to the pipeline; returns the sequence in the stream.

        Raises StreamFullError and the other errors of `publish_batch`.
        """
        return await self._publish(names.outcomes_subject(shard), messages.encode(outcome))

    async def publish_order(self, order: Order, signed: SignedOrder, shard: int) -> int:
        """Send a signed order to the head ends; it is stored once per command (within two minutes).

        Raises StreamFullError and the other errors of `publish_batch`.
        """
        headers = {"Nats-Msg-Id": f"order-{order.command_id}"}
        return await self._publish(names.commands_subject(shard), messages.encode(signed), headers)

    async def publish_progress(self, progress: Progress, shard: int) -> int:
        """Report the progress of an order to the pipeline; returns the sequence in the stream.

        Raises StreamFullError and the other errors of `publish_batch`.
        """
        return await self._publish(names.progress_subject(shard), messages.encode(progress))

    # -- consuming --------------------------------------------------------------------------------------

    @overload
    async def consume(self, stream: Literal["READINGS"], durable: str = ...) -> Consumer[Batch]: ...
    @overload
    async def consume(self, stream: Literal["REQUESTS"], durable: str = ...) -> Consumer[ReadRequest]: ...
    @overload
    async def consume(self, stream: Literal["OUTCOMES"], durable: str = ...) -> Consumer[ReadOutcome]: ...
    @overload
    async def consume(self, stream: Literal["COMMANDS"], durable: str = ...) -> Consumer[SignedOrder]: ...
    @overload
    async def consume(self, stream: Literal["PROGRESS"], durable: str = ...) -> Consumer[Progress]: ...

    async def consume(self, stream: str, durable: str = "") -> Consumer[Any]:
        """Return a consumer of a durable that `ensure_streams` made; by default the stream's only one.

        Raises BrokerRefusedError where the stream has no such durable.
        """
        default, decode = _READERS[stream]
        durable = durable or default
        with as_stream_errors():
            try:
                # A pull from a missing durable looks like a broker that is not ready yet: it is reported here.
                await self.jetstream.consumer_info(stream, durable)
            except nats.js.errors.NotFoundError as error:
                raise BrokerRefusedError(f"stream {stream} has no consumer {durable!r}") from error
            pull = await self._pull(stream, durable)
        return Consumer(self, pull, decode, stream, durable)

    # -- the registry's projection ----------------------------------------------------------------------

    async def put_device(self, key: str, signed: SignedDevice) -> int:
        """Write a meter into the projection; returns the revision. Raises StreamError as `put`."""
        return await self.put(names.DEVICES, key, signed)

    async def delete_device(self, key: str) -> int:
        """Delete a key of the projection, whereupon head ends forget its meter; returns the revision.

        Raises StreamError as `put`.
        """
        return await self._publish(f"$KV.{names.DEVICES}.{key}", b"", {"KV-Operation": "DEL"})

    async def device_keys(self) -> list[str]:
        """Return all keys of the projection, deleted ones included."""
        return await self._keys(names.DEVICES)

    async def devices_sequence(self) -> int:
        """Return the last sequence of the projection's stream.

        It is smaller than before where the stream was lost or restored.
        """
        return (await self._stream_info(f"KV_{names.DEVICES}")).state.last_seq

    async def read_devices(self) -> tuple[int, dict[str, bytes]]:
        """Return a sequence of the projection, and the digest of each entry as of that sequence or later."""
        return await self._digests(names.DEVICES)

    async def report_contents(self, found: BucketContents) -> int:
        """Report the contents of the projection as a head end has read them (head end only).

        Raises StreamError as `put`.
        """
        return await self.put(names.CONTENTS, found.headend, found)

    async def reported_contents(self) -> list[BucketContents]:
        """Return the newest report of each head end on the projection (pipeline only)."""
        return await self._reports(names.CONTENTS, BucketContents)

    def follow_devices(self) -> AsyncIterator[list[DeviceChange] | None]:
        """Yield the whole projection of meters, then each change, endlessly (see `_follow`)."""
        return self._follow(names.DEVICES, SignedDevice)

    async def put_type(self, name: str, signed: SignedType) -> int:
        """Write a meter type that is in force; returns the revision. Raises StreamError as `put`."""
        return await self.put(names.TYPES, name, signed)

    def follow_types(self) -> AsyncIterator[list[TypeChange] | None]:
        """Yield all loaded meter types, then each change, endlessly (see `_follow`)."""
        return self._follow(names.TYPES, SignedType)

    # -- sessions ---------------------------------------------------------------------------------------

    async def take_lease(self, key: str, owner: str) -> int | None:
        """Acquire the right to hold a meter's session, for `LEASE_S` seconds at most.

        Returns the revision to free it by; None while another owner holds it. The same owner acquires its
        lease again, as after a restart under the same name.
        """
        while True:
            holder, revision = await self.get(names.LEASES, key)
            if holder not in (None, b"", owner.encode()):
                return None
            # Of two head ends that read a free lease, the broker lets one write at this revision; the other reads again.
            with contextlib.suppress(RevisionConflictError):
                return await self.put(names.LEASES, key, owner.encode(), revision)

    async def free_lease(self, key: str, revision: int) -> None:
        """Free a lease; one that has expired, or that another owner has acquired since, is left alone."""
        with contextlib.suppress(RevisionConflictError):
            await self.put(names.LEASES, key, b"", revision)

    # -- disconnections above the ceilings --------------------------------------------------------------

    async def report_held(self, held: HeldDisconnections) -> int:
        """Report the disconnections that a head end holds (head end only); returns the revision.

        Raises StreamError as `put`.
        """
        return await self.put(names.HELD, held.headend, held)

    async def reported_held(self) -> list[HeldDisconnections]:
        """Return the newest report of each head end on held disconnections (pipeline only).

        A value that cannot be decoded is logged and left out.
        """
        return await self._reports(names.HELD, HeldDisconnections)

    async def request_releases(self, requests: list[ReleaseRequest]) -> int:
        """Request exactly these releases, in place of all before (pipeline only); returns the revision.

        Raises StreamError as `put`.
        """
        return await self.put(names.RELEASES, _REQUESTED, ReleaseRequests(requests))

    async def requested_releases(self) -> list[ReleaseRequest]:
        """Return the releases that are requested; raises PoisonMessageError where they cannot be decoded."""
        value, _ = await self.get(names.RELEASES, _REQUESTED)
        return [] if value is None else messages.decode(value, ReleaseRequests).asked


_READERS: Final[dict[str, tuple[str, Callable[[Msg], object]]]] = {
    names.READINGS: (names.INGEST, lambda message: codec.decode_batch(message.headers, message.data)),
    names.REQUESTS: (names.SESSIONS, lambda message: messages.decode(message.data, ReadRequest)),
    names.OUTCOMES: (names.SETTLE, lambda message: messages.decode(message.data, ReadOutcome)),
    names.COMMANDS: (names.CARRY, lambda message: messages.decode(message.data, SignedOrder)),
    names.PROGRESS: (names.NOTE, lambda message: messages.decode(message.data, Progress)),
}


async def connect(url: str, user: User | str, password: str, name: str, within_s: float = 15.0) -> Broker:
    """Connect to the broker as `user`; `name` is shown in the broker's monitoring.

    Raises BrokerUnavailableError where no broker answers within `within_s` seconds, NotPermittedError for a
    wrong password.
    """
    broker = Broker(User(user), name)
    await broker._open(url, password, within_s)  # noqa: SLF001 - a Broker is made here and nowhere else
    return broker
