"""Worked cases: what happened to an account, and the decision that follows."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction

import pytest
from tests.core.policy.cast import DAY, HOUR, NOON, PLAIN, UPPCL, ripe, told

from urja.core.policy import (
    AuthorisedPayment,
    Health,
    Instalment,
    NoticeFact,
    PaidSince,
    Reason,
    Standing,
    bundled_policies,
    credit_ends_at,
    decide,
    earliest_disconnection_at,
    effect_of_payment,
    parse_policy,
    sentence,
)
from urja.core.policy.disconnection_bars import DisconnectionBar
from urja.core.policy.due_notices import next_notice_at


def said(policy, facts) -> tuple[str, str]:
    decision = decide(policy, facts)
    return decision.standing.value, sentence(decision.reason)


def test_enough_credit():
    assert said(PLAIN, ripe(balance_minor=31_200)) == (
        "fine",
        "The balance is ₹312; there is no reason to disconnect.",
    )


def test_warned_once_after_each_recharge():
    facts = ripe(balance_minor=14_000, notices=(), daily_cost_minor=None)
    decision = decide(PLAIN, facts)
    assert [notice.kind for notice in decision.notices] == ["low-30"]
    asked = NoticeFact("low-30", NOON)
    assert decide(PLAIN, replace(facts, notices=(asked,))).intents == ()
    recharged = replace(facts, notices=(asked,), last_recharge_at=NOON + HOUR)
    assert [notice.kind for notice in decide(PLAIN, recharged).notices] == ["low-30"]


def test_the_most_severe_threshold_is_the_one_told():
    decision = decide(PLAIN, ripe(balance_minor=3_000, notices=()))
    assert [notice.kind for notice in decision.notices] == ["days-1"]
    assert decision.standing is Standing.WARNED
    assert decision.notices[0].params["ends_at"] == "2026-11-25T06:00:00+05:30"


def test_a_warning_at_an_amount():
    policy = parse_policy(
        bundled_policies()["plain.toml"].replace("[warnings]", '[warnings]\nbelow = [100, "12.50"]')
    )
    facts = ripe(balance_minor=9_000, notices=(), last_recharge_minor=None, daily_cost_minor=None)
    assert [notice.kind for notice in decide(policy, facts).notices] == ["below-100"]
    assert said(policy, facts) == ("warned", "The balance is ₹90, which is not above ₹100.")
    low = replace(facts, balance_minor=1_250)
    assert [notice.kind for notice in decide(policy, low).notices] == ["below-12.5"]


def test_emergency_credit_in_money_and_in_days():
    assert said(PLAIN, ripe(balance_minor=-2_000)) == (
        "emergency",
        "The credit is used up; ₹30 of the emergency credit of ₹50 remains.",
    )
    facts = ripe(below_cut_since=NOON - DAY, notices=())
    assert said(UPPCL, facts) == (
        "emergency",
        "The credit is used up; emergency credit prevents a disconnection until Thursday 26 November, 12:00.",
    )


def test_the_time_line_of_an_account_without_recharges():
    """Credit ends on Saturday at noon; three days; three notices a day apart and a day's lead; then the window."""
    out = NOON - 3 * DAY
    facts = ripe(out, below_cut_since=out, balance_minor=-1, notices=(), last_recharge_at=out - 9 * DAY)
    line = []
    while not (decision := decide(UPPCL, facts)).cut:
        line += [(f"{facts.now:%a %H:%M}", notice.kind) for notice in decision.notices]
        sent = tuple(NoticeFact(notice.kind, facts.now, facts.now) for notice in decision.notices)
        now = min(decision.look_again_at, facts.now + HOUR).astimezone(facts.zone)
        facts = replace(facts, now=now, as_of=now, notices=facts.notices + sent)
    assert line == [("Sat 12:00", "zero"), ("Mon 12:00", "cut"), ("Tue 12:00", "cut")]
    assert f"{facts.now:%a %H:%M}" == "Wed 12:00"


def test_an_undelivered_notice_delays_and_is_sent_again():
    since = NOON - DAY
    lost = (NoticeFact("zero", since, since), NoticeFact("cut", since))
    decision = decide(PLAIN, ripe(below_cut_since=since, notices=lost))
    assert decision.standing is Standing.WARNED
    assert decision.reason.rule == "notices.before_cut"
    assert [notice.dedupe_key for notice in decision.notices] == [f"cut:7:{int(since.timestamp())}:2"]
    again = (*lost, NoticeFact("cut", NOON))
    later = decide(PLAIN, ripe(below_cut_since=since, notices=again))
    assert later.intents == ()
    assert later.look_again_at == NOON + 6 * HOUR


@pytest.mark.parametrize(
    ("changes", "standing", "rule"),
    [
        ({"flags": frozenset({"medical"})}, "protected", "flags"),
        ({"converted_at": NOON - 2 * DAY}, "grace", "credit.grace_days_after_conversion"),
        ({"provisional_minor": 99_999}, "grace", "ledger.provisional"),
        ({"at_close_minor": 99_999, "at_close_until": NOON + DAY}, "grace", "credit.grace_days_at_close"),
        ({"at_close_minor": 99_999, "at_close_until": NOON}, "to_be_cut", "cut.from"),
        ({"clawed_back_minor": 99_999}, "grace", "ledger.clawed_back"),
        ({"authorised": (AuthorisedPayment(50_000, NOON - HOUR),)}, "suspended", "payments.authorised_holds_hours"),
        ({"health": Health(payments=False)}, "suspended", "health.payments"),
        ({"as_of": NOON - 30 * HOUR}, "suspended", "cut.max_data_age_hours"),
        ({"estimated_share": Fraction(1, 2)}, "suspended", "cut.max_estimated_percent"),
        ({"notices": ()}, "warned", "notices.before_cut"),
        ({"now": NOON.replace(day=29), "as_of": NOON.replace(day=29)}, "protected", "protected.weekdays"),
        ({"now": NOON.replace(day=14), "as_of": NOON.replace(day=14)}, "protected", "protected.nth_weekdays"),
        ({"now": NOON.replace(hour=20)}, "protected", "protected.hours"),
        ({"now": NOON.replace(hour=17)}, "to_be_cut", "cut.from"),
        ({}, "to_be_cut", "cut.from"),
        ({"supply": "off", "holds": frozenset({"credit"})}, "cut", "reconnect.at_least"),
        ({"supply": "off", "holds": frozenset({"safety"})}, "cut", "holds"),
    ],
)  # fmt: skip
def test_one_reason_names_the_rule(changes, standing, rule):
    decision = decide(PLAIN, ripe(**changes))
    assert (decision.standing.value, decision.reason.rule) == (standing, rule)


def test_what_settled_at_close_counts_once_its_days_are_over():
    until = NOON + 3 * DAY
    facts = ripe(at_close_minor=99_999, at_close_until=until)
    decision = decide(PLAIN, facts)
    assert (decision.reason.key, decision.look_again_at) == ("at_close", min(until, facts.as_of + DAY))
    assert decision.planned is not None
    assert decision.planned.not_before >= until
    later = until + HOUR
    assert decide(PLAIN, replace(facts, now=later, as_of=later)).cut is not None
    back = decide(PLAIN, ripe(clawed_back_minor=99_999))
    # The next local midnight.
    assert back.reason.params["until_at"] == "2026-11-25T00:00:00+05:30", back.reason


def test_the_remaining_emergency_credit_follows_from_the_shown_balance():
    shown = decide(PLAIN, ripe(balance_minor=-200, provisional_minor=15_904)).reason
    assert (shown.key, shown.params["left_minor"]) == ("emergency_amount", PLAIN.credit.emergency_minor - 200)


def test_payments_strung_together_do_not_hold_for_ever():
    chain = tuple(AuthorisedPayment(100, NOON - n * DAY) for n in range(5))
    assert decide(PLAIN, ripe(authorised=chain[:3])).standing is Standing.SUSPENDED
    assert decide(PLAIN, ripe(authorised=chain)).cut is not None


def test_a_payment_holds_off_a_cut_to_the_second_and_one_that_came_to_nothing_not_at_all():
    payment = AuthorisedPayment(100, NOON - DAY)
    assert decide(PLAIN, ripe(authorised=(payment,))).cut is not None
    held = decide(PLAIN, ripe(authorised=(replace(payment, since=NOON - DAY + timedelta(seconds=1)),)))
    assert (held.standing, held.reason.params["amount_minor"]) == (Standing.SUSPENDED, 100)
    failed = AuthorisedPayment(900, NOON - HOUR, failed=True)
    assert decide(PLAIN, ripe(authorised=(failed,))).cut is not None
    both = decide(PLAIN, ripe(authorised=(failed, AuthorisedPayment(100, NOON - HOUR))))
    assert both.reason.params["amount_minor"] == 100


def test_a_payment_under_way_holds_until_its_time_is_over_and_not_at_its_end():
    holds = PLAIN.payments.authorised_holds
    within = ripe(authorised=(AuthorisedPayment(100, NOON - holds + timedelta(seconds=1)),))
    assert decide(PLAIN, within).standing is Standing.SUSPENDED
    assert decide(PLAIN, ripe(authorised=(AuthorisedPayment(100, NOON - holds),))).cut is not None


def test_a_cut_does_not_outlive_its_data():
    decision = decide(PLAIN, ripe(as_of=NOON - 23 * HOUR))
    assert decision.cut.not_after == NOON + HOUR
    assert decision.look_again_at == NOON + HOUR


def test_payment_clears_credit_and_nothing_else():
    dark = ripe(supply="off", holds=frozenset({"credit", "safety"}))
    effect = effect_of_payment(PLAIN, dark, 100_000)
    assert (effect.restores, effect.missing_minor, effect.held_by) == (False, 0, frozenset({"safety"}))
    decision = decide(PLAIN, replace(dark, balance_minor=0))
    assert decision.restore is not None
    assert decide(PLAIN, replace(dark, balance_minor=0, holds=frozenset({"safety"}))).restore is None


def test_a_lost_reconnection_is_asked_for_again():
    decision = decide(PLAIN, ripe(balance_minor=10_000, supply="off"))
    assert decision.restore is not None
    assert decision.reason.key == "unheld"


def test_a_part_of_the_due_brings_the_light_back_for_some_days():
    dark = ripe(supply="off", holds=frozenset({"credit"}))
    assert not effect_of_payment(UPPCL, dark, 49_999).restores
    assert effect_of_payment(UPPCL, dark, 40_000).missing_minor == 10_000
    assert effect_of_payment(UPPCL, dark, 50_000).restores
    paid = replace(dark, balance_minor=-50_000, paid=PaidSince(NOON, 50_000, 100_000))
    assert sentence(decide(UPPCL, paid).reason) == (
        "Part of the dues is paid; the supply is not disconnected before Friday 27 November, 12:00, when the rest must be paid."
    )
    assert decide(UPPCL, paid).restore is not None
    lit = replace(paid, supply="on", holds=frozenset(), now=NOON + 3 * DAY, as_of=NOON + 3 * DAY)
    assert decide(UPPCL, lit).cut is not None
    assert decide(PLAIN, paid).restore is None


def test_what_a_payment_does_with_arrears():
    effect = effect_of_payment(PLAIN, ripe(balance_minor=4_000, arrears_minor=3_000), 20_000)
    assert (effect.to_arrears_minor, effect.to_credit_minor) == (3_000, 17_000)
    assert (effect.days, effect.added_days) == (Fraction(21_000, 4_000), Fraction(17_000, 4_000))
    dark = ripe(supply="off", holds=frozenset({"credit"}), arrears_minor=10**9)
    assert effect_of_payment(PLAIN, dark, 0).missing_minor == 124_999
    with pytest.raises(ValueError, match="zero or more, not -1"):
        effect_of_payment(PLAIN, dark, -1)


def plan(every, amount_minor, due_on):
    due_at = datetime.combine(due_on + DAY, time(), ripe().zone)
    return Instalment(every, amount_minor, due_on, due_at)


def test_instalments_stand_in_the_place_of_the_share_of_a_payment():
    facts = ripe(balance_minor=4_000, arrears_minor=3_000, instalment=plan("day", 500, NOON.date()))
    effect = effect_of_payment(PLAIN, facts, 20_000)
    assert (effect.to_arrears_minor, effect.to_credit_minor) == (0, 20_000)


@pytest.mark.parametrize(
    ("amount_minor", "owed_minor", "due_on", "ends"),
    [
        (9_600, 50_000, date(2026, 11, 25), "Sun 29 00:00"),
        (9_600, 4_800, date(2026, 11, 25), "Mon 30 00:00"),
        (9_600, 0, date(2026, 11, 25), "Tue 01 00:00"),
        (9_600, 50_000, date(2026, 12, 3), "Tue 01 00:00"),
        (90_000, 90_000, date(2026, 11, 25), "Thu 26 00:00"),
    ],
)
def test_credit_ends_earlier_by_the_next_monthly_instalment(amount_minor, owed_minor, due_on, ends):
    """₹312 at ₹48 a day are six days and a half, less two for each ₹96 that is taken meanwhile."""
    monthly = plan("month", amount_minor, due_on)
    facts = ripe(balance_minor=31_200, notices=(), arrears_minor=owed_minor, instalment=monthly)
    assert f"{credit_ends_at(PLAIN, facts, 4_800):%a %d %H:%M}" == ends
    without = replace(facts, instalment=None)
    assert earliest_disconnection_at(PLAIN, facts, 4_800) <= earliest_disconnection_at(PLAIN, without, 4_800)


def test_the_sentence_of_the_page():
    """₹312 at ₹48 a day: safe until Monday evening; the emergency credit and the window make it Wednesday."""
    facts = ripe(balance_minor=31_200, notices=())
    assert f"{credit_ends_at(PLAIN, facts, 4_800):%a %H:%M}" == "Tue 00:00"
    earliest = earliest_disconnection_at(PLAIN, facts, 4_800).astimezone(facts.zone)
    assert f"{earliest:%a %d %H:%M}" == "Wed 02 10:00"
    assert earliest_disconnection_at(PLAIN, replace(facts, flags=frozenset({"never_cut"})), 4_800) is None
    assert earliest_disconnection_at(PLAIN, ripe(supply="off", holds=frozenset({"credit"})), 4_800) is None
    assert earliest_disconnection_at(PLAIN, ripe(balance_minor=-90_000), None) == NOON


def test_a_small_consumer_has_longer():
    facts = ripe(below_cut_since=NOON - 10 * DAY, notices=told(NOON - 10 * DAY))
    assert decide(UPPCL, facts).cut is not None
    small = replace(facts, sanctioned_load_w=2000)
    assert decide(UPPCL, small).reason.key == "small_consumer"
    assert decide(UPPCL, replace(small, category="LMV-2")).cut is not None


def test_a_notice_kind_that_is_no_warning_does_not_count():
    since = NOON - 10 * DAY
    receipts = tuple(NoticeFact("recharged", since + timedelta(hours=n), since + DAY) for n in range(9))
    notices = (NoticeFact("zero", since, since), *receipts)
    assert decide(UPPCL, ripe(below_cut_since=since, notices=notices)).reason.rule == "notices.before_cut"


def test_data_are_too_old_from_the_very_end_of_their_time():
    age = PLAIN.cut.max_data_age
    assert decide(PLAIN, ripe(as_of=NOON - age + timedelta(seconds=1))).cut is not None
    old = decide(PLAIN, ripe(as_of=NOON - age))
    assert (old.cut, old.reason.rule) == (None, "cut.max_data_age_hours")


def test_who_is_below_the_limit_has_no_days_yet_and_what_is_paid_adds_all_of_them():
    limit = PLAIN.credit.cut_below_minor
    effect = effect_of_payment(PLAIN, ripe(balance_minor=limit - 200, daily_cost_minor=100), 500)
    assert (effect.days, effect.added_days) == (3, 3)


def test_a_small_consumer_may_have_one_day_longer():
    plain = bundled_policies()["plain.toml"]
    longer = 'emergency = 50\nlonger = [{ categories = ["domestic"], up_to_kw = 1, days = 1 }]'
    assert parse_policy(plain.replace("emergency = 50", longer)).credit.longer[0].days == 1


def test_a_small_consumer_who_is_off_comes_back_while_the_longer_time_lasts():
    off = ripe(below_cut_since=NOON - 10 * DAY, supply="off", holds=frozenset({"credit"}))
    assert decide(UPPCL, off).restore is None
    assert decide(UPPCL, replace(off, sanctioned_load_w=2000)).restore is not None


def test_a_restored_account_is_warned_as_long_as_a_threshold_is_crossed():
    off = ripe(supply="off", holds=frozenset({"credit"}), last_recharge_minor=50_000)
    standings = [decide(PLAIN, replace(off, balance_minor=minor)).standing for minor in (3_000, 49_000)]
    assert standings == [Standing.WARNED, Standing.FINE]


def test_credit_ends_where_a_cut_would_begin_and_not_at_zero():
    """200 below a limit of 100 below zero, at 50 a day: four days more than from zero."""
    policy = replace(PLAIN, credit=replace(PLAIN.credit, cut_below_minor=-10_000))
    facts = ripe(balance_minor=10_000, daily_cost_minor=5_000)
    assert credit_ends_at(policy, facts, 5_000) == NOON + 4 * DAY


def test_what_is_only_provisional_announces_no_cut():
    facts = ripe(balance_minor=-6_000, provisional_minor=2_000, notices=())
    assert said(PLAIN, facts)[0] == "grace"
    assert [notice.kind for notice in decide(PLAIN, facts).notices] == ["zero"]


def test_a_notice_is_asked_for_when_the_last_bar_is_about_to_end():
    """What bars for longest counts: a notice goes out its lead before that ends, not before an earlier bar does."""
    bars = [
        DisconnectionBar(Standing.GRACE, Reason("x", "x", {}), until=NOON + days * DAY) for days in (5, 9)
    ]
    facts = ripe(notices=(NoticeFact("zero", NOON - DAY, NOON - DAY),))
    assert next_notice_at(PLAIN, facts, bars) == NOON + 9 * DAY - PLAIN.notices.lead


def test_a_notice_that_is_asked_for_now_is_not_looked_at_again_at_once():
    """A repetition falls due this very instant: it is asked for, and the next look is later."""
    asked = NoticeFact("zero", NOON - PLAIN.notices.repeat)
    facts = ripe(notices=(asked,))
    assert next_notice_at(PLAIN, facts, ()) is None or next_notice_at(PLAIN, facts, ()) > NOON
    assert next_notice_at(PLAIN, replace(facts, now=NOON - HOUR), ()) == NOON


def test_protected_hours_end_with_their_last_minute():
    """Protected from 18:00 to 08:00: the minute at which protection ends is free, the one at which it begins is not."""
    protected = PLAIN.protected
    assert [protected.hour(60 * hour + minute) for hour, minute in ((7, 59), (8, 0), (17, 59), (18, 0))] == [
        True, False, False, True,
    ]  # fmt: skip
