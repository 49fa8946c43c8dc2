"""The gateway as a whole: its book, its actions in business time, and its HTTP side."""

import asyncio
from datetime import UTC, date, datetime
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware

from urja.base.clock import Clock
from urja.base.settings import UtilitySettings
from urja.sandbox import outbox, page
from urja.sandbox.book import Book
from urja.sandbox.control import Control, MutingMiddleware
from urja.sandbox.gateway import api, disputes, pay_pages, payments, qr_codes, refunds, settlements
from urja.sandbox.gateway.arguments import GatewayArguments
from urja.sandbox.gateway.context import GatewayContext
from urja.sandbox.gateway.schema import SCHEMA
from urja.sandbox.http import HANDLERS, Guard
from urja.sandbox.outbox import Headers, Outbox

log = structlog.get_logger()

HEADERS: Final = Headers("x-razorpay-signature", "x-razorpay-event-id")

_DUE: Final = {
    "authorise": payments.authorise,
    "reverse": refunds.reverse,
    "give_back": refunds.give_back,
    "process_refund": refunds.process,
    "dispute": disputes.open_dispute,
    "decide_dispute": disputes.decide,
    "expire": qr_codes.expire,
}


class Gateway:
    """One payment gateway.

    `clock` is business time, for orders, banks and settlement. `link_clock` times webhooks; it is wall time unless a
    test steps it.
    """

    def __init__(
        self,
        given: GatewayArguments,
        utility: UtilitySettings,
        clock: Clock,
        link_clock: Clock | None = None,
    ) -> None:
        self.clock = clock
        self.changed = asyncio.Event()
        self._book = Book(given.database, outbox.SCHEMA + SCHEMA)
        self.outbox = Outbox(self._book, given, HEADERS, link_clock)
        self.control = Control(self._book, self.outbox)
        self._context = GatewayContext(given, utility, self._book, self.outbox, clock, self.changed)
        self._settled_on: date | None = None
        guard = Guard(given.key_id, given.key_secret)
        self.app = Starlette(
            routes=[
                *api.routes(self._context, guard),
                *pay_pages.routes(self._context),
                *self.control.routes(guard),
                *page.asset_routes(),
            ],
            middleware=[Middleware(MutingMiddleware, control=self.control)],
            exception_handlers=HANDLERS,
        )

    def tick(self, now: datetime) -> int:
        """Carry out actions that are due by `now`, and settle days that have ended; return how many."""
        done = 0
        now_s = int(now.timestamp())
        while due := self._book.one("SELECT * FROM due WHERE due_at <= ? ORDER BY due_at, n LIMIT 1", now_s):
            log.info("due", what=due["what"], subject=due["subject"])
            with self._book.transaction():
                # Stamped with the present time, not with the time it was due: a caller who polls for rows since its
                # last query would miss rows that appear in the past.
                _DUE[due["what"]](self._context, due["subject"])
                self._book.run("DELETE FROM due WHERE n = ?", due["n"])
            done += 1
        return done + self._settle(now)

    def _settle(self, now: datetime) -> int:
        today = settlements.local_day(self._context, now)
        if today == self._settled_on:
            return 0
        rows = settlements.settle(self._context, now)
        self._settled_on = today
        return rows

    def next_due_at(self) -> datetime | None:
        """Return business time of the next action; the end of a day is found by polling."""
        due_at = self._book.value("SELECT min(due_at) FROM due")
        return None if due_at is None else datetime.fromtimestamp(due_at, UTC)

    def status(self) -> dict[str, object]:
        """Return payments by status, webhooks by state, and the state of the switch."""
        statuses = self._book.all("SELECT status, count(*) AS many FROM payments GROUP BY status")
        return {
            "payments": {row["status"]: row["many"] for row in statuses},
            "webhooks": self.outbox.counts(),
            "muting": self.control.muting.value,
        }

    def close(self) -> None:
        self._book.close()
