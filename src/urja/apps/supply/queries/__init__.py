"""Queries on the supply: states of accounts with their reasons, history, and today's switching.

Everything comes from what the stage `decide` has stored; nothing is decided here.
"""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import batched
from typing import Any

from django.db import connection

from urja.apps.local_zone import local_zone
from urja.apps.rulebook.queries.policies import PolicyBook, book_of, policy_book
from urja.apps.supply.models import Hold, State
from urja.apps.work.kinds import WorkOrderKind
from urja.base.untyped_values import JsonObject, SqlRow
from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.core.policy import HOLDS, Health, Reason, sentence_at


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """The stored state of an account: its standing and the one reason for it."""

    account_id: int
    service_point_id: int
    standing: str
    """A value of `core.policy.Standing`."""
    reason: Reason
    decided_at: datetime
    since_at: datetime
    look_again_at: datetime | None
    policy: str
    supply: str
    holds: tuple[str, ...]
    balance_minor: int
    as_of_at: datetime | None
    planned_from_at: datetime | None
    planned_to_at: datetime | None
    below_cut_since: datetime | None

    def sentence(self, now: datetime, language: str = "en") -> str:
        """Return the reason as a sentence; a promise for a time that has passed is told in the past tense."""
        return sentence_at(self.reason, now, language)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event of an account's history. `kind` is decision, notice, recharge or command, `what` its subkind."""

    at: datetime
    kind: str
    what: str
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step from a payment to the reconnection: business time, and wall milliseconds where known."""

    at: datetime | None = None
    wall_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ReconnectionChain:
    """The steps from a payment to the reconnection; a step that has not happened is empty."""

    account_id: int
    credit_id: int
    amount_minor: int
    paid: Step
    credited: Step
    ordered: Step
    sent: Step
    acknowledged: Step
    confirmed: Step
    reconnected: Step
    command_id: int | None
    command_state: str
    last_error: str
    """Error of the last attempt at the meter."""
    again_at: datetime | None
    expires_at: datetime | None
    awake_at: datetime | None
    """The planned wake-up of a sleeping meter; None for one that is always reachable."""
    outcome: str
    """`reconnected`, `never_off`, `not_enough`, `held`, `waiting_for_person`; empty while under way."""

    @property
    def paid_to_reconnected_wall_ms(self) -> int | None:
        """Wall milliseconds from the payment to the reconnection; None where either is unknown."""
        if self.reconnected.wall_ms is None or self.paid.wall_ms is None:
            return None
        return self.reconnected.wall_ms - self.paid.wall_ms


@dataclass(frozen=True, slots=True)
class PlannedCut:
    """An account that will be disconnected on a day if nothing changes until then."""

    account_id: int
    service_point_id: int
    consumer_number: str
    commodity: str
    premise: str
    transformer: str
    not_before_at: datetime
    not_after_at: datetime
    balance_minor: int
    """Negative: the amount at risk, in minor units."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Switched:
    """A command to a load switch and its state."""

    command_id: int
    account_id: int
    consumer_number: str
    premise: str
    kind: str
    cause: str
    reason: Reason
    ordered_at: datetime
    state: str
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Today:
    """Switching of a local day, newest first, and the number of accounts by standing now."""

    cuts: tuple[Switched, ...]
    reconnections: tuple[Switched, ...]
    standings: dict[str, int]


@dataclass(frozen=True, slots=True)
class AwaitingReconnection:
    """An account that has paid and is not known to be reconnected, with the state of the command."""

    account_id: int
    consumer_number: str
    premise: str
    balance_minor: int
    paid_at: datetime
    command_state: str
    last_error: str
    again_at: datetime | None
    expires_at: datetime | None
    awake_at: datetime | None
    """The planned wake-up of a sleeping meter; None for one that is always reachable."""


def holds(service_point_ids: Iterable[int]) -> dict[int, set[str]]:
    """Return the open reasons of service points, by id; those without one are missing."""
    found: dict[int, set[str]] = defaultdict(set)
    for hold in Hold.objects.filter(service_point_id__in=list(service_point_ids), released_at=None):
        found[hold.service_point_id].add(hold.reason)
    return found


def is_disconnected(account_id: int) -> bool:
    """Return whether the meter had confirmed an open relay when the account was last decided."""
    return State.objects.filter(account_id=account_id, supply="off").exists()


def standing(account_id: int) -> AccountStanding | None:
    """Return an account's state; None before the first decision."""
    return standings([account_id]).get(account_id)


def standings(account_ids: Iterable[int]) -> dict[int, AccountStanding]:
    """Return the states of many accounts, by account id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.account_id, s.service_point_id, s.standing, s.reason, s.decided_at, s.since_at, "
            "s.look_again_at, s.policy, s.supply, "
            "coalesce((SELECT array_agg(h.reason::text ORDER BY h.reason) FROM supply_hold h "
            "  WHERE h.service_point_id = s.service_point_id AND h.released_at IS NULL), '{}'), "
            "s.balance_minor, s.as_of_at, s.planned_from_at, s.planned_to_at, s.below_cut_since "
            "FROM supply_state s WHERE s.account_id = ANY(%s)",
            [list(account_ids)],
        )
        return {row[0]: _standing(row) for row in cursor.fetchall()}


def _standing(row: SqlRow) -> AccountStanding:
    account_id, place, name, reason, *times = row
    decided_at, since_at, look_again_at, policy, supply, holds, *rest = times
    return AccountStanding(
        account_id,
        place,
        name,
        _reason(reason),
        decided_at,
        since_at,
        look_again_at,
        policy,
        supply,
        tuple(holds),
        *rest,
    )


def _reason(stored: Any) -> Reason:
    return Reason.from_json(json.loads(stored) if isinstance(stored, str) else stored)


_HISTORY = """
SELECT at, kind, what, detail FROM (
    SELECT d.decided_at AS at, 'decision' AS kind, d.standing AS what,
        jsonb_build_object('reason', d.reason, 'balance_minor', d.balance_minor) AS detail, 1 AS place
    FROM supply_decision d WHERE d.account_id = %(account)s
    UNION ALL
    SELECT n.requested_at, 'notice', n.kind,
        jsonb_build_object('delivered_at', n.delivered_at, 'state', n.state, 'params', n.params), 2
    FROM notices.notice n WHERE n.account_id = %(account)s
    UNION ALL
    SELECT c.requested_at, 'recharge', c.kind,
        jsonb_build_object('amount_minor', c.amount_minor, 'posted_at', c.posted_at), 0
    FROM books.credit_request c WHERE c.account_id = %(account)s
    UNION ALL
    SELECT m.issued_at, 'command', m.kind,
        jsonb_build_object('state', m.state, 'command_id', m.id, 'ended_at', m.ended_at, 'detail', m.detail), 3
    FROM commands.command m WHERE m.account_id = %(account)s
    UNION ALL
    SELECT m.ended_at, 'command', m.kind || ' ' || m.state,
        jsonb_build_object('state', m.state, 'command_id', m.id, 'detail', m.detail), 4
    FROM commands.command m WHERE m.account_id = %(account)s AND m.ended_at IS NOT NULL
) lines ORDER BY at DESC, place DESC LIMIT %(limit)s
"""


def history(account_id: int, limit: int = 100) -> list[HistoryEntry]:
    """Return an account's decisions, notices, recharges and commands, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY, {"account": account_id, "limit": limit})
        return [
            HistoryEntry(at, kind, what, json.loads(detail) if isinstance(detail, str) else detail)
            for at, kind, what, detail in cursor.fetchall()
        ]


_RECONNECTIONS = """
SELECT r.account_id, r.credit_id, q.amount_minor, r.paid_at, r.paid_wall_ms, r.credited_at, r.credited_wall_ms,
    r.ordered_at, r.ordered_wall_ms, c.sent_at, c.sent_wall_ms, c.acknowledged_at, c.acknowledged_wall_ms,
    CASE WHEN c.state IN ('confirmed', 'connected_load_unproven', 'waiting_for_person') THEN c.ended_at END,
    CASE WHEN c.state IN ('confirmed', 'connected_load_unproven', 'waiting_for_person') THEN c.ended_wall_ms END,
    CASE WHEN c.state IN ('confirmed', 'connected_load_unproven') THEN c.ended_at
        WHEN r.outcome = 'reconnected' THEN r.closed_at END,
    CASE WHEN c.state IN ('confirmed', 'connected_load_unproven') THEN c.ended_wall_ms END,
    r.command_id, coalesce(c.state, ''), coalesce(c.last_error, ''), c.again_at, c.expires_at, c.awake_at, r.outcome
FROM supply_reconnection r JOIN books.credit_request q ON q.id = r.credit_id
LEFT JOIN LATERAL (
    -- A connect that expired or failed is followed by another one: show the newest of them.
    SELECT m.* FROM commands.command m JOIN supply_switching w ON w.command_id = m.id
    WHERE w.account_id = r.account_id AND m.id >= r.command_id AND m.kind = 'connect'
        AND (r.closed_at IS NULL OR m.issued_at <= r.closed_at)
    ORDER BY m.sequence DESC LIMIT 1
) c ON true
"""


def newest_reconnection(account_id: int) -> ReconnectionChain | None:
    """Return the newest steps from a payment to the reconnection; None without such a payment."""
    found = _reconnections(
        "WHERE r.account_id = %s ORDER BY r.paid_at DESC, r.credit_id DESC LIMIT 1", [account_id]
    )
    return found[0] if found else None


def reconnection_of_credit(credit_id: int) -> ReconnectionChain | None:
    """Return the steps that began with a credit request; None where it was not followed."""
    found = _reconnections("WHERE r.credit_id = %s", [credit_id])
    return found[0] if found else None


def _reconnections(where: str, parameters: list[Any]) -> list[ReconnectionChain]:
    with connection.cursor() as cursor:
        cursor.execute(_RECONNECTIONS + where, parameters)
        return [_chain(row) for row in cursor.fetchall()]


def _chain(row: SqlRow) -> ReconnectionChain:
    account_id, credit_id, amount_minor = row[:3]
    steps: list[Any] = [Step(at, wall_ms) for at, wall_ms in batched(row[3:17], 2)]
    return ReconnectionChain(account_id, credit_id, amount_minor, *steps, *row[17:])


_PREMISE_JOINS = """
    JOIN network.service_point p ON p.id = s.service_point_id
    JOIN network.premise b ON b.id = p.premise_id
    LEFT JOIN network.fed_by t ON t.service_point_id = p.id
"""


def gas_escapes(service_point_id: int) -> bool:
    """Return whether a work order for escaping gas is open at a service point."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM work.order WHERE service_point_id = %s AND kind = %s AND closed_at IS NULL)",
            [service_point_id, WorkOrderKind.GAS_ESCAPES.value],
        )
        ((found,),) = cursor.fetchall()
    return bool(found)


def planned_cuts(day: date) -> list[PlannedCut]:
    """Return the disconnections planned for a local day with balances in minor units, largest debt first."""
    begins, ends = _bounds(day)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.account_id, s.service_point_id, p.consumer_number, p.commodity, b.name, "
            f"coalesce(t.transformer, ''), s.planned_from_at, s.planned_to_at, s.balance_minor, s.reason FROM supply_state s {_PREMISE_JOINS} "
            "WHERE s.planned_from_at >= %s AND s.planned_from_at < %s ORDER BY s.balance_minor, s.account_id",
            [begins, ends],
        )
        return [_planned_cut(row) for row in cursor.fetchall()]


def _planned_cut(row: SqlRow) -> PlannedCut:
    (
        account,
        place,
        number,
        commodity,
        premise,
        transformer,
        not_before_at,
        not_after_at,
        balance_minor,
        reason,
    ) = row
    return PlannedCut(
        account,
        place,
        number,
        commodity,
        premise,
        transformer,
        not_before_at,
        not_after_at,
        balance_minor,
        _reason(reason),
    )


def _switched(row: SqlRow) -> Switched:
    command, account, number, premise, kind, cause, reason, ordered_at, state, ended_at = row
    return Switched(
        command, account, number, premise, kind, cause, _reason(reason), ordered_at, state, ended_at
    )


def today(now: datetime) -> Today:
    """Return the switching of the local day of `now`, and the number of accounts in force by standing."""
    begins, ends = _bounds(local_day(now, local_zone()))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.command_id, s.account_id, p.consumer_number, b.name, s.kind, s.cause, s.reason, "
            f"s.ordered_at, c.state, c.ended_at FROM supply_switching s {_PREMISE_JOINS} "
            "JOIN commands.command c ON c.id = s.command_id WHERE s.ordered_at >= %s AND s.ordered_at < %s "
            "ORDER BY s.ordered_at DESC, s.command_id DESC",
            [begins, ends],
        )
        switched = [_switched(row) for row in cursor.fetchall()]
        cursor.execute(
            "SELECT s.standing, count(*) FROM supply_state s WHERE EXISTS (SELECT FROM contracts.agreement g "
            "WHERE g.account_id = s.account_id AND g.valid_from <= %(now)s "
            "AND (g.valid_to IS NULL OR g.valid_to > %(now)s)) GROUP BY s.standing",
            {"now": now},
        )
        counts = dict(cursor.fetchall())
    return Today(
        cuts=tuple(one for one in switched if one.kind == "disconnect"),
        reconnections=tuple(one for one in switched if one.kind == "connect"),
        standings=counts,
    )


_AWAITING = f"""
SELECT s.account_id, p.consumer_number, b.name, s.balance_minor, r.paid_at, coalesce(c.state, ''),
    coalesce(c.last_error, ''), c.again_at, c.expires_at, c.awake_at
FROM supply_state s {_PREMISE_JOINS}
LEFT JOIN LATERAL (
    SELECT min(paid_at) AS paid_at FROM supply_reconnection WHERE account_id = s.account_id AND closed_at IS NULL
) r ON true
LEFT JOIN LATERAL (
    SELECT m.* FROM commands.command m JOIN supply_switching w ON w.command_id = m.id
    WHERE w.account_id = s.account_id ORDER BY m.id DESC LIMIT 1
) c ON true
"""


def paid_but_disconnected() -> list[AwaitingReconnection]:
    """Return accounts that have paid and are not known to be reconnected, longest wait first."""
    return _awaiting("WHERE r.paid_at IS NOT NULL ORDER BY r.paid_at, s.account_id")


def waiting_for_person() -> list[AwaitingReconnection]:
    """Return accounts whose meter is ready for reconnection and waits for its button to be pressed."""
    return _awaiting(
        "WHERE s.supply = 'off' AND c.state = 'waiting_for_person' ORDER BY c.ended_at, s.account_id"
    )


def _awaiting(where: str) -> list[AwaitingReconnection]:
    with connection.cursor() as cursor:
        cursor.execute(_AWAITING + where)
        return [AwaitingReconnection(*row) for row in cursor.fetchall()]


def paid_to_reconnected_wall_ms(since: datetime) -> list[int]:
    """Return wall milliseconds from payment to reconnection, of all since an instant (UTC), shortest first."""
    found = _reconnections("WHERE r.outcome = 'reconnected' AND r.closed_at >= %s", [since])
    return sorted(
        chain.paid_to_reconnected_wall_ms for chain in found if chain.paid_to_reconnected_wall_ms is not None
    )


@dataclass(frozen=True, slots=True)
class Vacancy:
    """A supply without an agreement."""

    holds: tuple[str, ...]
    waits_until: datetime | None
    """When protected hours allow the disconnection; None where it is off already, has no hold, or may be switched at
    any hour."""


_VACANCY = """
SELECT array(SELECT h.reason::text FROM supply_hold h
        WHERE h.service_point_id = %(place)s AND h.released_at IS NULL ORDER BY h.reason),
    (SELECT coalesce(nullif(t.policy, ''),
            (SELECT s.code FROM rulebook.policy_assignment s WHERE s.category = t.category),
            (SELECT s.code FROM rulebook.policy_assignment s WHERE s.category = ''))
        FROM contracts.agreement g JOIN contracts.terms t ON t.agreement_id = g.id
        WHERE g.service_point_id = %(place)s ORDER BY g.valid_from DESC, t.valid_from DESC LIMIT 1),
    coalesce((SELECT c.kind = 'disconnect' AND c.state NOT IN ('failed', 'expired', 'superseded')
        FROM commands.command c WHERE c.service_point_id = %(place)s AND c.kind IN ('connect', 'disconnect')
        ORDER BY c.sequence DESC LIMIT 1), false)
"""


def vacancy(service_point_id: int, now: datetime) -> Vacancy:
    """Return the holds of a vacant supply, and until when the hours of its last policy delay the disconnection."""
    with connection.cursor() as cursor:
        cursor.execute(_VACANCY, {"place": service_point_id})
        holds, code, ordered = cursor.fetchone()
    bound = bool(holds) and all(HOLDS[reason].bound for reason in holds)
    policy = (
        policy_book().in_force(code, local_day(now, local_zone())) if bound and code and not ordered else None
    )
    opens_at = policy.cut.open_hours.next_window(now, local_zone()).not_before if policy else now
    return Vacancy(tuple(holds), opens_at if opens_at > now else None)


def health() -> Health:
    """Return the last assessment; before the first, everything counts as working."""
    return policies_and_health()[1]


def policies_and_health() -> tuple[PolicyBook, Health]:
    """Return the policies as stored now, and the last assessment; before the first, everything counts as working."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT b.sha256s, b.assigned, h.collection, h.payments, h.messaging, "
            "ARRAY(SELECT node_id FROM supply_area_health WHERE until_at IS NULL AND collection), "
            "ARRAY(SELECT node_id FROM supply_area_health WHERE until_at IS NULL AND NOT collection) "
            "FROM rulebook.policies b LEFT JOIN LATERAL "
            "(SELECT * FROM supply_health ORDER BY at DESC, id DESC LIMIT 1) h ON true"
        )
        sha256s, assigned, collection, payments, messaging, well, ill = cursor.fetchone()
    if collection is None:
        return book_of(sha256s, assigned), Health()
    return book_of(sha256s, assigned), Health(
        collection, payments, messaging, frozenset(well), frozenset(ill)
    )


@dataclass(frozen=True, slots=True)
class IllArea:
    """An administrative node whose readings do not arrive, with its meters when that began."""

    level: str
    code: str
    name: str
    """Empty where it has none."""
    meters: int
    meters_young: int
    """Those that had fresh data."""


def ill_areas() -> list[IllArea]:
    """Return the areas in which no supply is disconnected for credit because readings do not arrive, the largest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.level, n.code, n.name, h.meters, h.meters_young "
            "FROM supply_area_health h JOIN network.node n ON n.id = h.node_id "
            "WHERE h.until_at IS NULL AND NOT h.collection ORDER BY h.meters DESC, n.id"
        )
        return [IllArea(*row) for row in cursor.fetchall()]


def _bounds(day: date) -> tuple[datetime, datetime]:
    return midnight(day, local_zone()), midnight(day + ONE_DAY, local_zone())
