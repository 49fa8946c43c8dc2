"""Holds beside credit: which of them respect protection and hours, held against a second copy of the table."""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st
from tests.core.policy.cast import HOUR, IST, NOON, PLAIN, UPPCL, accounts, ripe
from tests.core.policy.test_never_and_always import is_free

from urja.core.policy import (
    HOLDS,
    AuthorisedPayment,
    Facts,
    Health,
    Policy,
    Standing,
    decide,
    effect_of_payment,
    hold_window,
    holds_in_force,
)

BINDS = {
    "credit": True,
    "overload": True,
    "tamper": True,
    "vacant": True,
    "relay_test": True,
    "safety": False,
    "request": False,
    "ended": False,
}
SUNDAY_NIGHT = NOON.replace(day=29, hour=23, minute=1)

documents = st.sampled_from([PLAIN, UPPCL])
reasons = st.sets(st.sampled_from(sorted([*BINDS, "dispute"]))).map(frozenset)
quietly = settings(max_examples=100)


def test_the_table_is_as_written_here():
    assert {reason: rule.bound for reason, rule in HOLDS.items()} == BINDS
    assert {reason for reason, rule in HOLDS.items() if rule.by_hand} == set(BINDS) - {
        "credit", "ended", "relay_test",
    }  # fmt: skip


@pytest.mark.parametrize("flag", ["", "medical", "never_cut"])
@pytest.mark.parametrize("reason", [reason for reason in BINDS if reason != "credit"])
@pytest.mark.parametrize("now", [NOON, SUNDAY_NIGHT], ids=["noon", "sunday-night"])
@pytest.mark.parametrize("supply", ["on", "unknown"])
def test_each_reason_at_each_time_for_each_household(reason, flag, now, supply):
    facts = ripe(
        now,
        balance_minor=50_000,
        holds=frozenset({reason}),
        flags=frozenset({flag} - {""}),
        as_of=now - HOUR,
        supply=supply,
    )
    decision, window = decide(PLAIN, facts), hold_window(PLAIN, facts)
    if flag and BINDS[reason]:
        assert (decision.standing, decision.reason.key) == (Standing.PROTECTED, "held_back")
        assert not holds_in_force(facts)
    elif BINDS[reason] and now is SUNDAY_NIGHT:
        assert (decision.standing, decision.reason.key) == (Standing.TO_BE_CUT, "held_waits")
        assert decision.look_again_at is not None
        assert decision.look_again_at.astimezone(IST) == NOON.replace(day=30, hour=10)
    else:
        assert holds_in_force(facts) == {reason}
        assert (decision.standing, decision.reason.key) == (Standing.TO_BE_CUT, "held_ordered")
        assert window is None or window.not_before <= now < window.not_after
    off = decide(PLAIN, replace(facts, supply="off"))
    assert (off.restore is not None) == bool(flag and BINDS[reason])


def test_what_waits_is_looked_at_when_its_window_opens():
    """Also where the credit has run out and would be looked at later, or earlier."""
    payment = AuthorisedPayment(100, SUNDAY_NIGHT)
    facts = ripe(
        SUNDAY_NIGHT, as_of=SUNDAY_NIGHT, authorised=(payment,), holds=frozenset({"tamper"}), supply="on"
    )
    assert decide(PLAIN, replace(facts, holds=frozenset())).look_again_at > NOON.replace(day=30, hour=10)
    assert decide(PLAIN, facts).look_again_at == NOON.replace(day=30, hour=10)
    ill = decide(PLAIN, replace(facts, health=Health(payments=False)))
    assert ill.look_again_at < NOON.replace(day=30, hour=10)


@quietly
@given(documents, accounts(), reasons)
def test_what_switches_off_is_bound_or_free(policy: Policy, facts: Facts, holds):
    facts = replace(facts, holds=holds)
    ordered = holds_in_force(facts)
    assert "dispute" not in ordered
    assert ordered <= facts.holds - {"credit"}
    if facts.flags:
        assert not {reason for reason in ordered if BINDS[reason]}
    window = hold_window(policy, facts)
    if ordered and window is None:
        assert not all(BINDS[reason] for reason in ordered)
    if window is not None and window.not_before <= facts.now:
        assert is_free(facts.now.astimezone(IST))


@quietly
@given(documents, accounts(), reasons)
def test_a_dispute_changes_nothing(policy: Policy, facts: Facts, holds):
    facts = replace(facts, holds=holds)
    without = replace(facts, holds=holds - {"dispute"})
    assert decide(policy, facts) == decide(policy, without)
    assert effect_of_payment(policy, facts, 5_000) == effect_of_payment(policy, without, 5_000)
