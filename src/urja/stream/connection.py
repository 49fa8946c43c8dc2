"""A connection to the broker: requests with answers, and the contents of streams.

Publishing waits for the broker's acknowledgement, which with `sync_interval: always` means *on disk*. Each
failure has a type that says what to do (`urja.stream.errors`). A connection that breaks fails its pending
requests at once instead of letting them time out, and is restored in the background as long as the process
lives.
"""

import asyncio
import contextlib
import itertools
import re
import secrets
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Final

import msgspec
import nats.errors
import nats.js.api as js_api
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from urja.stream.errors import (
    BrokerRefusedError,
    BrokerUnavailableError,
    NotPermittedError,
    RevisionConflictError,
    StreamError,
    StreamFullError,
)
from urja.stream.pull import Pull
from urja.stream.server import inbox_prefix
from urja.stream.subjects import User

log = structlog.get_logger()

_ANSWER_S: Final = 5.0
"""Seconds that a publish waits for the broker's answer, on the monotonic clock."""

_STORE_FAILED: Final = 10077
"""Error code of JetStream: the message was not stored (a bound is reached)."""
_NO_RESOURCES: Final = (10023, 10047)
"""Error codes of JetStream: no storage is left."""
_WRONG_LAST_SEQUENCE: Final = (10071, 10164)
"""Error codes of JetStream: the key is at another revision than expected."""
_PERMISSION_DENIED = re.compile(
    r'permissions violation for (?:publish|subscription) to "([^"]+)"', re.IGNORECASE
)


class _ErrorBody(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _PublishAnswer(msgspec.Struct):
    seq: int = 0
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
    """Number of subjects, where subjects were requested."""
    error: _ErrorBody | None = None


def _refusal(error: _ErrorBody) -> StreamError:
    text = f"{error.description} ({error.err_code})"
    if error.err_code == _STORE_FAILED or error.err_code in _NO_RESOURCES:
        return StreamFullError(text)
    if error.err_code in _WRONG_LAST_SEQUENCE:
        return RevisionConflictError(text)
    if error.code == 503:
        return BrokerUnavailableError(text)
    return BrokerRefusedError(text)


NATS_ERRORS: Final = (nats.errors.Error, OSError, TimeoutError)
"""The errors that the client library raises."""


@contextlib.contextmanager
def as_stream_errors() -> Iterator[None]:
    """Turn the errors of the client library into a StreamError."""
    try:
        yield
    except nats.js.errors.APIError as error:
        body = _ErrorBody(error.code or 503, error.err_code or 0, error.description or str(error))
        raise _refusal(body) from error
    except nats.errors.MaxPayloadError as error:
        raise BrokerRefusedError(str(error)) from error
    except NATS_ERRORS as error:
        raise BrokerUnavailableError(str(error) or type(error).__name__) from error


class Connection:
    """One process's connection."""

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
        """Number of connections lost: a request of an older epoch may not have arrived."""

    async def _open(self, url: str, password: str, within_s: float) -> None:
        deadline = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                async with asyncio.timeout(max(within_s, 1.0)):
                    await self._attempt(url, password)
                break
            except NATS_ERRORS as error:
                await self._client.close()
                cause = self._last_error or error
                if "authorization" in str(cause).lower():
                    raise NotPermittedError(f"the broker at {url} refuses user {self._user}") from error
                if asyncio.get_running_loop().time() > deadline:
                    raise BrokerUnavailableError(
                        f"no broker at {url} within {within_s:g} s: {cause}"
                    ) from error
                await asyncio.sleep(0.2)
        self.jetstream = self._client.jetstream(timeout=_ANSWER_S)
        await self._client.subscribe(f"{self._inbox}*", cb=self._on_answer)
        self._up.set()

    async def _attempt(self, url: str, password: str) -> None:
        # The client's own first connect retries endlessly and hides a wrong password: here it tries once, and
        # reconnects by itself only after it has been connected.
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
            pending_size=0,  # nothing is buffered for a broker that is away: callers get the error
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
            log.warning("broker connection failed", error=str(error) or type(error).__name__)
            return
        # The broker reports a refused subject on the connection, not to the request: without this the request
        # would wait for its time-out, and look like a broker that is away.
        log.error("broker refuses a subject", user=self._user, subject=denied[1])
        for subject, future in list(self._waiting.values()):
            # The client library gives the server's text in lower case.
            if subject.lower() == denied[1].lower() and not future.done():
                future.set_exception(NotPermittedError(f"user {self._user} may not publish to {subject}"))

    async def _on_disconnected(self) -> None:
        self._up.clear()
        self.epoch += 1
        # Tasks that wait on this connection wake up; the next connection has an event of its own.
        self._lost.set()
        self._lost = asyncio.Event()
        if not self._closing:
            log.warning("broker disconnected")
        self._fail_waiting("the connection broke before the broker answered")

    def _fail_waiting(self, why: str) -> None:
        for _, future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(BrokerUnavailableError(why))

    async def _on_reconnected(self) -> None:
        self._up.set()
        log.info("broker connected again")

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    async def wait_connected(self) -> None:
        """Return as soon as the broker is connected."""
        await self._up.wait()

    async def close(self) -> None:
        """Close the connection; pending publishes fail with BrokerUnavailableError."""
        self._closing = True
        self._up.clear()
        if not self._client.is_connected:
            # The client would write its buffer to a transport that is closed, and fail; it has no call to drop it.
            self._client._pending.clear()  # noqa: SLF001 - see above
            self._client._pending_data_size = 0  # noqa: SLF001 - see above
        await self._client.close()
        self._fail_waiting("the connection was closed")

    async def _request(self, subject: str, payload: bytes, headers: dict[str, str] | None) -> Msg:
        if not self._up.is_set():
            raise BrokerUnavailableError("the broker is away")
        reply = f"{self._inbox}{next(self._tokens)}"
        future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        # Registered before publishing: the answer may come before `publish` returns.
        self._waiting[reply] = (subject, future)
        try:
            with as_stream_errors():
                await self._client.publish(subject, payload, reply=reply, headers=headers)
                async with asyncio.timeout(_ANSWER_S):
                    answer = await future
        finally:
            self._waiting.pop(reply, None)
        # "No responders": JetStream is not up yet, or the stream does not exist.
        if answer.headers and answer.headers.get("Status") == "503":
            raise BrokerUnavailableError(f"no answer on {subject}: the stream is not ready")
        return answer

    async def _publish(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> int:
        answer = await self._request(subject, payload, headers)
        try:
            body = msgspec.json.decode(answer.data, type=_PublishAnswer)
        except msgspec.MsgspecError as error:
            raise BrokerRefusedError(f"unreadable answer on {subject}: {answer.data[:100]!r}") from error
        if body.error is not None:
            raise _refusal(body.error)
        return body.seq

    async def unless_lost(self, fetch: Coroutine[object, object, list[Msg]]) -> list[Msg]:
        """Return the messages of a pull.

        Raises BrokerUnavailableError as soon as the connection breaks, or at once where it is broken: a pull
        request of a lost connection is not answered, and would time out only after its whole wait.
        """
        if not self._up.is_set():
            fetch.close()
            raise BrokerUnavailableError("the broker is away")
        pulling = asyncio.ensure_future(fetch)
        losing = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({pulling, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not pulling.done():
                raise BrokerUnavailableError("the connection broke")
            return pulling.result()
        finally:
            losing.cancel()
            pulling.cancel()

    async def _stream_info(self, stream: str, subjects: str = "", offset: int = 0) -> _StreamInfo:
        """Return the state of a stream.

        With `subjects`, a filter, the number of messages by subject as well, from the `offset`-th subject on.
        """
        request = msgspec.json.encode({"subjects_filter": subjects, "offset": offset} if subjects else {})
        answer = await self._request(f"$JS.API.STREAM.INFO.{stream}", request, None)
        info = msgspec.json.decode(answer.data, type=_StreamInfo)
        if info.error is not None:
            raise _refusal(info.error)
        return info

    async def _pull(self, stream: str, consumer: str) -> Pull:
        return await Pull(self._client, stream, consumer, inbox_prefix(self._user)).start()

    async def _read(
        self, stream: str, which: js_api.DeliverPolicy, subjects: str | None = None, start: int | None = None
    ) -> tuple[Pull, int]:
        """Return an unacknowledged reader of a stream's messages, old and new, and how many there are now."""
        info = await self.jetstream.add_consumer(
            stream,
            name=f"r{secrets.token_hex(8)}",
            ack_policy=js_api.AckPolicy.NONE,
            deliver_policy=which,
            opt_start_seq=start,
            filter_subject=subjects,
            inactive_threshold=120.0,
            mem_storage=True,
        )
        return await self._pull(stream, info.name), info.num_pending or 0

    async def _messages_of(
        self, stream: str, which: js_api.DeliverPolicy = js_api.DeliverPolicy.ALL, subjects: str | None = None
    ) -> AsyncIterator[tuple[int, Msg]]:
        """Yield the messages that a stream holds now, each with its sequence."""
        with as_stream_errors():
            pull, left = await self._read(stream, which, subjects)
            try:
                while left > 0 and (taken := await self.unless_lost(pull.fetch(500, 1.0))):
                    for message in taken:
                        yield message.metadata.sequence.stream, message
                    left = taken[-1].metadata.num_pending
            finally:
                await pull.close()
                await self.jetstream.delete_consumer(stream, pull.consumer)
