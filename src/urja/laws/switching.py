"""The laws of switching: no forbidden disconnection, no missed disconnection, and reconnection after payment.

They compare the tables with the rules, without trusting the code that decided: hours, limits and notices are read
anew from the policy's text, by plain arithmetic. Safety (the first eleven) checks each command that was given;
liveness (the last four) looks for commands that were not. docs/supply.md names each law and what would break it.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from urja.laws import governing_policy as policy_law
from urja.laws.downtime import NO_DOWNTIME, Downtimes
from urja.laws.verify import Finding

type Connection = psycopg.Connection[Any]
type Row = dict[str, Any]

SLACK: Final = timedelta(minutes=2)
"""Business time in which a step may be under way: what is younger is not judged."""

_SHOWN: Final = 20
_UNBOUND: Final = frozenset({"safety", "request", "ended"})
"""Danger to life, the consumer's own request and the end of a supply: neither protection nor hours delay them."""
_GROUNDS: Final = _UNBOUND | {"overload", "relay_test", "tamper", "vacant"}
"""What a supply may be held off for, beside credit."""
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def laws(connection: Connection, now: datetime, zone: str, slack: timedelta = SLACK) -> dict[str, bool]:
    """Return each law and whether it holds."""
    return {finding.law: finding.holds for finding in examine(connection, now, zone, slack)}


def examine(
    connection: Connection,
    now: datetime,
    zone: str,
    slack: timedelta = SLACK,
    outages: Downtimes = NO_DOWNTIME,
) -> list[Finding]:
    """Return the laws with their contradictions.

    `connection` reads with a role that may read all; Django must be configured on the same database. `slack` is
    business time: at a speed of 600, one second of real time is ten minutes of it. Where a process was down
    (`outages`), it counts from when all processes that switch are ready again.
    """
    books = _Books(connection, now, ZoneInfo(zone), slack, outages)
    checks: list[tuple[str, str, Callable[[_Books], Iterable[str]]]] = [
        ("cut_has_a_ground", "each disconnection was given for a stated cause that is one", _grounded),
        (
            "cut_in_its_hours",
            "no disconnection that hours bind is outside the window, or in protected hours or days",
            _hours,
        ),
        (
            "cut_below_the_limit",
            "no supply is disconnected for credit at the limit or above",
            _below_the_limit,
        ),
        (
            "cut_after_no_credit",
            "no disconnection is ordered while a credit is pending, or carried out after a later one",
            _no_credit,
        ),
        (
            "cut_after_notices",
            "each disconnection for credit follows its notices, served as the policy says and with its lead",
            _noticed,
        ),
        (
            "cut_of_no_protected_consumer",
            "no protected consumer is disconnected but for danger, by request or at the end, and none in a moratorium for credit",
            _marked,
        ),
        (
            "cut_on_fresh_data",
            "each disconnection for credit rests on readings that are recent enough",
            _fresh,
        ),
        (
            "cut_while_services_run",
            "no supply is disconnected for credit while collection, payments or messages fail",
            _well,
        ),
        ("cut_in_turn", "disconnections behind a transformer keep their number and their interval", _in_turn),
        ("holds_are_kept", "no supply is reconnected while a hold is in force", _holds),
        (
            "governed_by_its_policy",
            "each disconnection and standing follows the policy that governs the agreement",
            _governed,
        ),
        ("account_has_a_standing", "each account has one standing with a sentence", _has_a_standing),
        (
            "due_is_cut",
            "each supply that is due and reachable is disconnected in the window",
            _cut_when_due,
        ),
        (
            "protected_is_not_kept_off",
            "no protected consumer stays disconnected, and none because of provisional charges alone",
            _kept_off,
        ),
        (
            "paid_is_reconnected",
            "each consumer who has paid and is reachable is reconnected",
            _paid_is_reconnected,
        ),
    ]
    return [Finding(law, sentence, _some(check(books))) for law, sentence, check in checks]


def _some(contradictions: Iterable[str]) -> tuple[str, ...]:
    return tuple(contradiction for contradiction, _ in zip(contradictions, range(_SHOWN), strict=False))


@dataclass(frozen=True, slots=True)
class _Rules:
    """A policy's text, read without the engine's help."""

    document: Mapping[str, Any]

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


class _Books:
    """The rows that the laws read, each once."""

    def __init__(
        self, connection: Connection, now: datetime, zone: ZoneInfo, slack: timedelta, outages: Downtimes
    ) -> None:
        self.connection, self.now, self.zone, self.slack = connection, now, zone, slack
        self.outages = outages
        self.long_ago = outages.last_due(now, slack)
        """What was due at this instant must have been done by now."""
        self.rules = {
            f"{row['code']} {row['version']}": _Rules(tomllib.loads(row["text"]))
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
        self.bound = [one for one in self.disconnections if not _UNBOUND & set(one["held_for"])]
        """Those that protected consumers and protected hours limit."""

    def rows(self, query: str, parameters: Any = None) -> list[Row]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    @staticmethod
    def carried_out_at(cut: Row) -> datetime | None:
        """Return when the meter executed it; None where that is not known."""
        return (cut["acknowledged_at"] or cut["ended_at"]) if cut["state"] == "confirmed" else None


def _name(cut: Row) -> str:
    return f"cut {cut['id']} of account {cut['account_id']}"


def _grounded(books: _Books) -> Iterator[str]:
    for row in books.rows(
        "SELECT c.id, c.device_id FROM commands_command c LEFT JOIN supply_switching w ON w.command_id = c.id "
        "WHERE c.kind = 'disconnect' AND w.command_id IS NULL AND NOT EXISTS (SELECT FROM commissioning_call k "
        "  WHERE k.relay_test AND k.commands->'switch_off' = to_jsonb(c.id)) ORDER BY c.id"
    ):
        yield f"disconnection {row['id']} of device {row['device_id']} was given without a decision"
    for cut in books.disconnections:
        if cut["cause"] != "credit" and not _GROUNDS & set(cut["held_for"]):
            yield f"{_name(cut)} was given without a hold that allows it"


def _hours(books: _Books) -> Iterator[str]:
    for cut in books.bound:
        rules = books.rules.get(cut["policy"])
        if rules is None:
            yield f"{_name(cut)} was given by no policy's hours"
            continue
        if why := rules.forbidden(books.local(cut["issued_at"])):
            yield f"{_name(cut)} was given {why}"
        # A command may begin until it expires: the last instant before that must be allowed as well.
        last = books.local(cut["expires_at"]) - timedelta.resolution
        if why := rules.forbidden(last):
            yield f"{_name(cut)} might have begun {why}"
        done_at = books.carried_out_at(cut)
        if (
            done_at
            and (why := rules.forbidden(books.local(done_at - books.slack)))
            and done_at > cut["expires_at"]
        ):
            yield f"{_name(cut)} was carried out {why}"


def _below_the_limit(books: _Books) -> Iterator[str]:
    for cut in books.cuts:
        floor_minor = books.rules[cut["policy"]].floor_minor
        if cut["balance_minor"] >= floor_minor:
            yield f"{_name(cut)} was given at a balance of {cut['balance_minor']}, the limit is {floor_minor}"
    # Once the day is closed, its postings show whether the balance behind the decision was right.
    for cut in books.cuts:
        day = books.local(cut["issued_at"]).date()
        (row,) = books.rows(
            "SELECT (SELECT coalesce(sum(e.amount_minor), 0) FROM books_entry e "
            "  WHERE e.bucket = %(bucket)s AND e.account_id = %(account)s AND (e.origin <> 'engine' "
            "    AND e.posted_at <= %(at)s OR e.origin = 'engine' AND e.service_date <= %(day)s)) AS left_minor, "
            "(SELECT bool_and(c.closed_through >= %(day)s) FROM billing_close c "
            "  JOIN contracts_agreement a ON a.id = c.agreement_id WHERE a.account_id = %(account)s) AS closed",
            {
                "account": cut["account_id"],
                "bucket": cut["account_id"] >> 40,
                "day": day,
                "at": cut["issued_at"],
            },
        )
        limit_minor = books.rules[cut["policy"]].floor_minor
        if row["closed"] and row["left_minor"] >= limit_minor:
            yield f"{_name(cut)} would have had {row['left_minor']} left at the end of the day"


def _no_credit(books: _Books) -> Iterator[str]:
    for cut in books.cuts:
        for credit in books.rows(
            "SELECT id, requested_at, posted_at FROM books_credit_request WHERE account_id = %s ORDER BY id",
            [cut["account_id"]],
        ):
            recorded, posted = credit["requested_at"], credit["posted_at"]
            if recorded < cut["issued_at"] and (posted is None or posted > cut["issued_at"]):
                yield f"{_name(cut)} was given while credit {credit['id']} was pending"
            done_at = books.carried_out_at(cut)
            if done_at and cut["issued_at"] < recorded < done_at - books.slack:
                yield f"{_name(cut)} was carried out after credit {credit['id']}"


def _noticed(books: _Books) -> Iterator[str]:
    for cut in books.cuts:
        rules = books.rules[cut["policy"]].document["notices"]
        latest = cut["issued_at"] - timedelta(hours=rules["lead_hours"])
        spell = datetime.fromisoformat(cut["ground"]["below_cut_since"] or cut["issued_at"].isoformat())
        sent = books.rows(
            "SELECT kind, channel, requested_at, sent_at, delivered_at FROM notices_notice WHERE account_id = %(account)s "
            # A letter entered by mistake counts until it was corrected.
            "AND (channel <> 'letter' OR ended_at IS NULL OR ended_at >= %(issued)s) AND requested_at >= coalesce("
            "  (SELECT max(posted_at) FROM books_credit_request c WHERE c.account_id = %(account)s "
            "    AND c.kind NOT IN ('set-apart', 'deposit') "
            "    AND c.posted_at < least(%(issued)s, %(since)s::timestamptz)), '-infinity')",
            {"account": cut["account_id"], "issued": cut["issued_at"], "since": spell},
        )
        for lacking in _not_served(rules, sent, spell, latest):
            yield f"{_name(cut)}: {lacking} by {latest}"


def _not_served(rules: Mapping[str, Any], sent: list[Row], spell: datetime, by: datetime) -> Iterator[str]:
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


def _times_served(words: Mapping[str, Any], of_kind: list[Row], by: datetime) -> int:
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


_IN_FORCE = "g.account_id = %(account)s AND g.valid_from <= %(issued)s AND coalesce(g.valid_to, 'infinity') > %(issued)s"
_PROTECTED = (
    "SELECT p.kind FROM contracts_agreement g JOIN people_protection p ON p.person_id = g.customer_id "  # noqa: S608 - constants of the code
    f"WHERE {_IN_FORCE} AND p.valid_from <= %(issued)s AND coalesce(p.valid_to, 'infinity') > %(issued)s "
    "AND p.recorded_at <= %(issued)s ORDER BY 1"
)
_AGREED = (
    "SELECT t.payment_mode, t.converted_at FROM contracts_agreement g "  # noqa: S608 - constants of the code
    f"JOIN contracts_agreement_terms t ON t.agreement_id = g.id WHERE {_IN_FORCE} "
    "AND t.valid_from <= %(issued)s AND coalesce(t.valid_to, 'infinity') > %(issued)s AND t.recorded_at <= %(issued)s"
)


def _marked(books: _Books) -> Iterator[str]:
    """Check what was recorded when a disconnection was ordered: protection, payment by bills, a conversion."""
    for cut in books.bound:
        for row in books.rows(_PROTECTED, {"account": cut["account_id"], "issued": cut["issued_at"]}):
            yield f"{_name(cut)}, which is marked {row['kind']}"
    for cut in books.cuts:
        at = {"account": cut["account_id"], "issued": cut["issued_at"]}
        days = books.rules[cut["policy"]].whole("credit", "grace_days_after_conversion")
        for row in books.rows(_AGREED, at):
            if row["payment_mode"] != "prepaid":
                yield f"{_name(cut)}, which is {row['payment_mode']}"
            if row["converted_at"] and cut["issued_at"] < row["converted_at"] + timedelta(days=days):
                yield f"{_name(cut)} within {days} days of its conversion"


def _fresh(books: _Books) -> Iterator[str]:
    for cut in books.cuts:
        hours = books.rules[cut["policy"]].whole("cut", "max_data_age_hours")
        (row,) = books.rows(
            "SELECT greatest("
            "  (SELECT max(i.start_at + make_interval(secs => i.length_s)) FROM readings_interval i "
            "    WHERE i.service_point_id = %(place)s AND i.channel_set = 1 AND i.start_at <= %(issued)s), "
            "  (SELECT max(r.read_at) FROM readings_register r "
            "    WHERE r.service_point_id = %(place)s AND r.kind IN (2, 3, 5) AND r.read_at <= %(issued)s)) AS upto",
            {"place": cut["service_point_id"], "issued": cut["issued_at"]},
        )
        if row["upto"] is None or row["upto"] < cut["issued_at"] - timedelta(hours=hours):
            yield f"{_name(cut)} rests on readings up to {row['upto']}"


def _well(books: _Books) -> Iterator[str]:
    for cut in books.cuts:
        for row in books.rows(
            "SELECT * FROM supply_health WHERE at <= %s ORDER BY at DESC, id DESC LIMIT 1", [cut["issued_at"]]
        ):
            failing = [name for name in ("collection", "payments", "messaging") if not row[name]]
            if failing:
                yield f"{_name(cut)} while {', '.join(failing)} failed"


def _in_turn(books: _Books) -> Iterator[str]:
    behind: dict[tuple[str, date], list[Row]] = {}
    for cut in books.cuts:
        behind.setdefault((cut["transformer"], books.local(cut["issued_at"]).date()), []).append(cut)
    for (transformer, day), cuts in behind.items():
        place = f"transformer {transformer or 'unknown'} on {day}"
        rules = books.rules[cuts[0]["policy"]]
        most = rules.whole("cut", "most_per_transformer")
        accounts = {cut["account_id"] for cut in cuts}
        if len(accounts) > most:
            yield f"{place}: {len(accounts)} accounts were cut, at most {most} may be"
        distance = timedelta(seconds=rules.whole("cut", "stagger_s"))
        for earlier, later in pairwise(cuts):
            if later["issued_at"] - earlier["issued_at"] < distance:
                yield f"{place}: cuts {earlier['id']} and {later['id']} are closer than {distance}"


def _holds(books: _Books) -> Iterator[str]:
    for row in books.rows(
        "SELECT c.id, h.reason, h.service_point_id FROM commands_command c "
        "JOIN supply_hold h ON h.service_point_id = c.service_point_id "
        "WHERE c.kind = 'connect' AND h.placed_at < c.issued_at "
        "AND (h.released_at IS NULL OR h.released_at > c.issued_at) "
        # A hold that respects protection keeps no protected consumer disconnected.
        "AND (h.reason = ANY(%(unbound)s) OR NOT EXISTS ("
        "  SELECT FROM contracts_agreement g JOIN people_protection p ON p.person_id = g.customer_id "
        "  WHERE g.service_point_id = c.service_point_id AND g.valid_from <= c.issued_at "
        "  AND coalesce(g.valid_to, 'infinity') > c.issued_at AND p.valid_from <= c.issued_at "
        "  AND coalesce(p.valid_to, 'infinity') > c.issued_at)) ORDER BY c.id",
        {"unbound": sorted(_UNBOUND)},
    ):
        yield f"reconnection {row['id']} was given while {row['reason']} held {row['service_point_id']} off"


def _governed(books: _Books) -> Iterator[str]:
    return policy_law.examine(books.rows, books.cuts, books.now, books.zone.key, books.slack)


def _has_a_standing(books: _Books) -> Iterator[str]:
    from urja.core.policy import Reason, sentence

    for row in books.rows(
        "SELECT g.account_id, s.reason FROM contracts_agreement g "
        "LEFT JOIN supply_state s ON s.account_id = g.account_id "
        "WHERE g.valid_from <= %(now)s AND (g.valid_to IS NULL OR g.valid_to > %(now)s) "
        "AND EXISTS (SELECT FROM rulebook_policy_version) ORDER BY 1",
        {"now": books.long_ago},
    ):
        if row["reason"] is None:
            yield f"account {row['account_id']} has no standing"
            continue
        reason = Reason.from_json(row["reason"])
        try:
            worded = all(sentence(reason, language) for language in ("en", "hi"))
        except KeyError as error:
            yield f"account {row['account_id']}: no sentence for {reason.key} ({error})"
            continue
        if not worded:
            yield f"account {row['account_id']}: an empty sentence for {reason.key}"


def _cut_when_due(books: _Books) -> Iterator[str]:
    """Check that each disconnection ended and was tried, and that no due supply was passed over in the last window."""
    for cut in books.cuts:
        if cut["ended_at"] is None and cut["expires_at"] < books.long_ago:
            # The head end has time to report a command that it began; dispatch judges that, not this law.
            if cut["state"] == "queued":
                yield f"{_name(cut)} expired and has no end"
        elif (
            cut["state"] == "expired"
            and cut["sent_at"] is None
            and books.outages.leave_time(cut["issued_at"], cut["expires_at"], books.slack)
        ):
            yield f"{_name(cut)} expired and was never sent"
    for row in books.rows(
        "SELECT account_id, planned_to_at FROM supply_state WHERE standing = 'to_be_cut' AND planned_to_at < %s",
        [books.long_ago],
    ):
        yield f"account {row['account_id']} was to be disconnected by {row['planned_to_at']} and was not decided again"
    for code, rules in _current(books).items():
        window = _last_window(books, rules)
        if window is not None:
            yield from _passed_over(books, code, rules, window)


def _current(books: _Books) -> dict[str, _Rules]:
    """Return the version in force of each policy, by code."""
    rows = books.rows(
        "SELECT DISTINCT ON (code) code, version FROM rulebook_policy_version WHERE valid_from <= %s "
        "ORDER BY code, valid_from DESC, id DESC",
        [books.local(books.now).date()],
    )
    return {row["code"]: books.rules[f"{row['code']} {row['version']}"] for row in rows}


def _last_window(books: _Books, rules: _Rules) -> tuple[datetime, datetime] | None:
    """Return the last finished window within eight days in which the processes ran long enough to disconnect."""
    today = books.local(books.now).date()
    for n in range(8):
        window = rules.window(today - timedelta(days=n), books.zone)
        if (
            window is not None
            and window[1] <= books.now - books.slack
            and books.outages.leave_time(*window, books.slack)
        ):
            return window
    return None


_DUE = """
SELECT g.account_id, coalesce(t.transformer, '') AS transformer FROM contracts_agreement g
JOIN network_service_point p ON p.id = g.service_point_id
JOIN assets_device_period d ON d.service_point_id = p.id AND d.role = 1 AND d.valid_to IS NULL
JOIN assets_device v ON v.id = d.device_id AND v.load_switch
LEFT JOIN network_fed_by t ON t.service_point_id = p.id
JOIN contracts_agreement_terms m ON m.agreement_id = g.id AND m.valid_from <= %(opens)s
    AND coalesce(m.valid_to, 'infinity') >= %(closes)s AND m.payment_mode = 'prepaid'
JOIN readings_accrual r ON r.agreement_id = g.id AND r.latest
LEFT JOIN billing_close k ON k.agreement_id = g.id
WHERE g.valid_from <= %(opens)s AND g.valid_to IS NULL
    AND coalesce(nullif(m.policy, ''), (SELECT s.code FROM rulebook_policy_assignment s WHERE s.category = m.category),
        (SELECT s.code FROM rulebook_policy_assignment s WHERE s.category = '')) = %(code)s
    AND NOT EXISTS (SELECT FROM people_protection q WHERE q.person_id = g.customer_id
        AND q.valid_from < %(closes)s AND coalesce(q.valid_to, 'infinity') > %(opens)s)
    AND (m.converted_at IS NULL OR m.converted_at + make_interval(days => %(conversion)s) <= %(opens)s)
    -- Below the limit by what was posted before the opening; consumption since then only lowers the balance.
    AND (SELECT coalesce(sum(e.amount_minor), 0) FROM books_entry e WHERE e.bucket = (g.account_id >> 40)::smallint
        AND e.account_id = g.account_id AND e.posted_at <= %(opens)s) < %(floor)s
    AND (k.closed_at IS NULL OR k.closed_at <= %(opens)s OR NOT k.provisional)
    AND NOT coalesce(k.provisional, false)
    AND r.estimated_wh = 0 AND r.watermark_at >= %(closes)s - make_interval(hours => %(age)s)
    -- Not in a time to pay: below the limit for longer than any of them.
    AND NOT EXISTS (SELECT FROM supply_decision l WHERE l.account_id = g.account_id
        AND l.decided_at > %(opens)s - make_interval(days => %(grace)s)
        AND l.standing IN ('fine', 'grace', 'protected', 'suspended') AND l.reason->>'key' NOT LIKE 'protected%%'
        AND l.reason->>'key' <> 'holiday')
    AND NOT EXISTS (SELECT FROM books_credit_request c WHERE c.account_id = g.account_id
        AND (c.posted_at IS NULL OR c.posted_at > %(opens)s - make_interval(days => %(grace)s)))
    AND NOT EXISTS (SELECT FROM supply_hold h WHERE h.service_point_id = p.id AND h.placed_at < %(closes)s
        AND (h.released_at IS NULL OR h.released_at > %(opens)s) AND h.reason <> 'credit')
    -- Disconnected before, or ordered to be in this window.
    AND NOT EXISTS (SELECT FROM commands_command c WHERE c.device_id = d.device_id AND c.kind = 'disconnect'
        AND c.issued_at < %(closes)s AND (c.issued_at >= %(opens)s OR (c.state = 'confirmed' AND NOT EXISTS (
            SELECT FROM commands_command l WHERE l.device_id = d.device_id AND l.kind = 'connect'
                AND l.sequence > c.sequence))))
ORDER BY 1
"""


_SINCE_THE_LAST_CREDIT = """
SELECT kind, channel, requested_at, sent_at, delivered_at FROM notices_notice WHERE account_id = %(account)s
    AND (channel <> 'letter' OR ended_at IS NULL) AND requested_at >= coalesce(
        (SELECT max(c.posted_at) FROM books_credit_request c WHERE c.account_id = %(account)s), '-infinity')
"""


def _passed_over(books: _Books, code: str, rules: _Rules, window: tuple[datetime, datetime]) -> Iterator[str]:
    opens, closes = window
    well = books.rows(
        "SELECT bool_and(collection AND payments AND messaging) AS yes FROM supply_health "
        "WHERE at >= %s - interval '10 minutes' AND at <= %s",
        [opens, closes],
    )
    if not well[0]["yes"]:
        return
    notices, credit = rules.document["notices"], rules.document.get("credit", {})
    grace = max(
        [credit.get("emergency_days", 0), *(longer["days"] for longer in credit.get("longer", []))], default=0
    )
    due = books.rows(
        _DUE,
        {
            "code": code,
            "opens": opens,
            "closes": closes,
            "floor": rules.floor_minor,
            "conversion": rules.whole("credit", "grace_days_after_conversion"),
            "age": rules.whole("cut", "max_data_age_hours"),
            "grace": grace,
        },
    )
    room = min(
        rules.whole("cut", "most_per_transformer"),
        int((closes - opens).total_seconds()) // max(rules.whole("cut", "stagger_s"), 1),
    )
    serve_by = opens - timedelta(hours=notices["lead_hours"])
    for row in due:
        sent = books.rows(_SINCE_THE_LAST_CREDIT, {"account": row["account_id"]})
        if any(_not_served(notices, sent, datetime.min.replace(tzinfo=UTC), serve_by)):
            continue
        cut = {
            one["account_id"]
            for one in books.cuts
            if one["transformer"] == row["transformer"] and opens <= one["issued_at"] < closes
        }
        if len(cut) < room:
            yield f"account {row['account_id']} was to be disconnected between {opens} and {closes}, and was not"


_OFF = """
SELECT DISTINCT ON (c.device_id) c.kind, c.state, c.ended_at, g.id AS agreement_id, g.account_id,
    coalesce((SELECT w.policy FROM supply_switching w WHERE w.command_id = c.id), '') AS policy,
    array(SELECT h.reason::text FROM supply_hold h WHERE h.service_point_id = c.service_point_id
        AND h.released_at IS NULL) AS held_for,
    (SELECT min(greatest(p.valid_from, p.recorded_at)) FROM people_protection p WHERE p.person_id = g.customer_id
        AND p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s) AS protected_at,
    (SELECT max(k.closed_at) FROM billing_close k WHERE k.agreement_id = g.id AND k.provisional) AS provisional_at
FROM commands_command c
JOIN contracts_agreement g ON g.service_point_id = c.service_point_id AND g.valid_from <= %(now)s AND g.valid_to IS NULL
WHERE c.kind IN ('connect', 'disconnect') ORDER BY c.device_id, c.sequence DESC
"""


def _kept_off(books: _Books) -> Iterator[str]:
    """Check supplies that stay disconnected although the consumer has a right to be reconnected."""
    from urja.apps.billing.balances import fresh_balances
    from urja.apps.contracts import queries as contracts

    off = [
        row
        for row in books.rows(_OFF, {"now": books.now})
        if row["kind"] == "disconnect" and row["state"] == "confirmed" and not _UNBOUND & set(row["held_for"])
    ]
    provisional = [row for row in off if row["provisional_at"] and set(row["held_for"]) == {"credit"}]
    agreements = contracts.agreements(row["agreement_id"] for row in provisional)
    balances = fresh_balances(agreements, books.now) if provisional else {}
    for row in off:
        if row["protected_at"] and max(row["protected_at"], row["ended_at"]) < books.long_ago:
            yield f"account {row['account_id']} is protected since {row['protected_at']} and stays disconnected"
    for row in provisional:
        found = balances[row["account_id"]]
        at_least_minor = books.rules[row["policy"]].minor("reconnect", "at_least")
        without_minor = found.balance_minor + found.provisional_minor
        if without_minor >= at_least_minor and max(row["provisional_at"], row["ended_at"]) < books.long_ago:
            yield f"account {row['account_id']} has {without_minor} without provisional charges and stays disconnected"


def _paid_is_reconnected(books: _Books) -> Iterator[str]:
    """Check supplies disconnected for credit alone with enough on the account: a reconnection was ordered and tried."""
    from urja.apps.billing.balances import fresh_balances
    from urja.apps.contracts import queries as contracts

    rows = books.rows(
        "SELECT DISTINCT ON (c.device_id) c.kind, c.state, c.issued_at, c.sent_at, c.expires_at, c.ended_at, w.account_id, "
        "w.policy, "
        "(SELECT max(q.posted_at) FROM books_credit_request q WHERE q.account_id = w.account_id) AS credited_at, "
        "EXISTS (SELECT FROM supply_hold h WHERE h.service_point_id = c.service_point_id AND h.released_at IS NULL "
        "  AND h.reason <> 'credit') AS held "
        "FROM commands_command c JOIN supply_switching w ON w.command_id = c.id "
        "WHERE c.kind IN ('connect', 'disconnect') ORDER BY c.device_id, c.sequence DESC"
    )
    disconnected = {
        row["account_id"]: row for row in rows if row["kind"] == "disconnect" and row["state"] == "confirmed"
    }
    balances = fresh_balances(contracts.in_force(disconnected, books.now), books.now)
    for account_id, row in disconnected.items():
        found = balances.get(account_id)
        if found is None or row["held"] or row["credited_at"] is None:
            continue
        enough = found.balance_minor >= books.rules[row["policy"]].minor("reconnect", "at_least")
        if enough and max(row["credited_at"], row["ended_at"]) < books.long_ago:
            yield f"account {account_id} has {found.balance_minor} since {row['credited_at']} and no reconnection was ordered"
    for row in rows:
        unsent = row["kind"] == "connect" and row["state"] == "expired" and row["sent_at"] is None
        if unsent and books.outages.leave_time(row["issued_at"], row["expires_at"], books.slack):
            yield f"the reconnection of account {row['account_id']} expired and was never sent"
