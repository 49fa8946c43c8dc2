"""A tiny HTTP endpoint on the loopback for processes that have no web server: is it up, is it ready, how is it.

`/healthz` says that the event loop turns; `/readyz` whether the process can do its work, and what it waits
for if not; `/metrics` is Prometheus' text; `/status` is JSON for `urja status`. GET only, one request a
connection, everything bounded: it is for a supervisor and a scraper.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

_REQUEST_LIMIT: Final = 8192
_REQUEST_TIMEOUT_S: Final = 5.0
_JSON: Final = "application/json"

WaitingFor = Callable[[], list[str]]
"""What the process still waits for, in words; an empty list means ready."""


class StatusServer:
    """The endpoint of one process.

    `waiting_for` is called for each `/readyz`, `status` for each `/status`; both must return at once.
    """

    def __init__(
        self,
        waiting_for: WaitingFor,
        status: Callable[[], Mapping[str, Any]] = dict,
        *,
        port: int,
        host: str = "127.0.0.1",
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._waiting_for = waiting_for
        self._status = status
        self._host = host
        self._port = port
        self._registry = registry
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """The port it listens on; the kernel's choice where 0 was asked for."""
        assert self._server is not None, "not started"
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begin to listen; raises OSError where the port is taken."""
        self._server = await asyncio.start_server(
            self._serve, self._host, self._port, limit=_REQUEST_LIMIT, reuse_address=True
        )

    async def stop(self) -> None:
        """Stop listening and drop open connections."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._open):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            # A caller that goes away or never finishes its request: there is nobody to answer.
            return
        finally:
            self._open.discard(writer)
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        parts = head.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) != 3:
            return _response(HTTPStatus.BAD_REQUEST, b"not an HTTP request\n")
        if parts[0] != b"GET":
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"GET only\n")
        match parts[1].split(b"?", 1)[0]:
            case b"/healthz":
                return _response(HTTPStatus.OK, b"ok\n")
            case b"/readyz":
                return self._readiness()
            case b"/metrics":
                return _response(HTTPStatus.OK, generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4)
            case b"/status":
                return _response(HTTPStatus.OK, _encode(self._status()), _JSON)
            case _:
                return _response(HTTPStatus.NOT_FOUND, b"/healthz, /readyz, /metrics, /status\n")

    def _readiness(self) -> bytes:
        waiting_for = self._waiting_for()
        status = HTTPStatus.SERVICE_UNAVAILABLE if waiting_for else HTTPStatus.OK
        return _response(status, _encode({"ready": not waiting_for, "waiting_for": waiting_for}), _JSON)


def _encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, default=str).encode() + b"\n"


def _response(status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n"
    )
    return head.encode("ascii") + body
