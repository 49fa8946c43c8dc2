"""Messages taken from a durable consumer, and settled one by one."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from nats.aio.msg import Msg

from urja.stream import subjects as names
from urja.stream.connection import NATS_ERRORS, Connection, as_stream_errors
from urja.stream.errors import BrokerUnavailableError, PoisonMessageError, StreamFullError
from urja.stream.pull import Pull
from urja.stream.quarantine import Quarantined
from urja.stream.quarantine_store import QuarantineStore

log = structlog.get_logger()

POISON_AGAIN_S = 60.0
"""Seconds of real time after which a message is tried again that quarantine had no room for."""


@dataclass(frozen=True, slots=True)
class Delivery[T]:
    """One message taken from a consumer; delivered again unless acknowledged within the consumer's wait."""

    body: T
    sequence: int
    """Sequence in the stream: grows with each stored message, the same on redelivery."""
    shard: int
    attempt: int
    """Number of this delivery, from 1."""
    _message: Msg

    async def ack(self) -> None:
        """Acknowledge: a work queue deletes the message. To be called after the commit, never before.

        Raises BrokerUnavailableError; the message is then delivered again.
        """
        await self._settle(self._message.ack())

    async def nak(self, delay_s: float = 0.0) -> None:
        """Postpone: the message is delivered again after `delay_s` seconds of real time."""
        await self._settle(self._message.nak(delay=delay_s))

    async def in_progress(self) -> None:
        """Restart the broker's wait for the acknowledgement."""
        await self._settle(self._message.in_progress())

    @staticmethod
    async def _settle(answer: Awaitable[object]) -> None:
        with as_stream_errors():
            await answer


@dataclass(frozen=True, slots=True)
class Consumer[T]:
    """A durable pull consumer.

    Messages that cannot be decoded go to quarantine and are taken off the queue. While quarantine is full
    they stay on the queue, so that none is lost.
    """

    _broker: QuarantineStore
    _pull: Pull
    _decode: Callable[[Msg], T]
    _stream: str
    _durable: str

    async def fetch(self, max_messages: int = 100, wait_s: float = 1.0) -> list[Delivery[T]]:
        """Return up to `max_messages` messages as soon as there are any.

        None after `wait_s` seconds without one.

        Raises BrokerUnavailableError, BrokerRefusedError.
        """
        with as_stream_errors():
            taken = await self._broker.unless_lost(self._pull.fetch(max_messages, wait_s))
        deliveries = [await self._decoded(message) for message in taken]
        return [delivery for delivery in deliveries if delivery is not None]

    async def _decoded(self, message: Msg) -> Delivery[T] | None:
        metadata = message.metadata
        try:
            body = self._decode(message)
            shard = int(message.subject.rsplit(".", 1)[1])
        except (PoisonMessageError, ValueError) as error:
            await self._quarantine(message, str(error))
            return None
        return Delivery(body, metadata.sequence.stream, shard, metadata.num_delivered, message)

    async def _quarantine(self, message: Msg, why: str) -> None:
        stored = await self._broker.quarantine(
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
        log.error("poison message", subject=message.subject, why=why, quarantined=stored)
        if stored:
            await message.term()
        else:
            await message.nak(delay=POISON_AGAIN_S)

    async def backlog(self) -> int:
        """Return the number of messages stored for this consumer and not yet acknowledged."""
        with as_stream_errors():
            info = await self._broker.jetstream.consumer_info(self._stream, self._durable)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def close(self) -> None:
        """Stop pulling; the durable consumer, and what it has not acknowledged, remain."""
        with contextlib.suppress(*NATS_ERRORS):
            await self._pull.close()


async def receive_endlessly[T](
    broker: Connection,
    consumer_of: Callable[[], Awaitable[Consumer[T]]],
    room: Callable[[], Awaitable[int]],
    receive: Callable[[Delivery[T]], Awaitable[None]],
) -> None:
    """Give each message of a consumer to `receive`; no more are fetched at a time than `room` returns.

    Goes on with a new consumer after each loss of the broker. Raises BrokerRefusedError where the stream has no such
    durable.
    """
    while True:
        try:
            consumer = await consumer_of()
            try:
                while True:
                    for delivery in await consumer.fetch(await room(), wait_s=5.0):
                        await receive(delivery)
            finally:
                await consumer.close()
        except (BrokerUnavailableError, StreamFullError) as error:
            log.warning("messages cannot be taken", why=str(error))
            # A broker that accepts connections may need a moment before JetStream answers.
            await asyncio.sleep(0.5)
            await broker.wait_connected()
