"""Webhooks to be sent: signed, sent until accepted, and faulty as the seed says.

Their delays and retries are real seconds, as of a network: the given clock is wall time, except where a test steps
it.
"""

import asyncio
import contextlib
import hashlib
import hmac
import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final

import httpx
import structlog

from urja.base.certificates import trusted
from urja.base.clock import Clock, WallClock
from urja.sandbox.arguments import ServiceArguments
from urja.sandbox.book import Book
from urja.sandbox.faults import seeded_random, webhook_outcome

log = structlog.get_logger()

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS webhook (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    lane TEXT NOT NULL,
    body BLOB NOT NULL,
    faults TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'accepted', 'lost', 'abandoned')),
    repeats INTEGER NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0,
    first_sent_at REAL,
    last_answer TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS webhook_due ON webhook (due_at) WHERE state = 'waiting';
"""

ANSWER_WITHIN_S: Final = 5.0
_GIVE_UP_AFTER_S: Final = timedelta(hours=24).total_seconds()
_LANES: Final = 8
_REPEAT_AFTER_S: Final = (0.5, 5.0)
_LOOK_AGAIN_S: Final = 1.0
"""The longest sleep, in seconds: a change of the wall clock is noticed."""


@dataclass(frozen=True, slots=True)
class Headers:
    """The service's names of its headers."""

    signature: str
    event_id: str


def sign(secret: str, message: bytes) -> str:
    """Return the HMAC-SHA256 in hexadecimal digits."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


class Outbox:
    """The webhooks of one service.

    Events with one `lane` are sent one after the other, different lanes in parallel. A refused event waits for its
    next attempt and is overtaken meanwhile: the order is not promised, as it is not by the services that this stands
    in for.
    """

    def __init__(
        self, book: Book, given: ServiceArguments, headers: Headers, clock: Clock | None = None
    ) -> None:
        self._book = book
        self._given = given
        self._headers = headers
        self._clock = clock or WallClock()
        self._wake = asyncio.Event()
        self._busy: set[str] = set()
        self.muted = False
        """Whether webhooks are held back; they are sent once this is false and `wake` is called."""

    def put(self, event_id: str, name: str, lane: str, key: tuple[str | int, ...], body: bytes) -> None:
        """Store an event in the caller's transaction. `key` names it for its faults by seed."""
        fate = webhook_outcome(self._given.seed, self._given.webhooks, name, *key)
        self._book.insert(
            "webhook",
            id=event_id,
            name=name,
            lane=lane,
            body=body,
            faults=",".join(fate.names),
            state="lost" if fate.lost else "waiting",
            repeats=fate.repeats,
            due_at=self._now_s() + fate.wait_s,
        )
        self.wake()

    def wake(self) -> None:
        """Look for due events at once."""
        self._wake.set()

    def counts(self) -> dict[str, int]:
        """Return how many events are in each state."""
        return {
            row["state"]: row["many"]
            for row in self._book.all("SELECT state, count(*) AS many FROM webhook GROUP BY state")
        }

    def listing(self) -> list[dict[str, object]]:
        """Return every event with its result, oldest first."""
        return [
            {
                **{key: row[key] for key in row.keys() if key not in {"body", "faults"}},  # noqa: SIM118 - a Row
                "faults": [fault for fault in row["faults"].split(",") if fault],
                "body": row["body"].decode(),
            }
            for row in self._book.all("SELECT * FROM webhook ORDER BY n")
        ]

    async def run_once(self) -> int:
        """Send due events one after the other until none is due; return the number of attempts."""
        attempts = 0
        if not self._due():
            return attempts
        async with self._client() as client:
            while events := self._due():
                for event in events:
                    await self._send(client, event)
                    attempts += 1
        return attempts

    async def keep_sending(self) -> None:
        """Send due events until cancelled."""
        async with self._client() as client, asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                self._start_lanes(client, group)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._until_next_s()):
                        await self._wake.wait()

    def _start_lanes(self, client: httpx.AsyncClient, group: asyncio.TaskGroup) -> None:
        due = sorted(self._due(), key=lambda event: event["lane"])
        for lane, events in groupby(due, key=lambda event: str(event["lane"])):
            if len(self._busy) < _LANES:
                self._busy.add(lane)
                group.create_task(self._send_lane(client, lane, list(events)))

    async def _send_lane(self, client: httpx.AsyncClient, lane: str, events: list[sqlite3.Row]) -> None:
        try:
            for event in events:
                if not self.muted:
                    await self._send(client, event)
        finally:
            self._busy.discard(lane)
            self.wake()

    def _client(self) -> httpx.AsyncClient:
        # Without the environment's proxy: the receiver is on this machine or near.
        return httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False, verify=trusted())

    def _now_s(self) -> float:
        return self._clock.now().timestamp()

    def _due(self) -> list[sqlite3.Row]:
        if self.muted:
            return []
        # Events of busy lanes are being sent.
        return self._book.all(
            f"SELECT * FROM webhook WHERE {self._waiting()} AND due_at <= ? ORDER BY due_at, n LIMIT 256",  # noqa: S608 - marks
            *self._busy,
            self._now_s(),
        )

    def _waiting(self) -> str:
        marks = ", ".join("?" * len(self._busy))
        return f"state = 'waiting' AND lane NOT IN ({marks})"

    def _until_next_s(self) -> float:
        """Return real seconds until an event of a free lane is due; a busy lane wakes this task when it is done."""
        if self.muted or len(self._busy) >= _LANES:
            return _LOOK_AGAIN_S
        event = self._book.one(
            f"SELECT due_at FROM webhook WHERE {self._waiting()} ORDER BY due_at LIMIT 1",  # noqa: S608 - marks
            *self._busy,
        )
        if event is None:
            return _LOOK_AGAIN_S
        return min(max(float(event["due_at"]) - self._now_s(), 0.0), _LOOK_AGAIN_S)

    async def _send(self, client: httpx.AsyncClient, event: sqlite3.Row) -> None:
        sent_at = self._now_s()
        accepted, answer = await self._post(client, event)
        log.info(
            "webhook",
            name=event["name"],
            id=event["id"],
            lane=event["lane"],
            attempt=event["attempts"] + 1,
            answer=answer,
        )
        with self._book.transaction():
            self._book.run(
                "UPDATE webhook SET attempts = attempts + 1, accepted = accepted + ?,"
                " first_sent_at = coalesce(first_sent_at, ?), last_answer = ? WHERE n = ?",
                int(accepted),
                sent_at,
                answer,
                event["n"],
            )
            self._plan_next(event["n"], accepted=accepted)

    async def _post(self, client: httpx.AsyncClient, event: sqlite3.Row) -> tuple[bool, str]:
        body: bytes = event["body"]
        headers = {
            "content-type": "application/json",
            self._headers.signature: sign(self._given.webhook_secret, body),
            self._headers.event_id: event["id"],
        }
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                response = await client.post(self._given.webhook_url, content=body, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            return False, f"{type(error).__name__}: {error}"[:200]
        return response.is_success, str(response.status_code)

    def _plan_next(self, number: int, *, accepted: bool) -> None:
        event = self._book.one("SELECT * FROM webhook WHERE n = ?", number)
        assert event is not None
        now_s = self._now_s()
        chance = seeded_random(self._given.seed, "attempt", event["id"], event["attempts"])
        if accepted and event["repeats"] == 0:
            self._book.run("UPDATE webhook SET state = 'accepted' WHERE n = ?", number)
        elif accepted:
            self._book.run(
                "UPDATE webhook SET repeats = repeats - 1, due_at = ? WHERE n = ?",
                now_s + chance.uniform(*_REPEAT_AFTER_S),
                number,
            )
        elif now_s - event["first_sent_at"] >= _GIVE_UP_AFTER_S:
            log.warning("webhook given up", name=event["name"], id=event["id"], attempts=event["attempts"])
            self._book.run("UPDATE webhook SET state = 'abandoned' WHERE n = ?", number)
        else:
            self._book.run(
                "UPDATE webhook SET due_at = ? WHERE n = ?",
                now_s + self._back_off_s(event["attempts"]) * chance.uniform(0.8, 1.2),
                number,
            )

    def _back_off_s(self, attempts: int) -> float:
        doubled = self._given.retry_first_s * 2.0 ** min(attempts - 1, 30)
        return min(doubled, self._given.retry_cap_s)
