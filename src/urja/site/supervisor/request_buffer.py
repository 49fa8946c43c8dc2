"""Middleware that reads a request completely before it calls the application, so that a slow client holds no thread.

The server's event loop reads from every client at the client's speed; only a complete request takes a thread.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from urja.web.api.problems import BASE, ProblemError

LARGEST_BODY: Final = 16 << 20
"""Largest request body in bytes; photographs and spreadsheets are the largest."""
MOST_WAITING: Final = 256 << 20
"""Largest total of incomplete request bodies in bytes."""
MOST_DISCARDED: Final = 64 << 20
"""Most bytes of a refused body that are read and thrown away."""
DISCARDED_FOR_S: Final = 30
"""Longest time for which they are, in seconds."""

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Application = Callable[[Message, Receive, Send], Awaitable[None]]


class RequestBuffer:
    """ASGI middleware that buffers request bodies.

    A request larger than `LARGEST_BODY` is answered with 413, one beyond `MOST_WAITING` buffered bytes with 503; what its
    client still sends is read to its end, within bounds, and thrown away.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._waiting = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request; pass on other scopes (the server's start and stop)."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        body = bytearray()
        status, more = 413, True
        if _announced(scope) <= LARGEST_BODY:
            try:
                status, more = await self._read(body, receive)
            finally:
                self._waiting -= len(body)
        if status == _WHOLE:
            await self._application(scope, _replayed(bytes(body), receive), send)
        elif status:
            body.clear()
            await _refuse(scope, send, status)
            if more:
                await _discard(receive)

    async def _read(self, body: bytearray, receive: Receive) -> tuple[int, bool]:
        """Read the body; return `_WHOLE`, the status to refuse it with, or 0 where the client disconnected, and whether
        more of it is coming.
        """
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 0, False
            part, more = message.get("body", b""), message.get("more_body", False)
            body += part
            self._waiting += len(part)
            if len(body) > LARGEST_BODY:
                return 413, more
            if self._waiting > MOST_WAITING:
                return 503, more
            if not more:
                return _WHOLE, False


_WHOLE: Final = 200


def _announced(scope: Message) -> int:
    """Return the Content-Length; 0 without a valid one."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return the application's `receive`: the body in one message, then further messages of the client."""
    told = False

    async def whole() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return whole


async def _refuse(scope: Message, send: Send, status: int) -> None:
    words = b"The request is too large.\n" if status == 413 else b"The server is busy. Try again later.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    path = scope.get("path", "")
    if path.startswith(BASE):
        problem = _PROBLEMS[status].response(path)
        words = problem.content
        headers = [(name.lower().encode(), value.encode()) for name, value in problem.items()]
    headers += [(b"content-length", str(len(words)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})


_PROBLEMS: Final = {
    413: ProblemError(
        "too-large", f"the body may have {LARGEST_BODY} bytes at most, and less for a single address"
    ),
    503: ProblemError("unavailable", "the server is busy", headers={"Retry-After": "15"}),
}


async def _discard(receive: Receive) -> None:
    """Read what a client still sends, and throw it away.

    A connection that is closed with unread bytes is reset, and its client never sees the answer.
    """
    discarded = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARDED_FOR_S):
            while discarded < MOST_DISCARDED:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                discarded += len(message.get("body", b""))
