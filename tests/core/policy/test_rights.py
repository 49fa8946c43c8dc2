"""Rights of consumers: a protected supply does not stay disconnected, and notices are served as the document says."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st
from tests.core.policy.cast import DAY, HOUR, IST, NOON, PLAIN, UPPCL, accounts, ripe

from urja.core.policy import (
    AuthorisedPayment,
    Facts,
    Health,
    NoticeFact,
    Policy,
    Standing,
    bundled_policies,
    decide,
    parse_policy,
    sentence,
)

MINUTE = timedelta(minutes=1)
documents = st.sampled_from([PLAIN, UPPCL])
quietly = settings(max_examples=150)

RIGHTS = {
    "flags",
    "cut.max_estimated_percent",
    "credit.grace_days_after_conversion",
    "credit.longer",
    "credit.emergency_days",
    "reconnect.partial",
}
"""Rules about a consumer's rights: what forbids a cut for one of them does not let one last either."""


def disconnected(facts: Facts, *more: str) -> Facts:
    return replace(facts, supply="off", holds=frozenset({"credit", *more}))


def connected(facts: Facts) -> Facts:
    return replace(facts, supply="on", holds=frozenset())


def comes_back(policy: Policy, facts: Facts) -> bool:
    return decide(policy, facts).restore is not None


def test_provisional_charges_prevent_no_reconnection():
    """−10 with 200 of provisional charges: not cut where it is on, and not left off where it is off."""
    facts = ripe(balance_minor=-1_000, provisional_minor=20_000)
    assert decide(PLAIN, facts).standing is Standing.EMERGENCY
    assert decide(PLAIN, ripe(balance_minor=-6_000, provisional_minor=20_000)).standing is Standing.GRACE
    for balance in (-1_000, -6_000):
        decision = decide(PLAIN, disconnected(replace(facts, balance_minor=balance)))
        assert decision.restore is not None
        assert decision.restore.reason.key == "provisional"
        assert decision.standing in (Standing.EMERGENCY, Standing.GRACE)
    # What is not provisional still has to reach the balance at which supply returns.
    assert not comes_back(PLAIN, disconnected(replace(facts, provisional_minor=999)))


@quietly
@given(documents, accounts())
def test_provisional_charges_count_for_nothing_in_staying_off(policy: Policy, facts: Facts):
    off = disconnected(facts)
    settled = replace(off, balance_minor=off.balance_minor + off.provisional_minor, provisional_minor=0)
    assert comes_back(policy, off) == comes_back(policy, settled)


@quietly
@given(documents, accounts(), st.booleans())
def test_who_may_not_be_cut_does_not_stay_cut(policy: Policy, facts: Facts, disputed: bool):
    on, off = decide(policy, connected(facts)), disconnected(facts, *(["dispute"] if disputed else []))
    if facts.prepaid and on.reason.rule in RIGHTS and facts.health.collection:
        assert comes_back(policy, off), on.reason
    # Written a second time, from the facts alone.
    estimated = facts.estimated_share > policy.cut.max_estimated and facts.health.collection
    if facts.flags or (facts.balance_minor < 0 and estimated):
        assert comes_back(policy, off)


@quietly
@given(documents, accounts(), st.builds(Health, st.booleans(), st.booleans(), st.booleans()))
def test_an_ill_service_causes_no_reconnection(policy: Policy, facts: Facts, health: Health):
    """It says nothing about an account: an account that it spares was not disconnected while it was ill."""
    if comes_back(policy, disconnected(replace(facts, health=health))):
        assert comes_back(policy, disconnected(replace(facts, health=Health())))


def test_estimates_bring_back_while_readings_come_in_and_not_in_an_outage():
    doubtful = disconnected(ripe(estimated_share=Fraction(1, 2)))
    assert decide(PLAIN, doubtful).restore.reason.rule == "cut.max_estimated_percent"
    assert not comes_back(PLAIN, replace(doubtful, health=Health(collection=False)))
    assert not comes_back(PLAIN, disconnected(ripe(as_of=NOON - 30 * HOUR)))


PAID = AuthorisedPayment(120_000, NOON - HOUR)


@pytest.mark.parametrize(
    ("payments", "restores"),
    [
        ((PAID,), True),
        ((replace(PAID, amount_minor=99_999),), False),
        ((replace(PAID, amount_minor=60_000), replace(PAID, amount_minor=40_000)), True),
        ((replace(PAID, failed=True),), False),
        ((replace(PAID, since=NOON - 25 * HOUR),), False),
        # Only the first few count, so that they cannot be strung together.
        ((*(AuthorisedPayment(1, NOON - n * DAY, failed=True) for n in (2, 3, 4)), PAID), False),
    ],
)
def test_an_authorised_payment_restores_where_the_document_says_so(payments, restores):
    off = disconnected(ripe(authorised=payments))
    assert comes_back(PLAIN, off) == restores
    assert not comes_back(UPPCL, off)
    if restores:
        assert sentence(decide(PLAIN, off).restore.reason).startswith("A payment of ₹")


def test_it_has_to_be_enough_after_what_goes_to_arrears():
    off = disconnected(ripe(authorised=(PAID,), arrears_minor=500_000))
    assert not comes_back(PLAIN, off)
    assert comes_back(PLAIN, replace(off, authorised=(replace(PAID, amount_minor=125_000),)))


# -- what serves a notice --------------------------------------------------------------------------------------


def attempts(*days, kinds=("zero", "cut"), channel="sms"):
    """Notices that were sent so many days ago and never delivered."""
    return tuple(
        NoticeFact(kind, NOON - ago * DAY, sent_at=NOON - ago * DAY + MINUTE, channel=channel)
        for ago in days
        for kind in kinds
    )


def test_sixty_days_of_undelivered_notices_do_not_hold_a_cut():
    sent = attempts(*range(60, 0, -1))
    assert decide(PLAIN, ripe(notices=sent)).cut is not None
    only_receipts = parse_policy(_without_served("plain.toml"))
    assert decide(only_receipts, ripe(notices=sent)).reason.key == "undelivered"


def _without_served(name: str) -> str:
    head, _, rest = bundled_policies()[name].partition("[notices.served]")
    return head + "[payments]" + rest.partition("[payments]")[2]


@pytest.mark.parametrize(
    ("notices", "cut"),
    [
        (attempts(9, 8, 7.5, 7.4, 7.3), True),
        (attempts(9, 8, 7.5, 7.4), False),  # one attempt too few
        (attempts(6.9, 6, 5, 4, 3), False),  # not seven days since the first
        (attempts(9, 8, 7, 6, 5, kinds=("zero",)), False),  # each kind that is needed
        (attempts(9, 8, 7, 6, 5, channel="whatsapp"), False),
        (attempts(*range(60, 0, -1), channel="email"), False),  # however many a relay has accepted
        (tuple(replace(notice, sent_at=None) for notice in attempts(9, 8, 7, 6, 5)), False),
        (attempts(9, 8, 7, 6, 0.02), False),  # the fifth was served less than the lead ago
        ((NoticeFact("letter", NOON - 8 * DAY, sent_at=NOON - 8 * DAY, channel="letter"),), True),
        ((NoticeFact("letter", NOON - 6 * DAY, sent_at=NOON - 6 * DAY, channel="letter"),), False),
        # Posted before the credit ran out: it was about something else.
        ((NoticeFact("letter", NOON - 61 * DAY, sent_at=NOON - 61 * DAY, channel="letter"),), False),
    ],
)
def test_the_words_of_the_plain_policy(notices, cut):
    assert (decide(PLAIN, ripe(notices=notices)).cut is not None) == cut


def test_what_time_alone_will_serve_is_planned_and_looked_at_then():
    decision = decide(PLAIN, ripe(notices=attempts(6.5, 6, 5, 4, 3)))
    ready = NOON + DAY / 2 + MINUTE + PLAIN.notices.lead
    assert decision.planned is not None
    assert decision.planned.not_before >= ready
    assert decision.look_again_at is not None
    assert decision.look_again_at <= ready
    posted = NoticeFact("letter", NOON - DAY, sent_at=NOON - DAY, channel="letter")
    assert decide(PLAIN, ripe(notices=(posted,))).planned.not_before >= NOON + 6 * DAY


@settings(max_examples=25)
@given(documents, st.integers(0, 24 * 4 * 300), st.sampled_from(["sms", "letter"]))
def test_an_account_that_is_never_reached_is_not_spared_for_ever(policy: Policy, quarters: int, channel: str):
    """A telephone that is off, or none at all and one letter: the cut comes, and not before the words are met."""
    begin = NOON + quarters * timedelta(minutes=15)
    facts = ripe(begin, below_cut_since=begin, notices=(), daily_cost_minor=None)
    if channel == "letter":
        facts = replace(facts, notices=(NoticeFact("letter", begin, sent_at=begin, channel="letter"),))
    while (decision := decide(policy, facts)).cut is None:
        assert facts.now < begin + 60 * DAY, decision
        step = min(decision.look_again_at or facts.now + HOUR, facts.now + 4 * HOUR)
        sent = tuple(
            NoticeFact(one.kind, facts.now, sent_at=facts.now if channel == "sms" else None, channel="sms")
            for one in decision.notices
        )
        facts = replace(facts, now=step.astimezone(IST), as_of=step, notices=(*facts.notices, *sent))
    shortest = policy.notices.attempts_over if channel == "sms" else policy.notices.letter_after
    assert facts.now >= begin + shortest + policy.notices.lead


SECOND = timedelta(seconds=1)
LEAD = PLAIN.notices.lead


@pytest.mark.parametrize(("late", "cut"), [(timedelta(), True), (SECOND, False)])
def test_to_the_second(late, cut):
    """A letter's days, an attempt's days since the first, the last attempt that is needed, each with the lead."""
    posted = NOON - 7 * DAY - LEAD + late
    letter = NoticeFact("letter", posted, sent_at=posted, channel="letter")
    first, fifth = NOON - 7 * DAY - LEAD + late, NOON - LEAD + late
    by_days = tried(first, *(NOON - n * DAY for n in (5, 4, 3, 2)))
    by_number = tried(*(NOON - n * DAY for n in (20, 19, 18, 17)), fifth)
    for notices in ((letter,), by_days, by_number):
        assert (decide(PLAIN, ripe(notices=notices)).cut is not None) == cut


def tried(*instants):
    return tuple(
        NoticeFact(kind, at, sent_at=at, channel="sms") for at in instants for kind in ("zero", "cut")
    )


def test_an_attempt_counts_from_when_it_was_sent():
    """More are needed in number than serve a kind: the last one is the sixth."""
    six = parse_policy(bundled_policies()["plain.toml"].replace("least_delivered = 2", "least_delivered = 6"))
    one_kind = replace(six, notices=replace(six.notices, before_cut=("zero",)))
    for late, cut in ((timedelta(), True), (SECOND, False)):
        sent = [NOON - n * DAY for n in (20, 19, 18, 17, 16)] + [NOON - LEAD + late]
        notices = tuple(NoticeFact("zero", at, sent_at=at, channel="sms") for at in sent)
        assert (decide(one_kind, ripe(notices=notices)).cut is not None) == cut


def test_what_is_served_this_second_is_served():
    letter = NoticeFact("letter", NOON - 7 * DAY, sent_at=NOON - 7 * DAY, channel="letter")
    assert decide(PLAIN, ripe(notices=(letter,))).reason.rule == "notices.lead_hours"


def test_a_second_letter_puts_nothing_off():
    letters = tuple(
        NoticeFact("letter", NOON - n * DAY, sent_at=NOON - n * DAY, channel="letter") for n in (9, 1)
    )
    assert decide(PLAIN, ripe(notices=letters)).cut is not None


def test_exactly_enough_without_what_is_provisional_is_enough():
    assert comes_back(PLAIN, disconnected(ripe(balance_minor=-1_000, provisional_minor=1_000)))
