"""The broker in the words of this system: what is published, taken, kept and told."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Literal, overload

import nats.js.errors
from nats.aio.msg import Msg

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
from urja.stream.subjects import Kind, User

_ASKED: Final = "asked"
"""Key of the releases that are asked for."""

type DeviceChange = Change[SignedDevice]
type TypeChange = Change[SignedType]


class Broker(Buckets, QuarantineStore):
    """One process's connection. Make it with `connect`."""

    async def publish_batch(
        self, kind: Kind, shard: int, records: Records, correlation: int, message_id: str | None = None
    ) -> int:
        """Store a batch of readings and return its sequence in the stream once it is on disk.

        With a `message_id`, publishing the same batch again after BrokerUnavailableError stores it once.
        Raises StreamFullError, BrokerUnavailableError, NotPermittedError, BrokerRefusedError.
        """
        headers, payload = codec.encode_batch(kind, records, correlation)
        if message_id is not None:
            headers["Nats-Msg-Id"] = message_id
        return await self._publish(names.readings_subject(kind, shard), payload, headers)

    async def publish_request(self, request: ReadRequest, shard: int) -> int:
        """Ask the head ends for a read. A request is stored once per `request_id` and attempt window."""
        headers = {"Nats-Msg-Id": f"request-{request.request_id}-{request.not_after_at.timestamp():.0f}"}
        return await self._publish(names.requests_subject(shard), messages.encode(request), headers)

    async def publish_outcome(self, outcome: ReadOutcome, shard: int) -> int:
        """Tell the pipeline what became of a request."""
        return await self._publish(names.outcomes_subject(shard), messages.encode(outcome))

    async def publish_order(self, order: Order, signed: SignedOrder, shard: int) -> int:
        """Send a signed order to the head ends; stored once per command (within two minutes)."""
        headers = {"Nats-Msg-Id": f"order-{order.command_id}"}
        return await self._publish(names.commands_subject(shard), messages.encode(signed), headers)

    async def publish_progress(self, progress: Progress, shard: int) -> int:
        """Tell the pipeline how an order goes."""
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
        """Pull from a durable consumer that `ensure_streams` made; by default the stream's only one.

        Raises BrokerRefusedError if there is no such consumer.
        """
        default, decode = _READERS[stream]
        durable = durable or default
        with as_stream_errors():
            try:
                await self.jetstream.consumer_info(stream, durable)
            except nats.js.errors.NotFoundError as error:
                raise BrokerRefusedError(f"stream {stream} has no consumer {durable!r}") from error
            pull = await self._pull(stream, durable)
        return Consumer(self, pull, decode, stream, durable)

    # -- the registry's projection ----------------------------------------------------------------------

    async def put_device(self, key: str, signed: SignedDevice) -> int:
        """Write a meter into the projection; returns the revision."""
        return await self.put(names.DEVICES, key, signed)

    async def delete_device(self, key: str) -> int:
        """Take a key out of the projection; head ends forget its meter. Returns the revision."""
        return await self._publish(f"$KV.{names.DEVICES}.{key}", b"", {"KV-Operation": "DEL"})

    async def device_keys(self) -> list[str]:
        """Every key of the projection, also of what was deleted."""
        return await self._keys(names.DEVICES)

    async def devices_sequence(self) -> int:
        """The last sequence that the projection's stream has given; less than before where it was lost or restored."""
        return (await self._stream_info(f"KV_{names.DEVICES}")).state.last_seq

    async def read_devices(self) -> tuple[int, dict[str, bytes]]:
        """The digest of each entry of the projection as it lies there, and the sequence up to which that is so."""
        return await self._digests(names.DEVICES)

    async def tell_contents(self, found: BucketContents) -> int:
        """Tell what a head end has found in the projection (head end only)."""
        return await self.put(names.CONTENTS, found.headend, found)

    async def told_contents(self) -> list[BucketContents]:
        """What each head end has told last (pipeline only)."""
        return await self._told(names.CONTENTS, BucketContents)

    def follow_devices(self) -> AsyncIterator[list[DeviceChange] | None]:
        """The whole projection of meters, then each change, for ever (see `_follow`)."""
        return self._follow(names.DEVICES, SignedDevice)

    async def put_type(self, name: str, signed: SignedType) -> int:
        """Bring a meter type into force; returns the revision."""
        return await self.put(names.TYPES, name, signed)

    def follow_types(self) -> AsyncIterator[list[TypeChange] | None]:
        """All loaded meter types, then each change, for ever (see `_follow`)."""
        return self._follow(names.TYPES, SignedType)

    # -- sessions ---------------------------------------------------------------------------------------

    async def take_lease(self, key: str, owner: str) -> int | None:
        """Become the one head end that holds a meter's session, for `LEASE_S` seconds at most.

        The revision to give back; None while another owner holds it. Who holds it already, as after a restart
        under the same name, takes it anew.
        """
        while True:
            holder, revision = await self.get(names.LEASES, key)
            if holder not in (None, b"", owner.encode()):
                return None
            with contextlib.suppress(RevisionConflictError):
                return await self.put(names.LEASES, key, owner.encode(), revision)

    async def free_lease(self, key: str, revision: int) -> None:
        """Give a lease back. One that has run out, or is another's by now, is left alone."""
        with contextlib.suppress(RevisionConflictError):
            await self.put(names.LEASES, key, b"", revision)

    # -- cuts above the ceilings ------------------------------------------------------------------------

    async def tell_held(self, held: HeldDisconnections) -> int:
        """Tell what a head end holds (head end only)."""
        return await self.put(names.HELD, held.headend, held)

    async def held_cuts(self) -> list[HeldDisconnections]:
        """What each head end has told last (pipeline only); what cannot be decoded is no head end's, and left out."""
        return await self._told(names.HELD, HeldDisconnections)

    async def ask_releases(self, asked: list[ReleaseRequest]) -> int:
        """Ask for these releases, and no others any more (pipeline only)."""
        return await self.put(names.RELEASES, _ASKED, ReleaseRequests(asked))

    async def asked_releases(self) -> list[ReleaseRequest]:
        """What is asked for; raises PoisonMessageError where it cannot be decoded."""
        value, _ = await self.get(names.RELEASES, _ASKED)
        return [] if value is None else messages.decode(value, ReleaseRequests).asked


_READERS: Final[dict[str, tuple[str, Callable[[Msg], Any]]]] = {
    names.READINGS: (names.INGEST, lambda message: codec.decode_batch(message.headers, message.data)),
    names.REQUESTS: (names.SESSIONS, lambda message: messages.decode(message.data, ReadRequest)),
    names.OUTCOMES: (names.SETTLE, lambda message: messages.decode(message.data, ReadOutcome)),
    names.COMMANDS: (names.CARRY, lambda message: messages.decode(message.data, SignedOrder)),
    names.PROGRESS: (names.NOTE, lambda message: messages.decode(message.data, Progress)),
}


async def connect(url: str, user: User | str, password: str, name: str, within_s: float = 15.0) -> Broker:
    """Connect as `user`; `name` is shown in the broker's monitoring.

    Raises BrokerUnavailableError if nobody answers within `within_s` seconds, NotPermittedError for a wrong password.
    """
    broker = Broker(User(user), name)
    await broker._open(url, password, within_s)  # noqa: SLF001 - a Broker is made here and nowhere else
    return broker
