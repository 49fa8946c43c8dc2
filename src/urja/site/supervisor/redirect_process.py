"""Entry point of the process `redirect`: plain requests are sent to the portal's address, which has TLS."""

import asyncio
import signal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from urja.base.clock import Clock
from urja.base.http import listening
from urja.base.process_secrets import NoSecrets
from urja.base.settings import Settings


async def run_redirect(settings: Settings, _secrets: NoSecrets, _clock: Clock) -> None:
    """Serve until SIGTERM."""
    web = settings.web
    assert web.redirect_port is not None, "started where it is set"
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with listening(redirects(web.public_origin), web.host, web.redirect_port, access_log=False):
        await stopping.wait()


def redirects(origin: str) -> Starlette:
    """Return the application that answers each path with the same path at `origin`, and `/readyz` itself.

    The host name of the request is not used: an answer never leads elsewhere.
    """

    async def elsewhere(request: Request) -> Response:
        path, query = request.scope["raw_path"].decode("latin-1"), request.url.query
        return RedirectResponse(f"{origin}{path}{f'?{query}' if query else ''}", 308)

    async def readyz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[Route("/readyz", readyz), Route("/{path:path}", elsewhere, methods=methods)])
