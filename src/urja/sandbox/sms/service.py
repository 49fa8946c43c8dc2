"""The SMS service: accepts messages, and reports later, or never, that a handset has them."""

import asyncio
import re
import sqlite3
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from urja.base.clock import Clock
from urja.base.settings import UtilitySettings
from urja.sandbox import outbox, page
from urja.sandbox.book import Book
from urja.sandbox.control import Control, MutingMiddleware
from urja.sandbox.faults import seeded_random
from urja.sandbox.http import HANDLERS, Guard, RefusedError, json_of, loopback
from urja.sandbox.outbox import Headers, Outbox
from urja.sandbox.sms.arguments import SmsArguments
from urja.sandbox.sms.parts import parts_of
from urja.sandbox.sms.schema import SCHEMA

log = structlog.get_logger()

HEADERS: Final = Headers("x-sandbox-signature", "x-sandbox-event-id")

_NUMBER: Final = re.compile(r"\+?\d{8,15}")
_TEXT_LIMIT: Final = 1000
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class MessageOutcome:
    """The outcome of one message: `name`, and business seconds until its receipt; None for never."""

    name: str
    after_s: float | None


class SmsService:
    """One SMS service. `clock` is business time, in which handsets are reached; `link_clock` times the webhooks of
    receipts.
    """

    def __init__(
        self, given: SmsArguments, utility: UtilitySettings, clock: Clock, link_clock: Clock | None = None
    ) -> None:
        self.clock = clock
        self.changed = asyncio.Event()
        self._given = given
        self._utility = utility
        self._book = Book(given.database, outbox.SCHEMA + SCHEMA)
        self.outbox = Outbox(self._book, given, HEADERS, link_clock)
        self.control = Control(self._book, self.outbox)
        guard = Guard(given.key_id, given.key_secret)
        self.app = Starlette(
            routes=[
                Route("/messages", guard.keys(self._take), methods=["POST"]),
                Route("/messages", loopback(self._show)),
                Route("/messages/{id}", guard.keys(self._one)),
                Route("/book/webhooks", guard.local(self._webhooks)),
                *self.control.routes(guard),
                *page.asset_routes(),
            ],
            middleware=[Middleware(MutingMiddleware, control=self.control)],
            exception_handlers=HANDLERS,
        )

    # -- life -------------------------------------------------------------------------------------------------

    def tick(self, now: datetime) -> int:
        """Send the receipts that are due by `now`; return how many."""
        due = self._book.all(
            "SELECT * FROM messages WHERE status = 'accepted' AND due_at <= ? ORDER BY due_at, n",
            int(now.timestamp()),
        )
        for message in due:
            self._end(message, int(now.timestamp()))
        return len(due)

    def next_due_at(self) -> datetime | None:
        """Return business time of the next receipt, or None."""
        due_at = self._book.value("SELECT min(due_at) FROM messages WHERE status = 'accepted'")
        return None if due_at is None else datetime.fromtimestamp(due_at, UTC)

    def status(self) -> dict[str, object]:
        """Return messages by status, receipts by state, and the state of the switch."""
        statuses = self._book.all("SELECT status, count(*) AS many FROM messages GROUP BY status")
        return {
            "messages": {row["status"]: row["many"] for row in statuses},
            "webhooks": self.outbox.counts(),
            "muting": self.control.muting.value,
        }

    def close(self) -> None:
        self._book.close()

    def _end(self, message: sqlite3.Row, now_s: int) -> None:
        status = "failed" if message["fate"] == "fail" else "delivered"
        receipt = {
            "event": f"message.{status}",
            "id": message["id"],
            "ref": message["ref"],
            "to": message["recipient"],
            "status": status,
            "at": now_s,
        }
        with self._book.transaction():
            self._book.run(
                "UPDATE messages SET status = ?, ended_at = ? WHERE n = ?", status, now_s, message["n"]
            )
            self.outbox.put(
                f"evt_{message['id'][4:]}",
                receipt["event"],
                message["id"],
                (message["n"],),
                msgspec.json.encode(receipt),
            )

    # -- taking messages --------------------------------------------------------------------------------------

    async def _take(self, request: Request) -> Response:
        given = await json_of(request)
        to, text, ref = _text(given, "to", 16), _text(given, "text", _TEXT_LIMIT), _text(given, "ref", 100)
        if not _NUMBER.fullmatch(to):
            raise RefusedError("to must be a telephone number of 8 to 15 digits", field="to")
        with self._book.transaction():
            known = self._book.one("SELECT * FROM messages WHERE ref = ?", ref)
            if known is None:
                known = self._accept(to, text, ref)
        if (known["recipient"], known["text"]) != (to, text):
            raise RefusedError("another message was sent under this ref", status=409, field="ref")
        return JSONResponse(_answer(known), 202)

    def _accept(self, to: str, text: str, ref: str) -> sqlite3.Row:
        number = self._book.value("SELECT coalesce(max(n), 0) + 1 FROM messages")
        now_s, fate = int(self.clock.now().timestamp()), self._fate(number)
        chance = seeded_random(self._given.seed, "id", number, now_s)
        self._book.insert(
            "messages",
            id="sms_" + "".join(chance.choices(string.ascii_letters + string.digits, k=14)),
            ref=ref,
            recipient=to,
            text=text,
            parts=parts_of(text),
            status="accepted",
            fate=fate.name,
            accepted_at=now_s,
            due_at=None if fate.after_s is None else now_s + round(fate.after_s),
        )
        self.changed.set()
        row = self._book.one("SELECT * FROM messages WHERE n = ?", number)
        assert row is not None
        log.info("message accepted", id=row["id"], ref=ref, parts=row["parts"], fate=fate.name)
        return row

    def _fate(self, number: int) -> MessageOutcome:
        rates, chance = self._given.messages, seeded_random(self._given.seed, "message", number)
        never, failed, late = (chance.random() for _ in range(3))
        usual_s, late_s = chance.uniform(*rates.usual_s), chance.uniform(*rates.late_s)
        if never < rates.never:
            return MessageOutcome("never", None)
        if failed < rates.fail:
            return MessageOutcome("fail", usual_s)
        return MessageOutcome("late", late_s) if late < rates.late else MessageOutcome("usual", usual_s)

    # -- showing them -----------------------------------------------------------------------------------------

    async def _one(self, request: Request) -> Response:
        row = self._book.one("SELECT * FROM messages WHERE id = ?", request.path_params["id"])
        if row is None:
            raise RefusedError("there is no such message", status=404, field="id")
        return JSONResponse(_answer(row))

    async def _show(self, request: Request) -> Response:
        query = request.query_params
        rows = self._book.all(
            "SELECT * FROM messages WHERE n > ? AND (? IS NULL OR recipient = ?) ORDER BY n DESC LIMIT ?",
            _count(query.get("after"), 0),
            query.get("to"),
            query.get("to"),
            min(_count(query.get("count"), _SHOWN), 1000),
        )
        if "text/html" in request.headers.get("accept", ""):
            return self._page(rows, page.language_of(request))
        return JSONResponse({"messages": [_full(row) for row in rows]})

    def _page(self, rows: list[sqlite3.Row], language: str) -> Response:
        texts, zone = _TEXTS[language], ZoneInfo(self._utility.timezone)
        shown = "".join(_message(row, texts, zone) for row in rows) or f"<p>{texts['none']}</p>"
        other = next(code for code in page.LANGUAGES if code != language)
        body = (
            f'<p class="sandbox">{texts["sandbox"]}</p><main class="wide"><header>'
            f"<strong>{texts['title']}</strong>"
            f'<a href="/messages?lang={other}" lang="{other}">{page.LANGUAGES[other]}</a></header>'
            f'<div class="messages">{shown}</div></main>'
        )
        return page.html_page(texts["title"], body, language=language, refresh_s=5)

    async def _webhooks(self, _request: Request) -> Response:
        return JSONResponse({"webhooks": self.outbox.listing()})


_TEXTS: Final = {
    "en": {
        "sandbox": "Sandbox: nothing is sent to anyone.",
        "title": "Messages",
        "none": "No messages yet.",
        "parts": "SMS parts:",
        "accepted": "sent, delivery not confirmed yet",
        "delivered": "delivered",
        "failed": "not delivered",
    },
    "hi": {
        "sandbox": "परीक्षण: किसी को कुछ नहीं भेजा जाता।",
        "title": "संदेश",
        "none": "अभी कोई संदेश नहीं।",
        "parts": "एसएमएस भाग:",
        "accepted": "भेजा गया, डिलीवरी की पुष्टि अभी नहीं",
        "delivered": "पहुँच गया",
        "failed": "नहीं पहुँचा",
    },
}


def _message(row: sqlite3.Row, texts: dict[str, str], zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(row["accepted_at"], zone)
    state = texts[row["status"]]
    if row["ended_at"] is not None:
        state += f" {datetime.fromtimestamp(row['ended_at'], zone):%H:%M:%S}"
    return (
        f'<article class="message"><div class="meta"><span>{escape(row["recipient"])}</span>'
        f'<time datetime="{at.isoformat()}">{at:%d.%m.%Y %H:%M:%S}</time></div><p>{escape(row["text"])}</p>'
        f'<div class="meta"><span class="state-{row["status"]}">{state}</span>'
        f"<span>{texts['parts']} {row['parts']}</span></div></article>"
    )


def _answer(row: sqlite3.Row) -> dict[str, object]:
    return {
        "id": row["id"],
        "ref": row["ref"],
        "to": row["recipient"],
        "status": row["status"],
        "parts": row["parts"],
        "accepted_at": row["accepted_at"],
        "ended_at": row["ended_at"],
    }


def _full(row: sqlite3.Row) -> dict[str, object]:
    return {"n": row["n"], **_answer(row), "text": row["text"], "fate": row["fate"]}


def _text(given: dict[str, object], name: str, limit: int) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        raise RefusedError(f"{name} must be a text of 1 to {limit} characters", field=name)
    return value


def _count(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise RefusedError("count and after must be whole numbers")
    return int(text)
