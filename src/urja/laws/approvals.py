"""The law of approvals: no operation above the thresholds was performed without the passkeys that it needed.

Signatures are verified once more, over the stored nonce and hash; totals are calculated again, in the order in which
operations were performed, by the documents that were known then.
"""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from urja.base import passkey
from urja.core.approvals import (
    DoneBefore,
    OperationMeasure,
    PasskeyNeed,
    Thresholds,
    bundled_thresholds,
    parse_thresholds,
    requirement_for,
)
from urja.core.calendar import local_day
from urja.laws.connections import Connection, streamed

_APPROVED: Final = """
SELECT w.request_id, w.need, w.nonce, w.content_sha256, split_part(r.actor, ' ', 2)::bigint AS actor,
    a.user_id AS first, s.user_id AS second, w.told_at, w.due_at, w.ended_at,
    EXISTS (SELECT FROM assets_device_period p WHERE p.in_service_at < w.ended_at) AS supplied,
    w.actor_credential_id, w.second_credential_id
FROM approvals_waiting w
JOIN journal_request r ON r.id = w.request_id
LEFT JOIN approvals_credential a ON a.id = w.actor_credential_id
LEFT JOIN approvals_credential s ON s.id = w.second_credential_id
WHERE w.state = 'done' ORDER BY 1
"""
_ANSWERS: Final = """
SELECT n.credential_id, n.client_data, n.authenticator_data, n.signature, c.public_key
FROM approvals_answer n JOIN approvals_credential c ON c.credential_id = n.credential_id
WHERE n.waiting_id = %s AND c.id = %s AND n.action = 'approve' AND n.state = 'accepted'
"""
_PERFORMED: Final = """
SELECT r.id, r.kind, m.actor, m.done_at, m.money_minor, m.disconnections, m.meters, w.request_id IS NOT NULL
FROM approvals_measured m
JOIN journal_request r ON r.id = m.request_id
LEFT JOIN approvals_waiting w ON w.request_id = r.id AND w.state = 'done'
ORDER BY 4, 1
"""


_BESIDE: Final = timedelta(minutes=15)
"""Two stages perform operations concurrently, each with the instant at which its run began: an operation approved
within this time before another may have been performed after it.
"""

_LONGEST: Final = timedelta(days=31)
"""The longest time over which a document counts disconnections."""

_CONTEXT: Final = "urja/approval/1"
"""The signing context, as in the pipeline; written again, since a law trusts no code that it judges."""


def examine(connection: Connection, zone: str) -> Iterator[str]:
    """Yield what was performed without its approvals."""
    yield from _without_passkeys(connection)
    yield from _not_held(connection, ZoneInfo(zone))


def _without_passkeys(connection: Connection) -> Iterator[str]:
    for row in streamed(connection, _APPROVED):
        request, need, nonce, digest, actor, first, second, told, due, ended, supplied, *passkeys = row
        if first != actor:
            yield f"request {request} was performed without its actor's passkey"
        if second is not None and second in (first, actor):
            yield f"request {request} was approved by one person twice"
        waited = told is not None and due is not None and due <= ended
        if need == PasskeyNeed.SECOND and second is None and supplied and not waited:
            yield f"request {request} was performed without a second person and without the delay"
        challenge = passkey.challenge_over(_CONTEXT, bytes(nonce), bytes(digest))
        for number in filter(None, passkeys):
            if not _is_signed(connection, request, number, challenge):
                yield f"request {request}: passkey {number} has not signed it"


def _is_signed(connection: Connection, request: int, number: int, challenge: bytes) -> bool:
    for credential_id, client_data, authenticator_data, signature, public_key in connection.execute(
        _ANSWERS, [request, number]
    ).fetchall():
        assertion = passkey.Assertion(
            credential_id=bytes(credential_id),
            client_data=bytes(client_data),
            authenticator_data=bytes(authenticator_data),
            signature=bytes(signature),
        )
        if passkey.is_signed_by(assertion, bytes(public_key), challenge):
            return True
    return False


@dataclass(slots=True)
class _Sums:
    """The totals of earlier operations, as operations follow each other."""

    day: date | None = None
    money: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    recent: deque[tuple[datetime, str, int, int]] = field(default_factory=deque)
    """With the number of disconnections, and of meters that something was set on."""

    def begin(self, day: date) -> None:
        if day != self.day:
            self.day = day
            self.money.clear()

    def before(self, actor: str, at: datetime, within: timedelta) -> DoneBefore:
        recent = [done for done in self.recent if done[0] > at - within]
        own = [done for done in recent if done[1] == actor]
        return DoneBefore(
            self.money[actor],
            sum(disconnections for _at, _actor, disconnections, _meters in own),
            sum(self.money.values()),
            sum(disconnections for _at, _actor, disconnections, _meters in recent),
            sum(meters for _at, _actor, _disconnections, meters in own),
            sum(meters for _at, _actor, _disconnections, meters in recent),
        )

    def add(
        self, actor: str, at: datetime, day: date, money_minor: int, disconnections: int, meters: int
    ) -> None:
        if day == self.day:
            self.money[actor] += money_minor
        if disconnections or meters:
            self.recent.append((at, actor, disconnections, meters))
        while self.recent and self.recent[0][0] <= at - _LONGEST:
            self.recent.popleft()


def _not_held(connection: Connection, zone: ZoneInfo) -> Iterator[str]:
    books, sums, approved_lately = (
        _Books.of(connection),
        _Sums(),
        deque[tuple[str, datetime, date, int, int, int]](),
    )
    for request, kind, actor, at, *counted, approved in streamed(connection, _PERFORMED):
        money_minor, disconnections, meters = counted
        day = local_day(at, zone)
        sums.begin(day)
        while approved_lately and approved_lately[0][1] <= at - _BESIDE:
            sums.add(*approved_lately.popleft())
        book = books.in_force(day, at)
        before = sums.before(actor, at, book.within)
        needed = requirement_for(
            book, OperationMeasure(kind, money_minor, disconnections, meters=meters), before
        )
        if needed.need is not PasskeyNeed.NOBODY and not approved:
            grounds = ", ".join(one.ground.value for one in needed.reached)
            yield f"request {request} ({kind}) was performed without approval: {grounds}"
        done = (actor, at, day, money_minor, disconnections, meters)
        if approved:
            approved_lately.append(done)
        else:
            sums.add(*done)


@dataclass(frozen=True, slots=True)
class _Books:
    """The documents of thresholds, with when each was loaded."""

    loaded: list[tuple[date, datetime, Thresholds]]
    shipped: Thresholds

    @classmethod
    def of(cls, connection: Connection) -> "_Books":
        rows = connection.execute(
            "SELECT valid_from, recorded_at, text FROM approvals_document ORDER BY valid_from DESC, id DESC"
        ).fetchall()
        return cls(
            [(valid_from, recorded_at, parse_thresholds(text)) for valid_from, recorded_at, text in rows],
            parse_thresholds(bundled_thresholds()),
        )

    def in_force(self, day: date, at: datetime) -> Thresholds:
        found = (book for valid_from, loaded_at, book in self.loaded if valid_from <= day and loaded_at <= at)
        return next(found, self.shipped)
