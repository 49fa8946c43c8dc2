"""Properties of decisions: what is never ordered whatever the facts, and what is always ordered in the end.

The rules are written here a second time, from the document's text alone, so that a mistake in the engine is not
repeated.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st
from tests.core.policy.cast import DAY, HOUR, IST, NOON, PLAIN, UPPCL, accounts, ripe, told

from urja.core.policy import (
    AuthorisedPayment,
    Facts,
    Health,
    NoticeFact,
    OrderDisconnection,
    PaidSince,
    Policy,
    RunningReview,
    Standing,
    decide,
    disconnection_bars,
    earliest_disconnection_at,
    effect_of_payment,
    sentence,
)
from urja.core.policy.wording import DEADLINES

documents = st.sampled_from([PLAIN, UPPCL])
quietly = settings(max_examples=100)


def is_free(local_now) -> bool:
    """Whether both documents allow a cut at this wall time: the holidays, Sundays, second Saturdays, hours."""
    day = local_now.date()
    return (
        8 <= local_now.hour < 18
        and day.weekday() != 6
        and not (day.weekday() == 5 and 8 <= day.day <= 14)
        and (day.month, day.day) not in {(1, 26), (8, 15), (10, 2), (12, 25)}
    )


def each_minute(cut: OrderDisconnection, zone: ZoneInfo):
    at = cut.not_before
    while at < cut.not_after:
        yield at.astimezone(zone)
        at += timedelta(minutes=7)
    yield (cut.not_after - timedelta(seconds=1)).astimezone(zone)


@quietly
@given(documents, accounts())
def test_a_cut_is_never_forbidden(policy: Policy, facts: Facts):
    decision = decide(policy, facts)
    cut = decision.cut
    assert sum(isinstance(intent, OrderDisconnection) for intent in decision.intents) <= 1
    if cut is None:
        return
    since = facts.below_cut_since or facts.now
    assert cut.not_before <= facts.now < cut.not_after
    assert all(is_free(local) for local in each_minute(cut, IST))
    assert not facts.flags
    assert facts.review is None
    counted = facts.balance_minor + facts.provisional_minor + facts.clawed_back_minor
    if facts.at_close_until is not None and facts.now < facts.at_close_until:
        counted += facts.at_close_minor
    assert counted < policy.floor_minor <= 0
    assert facts.as_of is not None
    assert cut.not_after <= facts.as_of + DAY
    assert facts.estimated_share <= policy.cut.max_estimated
    assert facts.health == Health()
    assert facts.supply != "off" or not facts.holds
    oldest = sorted(facts.authorised, key=lambda payment: payment.since)[:3]
    assert all(facts.now - payment.since >= DAY for payment in oldest)
    grace = {"plain": 7, "uppcl-modelled": 30}[policy.code]
    assert facts.converted_at is None or facts.now - facts.converted_at >= grace * DAY
    if policy is UPPCL:
        assert facts.now - since >= 3 * DAY
        small = {"LMV-1": 2000, "LMV-2": 1000}.get(facts.category, 0)
        assert facts.sanctioned_load_w > small or facts.now - since >= 30 * DAY


@quietly
@given(documents, accounts())
def test_a_cut_has_its_notices_served(policy: Policy, facts: Facts):
    if decide(policy, facts).cut is None:
        return
    since = facts.below_cut_since or facts.now
    arrived = [
        notice
        for notice in facts.notices
        if notice.kind != "receipt"
        and notice.delivered_at is not None
        and notice.delivered_at + policy.notices.lead <= facts.now
    ]
    assert len(arrived) >= policy.notices.least_delivered
    spell = {notice.kind for notice in arrived if notice.requested_at >= since}
    assert spell >= set(policy.notices.before_cut)


@quietly
@given(documents, accounts())
def test_every_decision_says_why_in_both_languages(policy: Policy, facts: Facts):
    decision = decide(policy, facts)
    for language in ("en", "hi"):
        text = sentence(decision.reason, language)
        assert text.endswith((".", "।"))
        assert "{" not in text
    assert decision.look_again_at is None or decision.look_again_at > facts.now


@quietly
@given(documents, accounts())
def test_no_more_emergency_credit_is_left_than_there_is(policy: Policy, facts: Facts):
    """Also where some of what was charged is provisional, so that no cut may rest on it."""
    reason = decide(policy, facts).reason
    if reason.key == "emergency_amount":
        assert 0 <= reason.params["left_minor"] <= reason.params["emergency_minor"]


@quietly
@given(documents, accounts())
def test_emergency_credit_keeps_connected_only_while_there_is_some(policy: Policy, facts: Facts):
    for notice in decide(policy, facts).notices:
        told = notice.params.get("emergency_minor", 0)
        assert told == 0 or facts.balance_minor >= -told


@quietly
@given(documents, accounts())
def test_no_reason_promises_a_time_that_is_past(policy: Policy, facts: Facts):
    params = decide(policy, facts).reason.params
    for name in DEADLINES:
        assert name not in params or datetime.fromisoformat(str(params[name])) > facts.now
    assert len(set(DEADLINES) & params.keys()) <= 1, "one deadline"


@quietly
@given(documents, accounts())
def test_a_cut_and_a_restore_exclude_each_other(policy: Policy, facts: Facts):
    decision = decide(policy, facts)
    assert decision.cut is None or decision.restore is None
    if "credit" in facts.holds and facts.balance_minor >= 0:
        assert decision.restore is not None
    if decision.restore and facts.balance_minor < 0 and "credit" in facts.holds:
        since = facts.below_cut_since or facts.now
        assert (
            facts.flags
            or facts.converted_at
            or facts.paid
            or facts.provisional_minor
            or facts.at_close_minor
            or facts.clawed_back_minor
            or facts.review
            or facts.estimated_share > policy.cut.max_estimated
            or (policy is PLAIN and facts.authorised)
            or (policy is UPPCL and facts.now - since < 30 * DAY)
        )


@settings(max_examples=100)
@given(documents, st.integers(0, 24 * 4 * 800))
def test_who_meets_every_condition_is_cut_within_the_documents_bound(policy: Policy, quarters: int):
    now = NOON + quarters * timedelta(minutes=15)
    facts = ripe(now)
    decision = decide(policy, facts)
    planned = decision.planned
    assert planned is not None
    assert planned.not_before - now <= policy.cut.opens_within_days * DAY
    there = max(planned.not_before, now)
    then = decide(policy, replace(facts, now=there, as_of=there - HOUR))
    assert then.standing is Standing.TO_BE_CUT
    assert then.cut is not None
    assert then.cut.not_before == planned.not_before


@settings(max_examples=60)
@given(documents, st.integers(0, 24 * 4 * 500), st.integers(0, 60_000), st.integers(500, 20_000))
def test_following_look_again_reaches_the_disconnection(
    policy: Policy, quarters: int, balance: int, cost: int
):
    """An installation that only wakes when it is told, once an hour for readings, and delivers what it is asked to."""
    facts = ripe(
        NOON + quarters * timedelta(minutes=15),
        balance_minor=balance,
        daily_cost_minor=cost,
        below_cut_since=None,
        notices=(),
    )
    begin, zone = facts.now, facts.zone
    earliest = earliest_disconnection_at(policy, facts, cost)
    assert earliest is not None
    while facts.now < begin + 300 * DAY:
        decision = decide(policy, facts)
        if decision.cut:
            assert facts.now >= earliest
            break
        sent = [NoticeFact(notice.kind, facts.now, facts.now) for notice in decision.notices]
        step = min(decision.look_again_at or facts.now + HOUR, facts.now + HOUR)
        spent = balance - cost * (step - begin) // DAY
        facts = replace(
            facts,
            now=step.astimezone(zone),
            as_of=step,
            balance_minor=spent,
            below_cut_since=(facts.below_cut_since or step) if spent < 0 else None,
            notices=(*facts.notices, *sent),
        )
    else:
        raise AssertionError(f"not cut after 300 days: {decision}")


@quietly
@given(documents, accounts(), st.data())
def test_nothing_is_cut_before_the_forecast(policy: Policy, facts: Facts, data):
    cost = facts.daily_cost_minor
    earliest = earliest_disconnection_at(policy, facts, cost)
    if earliest is None:
        if cost is not None and facts.supply != "off" and "credit" not in facts.holds:
            assert facts.flags or facts.balance_minor > cost * 365 * 90
        return
    assert earliest >= facts.now
    if cost is None or earliest == facts.now:
        return
    passed = data.draw(st.integers(0, int((earliest - facts.now).total_seconds()) - 1))
    then = facts.now + timedelta(seconds=passed)
    balance = facts.balance_minor - cost * passed // 86_400
    later = replace(facts, now=then, balance_minor=balance, as_of=then)
    if facts.balance_minor >= 0 > balance:
        out = facts.now + timedelta(seconds=facts.balance_minor * 86_400 // cost)
        sent = tuple(NoticeFact(kind, out, out) for kind in ("zero", "cut", "cut"))
        later = replace(later, below_cut_since=out, notices=(*facts.notices, *sent), paid=None)
    assert decide(policy, later).cut is None


@quietly
@given(documents, accounts(), st.integers(0, 300_000), st.integers(0, 50_000))
def test_more_money_never_does_less(policy: Policy, facts: Facts, amount: int, more: int):
    less, greater = (effect_of_payment(policy, facts, paid) for paid in (amount, amount + more))
    assert less.to_arrears_minor + less.to_credit_minor == amount
    assert less.to_arrears_minor <= greater.to_arrears_minor <= facts.arrears_minor
    assert less.to_credit_minor <= greater.to_credit_minor
    assert less.restores <= greater.restores
    assert less.missing_minor >= greater.missing_minor
    if less.days is not None and greater.days is not None:
        assert less.days <= greater.days
        assert less.added_days <= greater.added_days


@quietly
@given(documents, accounts(), st.integers(0, 300_000))
def test_what_is_missing_is_what_is_missing(policy: Policy, facts: Facts, amount: int):
    effect = effect_of_payment(policy, facts, amount)
    enough = effect_of_payment(policy, facts, amount + effect.missing_minor)
    assert enough.missing_minor == 0
    if effect.missing_minor:
        assert not effect.restores
        short = effect_of_payment(policy, facts, amount + effect.missing_minor - 1)
        assert short.missing_minor == 1
    dark = facts.supply == "off" or ("credit" in facts.holds and facts.supply != "on")
    assert enough.restores == (dark and not facts.holds - {"credit"})


@quietly
@given(documents, accounts(), st.integers(1, 300_000))
def test_a_promised_light_is_given(policy: Policy, facts: Facts, amount: int):
    """What the page says before the payment is what is decided after it."""
    effect = effect_of_payment(policy, facts, amount)
    if "credit" not in facts.holds or facts.supply == "on" or facts.balance_minor >= 0:
        return
    due = -facts.balance_minor
    before = facts.paid
    paid = replace(before, paid_minor=before.paid_minor + effect.to_credit_minor) if before else None
    if paid is None:
        paid = PaidSince(facts.now, effect.to_credit_minor, due)
    after = replace(facts, balance_minor=facts.balance_minor + effect.to_credit_minor, paid=paid)
    restored = decide(policy, after).restore is not None
    assert restored == (effect.restores or (bool(facts.holds - {"credit"}) and effect.missing_minor == 0))


ZONES = [
    "Asia/Kolkata",
    "Europe/London",
    "America/Santiago",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Asia/Beirut",
]


@quietly
@given(documents, st.sampled_from(ZONES), st.integers(0, 24 * 4 * 700))
def test_openings_keep_to_the_wall_clock_of_any_zone(policy: Policy, name: str, quarters: int):
    zone = ZoneInfo(name)
    window = policy.cut.open_hours.next_window(NOON + quarters * timedelta(minutes=15), zone)
    assert window.not_before < window.not_after
    assert all(
        is_free(local)
        for local in each_minute(OrderDisconnection(window.not_before, window.not_after, None), zone)
    )


PREVENTS = {
    "a limit not passed": {"balance_minor": 0},
    "never cut": {"flags": frozenset({"never_cut"})},
    "medical": {"flags": frozenset({"medical"})},
    "just converted": {"converted_at": NOON - DAY, "notices": told(NOON - DAY)},
    "an order to make it postpaid": {"becomes_postpaid": True},
    "old data": {"as_of": NOON - 25 * HOUR},
    "no data": {"as_of": None},
    "estimates": {"estimated_share": 1},
    "provisional charges": {"provisional_minor": 100_000},
    "what settled at close": {"at_close_minor": 100_000, "at_close_until": NOON + DAY},
    "a subsidy taken back": {"clawed_back_minor": 100_000},
    "a payment under way": {"authorised": (AuthorisedPayment(100, NOON - HOUR),)},
    "a charge under review": {"review": RunningReview(50_000, NOON + DAY)},
    "no collection": {"health": Health(collection=False)},
    "no payments": {"health": Health(payments=False)},
    "no messages": {"health": Health(messaging=False)},
    "no notices": {"notices": ()},
    "notices without receipts": {"notices": (NoticeFact("zero", NOON - DAY), NoticeFact("cut", NOON - DAY))},
    "a Sunday": {"now": NOON.replace(day=29), "as_of": NOON.replace(day=29)},
    "a second Saturday": {"now": NOON.replace(day=14), "as_of": NOON.replace(day=14)},
    "a holiday": {"now": NOON.replace(month=10, day=2), "as_of": NOON.replace(month=10, day=2)},
    "the night": {"now": NOON.replace(hour=22), "as_of": NOON},
    "the early morning": {"now": NOON.replace(hour=7), "as_of": NOON},
}


@pytest.mark.parametrize("policy", [PLAIN, UPPCL], ids=lambda policy: policy.code)
@pytest.mark.parametrize("what", PREVENTS)
def test_each_single_fact_prevents_the_cut(policy: Policy, what: str):
    assert decide(policy, ripe()).cut is not None
    assert decide(policy, ripe(**PREVENTS[what])).cut is None


MORE = {
    "a partial payment": {"paid": PaidSince(NOON - DAY, 60_000, 100_000)},
    "a small connection": {"sanctioned_load_w": 900, "below_cut_since": NOON - 9 * DAY, "notices": told(NOON - 9 * DAY)},
    "emergency days": {"below_cut_since": NOON - 2 * DAY, "notices": told(NOON - 2 * DAY)},
    "emergency credit": {"balance_minor": -100},
    "warnings of an earlier prepayment": {"converted_at": NOON - HOUR},
}  # fmt: skip


@pytest.mark.parametrize("left_out", range(len(disconnection_bars.RULES)))
def test_no_rule_could_be_left_out(left_out: int, monkeypatch):
    """Without any one of the rules an account is disconnected that the laws above protect."""
    cases = [(policy, ripe(**changes)) for policy in (PLAIN, UPPCL) for changes in (PREVENTS | MORE).values()]
    spared = [(policy, facts) for policy, facts in cases if decide(policy, facts).cut is None]
    monkeypatch.setattr(
        disconnection_bars,
        "RULES",
        (*disconnection_bars.RULES[:left_out], *disconnection_bars.RULES[left_out + 1 :]),
    )
    assert any(decide(policy, facts).cut for policy, facts in spared)
