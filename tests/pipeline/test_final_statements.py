"""Final statements: what is posted after an agreement's last period is on one statement, and on no second one."""

from datetime import date

import pytest
from msgspec.structs import replace
from tests.apps.town import adopt, by_hand
from tests.pipeline.test_close_terms import load_both
from tests.pipeline.test_ended import OUT, end
from tests.pipeline.test_leaving import NEXT, credit, debit, place, post  # noqa: F401
from tests.pipeline.test_post import TARIFF, Town
from tests.pipeline.test_statements import plant
from tests.usecases.life import DAY, HOUR


def stated(place):  # noqa: F811
    """The statements of the house that is left, in the order of their numbers."""
    from urja.apps.statements.queries import statement, statements_of

    account = place.first.account_id
    found = sorted(statements_of(account), key=lambda one: one.of_series)
    return [statement(account, one.number).content for one in found]


def finals(place):  # noqa: F811
    return [one for one in stated(place) if one.final]


@pytest.fixture
def left(place):  # noqa: F811
    """The first house is left on 2 March at noon, and settled on the 3rd."""
    place.leave(register_wh=12_400)
    post(NEXT)
    return place


def test_the_settlement_is_on_a_final_statement(left):
    period, final = stated(left)
    assert (period.period_to, period.final, period.closing_minor) == (
        date(2026, 3, 3),
        False,
        left.final().amount_minor,
    )
    assert (final.period_from, final.period_to, final.opening_minor, final.closing_minor) == (
        date(2026, 3, 3),
        date(2026, 3, 4),
        period.closing_minor,
        0,
    )
    assert [(one.line, one.amount_minor, one.day) for one in final.adjustments] == [
        ("refund", -left.final().amount_minor, date(2026, 3, 3))
    ]
    assert (final.total_minor, final.bill.lines, final.payments, final.corrections, final.late) == (
        0,
        (),
        (),
        (),
        (),
    )
    assert post(NEXT + HOUR).statements == post(NEXT + DAY).statements == 0
    assert left.laws(NEXT + DAY) == []


def test_what_is_posted_later_is_on_a_further_one(left):
    """A credit that is paid back on the day of the first one, a debit of the day after, and a tariff for past days."""
    from urja.apps.rulebook.operations import load_tariff

    credit(left, 300)
    assert post(NEXT + HOUR).statements == 0
    assert post(NEXT + DAY).statements == 1
    debit(left, 700)
    load_tariff(TARIFF.format(version="2", valid_from="2026-03-02", rate="4.00"), NEXT + DAY)
    post(NEXT + DAY + HOUR)
    assert post(NEXT + 2 * DAY).statements == 2
    period, first, second, revision, third = stated(left)
    assert (second.period_from, second.period_to) == (first.period_to, date(2026, 3, 5))
    assert [one.amount_minor for one in second.adjustments] == [300, -300]
    assert revision.revises.number == period.number
    assert (third.opening_minor, [one.amount_minor for one in third.adjustments]) == (0, [-700])
    charged = sum(one.charged_minor for one in third.corrections)
    assert {one.period_from for one in third.corrections} == {date(2026, 3, 1)}
    assert charged == revision.difference_minor > 0
    assert third.closing_minor == left.balance() == -700 - charged
    assert post(NEXT + 3 * DAY).statements == 0
    assert left.laws(NEXT + 3 * DAY) == []


def never_made(patch):
    from urja.apps.statements import operations

    patch.setattr(operations, "record_settled", lambda *_: None)


def test_a_settlement_looks_at_its_own_account_alone(place, monkeypatch):  # noqa: F811
    from django.db import connection

    from urja.apps.statements import operations
    from urja.base.ids import bucket_of

    record = operations.record_settled
    never_made(monkeypatch)
    place.leave(register_wh=12_400)
    post(NEXT)
    for which, due in ((place.second, 0), (place.first, 1)):
        record(bucket_of(place.first.account_id), NEXT, which.account_id)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM statements_due WHERE period_start = %s", [operations.AFTER_ALL]
            )
            assert cursor.fetchone() == (due,)


def a_movement_left_out(patch):
    from urja.apps.statements import composing

    real = composing._movements
    patch.setattr(composing, "_movements", lambda entries: tuple(real(entries))[1:])


def movements_exchanged(patch):
    from urja.apps.statements import composing

    real = composing._movements

    patch.setattr(
        composing, "_movements", lambda entries: tuple(replace(one, seq=one.seq + 1) for one in real(entries))
    )


@pytest.mark.parametrize(
    ("mutation", "law"),
    [
        (never_made, "statement_differences"),
        (a_movement_left_out, "statements"),
        (movements_exchanged, "statements"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_broken_keeper_breaks_its_law(place, monkeypatch, mutation, law):  # noqa: F811
    mutation(monkeypatch)
    place.leave(register_wh=12_400)
    post(NEXT)
    post(NEXT + 4 * DAY)
    assert place.laws(NEXT + 4 * DAY) == [law]


def test_the_law_names_entries_after_the_last_one(left, monkeypatch):
    never_made(monkeypatch)
    debit(left, 700)
    post(NEXT + HOUR)
    post(NEXT + 3 * DAY)
    assert left.laws(NEXT + 3 * DAY) == []
    post(NEXT + 4 * DAY)
    assert left.laws(NEXT + 4 * DAY) == ["statement_differences"]


REFUSED = {
    "another closing balance": ("NEW.closing_minor := NEW.closing_minor + 1", "states"),
    "charges": ("NEW.total_minor := 1", "states"),
    "days that are left out": ("NEW.period_start := NEW.period_start + 1", "leaves days"),
    "days that are stated": ("NEW.period_start := NEW.period_start - 1", "an earlier one states"),
    "a revision": ("NEW.revises_id := (SELECT min(id) FROM statements_statement)", "not settled"),
    "a period's statement": ("NEW.final := false", "not closed"),
}


def test_a_supply_that_was_never_in_service_has_a_final_statement_alone(database):
    load_both()
    from urja.apps.assets.models import Device, DevicePeriod
    from urja.apps.billing.models import FinalSettlement
    from urja.apps.statements.queries import statement, statements_of

    with database.connect() as connection:
        town = Town(connection, adopt(credit_minor=50_000))
        with by_hand():
            DevicePeriod.objects.all().delete()
            Device.objects.update(stock="delivered")
        end(town.adopted.agreement_id, OUT)
        account = town.adopted.account_id
        FinalSettlement.objects.create(
            id=1, agreement_id=town.adopted.agreement_id, account_id=account, last_day=date(2026, 3, 5),
            way="refund", asked_at=OUT, operation_id=1,
        )  # fmt: skip
        post(OUT + HOUR)
        (found,) = statements_of(account)
        content = statement(account, found.number).content
        assert (found.final, found.period_from, content.opening_minor, content.closing_minor) == (
            True,
            date(2026, 3, 2),
            0,
            0,
        )
        assert [one.amount_minor for one in content.adjustments] == [50_000, -50_000]


def test_the_database_refuses_a_final_statement_that_is_not_the_ledgers(place):  # noqa: F811
    place.leave(register_wh=12_400)
    plant(_Planted(place), "IF NEW.final THEN NEW.number := 0; END IF")
    post(NEXT)
    for hour, (name, (change, said)) in enumerate(REFUSED.items(), 2):
        plant(_Planted(place), f"IF NEW.final THEN {change}; END IF")
        (problem,) = post(NEXT + hour * HOUR).refused
        assert said in problem, (name, problem)
        assert finals(place) == []
    plant(_Planted(place), "NULL")
    post(NEXT + 20 * HOUR)
    assert len(finals(place)) == 1


class _Planted:
    def __init__(self, place):  # noqa: F811
        self.connection = place.meter.connection
