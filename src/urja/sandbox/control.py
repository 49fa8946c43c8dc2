"""A switch for tests and the demonstration: a service stops sending webhooks, or stops answering as well."""

from enum import StrEnum
from typing import Final

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from urja.base.json_files import DamagedFileError
from urja.sandbox.book import Book
from urja.sandbox.http import Guard, RefusedError, json_of, refusal
from urja.sandbox.outbox import Outbox

log = structlog.get_logger()

_SETTING: Final = "muting"
_ALWAYS: Final = ("/control/", "/book/")


class Muting(StrEnum):
    """The part of a service that is switched off."""

    NONE = "none"
    WEBHOOKS = "webhooks"
    EVERYTHING = "everything"


class Control:
    """The switch of one service, which survives a restart. Webhooks held back are sent when it is reset."""

    def __init__(self, book: Book, outbox: Outbox) -> None:
        self._book = book
        self._outbox = outbox
        stored = book.setting(_SETTING) or Muting.NONE
        try:
            self.muting = Muting(stored)
        except ValueError:
            raise DamagedFileError(
                f"{book.path} is damaged (its setting {_SETTING}): restore it from a backup"
            ) from None
        outbox.muted = self.muting is not Muting.NONE

    def routes(self, guard: Guard) -> list[Route]:
        """Return `POST /control/mute`, `POST /control/unmute`, `GET /control/state`."""
        return [
            Route("/control/mute", guard.local(self._mute), methods=["POST"]),
            Route("/control/unmute", guard.local(self._unmute), methods=["POST"]),
            Route("/control/state", guard.local(self._state)),
        ]

    def set_muting(self, muting: Muting) -> None:
        """Set and store the state of the switch."""
        log.warning("service switched", muting=muting.value)
        self._book.keep_setting(_SETTING, muting.value)
        self.muting = muting
        self._outbox.muted = muting is not Muting.NONE
        self._outbox.wake()

    async def _mute(self, request: Request) -> Response:
        given = await json_of(request)
        try:
            muting = msgspec.convert(given.get("what", Muting.EVERYTHING), Muting)
        except msgspec.ValidationError:
            raise RefusedError("what must be webhooks or everything", field="what") from None
        self.set_muting(muting)
        return await self._state(request)

    async def _unmute(self, request: Request) -> Response:
        self.set_muting(Muting.NONE)
        return await self._state(request)

    async def _state(self, _request: Request) -> Response:
        return JSONResponse({"muting": self.muting.value, "webhooks": self._outbox.counts()})


class MutingMiddleware:
    """Answers 503 to everything but control and book while the service does not answer."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self._app = app
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        muted = self._control.muting is Muting.EVERYTHING
        if scope["type"] == "http" and muted and not scope["path"].startswith(_ALWAYS):
            answer = refusal(RefusedError("the service does not answer", status=503, reason="server_error"))
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)
