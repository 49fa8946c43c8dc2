"""Old dues are paid off by instalments: one for each due day, by entries of its own, until nothing is owed."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, adopt
from tests.pipeline.test_arrears import book, forecast, give_back, indebted, laws, left, load, owes, pay, post
from tests.pipeline.test_decide import Place

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
FIRST = date(2026, 3, 2)
"""The local day that `START` begins."""


@pytest.fixture
def house(database):
    place = indebted(database)
    yield place
    place.connection.close()


def do(house, operation):
    from urja.usecases.operations import perform

    return perform(operation, recorded_at=house.now, actor="officer")


def agree(house, amount, first=0, every="day", number="URJ00000001"):
    """From the n-th day on, 0 being the day on which the agreement begins."""
    from urja.usecases.operations import AgreeInstalments

    asked = AgreeInstalments(
        consumer_number=number,
        every=every,
        amount_minor=amount,
        first_due_on=FIRST + first * DAY,
        reason="agreed at the counter",
    )
    return do(house, asked)


def end(house, from_on, number="URJ00000001"):
    from urja.usecases.operations import EndInstalments

    return do(house, EndInstalments(consumer_number=number, from_on=from_on, reason="he asked"))


def close(house, through):
    """Run at 02:00 after the n-th day, with nothing read: days are closed provisionally."""
    from urja.pipeline import post

    house.now = START + (through + 1) * DAY + 2 * HOUR
    return post.post_due(house.now, HOUR)


def dues(house):
    """Entries on old dues as day and amount."""
    rows = house.connection.execute(
        "SELECT service_date, amount_minor FROM books_entry WHERE line = 'arrears' ORDER BY seq"
    )
    return [f"{day:%d %b} {amount}" for day, amount in rows]


def told():
    from urja.apps.notices.models import Notice

    return list(Notice.objects.filter(kind="dues").values_list("kind", flat=True))


def plans():
    from urja.apps.billing.models import InstalmentPlan

    local = timedelta(hours=5.5)
    return [
        f"{plan.amount_minor} each {plan.every} from {plan.valid_from + local:%d %b}"
        + (f" to {plan.valid_to + local:%d %b %H:%M}" if plan.valid_to else "")
        for plan in InstalmentPlan.objects.order_by("valid_from")
    ]


def test_each_closed_day_pays_one_instalment_the_oldest_bill_first(house):
    agree(house, 2_000, first=1)
    assert close(house, 0).dues == 0
    assert close(house, 1).dues == 1
    assert dues(house) == ["03 Mar -2000"]
    assert left(house) == ["B-1 300+0", "B-2 6000+0"]
    assert close(house, 2).dues == 1
    assert left(house) == ["B-2 4300+0"]
    assert all(laws(house).values())


def test_a_second_run_and_the_final_close_of_a_provisional_day_post_none_again(house):
    agree(house, 2_000)
    assert close(house, 0).dues == 1
    assert close(house, 0).dues == 0
    house.use(1_000)
    house.go()
    assert dues(house) == ["02 Mar -2000"]
    assert all(laws(house).values())


def test_days_that_were_missed_are_made_up_for_each_once(house):
    agree(house, 1_000, first=1)
    assert close(house, 4).dues == 4
    assert dues(house) == ["03 Mar -1000", "04 Mar -1000", "05 Mar -1000", "06 Mar -1000"]
    assert all(laws(house).values())


def test_the_last_instalment_is_the_remainder_and_ends_the_instalments(house):
    from urja.apps.journal.models import AuditEntry

    agreed = agree(house, 5_000)
    assert (agreed.outcome["instalments"], agreed.outcome["last_due_on"]) == (2, "2026-03-03")
    assert close(house, 4).dues == 2
    assert dues(house) == ["02 Mar -5000", "03 Mar -3300"]
    assert (left(house), plans()) == ([], ["5000 each day from 02 Mar to 04 Mar 00:00"])
    assert close(house, 6).dues == 0
    assert told() == ["dues"]
    entry = AuditEntry.objects.get(kind="record_dues_paid")
    assert (entry.actor, entry.service_point_id) == ("post", house.houses[0].service_point_id)
    assert all(laws(house).values())


def test_what_is_owed_again_after_the_plan_is_no_instalment(house):
    credit = pay(house, 10_000)
    house.go()
    assert left(house) == ["B-2 5800+0"]
    agree(house, 5_800)
    close(house, 2)
    give_back(house, credit, 10_000)
    close(house, 5)
    assert dues(house) == ["02 Mar -2500", "02 Mar -5800", "08 Mar 2500"]
    assert left(house) == ["B-1 2000+300", "B-2 200+0"]
    assert all(laws(house).values())


def test_a_plan_that_finds_nothing_owed_never_held(house):
    agree(house, 5_000, first=2)
    pay(house, 40_000)
    post(house)
    assert left(house) == []
    close(house, 3)
    assert told() == []
    assert (plans(), dues(house)) == ([], ["02 Mar -8300"])
    assert all(laws(house).values())


def test_months_have_the_same_day_or_their_last(house):
    agree(house, 2_000, first=29, every="month")
    close(house, 28)
    assert dues(house) == []
    close(house, 29)
    assert dues(house) == ["31 Mar -2000"]
    close(house, 91)
    assert dues(house) == ["31 Mar -2000", "30 Apr -2000", "31 May -2000"]
    assert all(laws(house).values())


def test_while_a_plan_holds_no_share_of_a_recharge_goes_to_arrears(house):
    agree(house, 1_000, first=1)
    pay(house, 4_000)
    post(house)
    assert book(house) == ["recharge 4000", "arrears -1000"]
    close(house, 0)
    house.now = START + 2 * DAY - HOUR
    pay(house, 4_000)
    house.go()
    assert forecast(house, 4_000).to_arrears_minor == 0
    close(house, 2)
    assert dues(house) == ["02 Mar -1000", "03 Mar -1000", "04 Mar -1000"]
    end(house, FIRST + 3 * DAY)
    house.now = START + 3 * DAY + 3 * HOUR
    assert forecast(house, 4_000).to_arrears_minor == 1_000
    pay(house, 4_000)
    house.go()
    assert dues(house)[3:] == ["05 Mar -1000"]
    assert all(laws(house).values())


def test_a_plan_ends_with_the_agreement_and_its_last_day_is_paid(house):
    from urja.usecases.operations import MoveOut

    agree(house, 1_000)
    close(house, 1)
    house.now = START + 2 * DAY + 14 * HOUR
    do(house, MoveOut(consumer_number="URJ00000001", at=house.now - HOUR, register_wh=10_500))
    assert plans() == ["1000 each day from 02 Mar to 04 Mar 13:00"]
    close(house, 3)
    assert dues(house) == ["02 Mar -1000", "03 Mar -1000", "04 Mar -1000"]
    assert all(laws(house).values())


def test_each_days_instalment_is_part_of_a_days_cost_as_long_as_it_is_owed(house):
    from urja.apps.billing.balances import fresh_balance

    def cost():
        return fresh_balance(house.houses[0].account_id, house.now).daily_cost_minor

    close(house, 1)
    assert cost() is None, "no day's use is known yet"
    nothing_used = [(START + day * DAY, 10_000) for day in (1, 2)]
    town.store_registers(house.connection, town.registers(house.houses[0], *nothing_used))
    without = cost()
    agree(house, 5_000, first=2)
    assert cost() == without + 5_000
    close(house, 2)
    assert cost() == without + 3_300
    close(house, 3)
    assert cost() == without


def test_decisions_know_the_plan_and_what_is_due_next(house):
    from urja.apps.supply import queries
    from urja.apps.supply.queries import facts

    def known():
        return facts.of_account(house.houses[0].account_id, house.now, queries.health()).facts

    agree(house, 2_000, first=1, every="month")
    assert known().instalment is None
    close(house, 0)
    assert (known().instalment.every, known().instalment.due_on) == ("month", FIRST + DAY)
    close(house, 1)
    found = known()
    assert (found.instalment.amount_minor, found.instalment.due_on) == (2_000, date(2026, 4, 3))
    assert found.instalment.due_at == START + 33 * DAY
    assert found.arrears_minor == 6_300


def test_neighbours_pay_their_own_bills_in_one_run(database):
    place = Place(database, [adopt(1), adopt(2), adopt(3, bucket=9)])
    load(25)
    for number, one in enumerate(place.houses, 1):
        owes(one, (f"B-{number}", "2026-01-15", 1_000 * number, 0))
        agree(place, 1_000, number=f"URJ0000000{number}")
    assert close(place, 1).dues == 1 + 2 + 2
    assert [left(place, number) for number in range(3)] == [[], [], ["B-3 1000+0"]]
    assert [plan.endswith("to 03 Mar 00:00") for plan in sorted(plans())].count(True) == 1
    assert all(laws(place).values())
    place.connection.close()


def test_the_plan_of_who_has_left_ends_while_the_next_one_has_a_plan(house):
    """Days of the first agreement are made up for when another consumer has moved in and pays off dues as well."""
    from urja.apps.contracts.models import Agreement
    from urja.usecases.operations import MoveIn, MoveOut

    agree(house, 5_000)
    house.now = START + 3 * DAY + 14 * HOUR
    do(house, MoveOut(consumer_number="URJ00000001", at=house.now - 2 * HOUR, register_wh=10_500))
    do(
        house,
        MoveIn(
            consumer_number="URJ00000001",
            at=house.now - HOUR,
            tariff_code="demo",
            sanctioned_load_w=5_000,
            register_wh=10_500,
            name="Bina",
            email="bina@example.org",
        ),
    )
    second = Agreement.objects.get(valid_to=None)
    owes(second, ("C-1", "2026-02-15", 4_000, 0))
    agree(house, 1_000, first=4)
    close(house, 5)
    assert plans() == ["5000 each day from 02 Mar to 04 Mar 00:00", "1000 each day from 06 Mar"]
    assert sorted(dues(house)) == ["02 Mar -5000", "03 Mar -3300", "06 Mar -1000", "07 Mar -1000"]
    assert all(laws(house).values())


def test_its_arithmetic_can_be_opened(house):
    from urja.apps.billing.models import Instalment as Posted
    from urja.apps.billing.queries.ledger_entries import Instalment, explain_entry

    agree(house, 2_500)
    close(house, 0)
    posted = Posted.objects.get()
    found = explain_entry(posted.account_id, posted.seq)
    assert (found.entry.title, found.arrears) == ("Instalment of old dues", Instalment("day", 2_500, 8_300))
    assert [(row.label, row.amount_minor) for row in found.rows] == [
        ("surcharge of bill B-1", -300),
        ("principal of bill B-1", -2000),
        ("principal of bill B-2", -200),
    ]


def test_killed_between_an_instalment_and_its_mark_none_is_posted_twice(house, monkeypatch):
    from urja.apps.billing import posting as operations

    class Killed(BaseException):
        """As a signal would."""

    def die(*_args, **_more):
        raise Killed

    agree(house, 2_000)
    with monkeypatch.context() as patched:
        patched.setattr(operations.arrears, "record_payments", die)
        with pytest.raises(Killed):
            close(house, 0)
    assert dues(house) == []
    assert close(house, 0).dues == 1
    assert all(laws(house).values())


def test_the_pipelines_role_can_do_it(house):
    from django.db import connections

    agree(house, 5_000)
    settings = connections["default"].settings_dict
    owner = settings["USER"]
    connections.close_all()
    try:
        settings["USER"] = "urja_pipeline"
        assert close(house, 3).dues == 2
    finally:
        connections.close_all()
        settings["USER"] = owner
    assert plans() == ["5000 each day from 02 Mar to 04 Mar 00:00"]


# -- the law ---------------------------------------------------------------------------------------------------


def never_posted(patch):
    from urja.pipeline import instalments

    patch.setattr(instalments, "post_due", lambda _now: 0)


def one_paisa_short(patch):
    from urja.apps.billing import arrears

    real = arrears.allocate
    patch.setattr(arrears, "allocate", lambda dues, amount: real(dues, amount - 1))


def a_day_left_out(patch):
    from urja.pipeline import instalments

    real = instalments._Due.days
    patch.setattr(instalments._Due, "days", lambda due: real(due)[1:] or real(due))


def each_twice(patch):
    from urja.apps.billing import arrears

    real = arrears.instalments
    patch.setattr(
        arrears,
        "instalments",
        lambda plan, *more: real(replace(plan, amount_minor=2 * plan.amount_minor), *more),
    )


def newest_bill_first(patch):
    from urja.apps.billing import arrears

    real = arrears.allocate

    def mistaken(dues, amount):
        newest = max((due.due_on for due in dues), default=None)
        return real([replace(due, due_on=date.min + (newest - due.due_on)) for due in dues], amount)

    patch.setattr(arrears, "allocate", mistaken)


def a_share_beside_the_plan(patch):
    from urja.apps.billing import plans as queries

    patch.setattr(queries, "plans_at", lambda *_: [])


@pytest.mark.parametrize(
    "mutation",
    [never_posted, one_paisa_short, a_day_left_out, each_twice, newest_bill_first, a_share_beside_the_plan],
    ids=lambda mutation: mutation.__name__,
)
def test_a_broken_plan_breaks_the_law(house, monkeypatch, mutation):
    from urja.laws import verify

    agree(house, 1_000)
    with monkeypatch.context() as patch:
        mutation(patch)
        pay(house, 4_000)
        post(house)
        close(house, 2)
        found = verify.laws(house.connection, zone=town.ZONE)
    assert found["arrears"] is False, found
    assert found["sum_zero"]
