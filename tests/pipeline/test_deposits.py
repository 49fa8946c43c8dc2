"""Security deposits at a change of the payment mode: due, charged on their day, held, and given back."""

from datetime import timedelta

import pytest
from tests.pipeline.test_mode_changes import broken, modes, money_laws, numbers, ordered, owe, place, run  # noqa: F401
from tests.usecases.test_terms import day

from urja.apps.books.kinds import DEPOSIT
from urja.core.calendar import local_day


def demands():
    """Amount, due date and what became of each demand."""
    from urja.apps.billing.models import DepositDemand

    return [
        (one.amount_minor, one.due_on, "held" if one.deposit_id else "withdrawn" if one.ended_at else "open")
        for one in DepositDemand.objects.order_by("agreement_id", "due_on")
    ]


def balance(place, house=0):  # noqa: F811
    from urja.apps.books.models import Account
    from urja.pipeline.credits import post_credits

    post_credits(place.now)
    return Account.objects.get(id=place.houses[house].account_id).balance_minor


def postpaid(place, **more):  # noqa: F811
    """The first two houses become postpaid on the second day; a deposit of 400 rupees is due in four parts."""
    ordered(place, of=(1, 2), deposit_minor=40_001, deposit_due_on=day(9), deposit_instalments=4, **more)
    place.now = place.at(2, 0)
    run(place.now)


def to_prepaid(place, house=0, **more):  # noqa: F811
    """A conversion back, with the days before it closed."""
    from tests.apps import town

    from urja.apps.local_zone import local_zone
    from urja.usecases.operations import ConvertToPrepaid, perform

    on = local_day(place.now, local_zone())
    town.closed(place.houses[house], on)
    operation = ConvertToPrepaid(consumer_number=numbers(house + 1)[0], effective_on=on, **more)
    return perform(operation, recorded_at=place.now, actor="officer")


def law(place, proven=0):  # noqa: F811
    from urja.laws.deposits import examine

    return list(examine(place.connection, proven))


def test_each_part_is_charged_on_its_day_and_what_is_held_comes_back(place):  # noqa: F811
    postpaid(place)
    parts = [
        (10_001, day(9), "open"),
        (10_001, day(40), "open"),
        (10_001, day(70), "open"),
        (9_998, day(101), "open"),
    ]
    assert [(minor, state) for minor, _, state in demands()] == [
        (minor, state) for minor, _, state in parts
    ] * 2
    run(place.at(9, 0) - timedelta(seconds=1))
    assert balance(place) == 10_000, "nothing is charged before its day"
    place.now = place.at(9, 0)
    assert run(place.now) == 2
    assert run(place.now) == 0, "a part is charged once"
    assert (balance(place), demands()[0][2]) == (-1, "held")
    assert law(place) == []
    to_prepaid(place)
    assert [state for *_, state in demands()[:4]] == ["held", "withdrawn", "withdrawn", "withdrawn"]
    assert balance(place) == 10_000, "it is all given back"
    assert (modes(place)[:2], law(place)) == (["prepaid", "postpaid"], [])
    assert money_laws(place) == []
    assert "cut_of_no_protected_consumer" not in broken(place)


def test_one_that_was_charged_here_is_not_kept(place):  # noqa: F811
    postpaid(place)
    place.now = place.at(10, 0)
    run(place.now)
    to_prepaid(place, deposit="keep")
    assert (balance(place), law(place)) == (10_000, [])


def dues():
    from urja.apps.billing.models import Arrear

    return [one.principal_minor for one in Arrear.objects.order_by("due_on", "id") if one.principal_minor]


def test_one_that_is_not_paid_pays_no_old_dues_out_of_a_prepaid_balance(place):  # noqa: F811
    postpaid(place)
    owe(place, rupees=30)
    place.now = place.at(10, 0)
    run(place.now)
    assert balance(place) == -1, "it is charged"
    to_prepaid(place)
    assert (balance(place), dues(), law(place)) == (10_000, [3_000], [])


@pytest.mark.parametrize("posted", [True, False])
def test_an_order_gives_it_back_whole_and_makes_no_dues_of_it(place, posted):  # noqa: F811
    """Also one whose debit is requested and not posted yet; another that was taken elsewhere pays the dues."""
    from tests.apps import town

    from urja.apps.billing.models import Deposit

    postpaid(place)
    owe(place, rupees=30)
    with town.by_hand():
        Deposit.objects.create(
            id=(7 << 40) + 999_999, agreement_id=place.houses[0].agreement_id, amount_minor=1_000,
            taken_at=town.START, recorded_at=town.START, actor="test",
        )  # fmt: skip
    place.now = place.at(10, 0)
    run(place.now)
    if posted:
        assert balance(place) == -1
    order = ordered(place, "prepaid", 10, of=(1,), instalments=10)
    town.closed(place.houses[0], day(10))
    run(place.now)
    found = order.rows.get().result
    assert [found[name] for name in ("set_apart_minor", "deposit_minor", "instalment_minor")] == [
        0,
        11_001,
        200,
    ]
    assert (balance(place), dues(), law(place)) == (10_000, [2_000], [])


def test_one_that_is_given_back_counts_as_money_also_where_others_are_kept(place):  # noqa: F811
    from urja.usecases.approval_measures import measure
    from urja.usecases.operations import ChangeModes, ConvertToPrepaid

    postpaid(place)
    place.now = place.at(10, 0)
    run(place.now)
    alone = ConvertToPrepaid(consumer_number=numbers(1)[0], effective_on=day(10), deposit="keep")
    order = ChangeModes(
        payment_mode="prepaid",
        effective_on=day(10),
        consumer_numbers=numbers(1, 2),
        reason="x",
        deposit="keep",
    )
    assert [measure(one, actor="officer", now=place.now).money_minor for one in (alone, order)] == [
        10_001,
        20_002,
    ]


def test_one_that_fails_is_held_back_under_a_kind_of_its_own(place, monkeypatch):  # noqa: F811
    from urja.apps.billing.models import DepositDemand
    from urja.apps.journal.queries import failures
    from urja.usecases import side_effects

    def fail(*_args, **_more):
        raise ValueError("no")

    postpaid(place)
    place.now = place.at(9, 0)
    monkeypatch.setattr(side_effects, "debit", fail)
    assert run(place.now) == 0
    due = DepositDemand.objects.filter(due_on=day(9)).values_list("id", flat=True)
    assert {(one.subject, one.subject_id) for one in failures("mode_changes")} == {
        ("demand", one) for one in due
    }


def test_what_a_head_has_proven_is_not_asked_again(place, monkeypatch):  # noqa: F811
    from urja.usecases import side_effects

    postpaid(place)
    place.now = place.at(10, 0)
    run(place.now)
    with monkeypatch.context() as wrong:
        wrong.setattr(side_effects, "credit", lambda *_args, **_more: None)
        to_prepaid(place)
    for number, cut_at in ((1, place.now), (2, place.now + timedelta(days=1))):
        place.connection.execute(
            "INSERT INTO proofs_period VALUES (%s, %s, %s)", [number, cut_at.date(), cut_at]
        )
    assert [len(law(place, proven)) for proven in (0, 1, 2)] == [2, 2, 0]


@pytest.mark.parametrize(
    ("mutation", "says"),
    [
        ("free", "0 debits of it come to 0"),
        ("kept", "0 to the balance and 0 to dues"),
        ("left", "its supply is not postpaid"),
        ("dues", "gave 7001 of deposit"),
    ],
)
def test_wrong_code_breaks_the_law(place, monkeypatch, mutation, says):  # noqa: F811
    """A deposit is held without being charged; it is not given back; it is left at a prepaid supply; it
    pays old dues.
    """
    from urja.usecases import deposits, side_effects

    postpaid(place)
    place.now = place.at(10, 0)
    if mutation == "free":
        monkeypatch.setattr(side_effects, "debit", lambda *_args, **_more: None)
    run(place.now)
    if mutation == "kept":
        given = side_effects.credit
        monkeypatch.setattr(
            side_effects, "credit", lambda *args, **more: args[3] == DEPOSIT or given(*args, **more)
        )
    if mutation == "dues":
        owe(place, rupees=30)
        settle = deposits.settle
        monkeypatch.setattr(
            deposits, "settle", lambda execution, agreement, _use: settle(execution, agreement)
        )
    if mutation == "left":
        monkeypatch.setattr(deposits, "settle", lambda *_args, **_more: None)
    if mutation != "free":
        to_prepaid(place)
    assert any(says in found for found in law(place)), law(place)
