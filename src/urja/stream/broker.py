"""A connection to the broker, in the words of this system.

Publishing waits for the broker's acknowledgement: with `sync_interval: always` that means *on disk*. Each
failure has a type that says what to do (`urja.stream.errors`); a connection that breaks fails what was waiting
at once instead of letting it time out, and is restored in the background for as long as the process lives.
"""

import asyncio
import contextlib
import itertools
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, overload

import msgspec
import nats.errors
import nats.js.api as js_api
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from urja.base.ids import SHARDS
from urja.stream import codec, contents, messages
from urja.stream import subjects as names
from urja.stream.codec import Batch, Records
from urja.stream.contents import Contents
from urja.stream.devices import SignedDevice
from urja.stream.errors import (
    BrokerRefused,
    BrokerUnavailable,
    NotPermitted,
    PoisonMessage,
    RevisionConflict,
    StreamError,
    StreamFull,
)
from urja.stream.messages import ReadOutcome, ReadRequest
from urja.stream.meter_types import SignedType
from urja.stream.orders import Order, Progress, SignedOrder
from urja.stream.pulling import Pull
from urja.stream.quarantine import PER_SOURCE, Fill, Quarantined, Standing, of_subject
from urja.stream.releases import AskedRelease, AskedReleases, HeldCuts
from urja.stream.server import inbox_prefix
from urja.stream.subjects import Kind, StreamSizes, User

log = structlog.get_logger()

_ANSWER_S: Final = 5.0
"""How long a publish waits for the broker's answer, on the monotonic clock."""
_PATIENCE_S: Final = 2.0
"""For how long somebody is asked again who is not there yet, on the monotonic clock."""

_STORE_FAILED: Final = 10077
_NO_RESOURCES: Final = (10023, 10047)
_WRONG_LAST_SEQUENCE: Final = (10071, 10164)
_DELETE_FAILED: Final = 10057
_PERMISSION_DENIED = re.compile(
    r'permissions violation for (?:publish|subscription) to "([^"]+)"', re.IGNORECASE
)

ORDER_ACK_S: Final = 10.0
"""How long the broker waits before it gives an order out again. A head end at work says so more often."""
_ORDERS_WAITING: Final = 200_000
_ASKED: Final = "asked"
"""Key of the releases that are asked for."""

_SOURCES_TOLD: Final = 10_000
"""Where a quarantine's stream has more sources than these, it is not asked for each."""
POISON_AGAIN_S = 60.0
"""After so many seconds of real time a message for which quarantine had no room is tried again."""


class _ErrorBody(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _PublishAnswer(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: _ErrorBody | None = None


class _StreamConfig(msgspec.Struct):
    max_bytes: int = 0


class _StreamState(msgspec.Struct):
    messages: int = 0
    bytes: int = 0
    last_seq: int = 0
    num_subjects: int = 0
    subjects: dict[str, int] = {}


class _StreamInfo(msgspec.Struct):
    config: _StreamConfig = msgspec.field(default_factory=_StreamConfig)
    state: _StreamState = msgspec.field(default_factory=_StreamState)
    total: int = 0
    """Of subjects, where they were asked for."""
    error: _ErrorBody | None = None


_ANSWER_DECODER = msgspec.json.Decoder(_PublishAnswer)
_STREAM_INFO_DECODER = msgspec.json.Decoder(_StreamInfo)


def _refusal(error: _ErrorBody) -> StreamError:
    text = f"{error.description} ({error.err_code})"
    if error.err_code == _STORE_FAILED or error.err_code in _NO_RESOURCES:
        return StreamFull(text)
    if error.err_code in _WRONG_LAST_SEQUENCE:
        return RevisionConflict(text)
    if error.code == 503:
        return BrokerUnavailable(text)
    return BrokerRefused(text)


def _from_nats(error: BaseException) -> StreamError:
    """The stream error for whatever the client library raised."""
    if isinstance(error, nats.js.errors.APIError):
        return _refusal(_ErrorBody(error.code or 503, error.err_code or 0, error.description or str(error)))
    if isinstance(error, nats.errors.MaxPayloadError):
        return BrokerRefused(str(error))
    return BrokerUnavailable(str(error) or type(error).__name__)


_NATS_ERRORS = (nats.errors.Error, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Delivery[T]:
    """One message taken from a consumer. It comes again unless acknowledged within the consumer's wait."""

    body: T
    sequence: int
    """Sequence in the stream: grows with each stored message, the same on redelivery."""
    shard: int
    attempt: int
    _message: Msg

    async def ack(self) -> None:
        """Done: a work queue forgets the message. Call it after the commit, never before."""
        await self._settle(self._message.ack())

    async def nak(self, delay_s: float = 0.0) -> None:
        """Not now: deliver it again after `delay_s` seconds of real time."""
        await self._settle(self._message.nak(delay=delay_s))

    async def in_progress(self) -> None:
        """Still at it: start the wait for the acknowledgement anew."""
        await self._settle(self._message.in_progress())

    @staticmethod
    async def _settle(answer: Any) -> None:
        try:
            await answer
        except _NATS_ERRORS as error:
            raise _from_nats(error) from error


class Consumer[T]:
    """A durable pull consumer. Messages that cannot be decoded go to quarantine and are taken off the queue; while it is
    full they stay on the queue, so that none is lost.
    """

    def __init__(
        self, broker: "Broker", pull: Pull, decode: Callable[[Msg], T], stream: str, durable: str
    ) -> None:
        self._broker = broker
        self._pull = pull
        self._decode = decode
        self._stream = stream
        self._durable = durable

    async def fetch(self, max_messages: int = 100, wait_s: float = 1.0) -> list[Delivery[T]]:
        """Up to `max_messages`, as soon as there are some; empty if none came within `wait_s` seconds."""
        try:
            taken = await self._broker.unless_lost(self._pull.fetch(max_messages, wait_s))
        except _NATS_ERRORS as error:
            raise _from_nats(error) from error
        deliveries = [await self._decoded(message) for message in taken]
        return [delivery for delivery in deliveries if delivery is not None]

    async def _decoded(self, message: Msg) -> Delivery[T] | None:
        metadata = message.metadata
        try:
            body = self._decode(message)
            shard = int(message.subject.rsplit(".", 1)[1])
        except (PoisonMessage, ValueError) as error:
            await self._set_aside(message, str(error))
            return None
        return Delivery(body, metadata.sequence.stream, shard, metadata.num_delivered, message)

    async def _set_aside(self, message: Msg, why: str) -> None:
        kept = await self._broker.quarantine(
            Quarantined(
                standing="message",
                source=names.POISON,
                reason="poison",
                detail=f"{message.subject}: {why}",
                peer=self._durable,
                received_at_ms=int(message.metadata.timestamp.timestamp() * 1000),
                frame=message.data,
            )
        )
        log.error("poison message", subject=message.subject, why=why, kept=kept)
        if kept:
            await message.term()
        else:
            await message.nak(delay=POISON_AGAIN_S)

    async def backlog(self) -> int:
        """Messages stored for this consumer and not yet acknowledged: the lag of its stage."""
        try:
            info = await self._broker.jetstream.consumer_info(self._stream, self._durable)
        except _NATS_ERRORS as error:
            raise _from_nats(error) from error
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def close(self) -> None:
        """Stop pulling; the durable consumer and what it has not acknowledged stay."""
        with contextlib.suppress(*_NATS_ERRORS):
            await self._pull.close()


@dataclass(frozen=True, slots=True)
class Kept:
    """A frame in quarantine, and where it lies."""

    stream: str
    """One letter: the standing's first."""
    sequence: int
    subject: str
    item: Quarantined

    @property
    def name(self) -> str:
        """How people name it: `u17`."""
        return f"{self.stream}{self.sequence}"


@dataclass(frozen=True, slots=True)
class Change[S]:
    """What the pipeline has signed was added or changed (`signed`) or removed (None) in a bucket, or cannot be read."""

    key: str
    signed: S | None
    fault: str = ""
    """Why it cannot be read; `signed` is None then."""


type DeviceChange = Change[SignedDevice]
type TypeChange = Change[SignedType]


class Broker:
    """One process's connection. Make it with `connect`."""

    def __init__(self, user: User, name: str) -> None:
        self._user = user
        self._name = name
        self._client = Client()
        self._tokens = itertools.count()
        self._inbox = f"{inbox_prefix(user)}.p{secrets.token_hex(6)}."
        self._waiting: dict[str, tuple[str, asyncio.Future[Msg]]] = {}
        self._up = asyncio.Event()
        self._closing = False
        self._lost = asyncio.Event()
        self._last_error: BaseException | None = None
        self.epoch = 0
        """Grows with each lost connection: what was asked of an older epoch may not have been heard."""

    # -- the connection ---------------------------------------------------------------------------------

    async def _open(self, url: str, password: str, within_s: float) -> None:
        deadline = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                async with asyncio.timeout(max(within_s, 1.0)):
                    await self._attempt(url, password)
                break
            except _NATS_ERRORS as error:
                await self._client.close()
                cause = self._last_error or error
                if "authorization" in str(cause).lower():
                    raise NotPermitted(f"the broker at {url} refuses user {self._user}") from error
                if asyncio.get_running_loop().time() > deadline:
                    raise BrokerUnavailable(f"no broker at {url} within {within_s:g} s: {cause}") from error
                await asyncio.sleep(0.2)
        self.jetstream = self._client.jetstream(timeout=_ANSWER_S)
        await self._client.subscribe(f"{self._inbox}*", cb=self._on_answer)
        self._up.set()

    async def _attempt(self, url: str, password: str) -> None:
        # The client's own first connect retries for ever and hides a wrong password: try once, here.
        self._client = Client()
        await self._client.connect(
            url,
            user=self._user.value,
            password=password,
            name=self._name,
            inbox_prefix=inbox_prefix(self._user),
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=1,
            connect_timeout=5,
            ping_interval=10,
            max_outstanding_pings=2,
            pending_size=0,  # nothing is kept back for a broker that is away: callers are told
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
        )
        self._client.options["allow_reconnect"] = True
        self._client.options["max_reconnect_attempts"] = -1

    async def _on_answer(self, message: Msg) -> None:
        waiting = self._waiting.pop(message.subject, None)
        if waiting is not None and not waiting[1].done():
            waiting[1].set_result(message)

    async def _on_error(self, error: Exception) -> None:
        self._last_error = error
        denied = _PERMISSION_DENIED.search(str(error))
        if denied is None:
            log.warning("broker connection", error=str(error) or type(error).__name__)
            return
        log.error("broker refuses a subject", user=self._user, subject=denied[1])
        for subject, future in list(self._waiting.values()):
            # The client library gives the server's text in lower case.
            if subject.lower() == denied[1].lower() and not future.done():
                future.set_exception(NotPermitted(f"user {self._user} may not publish to {subject}"))

    async def _on_disconnected(self) -> None:
        self._up.clear()
        self.epoch += 1
        # Whoever waits on this connection wakes; the next connection gets an event of its own.
        self._lost.set()
        self._lost = asyncio.Event()
        if not self._closing:
            log.warning("broker away")
        self._fail_waiting("the connection broke before the broker answered")

    def _fail_waiting(self, why: str) -> None:
        for _, future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(BrokerUnavailable(why))

    async def _on_reconnected(self) -> None:
        self._up.set()
        log.info("broker back")

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    async def wait_connected(self) -> None:
        """Return as soon as the connection stands."""
        await self._up.wait()

    async def close(self) -> None:
        """Say good-bye; publishes that still wait fail with BrokerUnavailable."""
        self._closing = True
        self._up.clear()
        if not self._client.is_connected:
            # The client would write what it still holds to a transport that is gone.
            self._client._pending.clear()  # noqa: SLF001
            self._client._pending_data_size = 0  # noqa: SLF001
        await self._client.close()
        self._fail_waiting("the connection was closed")

    # -- publishing -------------------------------------------------------------------------------------

    async def _request(self, subject: str, payload: bytes, headers: dict[str, str] | None) -> Msg:
        if not self._up.is_set():
            raise BrokerUnavailable("the broker is away")
        reply = f"{self._inbox}{next(self._tokens)}"
        future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = (subject, future)
        try:
            await self._client.publish(subject, payload, reply=reply, headers=headers)
            async with asyncio.timeout(_ANSWER_S):
                answer = await future
        except _NATS_ERRORS as error:
            raise _from_nats(error) from error
        finally:
            self._waiting.pop(reply, None)
        if answer.headers and answer.headers.get("Status") == "503":
            raise BrokerUnavailable(f"nobody answers on {subject}: the stream is not ready")
        return answer

    async def _publish(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> int:
        answer = await self._request(subject, payload, headers)
        try:
            body = _ANSWER_DECODER.decode(answer.data)
        except msgspec.MsgspecError as error:
            raise BrokerRefused(f"unreadable answer on {subject}: {answer.data[:100]!r}") from error
        if body.error is not None:
            raise _refusal(body.error)
        return body.seq

    async def publish_batch(
        self, kind: Kind, shard: int, records: Records, correlation: int, message_id: str | None = None
    ) -> int:
        """Store a batch of readings and return its sequence in the stream once it is on disk.

        With a `message_id`, publishing the same batch again after BrokerUnavailable stores it once.
        Raises StreamFull, BrokerUnavailable, NotPermitted, BrokerRefused.
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

        Raises BrokerRefused if there is no such consumer.
        """
        default, decode = _READERS[stream]
        durable = durable or default
        try:
            await self.jetstream.consumer_info(stream, durable)
            pull = await self._pull(stream, durable)
        except nats.js.errors.NotFoundError as error:
            raise BrokerRefused(f"stream {stream} has no consumer {durable!r}") from error
        except _NATS_ERRORS as error:
            raise _from_nats(error) from error
        return Consumer(self, pull, decode, stream, durable)

    async def _pull(self, stream: str, consumer: str) -> Pull:
        return await Pull(self._client, stream, consumer, inbox_prefix(self._user)).start()

    # -- the registry's projection ----------------------------------------------------------------------

    async def put_device(self, key: str, signed: SignedDevice) -> int:
        """Write a meter into the projection; returns the revision."""
        return await self._publish(f"$KV.{names.DEVICES}.{key}", messages.encode(signed))

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
        sequence = await self.devices_sequence()
        digests: dict[str, bytes] = {}
        left = 0
        try:
            stream, all_keys = f"KV_{names.DEVICES}", f"$KV.{names.DEVICES}.>"
            last = js_api.DeliverPolicy.LAST_PER_SUBJECT
            async for _, message in self._messages_of(stream, last, all_keys):
                key = message.subject.rsplit(".", 1)[1]
                if _is_deleted(message):
                    digests.pop(key, None)
                else:
                    digests[key] = contents.digest_of(message.data)
                left = message.metadata.num_pending
        except _NATS_ERRORS as error:
            raise _from_nats(error) from error
        if left:
            raise BrokerUnavailable(f"{left} entries of the projection were not given")
        return sequence, digests

    async def tell_contents(self, found: Contents) -> int:
        """Tell what a head end has found in the projection (head end only)."""
        return await self._publish(f"$KV.{names.CONTENTS}.{found.headend}", messages.encode(found))

    async def told_contents(self) -> list[Contents]:
        """What each head end has told last (pipeline only)."""
        return await self._told(names.CONTENTS, Contents)

    def follow_devices(self) -> AsyncIterator[list[DeviceChange] | None]:
        """The whole projection of meters, then each change, for ever (see `_follow`)."""
        return self._follow(names.DEVICES, SignedDevice)

    async def put_type(self, name: str, signed: SignedType) -> int:
        """Bring a meter type into force; returns the revision."""
        return await self._publish(f"$KV.{names.TYPES}.{name}", messages.encode(signed))

    def follow_types(self) -> AsyncIterator[list[TypeChange] | None]:
        """All loaded meter types, then each change, for ever (see `_follow`)."""
        return self._follow(names.TYPES, SignedType)

    async def _follow[S: msgspec.Struct](
        self, bucket: str, kind: type[S]
    ) -> AsyncIterator[list[Change[S]] | None]:
        """The whole of a bucket, then each change, for ever; None once everything known at the start was given.

        Survives the broker's restarts: after a lost connection it goes on behind the last change it gave.
        """
        last = 0
        announced = False
        while True:
            try:
                async for sequence, changes, pending in self._feed(bucket, last, kind):
                    last = sequence
                    if changes:
                        yield changes
                    if pending == 0 and not announced:
                        announced = True
                        yield None
            except (BrokerUnavailable, StreamFull) as error:
                log.warning("following a bucket is interrupted", bucket=bucket, error=str(error))
                await self._pause_until_connected()

    async def _pause_until_connected(self) -> None:
        # A broker that accepts connections may need a moment before JetStream answers.
        await asyncio.sleep(0.2)
        await self.wait_connected()

    async def _feed[S: msgspec.Struct](
        self, bucket: str, after: int, kind: type[S]
    ) -> AsyncIterator[tuple[int, list[Change[S]], int]]:
        stream = f"KV_{bucket}"
        consumer = f"h{secrets.token_hex(8)}"
        epoch = self.epoch
        pull: Pull | None = None
        try:
            info = await self.jetstream.add_consumer(
                stream,
                name=consumer,
                ack_policy=js_api.AckPolicy.NONE,
                deliver_policy=(
                    js_api.DeliverPolicy.BY_START_SEQUENCE if after else js_api.DeliverPolicy.LAST_PER_SUBJECT
                ),
                opt_start_seq=after + 1 if after else None,
                filter_subject=f"$KV.{bucket}.>",
                inactive_threshold=120.0,
                mem_storage=True,
            )
            if not info.num_pending:
                yield after, [], 0
            pull = await self._pull(stream, consumer)
            expected = 1
            while epoch == self.epoch:
                taken = await self.unless_lost(pull.fetch(500, 20.0))
                if not taken:
                    continue
                for message in taken:
                    if message.metadata.sequence.consumer != expected:
                        raise BrokerUnavailable("a change was lost on the way")
                    expected += 1
                tail = taken[-1].metadata
                yield tail.sequence.stream, [_change(message, kind) for message in taken], tail.num_pending
        except _NATS_ERRORS as error:
            raise _from_nats(error) from error
        finally:
            if pull is not None:
                with contextlib.suppress(*_NATS_ERRORS):
                    await pull.close()
        raise BrokerUnavailable("the connection broke")

    async def unless_lost(self, fetch: Coroutine[Any, Any, list[Msg]]) -> list[Msg]:
        """What a pull brings; BrokerUnavailable as soon as the connection breaks, or at once where it has."""
        if not self._up.is_set():
            fetch.close()
            raise BrokerUnavailable("the broker is away")
        pulling = asyncio.ensure_future(fetch)
        losing = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({pulling, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not pulling.done():
                raise BrokerUnavailable("the connection broke")
            return pulling.result()
        finally:
            losing.cancel()
            pulling.cancel()

    # -- the head end's own state -----------------------------------------------------------------------

    async def put_windows(self, group: int, state: bytes) -> int:
        """Keep the replay windows of a group of buckets."""
        return await self._publish(f"$KV.{names.WINDOWS}.{group}", state)

    async def get_windows(self, group: int) -> bytes | None:
        """The replay windows of a group of buckets as last kept."""
        found = await self._get(names.WINDOWS, str(group))
        return None if found is None else found[0]

    async def get_counter(self, key: str) -> tuple[bytes | None, int]:
        """`(state, revision)` of a send counter; `(None, 0)` if it was never reserved."""
        found = await self._get(names.COUNTERS, key)
        return (None, 0) if found is None else found

    async def set_counter(self, key: str, state: bytes, revision: int) -> int:
        """Reserve, if the key is still at `revision`; raises RevisionConflict if it is not."""
        headers = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        return await self._publish(f"$KV.{names.COUNTERS}.{key}", state, headers)

    async def get_orders(self, key: str) -> tuple[bytes | None, int]:
        """`(state, revision)` of what head ends remember under a key; `(None, 0)` if that is nothing."""
        found = await self._get(names.ORDERS, key)
        return (None, 0) if found is None else found

    async def put_orders(self, key: str, state: bytes, revision: int) -> int:
        """Remember, if the key is still at `revision`; the new revision. Raises RevisionConflict if it is not."""
        headers = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        return await self._publish(f"$KV.{names.ORDERS}.{key}", state, headers)

    async def take_lease(self, key: str, owner: str) -> int | None:
        """Become the one head end that holds a meter's session, for `LEASE_S` seconds at most.

        The revision to give back; None while another owner holds it. Who holds it already, as after a restart
        under the same name, takes it anew.
        """
        while True:
            found = await self._get(names.LEASES, key)
            holder, revision = (b"", 0) if found is None else found
            if holder not in (b"", owner.encode()):
                return None
            try:
                return await self._write_lease(key, owner.encode(), revision)
            except RevisionConflict:
                continue

    async def free_lease(self, key: str, revision: int) -> None:
        """Give a lease back. One that has run out, or is another's by now, is left alone."""
        with contextlib.suppress(RevisionConflict):
            await self._write_lease(key, b"", revision)

    async def _write_lease(self, key: str, holder: bytes, revision: int) -> int:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        return await self._publish(f"$KV.{names.LEASES}.{key}", holder, headers)

    # -- cuts above the ceilings ------------------------------------------------------------------------

    async def tell_held(self, held: HeldCuts) -> int:
        """Tell what a head end holds (head end only)."""
        return await self._publish(f"$KV.{names.HELD}.{held.headend}", messages.encode(held))

    async def held_cuts(self) -> list[HeldCuts]:
        """What each head end has told last (pipeline only); what cannot be decoded is no head end's, and left out."""
        return await self._told(names.HELD, HeldCuts)

    async def _told[M: msgspec.Struct](self, bucket: str, kind: type[M]) -> list[M]:
        told = []
        for key in await self._keys(bucket):
            found = await self._get(bucket, key)
            try:
                told += [] if found is None else [messages.decode(found[0], kind)]
            except PoisonMessage as error:
                log.warning("what a head end tells cannot be read", bucket=bucket, key=key, error=str(error))
        return told

    async def ask_releases(self, asked: list[AskedRelease]) -> int:
        """Ask for these releases, and no others any more (pipeline only)."""
        return await self._publish(f"$KV.{names.RELEASES}.{_ASKED}", messages.encode(AskedReleases(asked)))

    async def asked_releases(self) -> list[AskedRelease]:
        """What is asked for; raises PoisonMessage where it cannot be decoded."""
        found = await self._get(names.RELEASES, _ASKED)
        return [] if found is None else messages.decode(found[0], AskedReleases).asked

    async def _keys(self, bucket: str) -> list[str]:
        """The keys of a bucket. The broker gives them in pages."""
        prefix = f"$KV.{bucket}."
        keys: list[str] = []
        while True:
            info = await self._stream_info(f"KV_{bucket}", f"{prefix}>", len(keys))
            keys += [subject.removeprefix(prefix) for subject in info.state.subjects]
            if not info.state.subjects or len(keys) >= info.total:
                return sorted(keys)

    async def _get(self, bucket: str, key: str) -> tuple[bytes, int] | None:
        subject = f"$JS.API.DIRECT.GET.KV_{bucket}.$KV.{bucket}.{key}"
        answer = await self._request(subject, b"", None)
        headers = answer.headers or {}
        if headers.get("Status") == "404":
            return None
        if "Status" in headers:
            raise BrokerRefused(f"{subject}: {headers.get('Status')} {headers.get('Description', '')}")
        return answer.data, int(headers["Nats-Sequence"])

    # -- quarantine and replay --------------------------------------------------------------------------

    async def quarantine(self, item: Quarantined) -> bool:
        """Keep bytes that could not be decoded or placed; False where there is no room for them.

        A frame takes the room of its source's oldest. None is there where the standing's stream is full with others'
        frames, and for a message of a queue where its kind has had its share.
        """
        headers = item.headers()
        if item.correlation:
            # What is offered again after an answer that was lost is kept once.
            headers["Nats-Msg-Id"] = f"frame-{item.correlation}"
        try:
            await self._publish(item.subject, item.frame, headers)
        except StreamFull:
            return False
        return True

    async def quarantined_of(self, item: Quarantined) -> int:
        """How many frames are kept where this one goes."""
        info = await self._stream_info(names.QUARANTINE[item.standing], item.subject)
        return info.state.subjects.get(item.subject, 0)

    async def quarantine_fills(self) -> list[Fill]:
        """How full the quarantine is, standing by standing."""
        return [
            await self._fill(standing, stream)
            for standing, stream in cast("Mapping[Standing, str]", names.QUARANTINE).items()
        ]

    async def _fill(self, standing: Standing, stream: str) -> Fill:
        info = await self._stream_info(stream)
        state = info.state
        if 0 < state.num_subjects <= _SOURCES_TOLD:
            state = (await self._stream_info(stream, ">")).state
        full = {of_subject(subject)[1] for subject, count in state.subjects.items() if count >= PER_SOURCE}
        return Fill(
            standing,
            frames=state.messages,
            size=state.bytes,
            limit=info.config.max_bytes,
            sources=info.state.num_subjects,
            full=tuple(sorted(full)),
        )

    async def _stream_info(self, stream: str, subjects: str = "", offset: int = 0) -> _StreamInfo:
        """What a stream holds; with the number of messages of each subject that fits, from the `offset`-th on."""
        asked = msgspec.json.encode({"subjects_filter": subjects, "offset": offset} if subjects else {})
        answer = await self._request(f"$JS.API.STREAM.INFO.{stream}", asked, None)
        info = _STREAM_INFO_DECODER.decode(answer.data)
        if info.error is not None:
            raise _refusal(info.error)
        return info

    async def quarantined(self) -> AsyncIterator[Kept]:
        """Everything that is kept, oldest first within each standing (admin only)."""
        for standing, stream in names.QUARANTINE.items():
            try:
                async for sequence, message in self._messages_of(stream):
                    item = Quarantined.from_stored(message.subject, message.headers, message.data)
                    yield Kept(standing[0], sequence, message.subject, item)
            except _NATS_ERRORS as error:
                raise _from_nats(error) from error

    async def _messages_of(
        self,
        stream: str,
        which: js_api.DeliverPolicy = js_api.DeliverPolicy.ALL,
        subjects: str | None = None,
    ) -> AsyncIterator[tuple[int, Msg]]:
        """What a stream holds now."""
        info = await self.jetstream.add_consumer(
            stream,
            name=f"q{secrets.token_hex(8)}",
            ack_policy=js_api.AckPolicy.NONE,
            deliver_policy=which,
            filter_subject=subjects,
            inactive_threshold=30.0,
            mem_storage=True,
        )
        pull = await self._pull(stream, info.name)
        try:
            left = info.num_pending or 0
            while left > 0 and (taken := await self.unless_lost(pull.fetch(500, 1.0))):
                for message in taken:
                    yield message.metadata.sequence.stream, message
                left = taken[-1].metadata.num_pending
        finally:
            await pull.close()
            await self.jetstream.delete_consumer(stream, info.name)

    async def drop_quarantined(self, kept: Iterable[Kept]) -> int:
        """Forget these (admin only); how many were still there."""
        dropped = 0
        for one in kept:
            try:
                dropped += await self.jetstream.delete_msg(names.QUARANTINE[one.item.standing], one.sequence)
            except nats.js.errors.APIError as error:
                if error.err_code != _DELETE_FAILED or "no message found" not in (error.description or ""):
                    raise _from_nats(error) from error
            except _NATS_ERRORS as error:
                raise _from_nats(error) from error
        return dropped

    async def replay(self, item: Quarantined) -> bytes:
        """Hand a kept frame to a head end and return its answer (admin only).

        A head end that is only just connecting is waited for; after that BrokerUnavailable says that nobody answers.
        """
        patience_ends_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return (await self._request(names.REPLAY, item.frame, item.headers())).data
            except BrokerUnavailable:
                if time.monotonic() > patience_ends_s:
                    raise
                await asyncio.sleep(_PATIENCE_S / 20)

    async def serve_replays(self, answer: Callable[[Quarantined], Any]) -> None:
        """Answer `replay` requests by `await answer(item)`, which returns bytes. One head end takes each."""

        async def on_request(message: Msg) -> None:
            item = Quarantined.from_stored(message.subject, message.headers, message.data)
            await message.respond(await answer(item))

        await self._client.subscribe(names.REPLAY, queue="headends", cb=on_request)
        await self._client.flush()

    # -- making it all (admin) --------------------------------------------------------------------------

    async def ensure_streams(
        self,
        sizes: StreamSizes | None = None,
        splits: Iterable[range] = (range(SHARDS),),
        replicas: int = 1,
    ) -> None:
        """Make or adjust the streams, buckets and durable consumers (admin only; safe to repeat).

        `splits` divides the shards among ingest processes. Consumers of another division are removed; what
        they had not acknowledged goes to the new ones.
        """
        bounds = sizes or StreamSizes()
        try:
            for config in _streams(bounds, replicas):
                await self._ensure_stream(config)
            await self._ensure_ingest(names.checked_splits(splits))
            await self._ensure_consumer(names.REQUESTS, names.SESSIONS, ["urja.requests.>"], ack_wait_s=120)
            await self._ensure_consumer(names.OUTCOMES, names.SETTLE, ["urja.outcomes.>"], ack_wait_s=30)
            # Orders for meters that cannot be reached wait for days, each unacknowledged.
            await self._ensure_consumer(
                names.COMMANDS,
                names.CARRY,
                ["urja.commands.>"],
                ack_wait_s=ORDER_ACK_S,
                max_ack_pending=_ORDERS_WAITING,
            )
            await self._ensure_consumer(names.PROGRESS, names.NOTE, ["urja.progress.>"], ack_wait_s=30)
        except _NATS_ERRORS as error:
            raise _from_nats(error) from error

    async def _ensure_stream(self, config: js_api.StreamConfig) -> None:
        # Update first: adding a stream that is there counts its bound against the store's a second time.
        try:
            await self.jetstream.update_stream(config)
        except nats.js.errors.NotFoundError:
            await self.jetstream.add_stream(config)

    async def _ensure_ingest(self, splits: list[range]) -> None:
        wanted = {names.ingest_durable(shards): names.ingest_filters(shards) for shards in splits}
        for info in await self.jetstream.consumers_info(names.READINGS):
            if info.name not in wanted:
                await self.jetstream.delete_consumer(names.READINGS, info.name)
        for durable, filters in wanted.items():
            await self._ensure_consumer(names.READINGS, durable, filters, ack_wait_s=30)

    async def _ensure_consumer(
        self,
        stream: str,
        durable: str,
        filters: list[str],
        ack_wait_s: float,
        max_ack_pending: int = 2000,
    ) -> None:
        await self.jetstream.add_consumer(
            stream,
            name=durable,
            durable_name=durable,
            filter_subjects=filters,
            ack_policy=js_api.AckPolicy.EXPLICIT,
            ack_wait=ack_wait_s,
            max_ack_pending=max_ack_pending,
        )


def _is_deleted(message: Msg) -> bool:
    return (message.headers or {}).get("KV-Operation") in ("DEL", "PURGE")


def _change[S: msgspec.Struct](message: Msg, kind: type[S]) -> Change[S]:
    key = message.subject.rsplit(".", 1)[1]
    if _is_deleted(message):
        return Change(key, None)
    try:
        return Change(key, messages.decode(message.data, kind))
    except PoisonMessage as error:
        return Change(key, None, fault=str(error))


_READERS: Final[dict[str, tuple[str, Callable[[Msg], Any]]]] = {
    names.READINGS: (names.INGEST, lambda message: codec.decode_batch(message.headers, message.data)),
    names.REQUESTS: (names.SESSIONS, lambda message: messages.decode(message.data, ReadRequest)),
    names.OUTCOMES: (names.SETTLE, lambda message: messages.decode(message.data, ReadOutcome)),
    names.COMMANDS: (names.CARRY, lambda message: messages.decode(message.data, SignedOrder)),
    names.PROGRESS: (names.NOTE, lambda message: messages.decode(message.data, Progress)),
}


def _streams(sizes: StreamSizes, replicas: int) -> list[js_api.StreamConfig]:
    def queue(name: str, subject: str, max_bytes: int) -> js_api.StreamConfig:
        return js_api.StreamConfig(
            name=name,
            subjects=[subject],
            retention=js_api.RetentionPolicy.WORK_QUEUE,
            discard=js_api.DiscardPolicy.NEW,
            max_bytes=max_bytes,
            storage=js_api.StorageType.FILE,
            num_replicas=replicas,
            duplicate_window=120.0,
        )

    def bucket(
        name: str,
        max_bytes: int = sizes.key_values,
        max_age_s: float | None = None,
    ) -> js_api.StreamConfig:
        return js_api.StreamConfig(
            name=f"KV_{name}",
            subjects=[f"$KV.{name}.>"],
            retention=js_api.RetentionPolicy.LIMITS,
            discard=js_api.DiscardPolicy.NEW,
            max_msgs_per_subject=1,
            max_bytes=max_bytes,
            max_age=max_age_s,
            storage=js_api.StorageType.FILE,
            num_replicas=replicas,
            allow_direct=True,
            allow_rollup_hdrs=True,
            deny_delete=True,
            duplicate_window=120.0,
        )

    def kept(standing: str, name: str) -> js_api.StreamConfig:
        return js_api.StreamConfig(
            name=name,
            subjects=[f"urja.quarantine.{standing}.>"],
            retention=js_api.RetentionPolicy.LIMITS,
            # A full subject gives way to its own newest; a full stream refuses, so that no source's frame goes for
            # another's. A message of a queue is refused rather than lost: it stays there.
            discard=js_api.DiscardPolicy.NEW,
            max_msgs_per_subject=PER_SOURCE,
            discard_new_per_subject=standing == "message",
            max_bytes=sizes.quarantine,
            storage=js_api.StorageType.FILE,
            num_replicas=replicas,
            duplicate_window=120.0,
        )

    return [
        queue(names.READINGS, "urja.readings.*.*", sizes.readings),
        queue(names.REQUESTS, "urja.requests.*", sizes.requests),
        queue(names.OUTCOMES, "urja.outcomes.*", sizes.outcomes),
        queue(names.COMMANDS, "urja.commands.*", sizes.commands),
        queue(names.PROGRESS, "urja.progress.*", sizes.progress),
        *(kept(standing, name) for standing, name in names.QUARANTINE.items()),
        bucket(names.DEVICES, sizes.devices),
        bucket(names.TYPES, sizes.types),
        bucket(names.WINDOWS),
        bucket(names.COUNTERS),
        bucket(names.ORDERS),
        # On disk like the rest: a bucket in memory is gone with a killed broker, and nobody would make it anew.
        bucket(names.LEASES, sizes.leases, names.LEASE_S),
        bucket(names.HELD, sizes.releases),
        bucket(names.RELEASES, sizes.releases),
        bucket(names.CONTENTS, sizes.releases),
    ]


async def connect(url: str, user: User | str, password: str, name: str, within_s: float = 15.0) -> Broker:
    """Connect as `user`; `name` is shown in the broker's monitoring.

    Raises BrokerUnavailable if nobody answers within `within_s` seconds, NotPermitted for a wrong password.
    """
    broker = Broker(User(user), name)
    await broker._open(url, password, within_s)  # noqa: SLF001 - a Broker is made here and nowhere else
    return broker
