"""Security deposits at a change of the payment mode: due, charged on their day, held, and given back."""

from datetime import timedelta

import pytest
from tests.pipeline.test_mode_changes import broken, modes, money_laws, numbers, ordered, place, run  # noqa: F401
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

    from urja.usecases.operations import ConvertToPrepaid, perform
    from urja.usecases.terms import zone

    on = local_day(place.now, zone())
    town.closed(place.houses[house], on)
    operation = ConvertToPrepaid(consumer_number=numbers(house + 1)[0], effective_on=on, **more)
    return perform(operation, recorded_at=place.now, actor="officer")


def law(place):  # noqa: F811
    from urja.laws.deposits import examine

    return list(examine(place.connection))


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


def test_dues_are_paid_first_and_the_law_counts_them(place):  # noqa: F811
    from tests.pipeline.test_mode_changes import owe

    postpaid(place)
    owe(place, rupees=30)
    place.now = place.at(10, 0)
    run(place.now)
    to_prepaid(place)
    assert (balance(place), law(place)) == (10_000 - 3_000, [])


@pytest.mark.parametrize(
    ("mutation", "says"),
    [
        ("free", "0 debits of it come to 0"),
        ("kept", "0 to the balance and 0 to dues"),
        ("left", "its supply is not postpaid"),
    ],
)
def test_wrong_code_breaks_the_law(place, monkeypatch, mutation, says):  # noqa: F811
    """A deposit is held without being charged; it is not given back; it is left at a prepaid supply."""
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
    if mutation == "left":
        monkeypatch.setattr(deposits, "settle", lambda *_args, **_more: None)
    if mutation != "free":
        to_prepaid(place)
    assert any(says in found for found in law(place)), law(place)
