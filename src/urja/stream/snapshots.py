"""Consistent copies of streams, with their consumers, by JetStream's own snapshots."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from urja.base.untyped_values import JsonObject
from urja.stream.connection import Connection, as_stream_errors
from urja.stream.errors import BrokerRefusedError

_CHUNK_BYTES: Final = 128 << 10
_CHUNK_S: Final = 60.0
"""Seconds that the broker may take for one chunk, on the monotonic clock."""
_END_OF_DATA: Final = "204"


class _Refusal(msgspec.Struct):
    description: str = ""


class StreamHead(msgspec.Struct, frozen=True):
    """A stream's configuration and state as the broker gives them at the start of a snapshot."""

    config: JsonObject
    state: JsonObject

    @property
    def name(self) -> str:
        """Name of the stream."""
        return str(self.config["name"])


class _SnapshotAnswer(msgspec.Struct):
    config: JsonObject = {}
    state: JsonObject = {}
    error: _Refusal | None = None


class _RestoreAnswer(msgspec.Struct):
    deliver_subject: str = ""
    error: _Refusal | None = None


class Snapshots(Connection):
    """Streams copied out of the broker and put back; for the administrator's user alone."""

    async def stream_names(self) -> list[str]:
        """Return the names of all streams, buckets among them."""
        with as_stream_errors():
            return sorted(str(info.config.name) for info in await self.jetstream.streams_info())

    async def snapshot(self, stream: str) -> AsyncIterator[StreamHead | bytes]:
        """Yield the head of a stream, then its content in chunks. Raises BrokerRefusedError, BrokerUnavailableError."""
        with as_stream_errors():
            inbox = self._client.new_inbox()
            subscription = await self._client.subscribe(inbox)
            try:
                request = {"deliver_subject": inbox, "chunk_size": _CHUNK_BYTES}
                answer = await self._call(f"$JS.API.STREAM.SNAPSHOT.{stream}", msgspec.json.encode(request))
                head = msgspec.json.decode(answer, type=_SnapshotAnswer)
                _check(head.error, stream)
                yield StreamHead(head.config, head.state)
                while True:
                    chunk = await subscription.next_msg(_CHUNK_S)
                    if not chunk.data:
                        status = (chunk.headers or {}).get("Status", _END_OF_DATA)
                        if status != _END_OF_DATA:
                            raise BrokerRefusedError(f"the snapshot of {stream} ended with status {status}")
                        return
                    yield chunk.data
                    # The broker sends only so many chunks ahead of what was taken.
                    if chunk.reply:
                        await self._client.publish(chunk.reply, b"")
            finally:
                await subscription.unsubscribe()

    async def restore(self, head: StreamHead, chunks: AsyncIterator[bytes]) -> None:
        """Create a stream from its snapshot; the broker must not have it. Raises BrokerRefusedError."""
        with as_stream_errors():
            answer = await self._call(f"$JS.API.STREAM.RESTORE.{head.name}", msgspec.json.encode(head))
            begun = msgspec.json.decode(answer, type=_RestoreAnswer)
            _check(begun.error, head.name)
            async for chunk in chunks:
                await self._call(begun.deliver_subject, chunk)
            ended = await self._call(begun.deliver_subject, b"")
            _check(msgspec.json.decode(ended, type=_RestoreAnswer).error, head.name)

    async def _call(self, subject: str, payload: bytes) -> bytes:
        return (await self._client.request(subject, payload, timeout=_CHUNK_S)).data


def _check(error: _Refusal | None, stream: str) -> None:
    if error is not None:
        raise BrokerRefusedError(f"{stream}: {error.description}")
