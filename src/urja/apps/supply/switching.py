"""Holds and the switch commands that follow from them. Only the stage `decide` calls this.

A disconnection is ordered under an exclusive lock on the account. Recording a credit needs a shared lock on the same
row (its foreign key). So every credit is either seen here, or recorded after the order, and then the next run cancels
it.
"""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from urja.apps.books import locking
from urja.apps.commands import operations as commands
from urja.apps.commands.kinds import CONNECT, DISCONNECT
from urja.apps.commands.queries import CommandRow
from urja.apps.rulebook.queries.policies import PolicyBook, name_of
from urja.apps.supply.kinds import Cause
from urja.apps.supply.models import Hold, Order, OrderAction, Switching
from urja.apps.supply.queries import facts as known_facts
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.base.ids import new_correlation
from urja.core import policy as core
from urja.core.policy import Health

CREDIT: Final = "credit"
BY_POLICY: Final = "policy"

CONNECT_EXPIRES_AFTER: Final = timedelta(hours=24)
"""How long one connect command is tried; the next one follows when it expires."""
HOLD_EXPIRES_AFTER: Final = timedelta(hours=24)
RETRY_AFTER: Final = timedelta(minutes=10)
"""Delay between a failed command and the next one to the same meter."""
_ORDERS_AT_ONCE: Final = 500
"""Operators' orders that one run applies."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run of the stage: business time, wall time (Unix ms), health of the services, and the policies."""

    now: datetime
    wall_ms: int
    health: Health
    policies: PolicyBook


def apply_orders(moment: RunContext) -> set[int]:
    """Turn operators' orders into holds, oldest first; returns the service points they concern."""
    waiting = list(Order.objects.filter(applied_at=None).order_by("id")[:_ORDERS_AT_ONCE])
    places = {order.service_point_id for order in waiting}
    for order in waiting:
        with transaction.atomic():
            if order.action == OrderAction.HOLD:
                place_hold(order.service_point_id, order.hold, order.actor, moment.now, order.note)
            else:
                release_hold(order.service_point_id, order.hold, order.actor, moment.now)
            # In one transaction with the hold: an order is applied exactly once, however often the stage is killed.
            Order.objects.filter(id=order.id).update(applied_at=moment.now)
    return places


def accounts_at(service_point_ids: Collection[int], now: datetime) -> set[int]:
    """Return the accounts whose agreements are in force at service points."""
    if not service_point_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id FROM contracts.agreement WHERE service_point_id = ANY(%s) AND valid_from <= %s "
            "AND (valid_to IS NULL OR valid_to > %s)",
            [list(service_point_ids), now, now],
        )
        return {account_id for (account_id,) in cursor.fetchall()}


def place_hold(service_point_id: int, reason: str, actor: str, at: datetime, note: str = "") -> None:
    """Add a reason to keep a supply off; an open one stays unchanged."""
    # A unique index on open holds decides: placing the same reason twice keeps the first one's time and author.
    hold = Hold(service_point_id=service_point_id, reason=reason, placed_at=at, placed_by=actor, note=note)
    Hold.objects.bulk_create([hold], ignore_conflicts=True)


def release_hold(service_point_id: int, reason: str, actor: str, at: datetime) -> bool:
    """Close a reason; returns whether it was open."""
    held = Hold.objects.filter(service_point_id=service_point_id, reason=reason, released_at=None)
    return bool(held.update(released_at=at, released_by=actor))


def order_cut(account_id: int, transformer: str, moment: RunContext) -> CommandRow | None:
    """Decide once more under the account's lock and order the disconnection; None where none is due any more.

    A supply that is off already is only held, without a command. `transformer` is the code of what feeds it, empty
    where that is not known.
    """
    with transaction.atomic():
        locking.lock_account(account_id)
        known = known_facts.of_account(account_id, moment.now, moment.health)
        # A credit that is recorded and not posted may suffice: wait for the run in which it is posted.
        if known is None or known.unposted or known.device_id is None:
            return None
        cut = core.decide(known.policy, known.facts).cut
        if cut is None:
            return None
        place_hold(known.agreement.service_point_id, CREDIT, BY_POLICY, moment.now)
        if known.facts.supply == "off" and known.pending_connect is None:
            return None
        # The command expires with the window, so that one that was queued too long never disconnects in protected
        # hours.
        command = _issue(known, DISCONNECT, Cause.CREDIT, cut.reason, moment, cut.not_after)
        _record(
            known,
            command,
            Cause.CREDIT,
            cut.reason,
            transformer,
            moment,
            window=core.Window(cut.not_before, cut.not_after),
        )
        return command


def sleeps_until(known: AccountSnapshot, window: core.Window | None, now: datetime) -> datetime | None:
    """Return when to decide again about a meter that sleeps through the rest of a window; None where it is awake in it.

    No disconnection is given that the meter could only carry out after the window.
    """
    assert known.device_id is not None
    awake_at = commands.awake_at(known.device_id, now)
    if window is None or awake_at is None or awake_at < window.not_after:
        return None
    return window.not_after


def order_hold(known: AccountSnapshot, transformer: str, moment: RunContext) -> CommandRow:
    """Order the disconnection that an operator's hold requires.

    The caller has checked that it may be given now (`core.hold_window`).
    """
    reason = core.Reason("holds", "held", {"held_holds": ",".join(sorted(known.other_holds))})
    reason = reason.of(known.facts.commodity)
    window = core.hold_window(known.policy, known.facts)
    with transaction.atomic():
        command = _issue(known, DISCONNECT, Cause.HOLD, reason, moment, hold_ends_at(window, moment))
        _record(known, command, Cause.HOLD, reason, transformer, moment, window=window)
    return command


def hold_ends_at(window: core.Window | None, moment: RunContext) -> datetime:
    """Return when a disconnect command expires; one that protected hours bind expires with its window."""
    lasts_until = moment.now + HOLD_EXPIRES_AFTER
    return lasts_until if window is None else min(lasts_until, window.not_after)


def order_connect(
    known: AccountSnapshot, reason: core.Reason, transformer: str, moment: RunContext, correlation: int = 0
) -> CommandRow:
    """Order a reconnection and close the hold for credit; older unfinished commands become void."""
    cause = Cause.CREDIT if CREDIT in known.facts.holds else Cause.UNHELD
    with transaction.atomic():
        release_hold(known.agreement.service_point_id, CREDIT, BY_POLICY, moment.now)
        command = _issue(
            known, CONNECT, cause, reason, moment, moment.now + CONNECT_EXPIRES_AFTER, correlation=correlation
        )
        _record(known, command, cause, reason, transformer, moment)
    return command


def cancel_cut(known: AccountSnapshot, moment: RunContext, why: str) -> bool:
    """Cancel an unfinished disconnection and its hold; returns whether the meter may still execute it.

    Then a connect has to follow.
    """
    assert known.device_id is not None
    with transaction.atomic():
        superseded = commands.supersede(known.device_id, at=moment.now, wall_ms=moment.wall_ms, reason=why)
        if known.facts.supply != "off":
            release_hold(known.agreement.service_point_id, CREDIT, BY_POLICY, moment.now)
    return superseded.on_its_way


def _issue(
    known: AccountSnapshot,
    kind: str,
    cause: Cause,
    reason: core.Reason,
    moment: RunContext,
    expires_at: datetime,
    *,
    correlation: int = 0,
) -> CommandRow:
    assert known.device_id is not None
    return commands.issue(
        device_id=known.device_id,
        service_point_id=known.agreement.service_point_id,
        account_id=known.account_id,
        kind=kind,
        issued_at=moment.now,
        issued_wall_ms=moment.wall_ms,
        expires_at=expires_at,
        reason=f"{cause}: {reason.rule}",
        correlation=correlation or new_correlation(moment.wall_ms, secrets.randbits(21)),
    )


def _record(
    known: AccountSnapshot,
    command: CommandRow,
    cause: Cause,
    reason: core.Reason,
    transformer: str,
    moment: RunContext,
    *,
    window: core.Window | None = None,
) -> None:
    Switching.objects.create(
        command_id=command.id,
        kind=command.kind,
        cause=cause,
        account_id=known.account_id,
        service_point_id=known.agreement.service_point_id,
        transformer=transformer,
        ordered_at=moment.now,
        ordered_wall_ms=moment.wall_ms,
        window_from_at=window.not_before if window else None,
        window_to_at=window.not_after if window else None,
        policy=name_of(known.policy),
        reason=reason.to_json(),
        balance_minor=known.facts.balance_minor,
        limit_minor=known.policy.floor_minor,
        ledger_seq=known.balance.last_seq,
        evidence=_evidence(known.facts),
    )


def _evidence(facts: core.Facts) -> dict[str, object]:
    """Return what a disconnection rested on, stored for later questions about it."""
    return {
        "as_of_at": _iso(facts.as_of),
        "below_cut_since": _iso(facts.below_cut_since),
        "estimated_share": str(facts.estimated_share),
        "provisional_minor": facts.provisional_minor,
        "at_close_minor": facts.at_close_minor,
        "clawed_back_minor": facts.clawed_back_minor,
        "holds": sorted(facts.holds),
        "notices": [
            {
                "kind": n.kind,
                "requested_at": _iso(n.requested_at),
                "sent_at": _iso(n.sent_at),
                "channel": n.channel,
                "delivered_at": _iso(n.delivered_at),
            }
            for n in facts.notices
        ],
        "authorised": len(facts.authorised),
        "health": {
            "collection": facts.health.collection,
            "payments": facts.health.payments,
            "messaging": facts.health.messaging,
        },
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


@dataclass(slots=True)
class SwitchingQueue:
    """The order in which supplies behind a transformer are switched: so many per window, with a minimum distance.

    Supplies without a known transformer share one queue, which is the careful assumption.
    """

    last_at: dict[str, datetime]
    """When the last switching behind each transformer is due."""
    used: dict[tuple[str, datetime], int]
    """Number of disconnected accounts by transformer and start of the window."""

    @classmethod
    def of(cls, kind: str, transformers: Iterable[str], now: datetime) -> "SwitchingQueue":
        """Return the queue as it follows from the last two days' orders for credit."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT transformer, window_from_at, count(DISTINCT account_id), max(ordered_at) "
                "FROM supply_switching WHERE kind = %s AND transformer = ANY(%s) AND ordered_at > %s "
                "AND cause <> 'hold' GROUP BY transformer, window_from_at",
                [kind, sorted(set(transformers)), now - timedelta(days=2)],
            )
            rows = cursor.fetchall()
        last: dict[str, datetime] = {}
        for transformer, _, _, at in rows:
            last[transformer] = max(at, last.get(transformer, at))
        return cls(last, {(transformer, at): count for transformer, at, count, _ in rows if at})

    def slot(self, transformer: str, stagger_s: int, now: datetime) -> datetime:
        """Return the next instant (UTC) for switching behind a transformer, and take it.

        `stagger_s` is the least distance between two, in seconds.
        """
        last = self.last_at.get(transformer)
        at = now if last is None else max(now, last + timedelta(seconds=stagger_s))
        self.last_at[transformer] = at
        return at

    def full(self, transformer: str, window_from_at: datetime, most: int) -> bool:
        """Return whether the window has all its disconnections behind this transformer; counts one more where not."""
        used = self.used.get((transformer, window_from_at), 0)
        if used >= most:
            return True
        self.used[transformer, window_from_at] = used + 1
        return False
