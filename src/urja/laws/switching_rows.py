"""The rows that the laws of switching read, and a policy's text, read without the engine's help."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from psycopg.rows import dict_row

from urja.base.untyped_values import JsonMapping, JsonObject
from urja.laws.connections import Connection
from urja.laws.downtime import Downtimes

type Row = JsonObject

UNBOUND: Final = frozenset({"safety", "request", "ended"})
"""Danger to life, the consumer's own request and the end of a supply: neither protection nor hours delay them."""
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy's text, read without the engine's help."""

    document: JsonMapping

    def minor(self, section: str, name: str, default: str = "0") -> int:
        value = Decimal(str(self.document.get(section, {}).get(name, default)))
        return int(value * 10 ** int(self.document.get("decimals", 2)))

    def whole(self, section: str, name: str, default: int = 0) -> int:
        return int(self.document.get(section, {}).get(name, default))

    @property
    def floor_minor(self) -> int:
        return self.minor("credit", "cut_below") - self.minor("credit", "emergency")

    def forbidden(self, local: datetime) -> str:
        """Return why disconnections are forbidden at a local instant; empty where they are allowed."""
        protected = self.document.get("protected", {})
        if _WEEKDAYS[local.weekday()] in protected.get("weekdays", []):
            return "on a protected weekday"
        for nth in protected.get("nth_weekdays", []):
            if _WEEKDAYS[local.weekday()] == nth["weekday"] and (local.day + 6) // 7 == nth["nth"]:
                return "on a protected weekday of the month"
        for holiday in protected.get("holidays", []):
            if str(holiday["day"]) in (f"{local:%m-%d}", f"{local:%Y-%m-%d}"):
                return f"on {holiday['name']}"
        clock = f"{local:%H:%M}"
        for hours in protected.get("hours", []):
            start, end = hours["from"], hours["to"]
            if (start <= clock < end) if start < end else (clock >= start or clock < end):
                return "in protected hours"
        return (
            "" if self.document["cut"]["from"] <= clock < self.document["cut"]["to"] else "outside the window"
        )

    def window(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """Return the open window of a local day, if it has one; None on a protected day."""
        opens, closes = (
            datetime.combine(day, time.fromisoformat(self.document["cut"][name]), zone)
            for name in ("from", "to")
        )
        minutes = int((closes - opens).total_seconds() // 60)
        free = [
            opens + timedelta(minutes=n)
            for n in range(minutes)
            if not self.forbidden(opens + timedelta(minutes=n))
        ]
        return (free[0].astimezone(UTC), free[-1].astimezone(UTC) + timedelta(minutes=1)) if free else None


class Books:
    """The rows that the laws read, each once."""

    def __init__(
        self, connection: Connection, now: datetime, zone: ZoneInfo, slack: timedelta, outages: Downtimes
    ) -> None:
        self.connection, self.now, self.zone, self.slack = connection, now, zone, slack
        self.outages = outages
        self.long_ago = outages.last_due(now, slack)
        """What was due at this instant must have been done by now."""
        self.rules = {
            f"{row['code']} {row['version']}": Rules(tomllib.loads(row["text"]))
            for row in self.rows("SELECT code, version, text FROM rulebook_policy_version")
        }
        # Each disconnection with the holds in force when it was ordered.
        self.disconnections = self.rows(
            "SELECT c.*, w.policy, w.transformer, w.balance_minor, w.evidence AS ground, w.cause, "
            "array(SELECT h.reason::text FROM supply_hold h WHERE h.service_point_id = c.service_point_id "
            "  AND h.placed_at <= c.issued_at AND coalesce(h.released_at, 'infinity') > c.issued_at) AS held_for "
            "FROM commands_command c JOIN supply_switching w ON w.command_id = c.id "
            "WHERE c.kind = 'disconnect' ORDER BY c.issued_at, c.id"
        )
        self.cuts = [one for one in self.disconnections if one["cause"] == "credit"]
        self.bound = [one for one in self.disconnections if not UNBOUND & set(one["held_for"])]
        """Those that protected consumers and protected hours limit."""

    def rows(
        self, query: str, parameters: Sequence[object] | Mapping[str, object] | None = None
    ) -> list[Row]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    @staticmethod
    def carried_out_at(cut: Row) -> datetime | None:
        """Return when the meter executed it; None where that is not known."""
        return (cut["acknowledged_at"] or cut["ended_at"]) if cut["state"] == "confirmed" else None


_AREAS: Final = """
WITH RECURSIVE above AS (
    SELECT p.node_id AS node, 0 AS depth FROM network_placement p
    WHERE p.tree = 'administration' AND p.service_point_id = %(place)s
        AND p.valid_from <= %(until)s AND coalesce(p.valid_to, 'infinity') > %(until)s
    UNION
    SELECT n.parent_id, above.depth + 1 FROM above JOIN network_node_period n ON n.node_id = above.node
        AND n.valid_from <= %(until)s AND coalesce(n.valid_to, 'infinity') > %(until)s
)
SELECT h.collection FROM above JOIN supply_area_health h ON h.node_id = above.node
    AND h.from_at <= %(until)s AND coalesce(h.until_at, 'infinity') > %(since)s
ORDER BY above.depth
"""


def area_judgements(books: Books, service_point_id: int, since: datetime, until: datetime) -> list[bool]:
    """Return whether collection was well within a time (UTC) at the nodes above a service point that are judged by
    themselves, the nearest first.
    """
    found = books.rows(_AREAS, {"place": service_point_id, "since": since, "until": until})
    return [row["collection"] for row in found]


def name_of(cut: Row) -> str:
    return f"cut {cut['id']} of account {cut['account_id']}"


def not_served(rules: JsonMapping, sent: list[Row], spell: datetime, by: datetime) -> Iterator[str]:
    """Yield which required notices were not served by an instant, by the policy's text."""
    words = rules.get("served", {})
    posted = [row["sent_at"] for row in sent if row["channel"] == "letter" and row["sent_at"] >= spell]
    if "letter_days" in words and any(at + timedelta(days=words["letter_days"]) <= by for at in posted):
        return
    in_spell = [row for row in sent if row["requested_at"] >= spell]
    for kind in rules["before_cut"]:
        if not _times_served(words, [row for row in in_spell if row["kind"] == kind], by):
            yield f"no notice {kind!r} was served"
    kinds = {row["kind"] for row in sent if row["kind"] != "letter"}
    times = sum(_times_served(words, [row for row in sent if row["kind"] == kind], by) for kind in kinds)
    if times < rules["least_delivered"]:
        yield f"{times} notices were served"


def _times_served(words: JsonMapping, of_kind: list[Row], by: datetime) -> int:
    """Return how many notices of one kind were served: those with a receipt, or all after enough attempts."""
    delivered = {n for n, row in enumerate(of_kind) if row["delivered_at"] and row["delivered_at"] <= by}
    tried = {
        n: row["sent_at"]
        for n, row in enumerate(of_kind)
        if row["channel"] in words.get("channels", ()) and row["sent_at"] and row["sent_at"] <= by
    }
    if len(tried) >= words.get("attempts", 2) and min(tried.values()) + timedelta(days=words["days"]) <= by:
        return len(delivered | tried.keys())
    return len(delivered)
