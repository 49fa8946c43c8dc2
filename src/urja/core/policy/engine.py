"""The decision about one account: facts in, intents out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from urja.core.calendar import local_day
from urja.core.policy.decision import (
    Decision,
    OrderDisconnection,
    Reason,
    ReleaseCreditHold,
    Standing,
    Window,
)
from urja.core.policy.disconnection_bars import (
    DisconnectionBar,
    active_bars,
    exhausted,
    local_instant,
    money_params,
    stale_at,
    too_much_estimated,
)
from urja.core.policy.document import Policy
from urja.core.policy.due_notices import crossed_threshold, final_notices, low_balance_notices, next_notice_at
from urja.core.policy.facts import CREDIT_HOLD, Facts
from urja.core.policy.holds import held_back, hold_window, holds_in_force
from urja.core.policy.outlook import effect_of_payment
from urja.core.policy.reconnection import POSTPAID, held_back_reason, reconnection_reason
from urja.core.policy.table_reader import WEEKDAYS

RECHECK: Final = timedelta(minutes=15)
"""Interval at which an account is decided again until a service recovers or readings arrive."""


def decide(policy: Policy, facts: Facts) -> Decision:
    """Return what is to be done about one account's supply, with the reason."""
    decision = _by_credit(policy, facts)
    if facts.supply != "off":
        decision = _with_holds(policy, facts, decision)
    return decision.of(facts.commodity)


def _by_credit(policy: Policy, facts: Facts) -> Decision:
    reason = reconnection_reason(policy, facts)
    if reason is not None:
        return _restored(policy, facts, reason)
    held_off = facts.supply == "off" and (CREDIT_HOLD in facts.holds or holds_in_force(facts))
    if not facts.prepaid and not held_off:
        return Decision((), Standing.FINE, POSTPAID, None)
    out = exhausted(policy, facts.balance_minor)
    if held_off or (CREDIT_HOLD in facts.holds and not out):
        return _still_disconnected(policy, facts)
    return _exhausted(policy, facts) if out else _in_credit(policy, facts)


def _with_holds(policy: Policy, facts: Facts, decision: Decision) -> Decision:
    """Return the decision where holds beside credit apply: pending, ordered, or without effect."""
    back = held_back(facts)
    if not holds_in_force(facts):
        spares = back and decision.restore is None
        return (
            replace(decision, standing=Standing.PROTECTED, reason=held_back_reason(facts, back))
            if spares
            else decision
        )
    window = hold_window(policy, facts)
    waits = window is not None and window.not_before > facts.now
    params = {"held_holds": _listed(holds_in_force(facts))}
    instants = [decision.look_again_at]
    if window is not None:
        instants.append(window.not_before if waits else window.not_after)
        params |= {"not_before_at": local_instant(facts, window.not_before)} if waits else {}
    return replace(
        decision,
        standing=Standing.TO_BE_CUT,
        reason=Reason("cut.from" if waits else "holds", "held_waits" if waits else "held_ordered", params),
        look_again_at=min((at for at in instants if at is not None), default=None),
        planned=window,
    )


def _restored(policy: Policy, facts: Facts, reason: Reason) -> Decision:
    if not facts.prepaid:
        return Decision((ReleaseCreditHold(reason),), Standing.FINE, reason, None)
    if not exhausted(policy, facts.balance_minor):
        standing = Standing.WARNED if crossed_threshold(policy, facts) else Standing.FINE
        return Decision(
            (ReleaseCreditHold(reason), *low_balance_notices(policy, facts)), standing, reason, None
        )
    bars = active_bars(policy, facts)
    notices = final_notices(policy, facts, bars)
    return Decision(
        (ReleaseCreditHold(reason), *notices), bars[0].standing, reason, _look_again(policy, facts, bars)
    )


def _still_disconnected(policy: Policy, facts: Facts) -> Decision:
    """Return the decision for a supply that is disconnected and stays so."""
    if CREDIT_HOLD not in facts.holds:
        return Decision(
            (), Standing.CUT, Reason("holds", "held", {"held_holds": _listed(holds_in_force(facts))}), None
        )
    missing = effect_of_payment(policy, facts, 0).missing_minor
    params = money_params(policy, missing_minor=missing, balance_minor=facts.balance_minor)
    # Once collection works again, the estimates entitle it to a reconnection. No other event triggers a decision
    # then, so the account is decided again after a while.
    waits = too_much_estimated(policy, facts) and not facts.health.collection
    again_at = facts.now + RECHECK if waits else None
    return Decision((), Standing.CUT, Reason("reconnect.at_least", "cut", params), again_at)


def _listed(holds: frozenset[str]) -> str:
    return ",".join(sorted(holds))


def _in_credit(policy: Policy, facts: Facts) -> Decision:
    crossed = crossed_threshold(policy, facts)
    balance = money_params(policy, balance_minor=facts.balance_minor)
    if crossed is None:
        return Decision((), Standing.FINE, Reason("credit.cut_below", "fine", balance), None)
    key = crossed.kind.partition("-")[0]
    reason = Reason(crossed.rule, key, {**balance, **crossed.params})
    return Decision(tuple(low_balance_notices(policy, facts)), Standing.WARNED, reason, None)


def _exhausted(policy: Policy, facts: Facts) -> Decision:
    bars = active_bars(policy, facts)
    notices = tuple(final_notices(policy, facts, bars))
    look_again_at = _look_again(policy, facts, bars)
    planned = _planned(policy, facts, bars)
    if bars:
        return Decision(notices, bars[0].standing, bars[0].reason, look_again_at, planned)
    # Without bars, `_planned` always finds a window: `parse_policy` has proved that one opens.
    assert planned is not None
    if planned.not_before > facts.now:
        standing, reason = _waiting(policy, facts, planned)
        return Decision(notices, standing, reason, look_again_at, planned)
    params = {
        **money_params(policy, balance_minor=facts.balance_minor, limit_minor=policy.floor_minor),
        "until_at": local_instant(facts, planned.not_after),
    }
    reason = Reason("cut.from", "to_be_cut", params)
    cut = OrderDisconnection(planned.not_before, planned.not_after, reason)
    return Decision((cut, *notices), Standing.TO_BE_CUT, reason, look_again_at, planned)


def _planned(policy: Policy, facts: Facts, bars: Sequence[DisconnectionBar]) -> Window | None:
    """Return the window of the disconnection if time alone ends every rule that forbids it; None otherwise."""
    ready = facts.now
    for bar in bars:
        if bar.until is None:
            return None
        ready = max(ready, bar.until)
    window = policy.cut.open_hours.next_window(ready, facts.zone)
    not_before = window.not_before if not bars else max(window.not_before, ready)
    stale = stale_at(policy, facts)
    # A command must not outlive the readings it rests on; a window further ahead will have newer ones.
    if not_before <= facts.now and stale is not None:
        return Window(not_before, min(window.not_after, stale))
    return Window(not_before, window.not_after)


def _waiting(policy: Policy, facts: Facts, planned: Window) -> tuple[Standing, Reason]:
    """Return standing and reason where every condition is met and the window is closed."""
    protected, today = policy.protected, local_day(facts.now, facts.zone)
    params: dict[str, int | str] = {"not_before_at": local_instant(facts, planned.not_before)}
    if holiday := protected.holiday(today):
        return Standing.PROTECTED, Reason("protected.holidays", "holiday", {**params, "name": holiday})
    if protected.day(today):
        rule = "weekdays" if today.weekday() in protected.weekdays else "nth_weekdays"
        params["protected_weekday"] = WEEKDAYS[today.weekday()]
        return Standing.PROTECTED, Reason(f"protected.{rule}", "protected_day", params)
    if protected.hour(_minute(facts)):
        return Standing.PROTECTED, Reason("protected.hours", "protected_hours", params)
    return Standing.TO_BE_CUT, Reason("cut.from", "waits_for_window", params)


def _minute(facts: Facts) -> int:
    local = facts.now.astimezone(facts.zone)
    return local.hour * 60 + local.minute


def _look_again(policy: Policy, facts: Facts, bars: Sequence[DisconnectionBar]) -> datetime | None:
    """Return the first instant at which time alone may change the decision."""
    instants = [bar.until for bar in bars]
    instants += [stale_at(policy, facts), next_notice_at(policy, facts, bars)]
    if any(bar.until is None and bar.standing is Standing.SUSPENDED for bar in bars):
        instants.append(facts.now + RECHECK)
    if not bars:
        window = policy.cut.open_hours.next_window(facts.now, facts.zone)
        instants += [window.not_before, window.not_after]
    return min((at for at in instants if at is not None and at > facts.now), default=None)
