"""The whole history of a service point as one timeline.

It has operations, meter events, switching, other commands, decisions, payments, notices and work orders. Each kind of
entry is queried by its own index, newest first and never more than a page of it. So a page costs the same after ten
years as after one.
"""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from django.db import connection

from urja.base.untyped_values import JsonObject


class Kind(StrEnum):
    """Kinds of history entries."""

    OPERATION = "operation"
    EVENT = "event"
    SWITCH = "switch"
    COMMAND = "command"
    DECISION = "decision"
    PAYMENT = "payment"
    NOTICE = "notice"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry of a service point's history.

    `what` says which of its kind it is (an operation's kind, an event code, a state), `key` orders entries of the same
    instant, `detail` has the fields that the page shows.
    """

    at: datetime
    kind: Kind
    what: str
    key: str
    detail: JsonObject


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page starts: with the entries older than this one."""

    at: datetime
    key: str


_ACCOUNTS: Final = "(SELECT account_id FROM contracts.agreement WHERE service_point_id = %(place)s)"

_PARTS: Final[dict[Kind, list[tuple[str, str, str, str, str]]]] = {
    # Time, what, key, detail; and where they come from.
    Kind.OPERATION: [
        (
            "recorded_at",
            "o.kind",
            "lpad(o.id::text, 20, '0')",
            "jsonb_build_object('id', o.id, 'actor', o.actor, 'undone_by', o.undone_by_id)",
            "journal.operation o WHERE o.service_point_id = %(place)s",
        )
    ],
    Kind.EVENT: [
        (
            "occurred_at",
            "e.code::text",
            "e.device_id || ':' || e.code || ':' || e.state",
            "jsonb_build_object('serial', d.serial, 'type', d.device_type)",
            (
                "assets.device_period p JOIN assets.device d ON d.id = p.device_id "
                "JOIN readings.event e ON e.device_id = p.device_id AND e.occurred_at >= p.valid_from "
                "AND e.occurred_at < coalesce(p.valid_to, 'infinity') WHERE p.service_point_id = %(place)s"
            ),
        )
    ],
    Kind.SWITCH: [
        (
            "issued_at",
            "c.kind",
            "c.id::text",
            "jsonb_build_object('state', c.state, 'ended_at', c.ended_at, 'cause', w.cause, 'reason', w.reason)",
            (
                "commands.command c LEFT JOIN supply.switching w ON w.command_id = c.id "
                "WHERE c.service_point_id = %(place)s AND c.kind IN ('connect', 'disconnect')"
            ),
        )
    ],
    Kind.COMMAND: [
        (
            "issued_at",
            "c.kind",
            "c.id::text",
            "jsonb_build_object('state', c.state, 'ended_at', c.ended_at)",
            "commands.command c WHERE c.service_point_id = %(place)s AND c.kind NOT IN ('connect', 'disconnect')",
        )
    ],
    Kind.DECISION: [
        (
            "decided_at",
            "s.standing",
            "s.id::text",
            "jsonb_build_object('reason', s.reason)",
            f"supply.decision s WHERE s.account_id IN {_ACCOUNTS}",
        )
    ],
    Kind.PAYMENT: [
        (
            "requested_at",
            "m.kind",
            "m.id::text",
            (
                "jsonb_build_object('amount_minor', m.amount_minor, 'reference', m.reference, 'account_id', m.account_id, "
                "'seq', m.posted_seq)"
            ),
            f"books.credit_request m WHERE m.account_id IN {_ACCOUNTS}",
        ),
        (
            "requested_at",
            "m.kind",
            "m.id::text",
            (
                "jsonb_build_object('amount_minor', -m.amount_minor, 'reference', m.reference, 'account_id', m.account_id, "
                "'seq', m.posted_seq)"
            ),
            f"books.debit_request m WHERE m.account_id IN {_ACCOUNTS}",
        ),
    ],
    Kind.NOTICE: [
        (
            "requested_at",
            "n.kind",
            "n.id::text",
            "jsonb_build_object('state', n.state)",
            f"notices.notice n WHERE n.account_id IN {_ACCOUNTS}",
        )
    ],
    Kind.WORK: [
        (
            "opened_at",
            "w.kind",
            "w.id || ':opened'",
            "jsonb_build_object('id', w.id, 'state', 'open')",
            "work.order w WHERE w.service_point_id = %(place)s",
        ),
        (
            "closed_at",
            "w.kind",
            "w.id || ':closed'",
            "jsonb_build_object('id', w.id, 'state', w.state)",
            "work.order w WHERE w.service_point_id = %(place)s AND w.closed_at IS NOT NULL",
        ),
    ],
}


# Pages continue at (instant, key): several entries may share an instant, and an offset would skip or repeat entries
# that arrive meanwhile. Each part has its own LIMIT, so that its index is read no further than a page.
def _part(kind: Kind, at: str, what: str, key: str, detail: str, source: str) -> str:
    key = f"'{kind}:' || {key}"
    return (
        f"(SELECT {at} AS at, '{kind}' AS kind, {what} AS what, {key} AS key, {detail} AS detail FROM {source} "
        f"AND ({at}, {key}) < (%(at)s, %(key)s) ORDER BY {at} DESC, {key} DESC LIMIT %(limit)s)"
    )


def entries(
    service_point_id: int, kinds: Collection[Kind], now: datetime, limit: int, before: PageStart | None = None
) -> list[HistoryEntry]:
    """Return a service point's history entries of some kinds, newest first, at most `limit`.

    Entries up to `now` (UTC), or older than the entry `before`.
    """
    parts = [_part(kind, *part) for kind in Kind if kind in kinds for part in _PARTS[kind]]
    if not parts:
        return []
    together = " UNION ALL ".join(parts)
    statement = f"SELECT * FROM ({together}) line ORDER BY at DESC, key DESC LIMIT %(limit)s"
    # A microsecond later, because the comparison is strict and an entry of `now` itself belongs to the first page.
    begins = before or PageStart(now + timedelta.resolution, "")
    values: JsonObject = {"place": service_point_id, "limit": limit, "at": begins.at, "key": begins.key}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [
            HistoryEntry(at, Kind(kind), what, key, _json(detail))
            for at, kind, what, key, detail in cursor.fetchall()
        ]


def _json(detail: Any) -> JsonObject:
    found: JsonObject = msgspec.json.decode(detail) if isinstance(detail, str) else detail
    return found
