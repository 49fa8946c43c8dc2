"""Pull requests to a JetStream consumer that leave nothing behind.

A request either ends at once with the messages that are available, or asks for a single message and waits. So
no request stays at the broker that would swallow a later message for a reader that is gone.
"""

import json
import secrets
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from urja.stream.errors import BrokerRefusedError, BrokerUnavailableError

_NANOSECONDS: Final = 1_000_000_000
_ANSWER_S: Final = 5.0
_GONE: Final = "Consumer Deleted"


class Pull:
    """The client's end of one consumer; errors of the client library pass through."""

    def __init__(self, client: Client, stream: str, consumer: str, inbox_prefix: str) -> None:
        self._client = client
        self.consumer = consumer
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = f"{inbox_prefix}.c{secrets.token_hex(6)}"
        self._number = 0
        self._subscription: Subscription | None = None

    async def start(self) -> "Pull":
        """Subscribe for deliveries, and return self."""
        self._subscription = await self._client.subscribe(f"{self._inbox}.*")
        return self

    async def close(self) -> None:
        """Unsubscribe; messages delivered and not acknowledged are delivered again to the next reader."""
        if self._subscription is not None:
            await self._subscription.unsubscribe()

    async def fetch(self, max_messages: int, wait_s: float) -> list[Msg]:
        """Return the available messages, up to `max_messages`; if there are none, wait for the first one.

        Empty after `wait_s` seconds without a message. Raises BrokerUnavailableError, BrokerRefusedError.
        """
        taken = await self._request(max_messages, {"no_wait": True}, _ANSWER_S)
        if taken or wait_s <= 0:
            return taken
        # One message only: a batch that waits would stay open at the broker after the first one has arrived.
        first = await self._request(1, {"expires": int(wait_s * _NANOSECONDS)}, wait_s + _ANSWER_S)
        if not first or max_messages == 1:
            return first
        return first + await self._request(max_messages - 1, {"no_wait": True}, _ANSWER_S)

    async def _request(self, batch: int, options: dict[str, object], within_s: float) -> list[Msg]:
        """Send one pull request and return the messages that come before its end."""
        assert self._subscription is not None, "call start() before fetch()"
        self._number += 1
        reply = f"{self._inbox}.{self._number}"
        await self._client.publish(self._next, json.dumps({"batch": batch, **options}).encode(), reply)
        taken: list[Msg] = []
        while len(taken) < batch:
            try:
                message = await self._subscription.next_msg(within_s)
            except TimeoutError as error:
                if taken:
                    return taken
                raise BrokerUnavailableError("a pull request was not answered") from error
            # A status of an earlier request that comes late has another subject, and does not end this one.
            status = (message.headers or {}).get("Status")
            if status is None:
                taken.append(message)
            elif message.subject == reply:
                _check(status, message)
                break
        return taken


def _check(status: str, message: Msg) -> None:
    """Raise where a status is an error.

    404 (no messages) and 408 (time-out) end a request in the ordinary way; 409 too, unless the consumer is
    gone.
    """
    description = (message.headers or {}).get("Description", "")
    if status == "503":
        raise BrokerUnavailableError("the consumer is not ready")
    if status == "409" and _GONE in description:
        raise BrokerRefusedError(description)
