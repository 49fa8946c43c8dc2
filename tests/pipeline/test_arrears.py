"""A share of each recharge pays old dues: as the page has announced, by entries of its own, and back with a reversal."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.apps import town
from tests.apps.town import START, adopt
from tests.pipeline.test_decide import POLICY, Place

NUMBERS = count(1)


def story(percent, version="2"):
    text = POLICY.format(version=version, emergency=50, most=20, stagger=20)
    return text.replace("arrears_percent = 0", f"arrears_percent = {percent}")


def load(percent, version="2", at=START):
    from urja.usecases.policies import load_policy

    load_policy(story(percent, version), recorded_at=at, actor="test")


def owes(adopted, *bills):
    """Bills as `urja import` brings them: number, due, principal, surcharge."""
    from urja.apps.billing.models import Arrear

    for number, (bill, due_on, principal, surcharge) in enumerate(bills, 1):
        Arrear.objects.create(
            id=(adopted.account_id >> 40 << 40) + 900_000 + adopted.account_id % 10_000 * 10 + number,
            account_id=adopted.account_id,
            bill=bill,
            due_on=date.fromisoformat(due_on),
            principal_minor=principal,
            surcharge_minor=surcharge,
            recorded_at=START,
            actor="test",
        )


def by_instalments(adopted):
    """A plan that holds from the beginning."""
    from urja.apps.billing.models import InstalmentPlan

    InstalmentPlan.objects.create(
        id=adopted.account_id + 800_000,
        account_id=adopted.account_id,
        every="day",
        amount_minor=700,
        valid_from=START,
        recorded_at=START,
        actor="test",
    )


def indebted(database):
    """25 % of each recharge goes to two bills of 23 and 60 rupees."""
    place = Place(database, [adopt()])
    load(25)
    owes(place.houses[0], ("B-2", "2026-02-15", 6000, 0), ("B-1", "2026-01-15", 2000, 300))
    return place


@pytest.fixture
def house(database):
    place = indebted(database)
    yield place
    place.connection.close()


def pay(house, amount, number=0):
    return town.pay(house.houses[number].account_id, amount, f"pay_{next(NUMBERS)}", house.now)


def give_back(house, credit, amount):
    return town.give_back(credit, amount, f"rfnd_{next(NUMBERS)}", house.now)


def post(house):
    """Credits alone: energy that was not used costs nothing in between."""
    from urja.pipeline.credits import post_credits

    house.now += timedelta(minutes=1)
    return post_credits(house.now)


def left(house, number=0):
    from urja.apps.billing.arrears import dues_of

    account = house.houses[number].account_id
    return [
        f"{due.bill} {due.principal_minor}+{due.surcharge_minor}"
        for due in dues_of([account]).get(account, [])
    ]


def book(house, number=0):
    rows = house.connection.execute(
        "SELECT line, amount_minor FROM books_entry WHERE account_id = %s ORDER BY seq",
        [house.houses[number].account_id],
    )
    return [f"{line} {amount}" for line, amount in rows]


def laws(house):
    from urja.laws.verify import laws

    return laws(house.connection, house.now, town.ZONE)


def forecast(house, amount, number=0):
    from urja.apps.supply import queries
    from urja.apps.supply.queries import facts
    from urja.core.policy import effect_of_payment

    known = facts.of_account(house.houses[number].account_id, house.now, queries.health())
    return effect_of_payment(known.policy, known.facts, amount)


def test_the_share_of_a_recharge_pays_the_oldest_bill_its_surcharge_first(house):
    pay(house, 10_000)
    post(house)
    assert book(house) == ["recharge 10000", "arrears -2500"]
    assert left(house) == ["B-2 5800+0"]
    assert all(laws(house).values())


def waive(house, dues_minor):
    from urja.usecases.operations import WaiveCharges, perform

    house.now += timedelta(minutes=1)
    perform(
        WaiveCharges(consumer_number="URJ00000001", waived_dues_minor=dues_minor, reason="agreed"),
        recorded_at=house.now,
        actor="test",
    )


def test_waived_dues_are_owed_no_longer_and_what_was_paid_of_them_stays_paid(house):
    """The law calculates each recharge by the bills as they were known then."""
    credit = pay(house, 4_000)
    post(house)
    assert left(house) == ["B-1 1300+0", "B-2 6000+0"]
    waive(house, 6_800)
    assert left(house) == ["B-2 500+0"]
    pay(house, 10_000)
    post(house)
    assert book(house) == ["recharge 4000", "arrears -1000", "recharge 10000", "arrears -500"]
    assert all(laws(house).values())
    # The bank takes the first recharge back: what it had paid is owed again, and what was waived is not.
    give_back(house, credit, 4_000)
    post(house)
    assert left(house) == ["B-1 700+300"]
    assert all(laws(house).values())


def test_the_last_dues_take_no_more_than_is_owed_and_the_next_recharge_nothing(house):
    pay(house, 40_000)
    pay(house, 10_000)
    post(house)
    assert book(house) == ["recharge 40000", "arrears -8300", "recharge 10000"]
    assert left(house) == []
    assert all(laws(house).values())


def test_posting_again_posts_nothing(house):
    pay(house, 10_000)
    assert (post(house), post(house)) == (1, 0)
    assert left(house) == ["B-2 5800+0"]


def test_what_is_taken_back_is_owed_again(house):
    credit = pay(house, 12_000)
    post(house)
    assert left(house) == ["B-2 5300+0"]
    give_back(house, credit, 12_000)
    post(house)
    assert book(house) == ["recharge 12000", "arrears -3000", "reversal -12000", "arrears 3000"]
    assert left(house) == ["B-1 2000+300", "B-2 6000+0"]
    assert all(laws(house).values())


@pytest.mark.parametrize("runs", [1, 2], ids=["in-one-run", "in-two"])
def test_a_part_that_is_taken_back_leaves_what_the_rest_would_have_paid(house, runs):
    credit = pay(house, 40_000)
    post(house)
    give_back(house, credit, 20_000)
    if runs == 2:
        post(house)
    give_back(house, credit, 12_001)
    post(house)
    # 79.99 are left of the recharge: a quarter of it, less than the first bill with its surcharge.
    assert left(house) == ["B-1 301+0", "B-2 6000+0"]
    assert book(house)[2:] == ["reversal -20000", "arrears 3300", "reversal -12001", "arrears 3001"]
    assert all(laws(house).values())


def test_reversals_of_two_credits_of_one_run_give_back_what_each_has_paid(house):
    first, second = pay(house, 10_000), pay(house, 12_000)
    post(house)
    assert book(house)[1::2] == ["arrears -2500", "arrears -3000"]
    give_back(house, second, 12_000)
    give_back(house, first, 6_000)
    post(house)
    assert book(house)[4:] == ["reversal -12000", "arrears 3000", "reversal -6000", "arrears 1500"]
    assert left(house) == ["B-1 1300+0", "B-2 6000+0"]
    assert all(laws(house).values())


def test_a_credit_and_its_reversal_of_one_run(house):
    give_back(house, pay(house, 10_000), 10_000)
    post(house)
    assert book(house) == ["recharge 10000", "arrears -2500", "reversal -10000", "arrears 2500"]
    assert all(laws(house).values())


def test_no_share_of_a_credit_that_is_no_payment_goes_to_arrears(house):
    from urja.apps.books.operations import request_credit

    for kind in ("opening-credit", "set-apart", "deposit", "transfer"):
        request_credit(
            account_id=house.houses[0].account_id,
            amount_minor=10_000,
            kind=kind,
            idempotency_key=kind,
            requested_at=house.now,
        )
    post(house)
    assert len(book(house)) == 4
    assert left(house) == ["B-1 2000+300", "B-2 6000+0"]


def test_a_credit_that_is_no_payment_is_no_last_recharge(house):
    """Warnings come at a share of what was paid last, not of a deposit or of bills that left the balance."""
    from urja.apps.books.operations import request_credit
    from urja.apps.supply import queries
    from urja.apps.supply.queries import facts

    pay(house, 10_000)
    post(house)
    for kind in ("set-apart", "deposit"):
        request_credit(
            account_id=house.houses[0].account_id,
            amount_minor=90_000,
            kind=kind,
            idempotency_key=kind,
            requested_at=house.now,
        )
    paid_at = house.now
    post(house)
    known = facts.of_account(house.houses[0].account_id, house.now, queries.health()).facts
    assert (known.last_recharge_minor, known.last_recharge_at) == (10_000, paid_at)


def test_a_policy_that_asks_for_nothing_leaves_all_of_it_credit(house):
    load(0, version="3")
    pay(house, 10_000)
    post(house)
    assert book(house) == ["recharge 10000"]
    assert all(laws(house).values())


def test_its_arithmetic_can_be_opened(house):
    from urja.apps.billing.queries.ledger_entries import RechargeShare, explain_entry

    pay(house, 10_000)
    post(house)
    found = explain_entry(house.houses[0].account_id, 2)
    assert found.arrears == RechargeShare(10_000, 25, "story 2", 8_300)
    assert [(row.label, row.amount_minor) for row in found.rows] == [
        ("surcharge of bill B-1", -300),
        ("principal of bill B-1", -2000),
        ("principal of bill B-2", -200),
    ]
    assert sum(row.amount_minor for row in found.rows) == found.entry.amount_minor == -2_500


def test_a_recharge_while_disconnected_counts_by_what_reaches_the_balance(house):
    """A part of a payment that goes to old dues brings no reconnection nearer."""
    from urja.apps.supply import queries
    from urja.apps.supply.queries import facts

    house.use(8_000)
    house.go()
    before = facts.of_account(house.houses[0].account_id, house.now, queries.health()).facts
    assert before.below_cut_since is not None
    pay(house, 1_000)
    house.now += timedelta(minutes=1)
    house.go()
    after = facts.of_account(house.houses[0].account_id, house.now, queries.health()).facts
    assert after.paid.paid_minor == 750
    assert after.paid.due_minor == -before.balance_minor


def test_a_deposit_pays_what_recharges_have_left(house):
    from urja.apps.billing.models import Deposit
    from urja.usecases.operations import MoveOut, perform

    pay(house, 10_000)
    post(house)
    Deposit.objects.create(
        id=(7 << 40) + 999_999,
        agreement_id=house.houses[0].agreement_id,
        amount_minor=3_000,
        taken_at=START,
        recorded_at=START,
        actor="test",
    )
    house.now += timedelta(hours=2)
    leaves = MoveOut(consumer_number="URJ00000001", at=house.now - timedelta(hours=1), register_wh=10_000)
    perform(leaves, recorded_at=house.now, actor="clerk")
    assert left(house) == ["B-2 2800+0"]
    post(house)
    assert laws(house)["arrears"]


def test_what_is_paid_of_arrears_is_only_ever_added_to(house):
    import psycopg
    from django.db import IntegrityError

    from urja.apps.books.posting import Draft, post_entries

    pay(house, 10_000)
    post(house)
    for statement in (
        "UPDATE billing_arrear_payment SET principal_minor = 0",
        "DELETE FROM billing_arrear_payment",
    ):
        with pytest.raises(psycopg.IntegrityError, match="never changed or deleted"):
            house.connection.execute(statement)
    share = Draft(
        account_id=house.houses[0].account_id,
        contra="clearing:arrears",
        amount_minor=-100,
        origin="credit",
        line="arrears",
        accounting_month=date(2026, 3, 1),
        idempotency_key="arrears:of-no-bill",
    )
    with pytest.raises(IntegrityError, match="is not what it pays"):
        post_entries(7, [share], house.now)


# -- the law ---------------------------------------------------------------------------------------------------


def never_posted(patch):
    from urja.apps.billing import arrears

    patch.setattr(arrears, "recharge_shares", lambda *_: {})


def one_paisa_short(patch):
    from urja.apps.billing import arrears

    real = arrears.arrears_share
    patch.setattr(arrears, "arrears_share", lambda *given: real(*given) - 1)


def newest_bill_first(patch):
    from urja.apps.billing import arrears

    real = arrears.allocate

    def mistaken(dues, amount):
        newest = max(due.due_on for due in dues)
        return real([replace(due, due_on=date.min + (newest - due.due_on)) for due in dues], amount)

    patch.setattr(arrears, "allocate", mistaken)


def kept_on_reversal(patch):
    from urja.apps.billing import arrears

    patch.setattr(arrears, "reversal_shares", lambda *_: {})


def another_text(patch):
    """The share names a text of its policy that was never loaded."""
    from urja.apps.billing import arrears

    real = arrears._share

    def mistaken(credit, rule, *more):
        return real(credit, replace(rule, sha256="ab" * 32), *more)

    patch.setattr(arrears, "_share", mistaken)


@pytest.mark.parametrize(
    "mutation",
    [never_posted, one_paisa_short, newest_bill_first, kept_on_reversal, another_text],
    ids=lambda mutation: mutation.__name__,
)
def test_a_broken_share_breaks_the_law(house, monkeypatch, mutation):
    with monkeypatch.context() as patch:
        mutation(patch)
        credit = pay(house, 10_000)
        post(house)
        give_back(house, credit, 4_000)
        post(house)
    found = laws(house)
    assert found["arrears"] is False, found


def test_a_policy_of_the_same_instant_may_have_been_known_or_not(house):
    load(1, "3", house.now)
    pay(house, 30)
    post(house)
    assert book(house) == ["recharge 30"]
    load(33, "4", house.now)
    assert laws(house)["arrears"]
    pay(house, 30)
    post(house)
    assert book(house)[1:] == ["recharge 30", "arrears -9"]
    assert laws(house)["arrears"]


# -- what the page has said is what is posted ------------------------------------------------------------------

minor = st.integers(0, 9_999)
steps = st.lists(
    st.one_of(st.integers(1, 60_000), st.tuples(st.integers(0, 5), st.integers(1, 60_000))), max_size=5
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bills=st.lists(st.tuples(minor, minor), max_size=3),
    percent=st.integers(0, 99),
    steps=steps,
    planned=st.booleans(),
)
def test_what_the_page_forecasts_is_what_is_posted(house, bills, percent, steps, planned):
    number, version = len(house.houses), f"p{next(NUMBERS)}"
    load(percent, version, house.now)
    house.houses.append(adopt(100 + number))
    owes(
        house.houses[number],
        *((f"B-{n}", f"2026-01-{n:02}", *bill) for n, bill in enumerate(bills, 1)),
    )
    if planned:
        by_instalments(house.houses[number])
    paid = []
    for step in steps:
        before = _stands(house, number)
        if isinstance(step, int):
            said = forecast(house, step, number)
            paid.append([pay(house, step, number), step])
            post(house)
            after = _stands(house, number)
            assert before[1] - after[1] == said.to_arrears_minor
            assert after[0] - before[0] == said.to_credit_minor
            assert Fraction(said.to_arrears_minor) <= Fraction(step * percent * (not planned), 100)
        elif paid:
            which = paid[step[0] % len(paid)]
            back = min(step[1], which[1])
            if back:
                which[1] -= back
                give_back(house, which[0], back)
                post(house)
                after = _stands(house, number)
                # Nothing is lost: what left the balance is what went back and what is owed again.
                assert before[0] - after[0] == back - (after[1] - before[1])
    assert laws(house)["arrears"]


def _stands(house, number):
    """The balance in the books, and what is owed beside it."""
    from urja.apps.billing.arrears import dues_of
    from urja.apps.books.models import Account
    from urja.core.arrears import total_owed

    account = house.houses[number].account_id
    return Account.objects.get(id=account).balance_minor, total_owed(dues_of([account]).get(account, ()))
