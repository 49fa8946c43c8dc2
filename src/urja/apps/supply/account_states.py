"""Accounts that are due for a decision, and the stored state of each after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection, transaction

from urja.apps.rulebook.queries.policies import name_of
from urja.apps.supply.account_facts import LastDecision
from urja.apps.supply.models import Decision as DecisionLine, State
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.core import policy as core

# NULL-safe: before the first read an account has neither watermark nor energy, and must not be due in every run.
_SEEN = (
    "s.seen_seq = a.last_seq AND s.seen_watermark_at IS NOT DISTINCT FROM r.watermark_at "
    "AND s.seen_billed_value IS NOT DISTINCT FROM r.billed_value"
)

_DUE = f"""
WITH due AS MATERIALIZED (
SELECT g.account_id FROM contracts.agreement g
JOIN books.account a ON a.id = g.account_id
LEFT JOIN supply_state s ON s.account_id = g.account_id
LEFT JOIN readings.accrual r ON r.agreement_id = g.id AND r.latest
WHERE g.valid_from <= %(now)s AND (g.valid_to IS NULL OR g.valid_to > %(now)s)
    AND (s.account_id IS NULL OR s.agreement_id <> g.id OR s.look_again_at <= %(now)s OR NOT ({_SEEN}))
    AND (SELECT v.in_service_at <= %(now)s FROM assets.supply_in_service v
        WHERE v.service_point_id = g.service_point_id)
    AND NOT EXISTS (SELECT FROM billing.opening_balance o WHERE o.agreement_id = g.id AND o.holds_charges)
    AND g.account_id <> ALL(%(waiting)s::bigint[])
)
SELECT account_id FROM due LIMIT %(limit)s
"""  # noqa: S608 - constants of this module
"""Accounts without a state, whose next decision is due, or whose ledger or readings have moved since the last one.

Only those whose supply is in service and whose opening balance, if any, is signed off: the others would take the places of the run for nothing.

The limit stands outside of the CTE: inside, the planner would take it as a reason to probe all accounts one by one.
"""


CREDIT_RECORDED = "supply_credit_recorded"
"""The trigger that reports a new credit (migration `supply.0002_rules`)."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows of the inbox `supply_changed`; they are removed once their accounts were decided."""

    ids: tuple[int, ...]
    account_ids: frozenset[int]
    credited_wall_ms: Mapping[int, int]
    """Wall time (Unix ms) of the oldest new credit, by account."""


def changes(limit: int) -> Changes:
    """Return the oldest changes of accounts beside those of ledger and readings, at most `limit` rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, account_id, what, wall_ms FROM supply_changed ORDER BY id LIMIT %s", [limit]
        )
        rows = cursor.fetchall()
    credited: dict[int, int] = {}
    for _, account_id, what, wall_ms in rows:
        if what == CREDIT_RECORDED:
            credited.setdefault(account_id, wall_ms)
    return Changes(tuple(row[0] for row in rows), frozenset(row[1] for row in rows), credited)


def credited() -> list[int]:
    """Return the accounts with a credit that no decision has seen yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT account_id FROM supply_changed WHERE what LIKE 'supply_credit_%'")
        return [account_id for (account_id,) in cursor.fetchall()]


def remove_changes(changes: Changes) -> None:
    """Remove changes from the inbox by id, so that those that arrived meanwhile stay."""
    if changes.ids:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM supply_changed WHERE id = ANY(%s)", [list(changes.ids)])


def due(now: datetime, limit: int, waiting: Sequence[int] = ()) -> list[int]:
    """Return up to `limit` accounts to decide at an instant (UTC), by one statement over all but those `waiting`."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now, "limit": limit, "waiting": list(waiting)})
        return [account_id for (account_id,) in cursor.fetchall()]


def with_cuts_under_way() -> list[int]:
    """Return the accounts whose disconnection was ordered, of a meter or of field staff, and has not ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT w.account_id FROM commands.command c JOIN supply_switching w ON w.command_id = c.id "
            "WHERE c.state IN ('queued', 'sent', 'acknowledged') AND c.kind = 'disconnect' "
            "UNION SELECT (o.asked->>'account_id')::bigint FROM work.order o "
            "WHERE o.closed_at IS NULL AND o.kind = 'switch_off_by_hand' AND o.asked->>'account_id' IS NOT NULL"
        )
        return [account_id for (account_id,) in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class AccountDecision:
    """A decision to store, with what the stage adds to it (its place in the queue, its next attempt)."""

    known: AccountSnapshot
    decision: core.Decision

    def waiting_until(self, at: datetime, reason: core.Reason | None = None) -> "AccountDecision":
        """Return the same with a next decision at `at` (UTC) at the latest, and another reason where one is given."""
        again = self.decision.look_again_at
        return replace(
            self,
            decision=replace(
                self.decision,
                look_again_at=at if again is None else min(again, at),
                reason=reason or self.decision.reason,
            ),
        )


def save(decided: Sequence[AccountDecision], now: datetime) -> int:
    """Store the states, and a history row for each that has changed; returns how many have."""
    # Saved after all actions of the run: one that was killed before this decides the same accounts again.
    fresh = [_state(item, now) for item in decided]
    changed = [
        item for item, state in zip(decided, fresh, strict=True) if _is_news(item.known.last_decision, state)
    ]
    with transaction.atomic():
        State.objects.bulk_create(
            fresh,
            update_conflicts=True,
            unique_fields=["account"],
            update_fields=_UPDATED,
            batch_size=500,
        )
        DecisionLine.objects.bulk_create([_line(item, now) for item in changed], batch_size=500)
    return len(changed)


_UPDATED = [
    "service_point_id",
    "agreement_id",
    "standing",
    "reason",
    "decided_at",
    "since_at",
    "look_again_at",
    "policy",
    "supply",
    "balance_minor",
    "limit_minor",
    "as_of_at",
    "planned_from_at",
    "planned_to_at",
    "below_cut_since",
    "paid_first_at",
    "paid_due_minor",
    "seen_seq",
    "seen_watermark_at",
    "seen_billed_value",
]


def _state(item: AccountDecision, now: datetime) -> State:
    known, decision, before = item.known, item.decision, item.known.last_decision
    facts, balance, planned = known.facts, known.balance, decision.planned
    same = before is not None and before.standing == decision.standing
    paid = facts.paid
    return State(
        account_id=known.account_id,
        service_point_id=known.agreement.service_point_id,
        agreement_id=known.agreement.id,
        standing=decision.standing.value,
        reason=decision.reason.to_json(),
        decided_at=now,
        since_at=before.since_at if before and same else now,
        look_again_at=decision.look_again_at,
        policy=name_of(known.policy),
        supply=facts.supply,
        balance_minor=facts.balance_minor,
        limit_minor=known.policy.credit.cut_below_minor,
        as_of_at=facts.as_of,
        planned_from_at=planned.not_before if planned else None,
        planned_to_at=planned.not_after if planned else None,
        below_cut_since=facts.below_cut_since,
        paid_first_at=paid.first_at if paid else None,
        paid_due_minor=paid.due_minor if paid else None,
        seen_seq=balance.last_seq,
        seen_watermark_at=balance.latest_watermark_at,
        seen_billed_value=balance.latest_energy_wh,
    )


def _is_news(before: LastDecision | None, after: State) -> bool:
    """Return whether standing or rule changed; a balance that only fell further is no history."""
    return before is None or (before.standing, before.reason_key) != (after.standing, after.reason["key"])


def _line(item: AccountDecision, now: datetime) -> DecisionLine:
    return DecisionLine(
        account_id=item.known.account_id,
        decided_at=now,
        standing=item.decision.standing.value,
        reason=item.decision.reason.to_json(),
        policy=name_of(item.known.policy),
        balance_minor=item.known.facts.balance_minor,
    )


def counts() -> Mapping[str, int]:
    """Return the number of accounts by standing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT standing, count(*) FROM supply_state GROUP BY standing")
        return dict(cursor.fetchall())
