"""An agreement's own policy: guards, how it is given, what keeps it, and how it ends."""

from datetime import date, timedelta

import pytest
from tests.apps.town import START, adopt, closed
from tests.conftest import begun_with
from tests.usecases.life import HOUR, commissioned, connect, install_meter, stock
from tests.usecases.test_moving import COMMISSIONED, moving_in
from tests.usecases.test_terms import NOW, change_load, day, do, load_tariff, refusal
from tests.usecases.test_undoing import state

from urja.core.policy import bundled_policies


def load_policy(code, **changes):
    """The plain policy under another code, with lines of its document changed."""
    from urja.usecases.policies import load_policy

    text = bundled_policies()["plain.toml"].replace('code = "plain"', f'code = "{code}"')
    for name, value in changes.items():
        before = next(line for line in text.splitlines() if line.startswith(f"{name} ="))
        text = text.replace(before, f"{name} = {value}", 1)
    load_policy(text, recorded_at=START, actor="test")


def with_policies(database):
    for code in ("demo", "shop"):
        load_tariff(code)
    load_policy("plain")
    load_policy("gentle")
    load_policy("later", valid_from="2026-06-01")
    load_policy("dollars", currency='"USD"')


database, loaded = begun_with(with_policies)


@pytest.fixture
def house(loaded):
    return adopt()


def change_policy(code, n=10, number="URJ00000001", reason="agreed with the shop"):
    from urja.usecases.operations import ChangePolicy

    return ChangePolicy(consumer_number=number, effective_on=day(n), policy=code, reason=reason)


def own():
    """The policy of each of the terms, by the local day from which they hold."""
    from urja.apps.contracts.models import AgreementTerms

    return [
        (f"{row.valid_from + timedelta(hours=5.5):%d %b}", row.policy)
        for row in AgreementTerms.objects.order_by("valid_from", "id")
    ]


def test_it_holds_from_a_midnight_on_and_ends_at_another(house):
    do(change_policy("gentle", 10))
    do(change_policy("", 15))
    assert own() == [("02 Mar", ""), ("11 Mar", "gentle"), ("16 Mar", "")]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda: change_policy("kind"), "there is no policy 'kind': load it first (urja policy load)"),
        (
            lambda: change_policy("later"),
            "policy later is in force only from 2026-06-01 on, not on 2026-03-11",
        ),
        (lambda: change_policy("dollars"), "policy dollars is in USD, the account is in INR"),
        (
            lambda: change_policy(""),
            "nothing changes: service point URJ00000001 has no policy of its own on 2026-03-11",
        ),
        (lambda: change_policy("gentle", reason=" "), "give a reason"),
        (lambda: change_policy("gentle", number="unknown"), "there is no service point unknown"),
        (
            lambda: change_policy("gentle", n=-3),
            "service point URJ00000001 has no agreement on 2026-02-26; the next one begins on 2026-03-02",
        ),
    ],
)
def test_what_stands_against_it(house, change, sentence):
    assert refusal(change()) == [sentence]
    assert own() == [("02 Mar", "")]


def test_the_same_again_changes_nothing(house):
    do(change_policy("gentle", 10))
    assert refusal(change_policy("gentle", 12)) == [
        "nothing changes: the terms on 2026-03-13 are policy gentle already"
    ]


def test_a_policy_that_comes_into_force_is_agreed_from_its_first_day_on(house):
    days = (date(2026, 6, 1) - day(1)).days + 1
    assert refusal(change_policy("later", days - 1)) == [
        "policy later is in force only from 2026-06-01 on, not on 2026-05-31"
    ]
    do(change_policy("later", days))
    assert own()[-1] == ("01 Jun", "later")


def test_back_to_a_category_whose_policy_is_not_in_force(house):
    from urja.usecases.policies import assign_policy

    do(change_policy("gentle", 10))
    assign_policy("", "later", recorded_at=START, actor="test")
    assert refusal(change_policy("", 12)) == [
        "policy later is in force only from 2026-06-01 on, not on 2026-03-13"
    ]


def test_other_changes_of_terms_keep_it(house):
    from urja.usecases.operations import ChangeCategory, ChangeLoad, ConvertToPostpaid, ConvertToPrepaid

    number = {"consumer_number": "URJ00000001"}
    do(change_policy("gentle", 3))
    do(ChangeLoad(**number, effective_on=day(5), sanctioned_load_w=4000))
    do(ChangeCategory(**number, effective_on=day(7), tariff_code="shop", category="shop"))
    do(ConvertToPostpaid(**number, effective_on=day(9)))
    closed(house, day(10))
    do(ConvertToPrepaid(**number, effective_on=day(11)))
    assert own() == [("02 Mar", ""), *((f"{n:02} Mar", "gentle") for n in (4, 6, 8, 10, 12))]


class TestNextConsumer:
    def test_moving_in(self, loaded):
        connect()
        stock(1)
        install_meter(1, START + HOUR)
        commissioned(1, COMMISSIONED)
        assert refusal(moving_in(policy="kind")) == [
            "there is no policy 'kind': load it first (urja policy load)"
        ]
        do(moving_in(policy="gentle"))
        assert [policy for _, policy in own()] == ["gentle"]

    @pytest.mark.parametrize(("given", "then"), [(None, "gentle"), ("plain", "plain"), ("", "")])
    def test_a_new_owner(self, house, given, then):
        do(change_policy("gentle", 3))
        do(self.transfer(policy=given))
        assert [policy for _, policy in own()] == ["", "gentle", then]

    def test_a_new_owner_by_a_policy_that_is_none(self, house):
        assert refusal(self.transfer(policy="kind")) == [
            "there is no policy 'kind': load it first (urja policy load)"
        ]

    def transfer(self, **more):
        from urja.usecases.operations import TransferOwnership

        return TransferOwnership(
            consumer_number="URJ00000001",
            at=START + timedelta(days=12),
            register_wh=10_000,
            name="Bela",
            email="bela@example.org",
            **more,
        )

    def test_an_adoption(self, loaded):
        from urja.apps.journal.errors import RefusedError

        with pytest.raises(RefusedError, match="there is no policy 'kind'"):
            adopt(1, policy="kind")
        adopt(1, policy="gentle")
        assert own() == [("02 Mar", "gentle")]


class TestTheWayBack:
    def test_undoing_restores_what_was(self, house):
        from urja.usecases.operations import Undo

        do(change_policy("gentle", 10))
        later = do(change_policy("plain", 15))
        do(Undo(entry_id=later.id, reason="a mistake"))
        assert own() == [("02 Mar", ""), ("11 Mar", "gentle")]

    def test_on_the_day_on_which_terms_begin(self, house):
        from urja.usecases.operations import Undo

        do(change_policy("gentle", 10))
        same_day = do(change_policy("plain", 10))
        assert own() == [("02 Mar", ""), ("11 Mar", "plain")]
        do(Undo(entry_id=same_day.id, reason="a mistake"))
        assert own() == [("02 Mar", ""), ("11 Mar", "gentle")]

    def test_what_was_done_before_there_was_such_a_column(self, house, database):
        """The history of those days says nothing of it: undoing puts back what it knows, and the rest is empty."""
        from urja.apps.contracts.models import AgreementTerms
        from urja.usecases.operations import Undo, changes_of

        with database.connect() as connection:
            before = state(connection)
            changed = do(change_load(7000, 1))
            ended = do(change_load(6000, 10))
            _forget_the_column(database)
            assert all("policy" not in (one.before or {}) for one in changes_of(ended.id))
            do(Undo(entry_id=ended.id, reason="a mistake"))
            assert AgreementTerms.objects.get().sanctioned_load_w == 7000
            do(Undo(entry_id=changed.id, reason="a mistake"))
            now = state(connection)
            assert now["contracts_agreement_terms"] == before["contracts_agreement_terms"]

    def test_a_row_that_was_deleted_before_there_was_such_a_column(self, house, database):
        from urja.usecases.operations import MoveOut, Undo

        do(change_load(7000, 30))
        left = do(MoveOut(consumer_number="URJ00000001", at=START + timedelta(days=12), register_wh=10_000))
        assert own() == [("02 Mar", "")]
        _forget_the_column(database)
        do(Undo(entry_id=left.id, reason="a mistake"))
        assert own() == [("02 Mar", ""), ("31 Mar", "")]

    def test_what_was_known_then_is_asked_as_ever(self, house, database):
        from urja.apps.overviews.queries import bitemporal

        do(change_load(7000, 1))
        _forget_the_column(database)
        then = bitemporal.agreement(house.agreement_id, bitemporal.AsOf(START, NOW - timedelta(hours=1)))
        assert [(one.sanctioned_load_w, one.policy) for one in then.all_terms] == [(5000, "")]


def _forget_the_column(database):
    """The history as it was written by a version that had none."""
    with database.connect() as owner:
        owner.execute("ALTER TABLE journal_history DISABLE TRIGGER USER")
        owner.execute("UPDATE journal_history SET row = row - 'policy' - 'billing_day'")
        owner.execute("ALTER TABLE journal_history ENABLE TRIGGER USER")


def test_no_money_moves(empty_database):
    """Days that are charged are charged as they were; the dry run says so."""
    from tests.pipeline.test_effects import NOW, Town

    from urja.usecases.dry_run import dry_run_effects

    with empty_database.connect() as connection:
        Town(connection)
        load_policy("gentle")
        found = dry_run_effects(change_policy("gentle", 3), recorded_at=NOW, actor="clerk")
    assert (found.postings, found.intervals_moved, found.problems) == ([], 0, [])
    assert [(one.before or {}).get("policy") for one in found.changes] == ["", None]
    assert [one.after["policy"] for one in found.changes] == ["", "gentle"]
