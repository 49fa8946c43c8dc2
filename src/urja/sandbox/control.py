"""Silence: a switch for the town, by which a service stops calling, or stops answering as well."""

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

_SETTING: Final = "silence"
_ALWAYS: Final = ("/control/", "/book/")


class Silence(StrEnum):
    """How silent a service is."""

    NONE = "none"
    WEBHOOKS = "webhooks"
    EVERYTHING = "everything"


class Control:
    """The switch of one service; it outlives a restart. Webhooks held back are sent once the service speaks."""

    def __init__(self, book: Book, outbox: Outbox) -> None:
        self._book = book
        self._outbox = outbox
        kept = book.setting(_SETTING) or Silence.NONE
        try:
            self.silence = Silence(kept)
        except ValueError:
            raise DamagedFileError(
                f"{book.path} is damaged (its setting {_SETTING}): restore it from a backup"
            ) from None
        outbox.muted = self.silence is not Silence.NONE

    def routes(self, guard: Guard) -> list[Route]:
        """`POST /control/silence`, `POST /control/speak`, `GET /control/state`."""
        return [
            Route("/control/silence", guard.local(self._silence), methods=["POST"]),
            Route("/control/speak", guard.local(self._speak), methods=["POST"]),
            Route("/control/state", guard.local(self._state)),
        ]

    def turn(self, silence: Silence) -> None:
        """Be as silent as that."""
        log.warning("silence", what=silence.value)
        self._book.keep_setting(_SETTING, silence.value)
        self.silence = silence
        self._outbox.muted = silence is not Silence.NONE
        self._outbox.wake()

    async def _silence(self, request: Request) -> Response:
        given = await json_of(request)
        try:
            silence = msgspec.convert(given.get("what", Silence.EVERYTHING), Silence)
        except msgspec.ValidationError:
            raise RefusedError("what must be webhooks or everything", field="what") from None
        self.turn(silence)
        return await self._state(request)

    async def _speak(self, request: Request) -> Response:
        self.turn(Silence.NONE)
        return await self._state(request)

    async def _state(self, _request: Request) -> Response:
        return JSONResponse({"silence": self.silence.value, "webhooks": self._outbox.counts()})


class SilenceMiddleware:
    """Answers 503 to everything but control and book while the service is silent."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self._app = app
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        silent = self._control.silence is Silence.EVERYTHING
        if scope["type"] == "http" and silent and not scope["path"].startswith(_ALWAYS):
            answer = refusal(RefusedError("the service does not answer", status=503, reason="server_error"))
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)
