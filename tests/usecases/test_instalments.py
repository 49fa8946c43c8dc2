"""A plan of instalments is agreed, ended and undone: guards, rows, and the effect of other operations."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import adopt
from tests.conftest import begun_with
from tests.pipeline.test_arrears import owes
from tests.usecases.test_payment_modes import to_postpaid
from tests.usecases.test_terms import NOW, day, do, load_tariff, refusal

TODAY = 21
"""Of the agreement's days, at `NOW`."""


def owing(database):
    """83 rupees are owed beside a prepaid balance."""
    load_tariff("demo")
    adopted = adopt()
    owes(adopted, ("B-2", "2026-02-15", 6000, 0), ("B-1", "2026-01-15", 2000, 300))
    return adopted


database, house = begun_with(owing)


def agree(n=TODAY, amount=1_000, every="day", number="URJ00000001", reason="agreed"):
    from urja.usecases.operations import AgreeInstalments

    return AgreeInstalments(
        consumer_number=number, every=every, amount_minor=amount, first_due_on=day(n), reason=reason
    )


def end(n, number="URJ00000001", reason="he asked"):
    from urja.usecases.operations import EndInstalments

    return EndInstalments(consumer_number=number, from_on=day(n), reason=reason)


def told(asked):
    """All that stands against it."""
    return "; ".join(refusal(asked))


def plans():
    """Each as amount, how often, and the local instants between which it holds."""
    from urja.apps.billing.models import InstalmentPlan

    local = timedelta(hours=5.5)
    return [
        f"{plan.amount_minor} {plan.every} {plan.valid_from + local:%d %b %H:%M} to "
        + (f"{plan.valid_to + local:%d %b %H:%M}" if plan.valid_to else "–")
        for plan in InstalmentPlan.objects.order_by("valid_from")
    ]


def posted(house, *days):
    """Instalments of the only plan, as the pipeline posts them."""
    from django.db import transaction

    from urja.apps.billing.arrears import Plan
    from urja.apps.billing.models import InstalmentPlan
    from urja.apps.billing.posting import post_instalments

    plan = InstalmentPlan.objects.get()
    with transaction.atomic():
        due = Plan(plan.id, house.account_id, plan.every, plan.amount_minor), [day(n) for n in days]
        post_instalments(house.account_id >> 40, [due], NOW)


def test_it_holds_from_the_midnight_of_its_first_due_day(house):
    entry = do(agree(TODAY + 2, every="month", amount=3_000))
    assert plans() == ["3000 month 24 Mar 00:00 to –"]
    assert entry.outcome["instalments"] == 3
    assert entry.outcome["last_due_on"] == "2026-05-24"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (lambda: agree(reason=" "), "give a reason for the agreement"),
        (lambda: agree(amount=0), "an instalment must be more than 0, not 0.00"),
        (lambda: agree(amount=8_301), "an instalment of 83.01 is more than the dues of 83.00"),
        (lambda: agree(TODAY - 1), "which is past: the earliest day is 2026-03-22"),
        (lambda: agree(number="NOWHERE"), "there is no service point NOWHERE"),
        (lambda: end(TODAY), "service point URJ00000001 has no instalment plan on 2026-03-22"),
        (lambda: end(TODAY, reason=""), "give a reason for the end"),
        (lambda: end(TODAY, number="NOWHERE"), "there is no service point NOWHERE"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(house, asked, says):
    assert says in told(asked())


def test_nothing_owed_has_no_instalments(house):
    from urja.apps.billing.models import Arrear

    with town.by_hand():
        Arrear.objects.all().delete()
    assert "service point URJ00000001 has no dues" in told(agree())


def test_who_pays_by_bill_has_them_on_the_bill(house):
    do(to_postpaid())
    do(agree())
    assert plans() == ["1000 day 22 Mar 00:00 to –"]


def test_two_plans_do_not_hold_at_once(house):
    do(agree(TODAY + 5))
    assert "an instalment plan is in force from 2026-03-27 on" in told(agree())
    do(end(TODAY + 9))
    do(agree(TODAY + 9, amount=500))
    assert plans() == ["1000 day 27 Mar 00:00 to 31 Mar 00:00", "500 day 31 Mar 00:00 to –"]


def test_the_database_refuses_two_at_once(house):
    from django.db import IntegrityError, transaction

    from urja.apps.billing.models import InstalmentPlan

    do(agree())
    plan = InstalmentPlan.objects.get()
    plan.id += 1
    with pytest.raises(IntegrityError, match="billing_one_instalment_plan"), transaction.atomic():
        plan.save(force_insert=True)


def test_no_agreement_is_in_force_any_more(house):
    from urja.usecases.operations import MoveOut

    do(MoveOut(consumer_number="URJ00000001", at=NOW - timedelta(hours=1), register_wh=10_500))
    assert "service point URJ00000001 has no agreement on 2026-03-22" in told(agree())


def test_it_ends_where_nothing_of_it_is_posted_and_never_held_before_its_first_day(house):
    do(agree())
    posted(house, TODAY, TODAY + 1)
    assert (
        "the instalment of 2026-03-23 is posted already: the plan can end on 2026-03-24 at the earliest"
        in told(end(TODAY + 1))
    )
    do(end(TODAY + 2))
    assert plans() == ["1000 day 22 Mar 00:00 to 24 Mar 00:00"]
    do(agree(TODAY + 4))
    do(end(TODAY + 3))
    assert plans() == ["1000 day 22 Mar 00:00 to 24 Mar 00:00"]


def test_it_is_undone_until_something_of_it_is_posted(house):
    from urja.usecases.operations import Undo

    entry = do(agree())
    do(Undo(entry_id=entry.id, reason="a mistake"))
    assert plans() == []
    entry = do(agree(amount=2_000))
    posted(house, TODAY)
    assert "are posted: end it with end_instalments instead" in told(Undo(entry_id=entry.id, reason="x"))


def test_its_end_is_undone(house):
    from urja.usecases.operations import Undo

    do(agree())
    ended = do(end(TODAY + 3))
    do(Undo(entry_id=ended.id, reason="he stays with it"))
    assert plans() == ["1000 day 22 Mar 00:00 to –"]
    never = do(end(TODAY))
    assert plans() == []
    do(Undo(entry_id=never.id, reason="he stays with it"))
    assert plans() == ["1000 day 22 Mar 00:00 to –"]


def test_it_goes_on_when_the_supply_becomes_postpaid(house):
    from urja.usecases.operations import Undo

    do(agree())
    posted(house, TODAY, TODAY + 1)
    entry = do(to_postpaid(TODAY))
    assert plans() == ["1000 day 22 Mar 00:00 to –"]
    do(Undo(entry_id=entry.id, reason="a mistake"))
    assert plans() == ["1000 day 22 Mar 00:00 to –"]


def test_a_dry_run_says_what_it_would_make(house):
    from urja.usecases.dry_run import dry_run_effects

    found = dry_run_effects(agree(), recorded_at=NOW, actor="officer")
    (change,) = found.changes
    assert (change.table, change.before, change.after["amount_minor"]) == (
        "billing_instalment_plan",
        None,
        1_000,
    )
    assert plans() == []
