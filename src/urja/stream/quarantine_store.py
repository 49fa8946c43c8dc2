"""Quarantine at the broker: store, count, list and drop frames, and give them to a head end again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import nats.js.errors
from nats.aio.msg import Msg

from urja.stream import subjects as names
from urja.stream.connection import Connection, as_stream_errors
from urja.stream.errors import BrokerUnavailableError, StreamFullError
from urja.stream.quarantine import PER_SOURCE, Fill, Quarantined, Standing, of_subject

_PATIENCE_S: Final = 2.0
"""Seconds during which a head end that is not connected yet is asked again, on the monotonic clock."""
_DELETE_FAILED: Final = 10057
"""Error code of JetStream: the message to delete does not exist."""
_MAX_SOURCES_LISTED: Final = 10_000
"""Number of sources of a stream above which their counts are not requested one by one."""


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame in quarantine, and where it is stored."""

    stream: str
    """One letter: the first of the standing."""
    sequence: int
    subject: str
    item: Quarantined

    @property
    def name(self) -> str:
        """The name that people use, such as `u17`."""
        return f"{self.stream}{self.sequence}"


class QuarantineStore(Connection):
    """A connection with access to the quarantine."""

    async def quarantine(self, item: Quarantined) -> bool:
        """Store a frame that could not be decoded or assigned; False where there is no room for it.

        A frame takes the room of its source's oldest. There is no room where the standing's stream is full
        with other sources' frames, and for a message of a queue where its kind has reached its bound.
        """
        headers = item.headers()
        if item.correlation:
            # A frame that is offered again after a lost answer is stored once.
            headers["Nats-Msg-Id"] = f"frame-{item.correlation}"
        try:
            await self._publish(item.subject, item.frame, headers)
        except StreamFullError:
            return False
        return True

    async def quarantined_of(self, item: Quarantined) -> int:
        """Return the number of frames stored under this one's subject."""
        info = await self._stream_info(names.QUARANTINE[item.standing], item.subject)
        return info.state.subjects.get(item.subject, 0)

    async def quarantine_fills(self) -> list[Fill]:
        """Return how full the quarantine is, by standing."""
        fills = []
        for standing, stream in cast("Mapping[Standing, str]", names.QUARANTINE).items():
            info = await self._stream_info(stream)
            state, sources = info.state, info.state.num_subjects
            if 0 < sources <= _MAX_SOURCES_LISTED:
                state = (await self._stream_info(stream, ">")).state
            full = {
                of_subject(subject)[1] for subject, count in state.subjects.items() if count >= PER_SOURCE
            }
            fill = Fill(
                standing,
                frames=state.messages,
                size=state.bytes,
                limit=info.config.max_bytes,
                sources=sources,
                full=tuple(sorted(full)),
            )
            fills.append(fill)
        return fills

    async def quarantined(self) -> AsyncIterator[StoredFrame]:
        """Yield all stored frames, oldest first within each standing (admin only)."""
        for standing, stream in names.QUARANTINE.items():
            async for sequence, message in self._messages_of(stream):
                item = Quarantined.from_stored(message.subject, message.headers, message.data)
                yield StoredFrame(standing[0], sequence, message.subject, item)

    async def drop_quarantined(self, frames: Iterable[StoredFrame]) -> int:
        """Delete these frames (admin only); returns how many still existed."""
        dropped = 0
        for one in frames:
            stream = names.QUARANTINE[one.item.standing]
            with as_stream_errors():
                try:
                    dropped += await self.jetstream.delete_msg(stream, one.sequence)
                except nats.js.errors.APIError as error:
                    # A frame may be pushed out between listing and dropping. The code alone stands for other
                    # failures too.
                    was_gone = error.err_code == _DELETE_FAILED and "no message found" in str(error)
                    if not was_gone:
                        raise
        return dropped

    async def replay(self, item: Quarantined) -> bytes:
        """Give a stored frame to a head end and return its answer (admin only).

        A head end that is just connecting is waited for; then BrokerUnavailableError says that none answers.
        """
        patience_ends_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return (await self._request(names.REPLAY, item.frame, item.headers())).data
            except BrokerUnavailableError:
                if time.monotonic() > patience_ends_s:
                    raise
                await asyncio.sleep(_PATIENCE_S / 20)

    async def serve_replays(self, answer: Callable[[Quarantined], Awaitable[bytes]]) -> None:
        """Answer `replay` requests by `await answer(item)`, which returns bytes; one head end takes each."""

        async def on_request(message: Msg) -> None:
            item = Quarantined.from_stored(message.subject, message.headers, message.data)
            await message.respond(await answer(item))

        await self._client.subscribe(names.REPLAY, queue="headends", cb=on_request)
        await self._client.flush()
