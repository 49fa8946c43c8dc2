"""Key-value buckets of the broker: values by key, and their changes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec
import nats.js.api as js_api
import structlog
from nats.aio.msg import Msg

from urja.stream import messages
from urja.stream.bucket_contents import digest_of
from urja.stream.connection import NATS_ERRORS, Connection, as_stream_errors
from urja.stream.errors import BrokerRefusedError, BrokerUnavailableError, PoisonMessageError, StreamFullError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change[S]:
    """A change of one key: added or changed (`signed`), removed (`signed` is None), or unreadable (`fault`)."""

    key: str
    signed: S | None
    fault: str = ""
    """Why the value cannot be read; `signed` is None then."""


class Buckets(Connection):
    """A connection with access to the buckets."""

    async def _keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket; the broker gives them in pages."""
        prefix = f"$KV.{bucket}."
        keys: list[str] = []
        while True:
            info = await self._stream_info(f"KV_{bucket}", f"{prefix}>", len(keys))
            keys += [subject.removeprefix(prefix) for subject in info.state.subjects]
            if not info.state.subjects or len(keys) >= info.total:
                return sorted(keys)

    async def get(self, bucket: str, key: str) -> tuple[bytes | None, int]:
        """Return `(value, revision)` of a key, `(None, 0)` if it has none; raises BrokerRefusedError."""
        subject = f"$JS.API.DIRECT.GET.KV_{bucket}.$KV.{bucket}.{key}"
        answer = await self._request(subject, b"", None)
        headers = answer.headers or {}
        if headers.get("Status") == "404":
            return None, 0
        if "Status" in headers:
            raise BrokerRefusedError(f"{subject}: {headers.get('Status')} {headers.get('Description', '')}")
        return answer.data, int(headers["Nats-Sequence"])

    async def put(
        self, bucket: str, key: str, value: bytes | msgspec.Struct, at_revision: int | None = None
    ) -> int:
        """Write a value; returns the new revision.

        With `at_revision` the value is written only if the key is still at that revision;
        RevisionConflictError otherwise. Raises StreamFullError, BrokerUnavailableError, NotPermittedError,
        BrokerRefusedError.
        """
        payload = messages.encode(value) if isinstance(value, msgspec.Struct) else value
        headers = {"Nats-Expected-Last-Subject-Sequence": str(at_revision)}
        return await self._publish(f"$KV.{bucket}.{key}", payload, None if at_revision is None else headers)

    async def _reports[M: msgspec.Struct](self, bucket: str, kind: type[M]) -> list[M]:
        """Return the values of a bucket in which each head end has a key."""
        reports = []
        for key in await self._keys(bucket):
            value, _ = await self.get(bucket, key)
            try:
                reports += [] if value is None else [messages.decode(value, kind)]
            except PoisonMessageError as error:
                log.warning("report of a head end is unreadable", bucket=bucket, key=key, error=str(error))
        return reports

    async def _digests(self, bucket: str) -> tuple[int, dict[str, bytes]]:
        """Return a sequence of the bucket, and the digest of each value as of that sequence or later."""
        # Asked before the values are read: what is written meanwhile may be in the digests, what was written
        # before is.
        sequence = (await self._stream_info(f"KV_{bucket}")).state.last_seq
        digests: dict[str, bytes] = {}
        left = 0
        last = js_api.DeliverPolicy.LAST_PER_SUBJECT
        async for _, message in self._messages_of(f"KV_{bucket}", last, f"$KV.{bucket}.>"):
            key = message.subject.rsplit(".", 1)[1]
            if _is_deleted(message):
                digests.pop(key, None)
            else:
                digests[key] = digest_of(message.data)
            left = message.metadata.num_pending
        if left:
            raise BrokerUnavailableError(f"{left} entries of the bucket {bucket!r} were not delivered")
        return sequence, digests

    async def _follow[S: msgspec.Struct](
        self, bucket: str, kind: type[S]
    ) -> AsyncIterator[list[Change[S]] | None]:
        """Yield the whole of a bucket, then each change, endlessly.

        None once everything of the start was yielded.

        Survives restarts of the broker: after a lost connection it continues behind the last change it
        yielded.
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
            except (BrokerUnavailableError, StreamFullError) as error:
                log.warning("following a bucket was interrupted", bucket=bucket, error=str(error))
                # A broker that accepts connections may need a moment before JetStream answers.
                await asyncio.sleep(0.2)
                await self.wait_connected()

    async def _feed[S: msgspec.Struct](
        self, bucket: str, after: int, kind: type[S]
    ) -> AsyncIterator[tuple[int, list[Change[S]], int]]:
        epoch = self.epoch
        with as_stream_errors():
            pull, pending = await self._read(
                f"KV_{bucket}",
                js_api.DeliverPolicy.BY_START_SEQUENCE if after else js_api.DeliverPolicy.LAST_PER_SUBJECT,
                f"$KV.{bucket}.>",
                after + 1 if after else None,
            )
            try:
                if not pending:
                    yield after, [], 0
                expected = 1
                while epoch == self.epoch:
                    taken = await self.unless_lost(pull.fetch(500, 20.0))
                    if not taken:
                        continue
                    for message in taken:
                        # The consumer is unacknowledged, so that nothing is delivered twice; a gap in its own
                        # count is the only sign of a loss, and the reader must begin again behind what it
                        # has.
                        if message.metadata.sequence.consumer != expected:
                            raise BrokerUnavailableError("a change was lost between broker and reader")
                        expected += 1
                    tail = taken[-1].metadata
                    yield (
                        tail.sequence.stream,
                        [_change(message, kind) for message in taken],
                        tail.num_pending,
                    )
            finally:
                with contextlib.suppress(*NATS_ERRORS):
                    await pull.close()
        raise BrokerUnavailableError("the connection broke")


def _is_deleted(message: Msg) -> bool:
    return (message.headers or {}).get("KV-Operation") in ("DEL", "PURGE")


def _change[S: msgspec.Struct](message: Msg, kind: type[S]) -> Change[S]:
    key = message.subject.rsplit(".", 1)[1]
    if _is_deleted(message):
        return Change(key, None)
    try:
        return Change(key, messages.decode(message.data, kind))
    except PoisonMessageError as error:
        return Change(key, None, fault=str(error))
