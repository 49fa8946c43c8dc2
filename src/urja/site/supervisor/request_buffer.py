"""Middleware that reads a request completely before it calls the application, so that a slow client holds no thread.

The server's event loop reads from every client at the client's speed; only a complete request takes a thread.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

LARGEST_BODY: Final = 16 << 20
"""Largest request body in bytes; photographs and spreadsheets are the largest."""
MOST_WAITING: Final = 256 << 20
"""Largest total of incomplete request bodies in bytes."""

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Application = Callable[[Message, Receive, Send], Awaitable[None]]


class RequestBuffer:
    """ASGI middleware that buffers request bodies.

    A request larger than `LARGEST_BODY` is answered with 413, one beyond `MOST_WAITING` buffered bytes with 503.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._waiting = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request; pass on other scopes (the server's start and stop)."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        if _announced(scope) > LARGEST_BODY:
            await _refuse(send, 413)
            return
        body = bytearray()
        try:
            status = await self._read(body, receive)
        finally:
            self._waiting -= len(body)
        if status == _WHOLE:
            await self._application(scope, _replayed(bytes(body), receive), send)
        elif status:
            await _refuse(send, status)

    async def _read(self, body: bytearray, receive: Receive) -> int:
        """Read the body; return `_WHOLE`, the status to refuse it with, or 0 where the client disconnected."""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 0
            part = message.get("body", b"")
            body += part
            self._waiting += len(part)
            if len(body) > LARGEST_BODY:
                return 413
            if self._waiting > MOST_WAITING:
                return 503
            if not message.get("more_body", False):
                return _WHOLE


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


async def _refuse(send: Send, status: int) -> None:
    words = b"The request is too large.\n" if status == 413 else b"The server is busy. Try again later.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})
