"""Switching by field staff, for supplies whose meter has no load switch (such as one on current transformers).

No command is given. What a command would do becomes a work order. It is opened once and stays open from window to
window. It is withdrawn where its reason ends before it was done; where it was done, a work order to switch on follows.
Only the stage `decide` calls this.
"""

from collections import Counter
from dataclasses import replace
from typing import Final

from django.db import transaction

from urja.apps.books import locking
from urja.apps.supply import switching
from urja.apps.supply.account_states import AccountDecision
from urja.apps.supply.queries import facts
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.apps.supply.switching import BY_POLICY, CREDIT, RunContext
from urja.apps.work import operations as work
from urja.apps.work.kinds import WorkOrderKind
from urja.apps.work.queries import WorkOrderRow
from urja.core.policy import Decision, Reason, decide, hold_window

OFF: Final = WorkOrderKind.SWITCH_OFF_BY_HAND
ON: Final = WorkOrderKind.SWITCH_ON_BY_HAND

_NOT_NOW: Final = frozenset({"waits_for_window", "protected_hours", "protected_day", "holiday"})
"""Reasons that concern the time alone: a work order that is open already stays open."""


def carry_out(item: AccountDecision, moment: RunContext) -> tuple[AccountDecision, Counter[str]]:
    """Do what a decision requires; returns the decision and counts.

    The counts are `work_orders` (opened) and `called_back` (withdrawn).
    """
    known, decision = item.known, item.decision
    if decision.restore is not None:
        _clear(known, moment)
    if known.other_holds:
        if decision.restore is not None:
            item = AccountDecision(
                known, decide(known.policy, replace(known.facts, holds=known.facts.holds - {CREDIT}))
            )
        # Protected hours bind a work order as they bind a command: it is opened in a window too.
        window = hold_window(known.policy, known.facts)
        if window is not None and window.not_before > moment.now:
            return item, Counter()
        held = Reason("holds", "held", {"held_holds": ",".join(sorted(known.other_holds))})
        held = held.of(known.facts.commodity)
        return item, _send(known, OFF, held, moment)
    if decision.restore is not None:
        return item, _send(known, ON, decision.restore.reason, moment)
    if decision.cut is not None:
        return item, _cut(known, moment)
    if _groundless(known, decision):
        _clear(known, moment)
        return item, _send(known, ON, decision.reason, moment)
    return item, Counter()


def _groundless(known: AccountSnapshot, decision: Decision) -> bool:
    """Return whether a work order to switch off is open without a reason."""
    on_the_way = _is_open(known.manual_order, OFF) or (
        CREDIT in known.facts.holds and known.facts.supply == "on"
    )
    return on_the_way and not (CREDIT in known.facts.holds and decision.reason.key in _NOT_NOW)


def _clear(known: AccountSnapshot, moment: RunContext) -> None:
    switching.release_hold(known.agreement.service_point_id, CREDIT, BY_POLICY, moment.now)


def _cut(known: AccountSnapshot, moment: RunContext) -> Counter[str]:
    """Open a work order to switch off, under the same lock as `switching.order_cut`.

    The account is locked and decided once more: a credit is either seen here or recorded after this.
    """
    if CREDIT in known.facts.holds and _is_open(known.manual_order, OFF):
        return Counter()
    with transaction.atomic():
        locking.lock_account(known.account_id)
        again = facts.of_account(known.account_id, moment.now, moment.health)
        if again is None or again.unposted:
            return Counter()
        cut = decide(again.policy, again.facts).cut
        if cut is None:
            return Counter()
        switching.place_hold(again.agreement.service_point_id, CREDIT, BY_POLICY, moment.now)
        return _send(again, OFF, cut.reason, moment)


def _send(known: AccountSnapshot, kind: WorkOrderKind, reason: Reason, moment: RunContext) -> Counter[str]:
    """Open a work order unless it is open or the supply is in the wanted state; withdraw the opposite one."""
    manual_order = known.manual_order
    if _is_open(manual_order, kind):
        return Counter()
    counts: Counter[str] = Counter()
    if manual_order is not None and manual_order.closed_at is None:
        counts["called_back"] = int(work.withdraw(manual_order.id, moment.now, reason.rule))
    if (known.facts.supply == "off") != (kind == OFF):
        assert known.device_id is not None
        work.open_order(
            kind,
            device_id=known.device_id,
            service_point_id=known.agreement.service_point_id,
            opened_at=moment.now,
            asked={"account_id": known.account_id, "reason": reason.to_json()},
        )
        counts["work_orders"] = 1
    return counts


def _is_open(manual_order: WorkOrderRow | None, kind: WorkOrderKind) -> bool:
    return manual_order is not None and manual_order.closed_at is None and manual_order.kind == kind
