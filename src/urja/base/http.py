"""HTTP servers within an event loop, and the status endpoint of processes that have no web server.

`/healthz` shows that the event loop runs; `/readyz` whether the process is ready, and what is missing otherwise;
`/metrics` is Prometheus text; `/status` is JSON for `urja status`. They are for a supervisor and a scraper.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import uvicorn
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_GRACE_S: Final = 2
"""Seconds that open requests may take to end when the server stops."""

WaitingFor = Callable[[], list[str]]
"""Returns what the process still waits for, in words; an empty list means ready."""


@contextlib.asynccontextmanager
async def serving_status(
    waiting_for: WaitingFor,
    status: Callable[[], Mapping[str, object]] = dict,
    *,
    port: int,
    registry: CollectorRegistry = REGISTRY,
) -> AsyncIterator[int]:
    """Serve the status endpoint of a process on the loopback interface and yield the port. Raises OSError where it is
    taken.

    `waiting_for` is called for each `/readyz`, `status` for each `/status`; both must return at once.
    """

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        waits = waiting_for()
        code = HTTPStatus.SERVICE_UNAVAILABLE if waits else HTTPStatus.OK
        return _json({"ready": not waits, "waiting_for": waits}, code)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    async def figures(_: Request) -> Response:
        return _json(status())

    async def unknown(_: Request, _error: Exception) -> Response:
        return PlainTextResponse(", ".join(answers) + "\n", HTTPStatus.NOT_FOUND)

    answers = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics, "/status": figures}
    routes = [Route(path, answer) for path, answer in answers.items()]
    app = Starlette(routes=routes, exception_handlers={404: unknown})
    async with listening(app, "127.0.0.1", port, access_log=False) as taken:
        yield taken


def _json(document: Mapping[str, object], status: int = HTTPStatus.OK) -> Response:
    return Response(json.dumps(document, default=str) + "\n", status, media_type="application/json")


class _WithoutAccessLog(H11Protocol):
    """A connection whose requests are not logged. uvicorn's own setting is one for all servers of the process."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.access_log = False


class _Server(uvicorn.Server):
    """uvicorn within an event loop that handles the signals itself."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    # uvicorn would replace the signal handlers of the process, which stops all its parts together.
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int, *, access_log: bool = True) -> AsyncIterator[int]:
    """Serve an application on a socket and yield the port. Raises OSError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    config = uvicorn.Config(
        app,
        http="h11" if access_log else _WithoutAccessLog,
        ws="none",
        lifespan="off",
        # The log is set up by urja.base.log; uvicorn's lines, access included, go through it.
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]), name="web")
    waiting = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        yield listener.getsockname()[1]
    finally:
        waiting.cancel()
        server.should_exit = True
        await serving
