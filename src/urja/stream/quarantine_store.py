"""Frames in quarantine: kept, counted, listed, dropped, and handed to a head end once more."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import nats.js.errors
from nats.aio.msg import Msg

from urja.stream import subjects as names
from urja.stream.connection import Connection, as_stream_errors
from urja.stream.errors import BrokerUnavailableError, StreamFullError
from urja.stream.quarantine import PER_SOURCE, Fill, Quarantined, Standing, of_subject

_PATIENCE_S: Final = 2.0
"""For how long a head end that is not there yet is asked again, on the monotonic clock."""
_DELETE_FAILED: Final = 10057
_SOURCES_TOLD: Final = 10_000
"""Where a quarantine's stream has more sources than these, it is not asked for each."""


@dataclass(frozen=True, slots=True)
class StoredFrame:
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


class QuarantineStore(Connection):
    """A connection with the quarantine behind it."""

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
        except StreamFullError:
            return False
        return True

    async def quarantined_of(self, item: Quarantined) -> int:
        """How many frames are kept where this one goes."""
        info = await self._stream_info(names.QUARANTINE[item.standing], item.subject)
        return info.state.subjects.get(item.subject, 0)

    async def quarantine_fills(self) -> list[Fill]:
        """How full the quarantine is, standing by standing."""
        fills = []
        for standing, stream in cast("Mapping[Standing, str]", names.QUARANTINE).items():
            info = await self._stream_info(stream)
            state, sources = info.state, info.state.num_subjects
            if 0 < sources <= _SOURCES_TOLD:
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
        """Everything that is kept, oldest first within each standing (admin only)."""
        for standing, stream in names.QUARANTINE.items():
            async for sequence, message in self._messages_of(stream):
                item = Quarantined.from_stored(message.subject, message.headers, message.data)
                yield StoredFrame(standing[0], sequence, message.subject, item)

    async def drop_quarantined(self, kept: Iterable[StoredFrame]) -> int:
        """Forget these (admin only); how many were still there."""
        dropped = 0
        for one in kept:
            stream = names.QUARANTINE[one.item.standing]
            with as_stream_errors():
                try:
                    dropped += await self.jetstream.delete_msg(stream, one.sequence)
                except nats.js.errors.APIError as error:
                    was_gone = error.err_code == _DELETE_FAILED and "no message found" in str(error)
                    if not was_gone:
                        raise
        return dropped

    async def replay(self, item: Quarantined) -> bytes:
        """Hand a kept frame to a head end and return its answer (admin only).

        A head end that is only just connecting is waited for; after that BrokerUnavailableError says that nobody answers.
        """
        patience_ends_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return (await self._request(names.REPLAY, item.frame, item.headers())).data
            except BrokerUnavailableError:
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
