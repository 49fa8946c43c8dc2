"""Supplies whose meter has no load switch, such as one on current transformers: a person switches beside it.

No command is given. What a command would do becomes an errand, a work order that is opened once: it stays open
from window to window, is withdrawn where its ground falls away before anybody went, and calls for another errand,
to switch on, where somebody has. Only the stage `decide` calls this.
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
from urja.apps.work.kinds import WorkOrder, WorkOrderKind
from urja.core.policy import Decision, Reason, decide, hold_window

OFF: Final = WorkOrderKind.SWITCH_OFF_BY_HAND
ON: Final = WorkOrderKind.SWITCH_ON_BY_HAND

_NOT_NOW: Final = frozenset({"waits_for_window", "protected_hours", "protected_day", "holiday"})
"""Reasons that are about the time alone: who is on the way need not turn back."""


def carry_out(item: AccountDecision, moment: RunContext) -> tuple[AccountDecision, Counter[str]]:
    """Do what a decision asks for; counts `work_orders` that were opened and `called_back` that were withdrawn."""
    known, decision = item.known, item.decision
    if decision.restore is not None:
        _clear(known, moment)
    if known.other_holds:
        if decision.restore is not None:
            item = AccountDecision(
                known, decide(known.policy, replace(known.facts, holds=known.facts.holds - {CREDIT}))
            )
        window = hold_window(known.policy, known.facts)
        if window is not None and window.not_before > moment.now:
            return item, Counter()
        held = Reason("holds", "held", {"held_holds": ",".join(sorted(known.other_holds))})
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
    """Whether somebody is on the way to switch off for nothing."""
    on_the_way = _is_open(known.errand, OFF) or (CREDIT in known.facts.holds and known.facts.supply == "on")
    return on_the_way and not (CREDIT in known.facts.holds and decision.reason.key in _NOT_NOW)


def _clear(known: AccountSnapshot, moment: RunContext) -> None:
    switching.release_hold(known.agreement.service_point_id, CREDIT, BY_POLICY, moment.now)


def _cut(known: AccountSnapshot, moment: RunContext) -> Counter[str]:
    """As `switching.order_cut`: decided once more under the lock that no recording of a credit gets past."""
    if CREDIT in known.facts.holds and _is_open(known.errand, OFF):
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
    """Open an errand, unless it is open or the supply is as it is to be; withdraw the contrary one."""
    errand = known.errand
    if _is_open(errand, kind):
        return Counter()
    counts: Counter[str] = Counter()
    if errand is not None and errand.closed_at is None:
        counts["called_back"] = int(work.withdraw(errand.id, moment.now, reason.rule))
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


def _is_open(errand: WorkOrder | None, kind: WorkOrderKind) -> bool:
    return errand is not None and errand.closed_at is None and errand.kind == kind
