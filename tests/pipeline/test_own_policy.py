"""A supply with its own policy is warned, disconnected and reconnected by it, unlike others of its category."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, adopt
from tests.pipeline.test_decide import POLICY, Place
from tests.usecases.test_terms import day

HOUSE, SHOP = 0, 1
"""Both of the same category; the shop has a policy of its own."""


def load(code, *changes, emergency=0):
    """The policy of these stories, with each `was` in its text that is something else now."""
    from urja.usecases.policies import load_policy

    text = POLICY.format(version="1", emergency=emergency, most=20, stagger=20)
    for was, now in (('"story"', f'"{code}"'), *changes):
        assert was in text
        text = text.replace(was, now)
    load_policy(text, recorded_at=START, actor="test")


@pytest.fixture
def pair(database):
    """Everybody has 50 rupees of emergency credit; `strict` gives none, and `gentle` cuts only at 5000 below nothing."""
    place = Place(database, [adopt(number, credit_minor=10_000, bucket=number) for number in (1, 2)])
    load("gentle", ("cut_below = 0", 'cut_below = "-5000"'), ("at_least = 0", 'at_least = "-5000"'))
    load("strict")
    yield place
    place.connection.close()


def own(policy, n=1, number="URJ00000002"):
    from urja.usecases.operations import ChangePolicy

    return ChangePolicy(consumer_number=number, effective_on=day(n), policy=policy, reason="agreed")


def do(pair, operation):
    from urja.usecases.operations import perform

    return perform(operation, recorded_at=pair.now, actor="clerk")


def used(pair, wh):
    """Monday 09:00: both have used this much, and what they are told of it has arrived."""
    pair.now = pair.at(1, 9)
    for number in (HOUSE, SHOP):
        pair.use(wh, house=number)
    pair.go()
    pair.deliver()


def laws(pair):
    from urja.laws.switching import laws

    return laws(pair.connection, pair.now, town.ZONE)


def test_it_is_spared_for_longer_than_its_neighbour(pair):
    do(pair, own("gentle"))
    used(pair, 60_000)
    pair.until(pair.at(1, 12))
    assert pair.commands(HOUSE) == [("disconnect", "queued")]
    assert (pair.commands(SHOP), pair.where(SHOP)) == ([], ("warned", "low"))
    assert (pair.standing(HOUSE).policy, pair.standing(SHOP).policy) == ("story 1", "gentle 1")


def test_it_is_cut_before_its_neighbour(pair):
    """At 20 rupees below nothing everybody else has emergency credit left."""
    do(pair, own("strict"))
    used(pair, 23_500)
    pair.until(pair.at(1, 12))
    assert (pair.commands(HOUSE), pair.where(HOUSE)) == ([], ("emergency", "emergency_amount"))
    assert pair.commands(SHOP) == [("disconnect", "queued")]


def test_what_was_agreed_meanwhile_is_looked_at_at_once_and_what_is_undone_too(pair):
    from urja.usecases.operations import Undo

    used(pair, 60_000)
    pair.until(pair.at(1, 12))
    assert pair.holds(SHOP) == ["credit"]
    pair.sent(SHOP)
    pair.report("confirmed", SHOP)
    changed = do(pair, own("gentle"))
    pair.go(only_changed=True)
    assert (pair.holds(SHOP), pair.standing(SHOP).policy) == ([], "gentle 1")
    assert pair.commands(SHOP)[-1] == ("connect", "queued")
    pair.sent(SHOP)
    pair.report("confirmed", SHOP)
    do(pair, Undo(entry_id=changed.id, reason="the other shop"))
    pair.go()
    assert pair.standing(SHOP).policy == "story 1"
    # By that policy its credit runs out only now, and it is told so first.
    pair.deliver()
    pair.until(pair.at(1, 14))
    assert pair.commands(SHOP)[-1] == ("disconnect", "queued")
    assert all(laws(pair).values())


def test_a_dry_run_says_what_would_be_decided(pair):
    """By the policy that would govern, at once; of a day to come nothing is known yet, and nothing is done."""
    from urja.usecases.dry_run import dry_run_effects

    used(pair, 60_000)
    pair.until(pair.at(1, 12))
    pair.sent(SHOP)
    pair.report("confirmed", SHOP)
    pair.go()
    (found,) = dry_run_effects(own("gentle"), recorded_at=pair.now, actor="clerk").decisions
    assert found.account_id == pair.houses[SHOP].account_id
    assert (found.before.standing, found.before.policy) == ("cut", "story 1")
    assert (found.after.standing, found.after.policy) == ("warned", "gentle 1")
    assert dry_run_effects(own("gentle", 3), recorded_at=pair.now, actor="clerk").decisions == []
    assert (pair.standing(SHOP).policy, pair.holds(SHOP)) == ("story 1", ["credit"])


def test_what_is_agreed_for_a_day_to_come_is_looked_at_at_its_midnight(pair):
    do(pair, own("gentle", 3))
    used(pair, 60_000)
    pair.until(pair.at(1, 10, 45))
    pair.sent(SHOP)
    pair.report("confirmed", SHOP)
    pair.until(pair.at(2, 23), timedelta(hours=3))
    assert pair.holds(SHOP) == ["credit"]
    pair.go(pair.at(3, 0))
    assert (pair.holds(SHOP), pair.commands(SHOP)[-1][0]) == ([], "connect")


def test_a_cut_on_its_way_is_called_back(pair):
    used(pair, 60_000)
    pair.until(pair.at(1, 10, 15))
    assert pair.commands(SHOP) == [("disconnect", "queued")]
    do(pair, own("gentle"))
    pair.go()
    assert (pair.commands(SHOP), pair.holds(SHOP)) == ([("disconnect", "superseded")], [])


def test_a_policy_that_is_not_loaded_is_no_reason_to_take_another(pair):
    """No operation agrees such a one. Its supply is held back and told of, and its neighbour goes on."""
    from urja.apps.contracts.models import AgreementTerms
    from urja.pipeline import decide

    with town.by_hand():
        AgreementTerms.objects.filter(agreement_id=pair.houses[SHOP].agreement_id).update(
            policy="nobody-knows"
        )
    used(pair, 60_000)
    pair.now = pair.at(1, 12)
    for number in (HOUSE, SHOP):
        pair.use(0, house=number)
    report = decide.decide_due(pair.now, pair.wall_ms)
    assert pair.commands(HOUSE) == [("disconnect", "queued")]
    assert (pair.commands(SHOP), pair.standing(SHOP)) == ([], None)
    (told,) = report.held
    assert told == (
        f"account {pair.houses[SHOP].account_id} is held back: no version of policy 'nobody-knows' is in force on "
        "2026-03-02; load it (urja policy load)"
    )


def test_a_share_for_old_dues_is_its_own_policys(pair):
    from tests.pipeline.test_arrears import left, owes, pay, post

    load("debtor", ("arrears_percent = 0", "arrears_percent = 40"), emergency=50)
    do(pair, own("debtor"))
    for house in pair.houses:
        owes(house, (f"B-{house.account_id}", "2026-01-15", 6000, 0))
    for number in (HOUSE, SHOP):
        pay(pair, 10_000, number)
    post(pair)
    bills = [f"B-{house.account_id}" for house in pair.houses]
    assert [left(pair, number) for number in (HOUSE, SHOP)] == [
        [f"{bills[0]} 6000+0"],
        [f"{bills[1]} 2000+0"],
    ]
    assert arrears_law(pair) is True


def arrears_law(pair):
    from urja.laws.verify import laws

    return laws(pair.connection, pair.now, town.ZONE)["arrears"]


def category_alone(patch):
    """The mutation: what an agreement says of itself is not looked at."""
    from urja.apps.rulebook.queries.policies import DEFAULT_CATEGORY, PolicyBook

    patch.setattr(
        PolicyBook,
        "code_for",
        lambda book, _own, category: book.assigned.get(category, book.assigned[DEFAULT_CATEGORY]),
    )


class TestTheLawsSeeIt:
    def test_they_hold(self, pair):
        do(pair, own("strict"))
        self.a_day(pair)
        assert pair.commands(SHOP) == [("disconnect", "confirmed")]
        assert all(laws(pair).values())

    def a_day(self, pair):
        used(pair, 23_500)
        pair.until(pair.at(1, 10, 45))
        for number in (HOUSE, SHOP):
            if pair.command(number):
                pair.sent(number)
                pair.report("confirmed", number)
        pair.until(pair.at(2, 17), timedelta(hours=1))

    def test_who_is_to_be_cut_by_its_own_and_is_not(self, pair, monkeypatch):
        do(pair, own("strict"))
        category_alone(monkeypatch)
        self.a_day(pair)
        found = laws(pair)
        assert pair.commands(SHOP) == []
        assert (found["governed_by_its_policy"], found["due_is_cut"]) == (False, False)

    def test_who_is_cut_by_the_categorys(self, pair, monkeypatch):
        do(pair, own("gentle"))
        category_alone(monkeypatch)
        used(pair, 60_000)
        pair.until(pair.at(1, 12))
        monkeypatch.undo()
        pair.go(pair.at(1, 12, 1))
        from urja.laws.switching import examine

        broken = [finding for finding in examine(pair.connection, pair.now, town.ZONE) if not finding.holds]
        shop = pair.houses[SHOP].account_id
        assert [(one.law, one.contradictions[0].split(" of ")[1]) for one in broken] == [
            ("governed_by_its_policy", f"account {shop} was by story 1, not by gentle 1")
        ]

    def test_who_is_not_looked_at_again(self, pair, monkeypatch):
        """A change of terms wakes no account: the standing is the old policy's, and stays so."""
        from tests.pipeline.test_held_back import set_tariff

        from urja.apps.supply import account_states

        used(pair, 60_000)
        do(pair, own("gentle"))
        monkeypatch.setattr(
            account_states, "changes", lambda _limit: account_states.Changes((), frozenset(), {})
        )
        monkeypatch.setattr(account_states, "due", lambda *_: [])
        pair.go(pair.at(1, 9, 30))
        assert laws(pair)["governed_by_its_policy"] is False
        # An account that is held back for want of a price is not looked at again until there is one, and rightly.
        set_tariff(pair, SHOP, "nowhere")
        assert laws(pair)["governed_by_its_policy"] is True

    def test_a_share_by_the_categorys(self, pair, monkeypatch):
        from tests.pipeline.test_arrears import owes, pay, post

        load("debtor", ("arrears_percent = 0", "arrears_percent = 40"), emergency=50)
        do(pair, own("debtor"))
        owes(pair.houses[SHOP], ("B-1", "2026-01-15", 6000, 0))
        category_alone(monkeypatch)
        pay(pair, 10_000, SHOP)
        post(pair)
        assert arrears_law(pair) is False
