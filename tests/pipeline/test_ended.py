"""Ledgers of agreements that end: during a day, with the next agreement on the same day, and corrected later."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace
from tests.apps import town as town_rows
from tests.apps.town import START, adopt
from tests.pipeline.test_close_terms import load_both
from tests.pipeline.test_post import CUT, Town
from tests.usecases.test_terms import change_load, do

DAY = timedelta(days=1)
OUT = START + 3 * DAY + timedelta(hours=14, minutes=20)
"""5 March, 14:20 in Kolkata: the fourth day of a home from midnight of 2 March."""


@pytest.fixture
def town(database):
    load_both()
    with database.connect() as connection:
        yield Town(connection, adopt())


def agreement(id_):
    from urja.apps.contracts.models import Agreement

    return Agreement.objects.get(id=id_)


def end(id_, at, known_at=None):
    """The agreement and its terms end; as an operation does it, known at an instant."""
    from django.db import connection

    from urja.apps.contracts.models import Agreement, AgreementTerms
    from urja.apps.readings.operations import recompute_since

    with town_rows.by_hand(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('urja.known_at', %s, true)", [(known_at or at).isoformat()])
        place = agreement(id_).service_point_id
        last = AgreementTerms.objects.filter(agreement_id=id_).order_by("-valid_from")[:1]
        AgreementTerms.objects.filter(id__in=[terms.id for terms in last]).update(valid_to=at)
        Agreement.objects.filter(id=id_).update(valid_to=at)
        recompute_since(cursor, {place: START}, known_at or at, town_rows.ZONE)


def begin(town, at, until=None, known_at=None, number=2):
    """Another consumer has the supply from an instant on; an account of their own."""
    from django.db import connection

    from urja.apps.books.operations import open_account
    from urja.apps.contracts.models import Agreement, AgreementTerms
    from urja.apps.journal.operation import next_id
    from urja.apps.readings.operations import recompute_since

    stamp = {"recorded_at": known_at or at, "actor": "test"}
    with town_rows.by_hand(), connection.cursor() as cursor:
        account = open_account(bucket=7, currency="INR", opened_at=at)
        made = Agreement.objects.create(
            id=next_id(7),
            service_point_id=town.adopted.service_point_id,
            account=account,
            valid_from=at,
            valid_to=until,
            **stamp,
        )
        AgreementTerms.objects.create(
            id=next_id(7),
            agreement=made,
            tariff_code="demo",
            sanctioned_load_w=5000,
            valid_from=at,
            valid_to=until,
            **stamp,
        )
        recompute_since(cursor, {town.adopted.service_point_id: at}, known_at or at, town_rows.ZONE)
    return made


def read(town, at, kwh):
    """The register is read on site and entered; no run waits for the meter."""
    from django.db import connection, transaction

    from urja.apps.readings.operations import recompute_since, record_installation

    with transaction.atomic(), connection.cursor() as cursor:
        record_installation(
            cursor,
            service_point_id=town.adopted.service_point_id,
            device_id=town.adopted.device_id,
            read_at=at,
            register=round(kwh * 1000),
            recorded_at=at,
        )
        recompute_since(cursor, {town.adopted.service_point_id: at}, at, town_rows.ZONE)


def post(at):
    from urja.pipeline import post

    return post.post_due(at, CUT)


def charged(id_):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT line, -sum(amount_minor)::int FROM books_entry WHERE agreement_id = %s GROUP BY line",
            [id_],
        )
        return dict(cursor.fetchall())


def final(id_):
    """The balance of the account of an agreement whose last day is closed for good; None before."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.balance_minor FROM contracts_agreement g JOIN books_account a ON a.id = g.account_id "
            "JOIN billing_close c ON c.agreement_id = g.id AND c.ended_at = g.valid_to AND NOT c.provisional WHERE g.id = %s",
            [id_],
        )
        found = cursor.fetchone()
    return found and found[0]


def all_hold(town):
    found = town.laws()
    assert all(found.values()), found


def three_days(town):
    for n in (1, 2, 3):
        town.register(n, 10 + 2 * n)
        town.run(n)


def test_the_last_day_is_closed_with_its_final_read_and_does_not_wait_for_midnight(town):
    three_days(town)
    end(town.adopted.agreement_id, OUT)
    assert post(OUT + timedelta(minutes=1)).closed.waiting == 1
    assert final(town.adopted.agreement_id) is None
    read(town, OUT, 17.5)
    closed = post(OUT + timedelta(minutes=2)).closed
    assert (closed.days, closed.provisional, closed.entries) == (1, 0, 3)
    # 7.5 kWh, and the four days whole: of two that share a day the first pays for it.
    assert charged(town.adopted.agreement_id) == {"energy": 2250, "fixed": 2000, "duty": 225}
    assert final(town.adopted.agreement_id) == -(2250 + 2000 + 225)
    all_hold(town)
    assert post(OUT + timedelta(minutes=3)).entries == 0
    assert post(OUT + 2 * DAY).entries == 0


def test_without_a_final_read_it_is_closed_at_the_cutoff_and_put_right_when_it_comes(town):
    three_days(town)
    end(town.adopted.agreement_id, OUT)
    assert post(OUT + CUT - timedelta(seconds=1)).closed.waiting == 1
    closed = post(OUT + CUT).closed
    assert (closed.days, closed.provisional) == (1, 1)
    before = town.book()
    assert final(town.adopted.agreement_id) is None
    assert post(OUT + 2 * CUT).entries == 0
    read(town, OUT, 17.5)
    assert post(OUT + 3 * CUT).entries == 2
    assert town.book()[: len(before)] == before
    assert charged(town.adopted.agreement_id) == {"energy": 2250, "fixed": 2000, "duty": 225}
    assert final(town.adopted.agreement_id) == -(2250 + 2000 + 225)
    all_hold(town)


def test_blocks_up_to_the_end_are_final_too(town):
    three_days(town)
    end(town.adopted.agreement_id, OUT)
    town.blocks(4, *[50] * 29)
    assert post(OUT + timedelta(minutes=15)).closed.waiting == 1
    closed = post(OUT + CUT).closed
    assert (closed.days, closed.provisional) == (1, 0)
    assert charged(town.adopted.agreement_id)["energy"] == round((6 + 29 * 0.05) * 300)
    assert final(town.adopted.agreement_id) is not None
    all_hold(town)


@pytest.mark.parametrize("gap", [timedelta(), timedelta(minutes=70)])
def test_who_follows_on_the_same_day_pays_for_energy_and_not_for_the_day(town, gap):
    three_days(town)
    end(town.adopted.agreement_id, OUT)
    read(town, OUT, 17.5)
    read(town, OUT + gap, 17.5)
    later = begin(town, OUT + gap)
    town.register(4, 18.5)
    town.register(5, 20)
    for n in (4, 5):
        post(town.midnight(n) + timedelta(minutes=5))
        all_hold(town)
    assert charged(town.adopted.agreement_id)["fixed"] == 4 * 500
    # 1 kWh on the day of the move, 1.5 on the next, which alone is charged by day.
    assert charged(later.id) == {"energy": 750, "fixed": 500, "duty": 75}
    assert post(town.midnight(5) + CUT).entries == 0


def test_three_agreements_within_a_day_pay_for_it_once(town):
    three_days(town)
    end(town.adopted.agreement_id, OUT)
    read(town, OUT, 17.5)
    guest = begin(town, OUT, until=OUT + 2 * timedelta(hours=1))
    read(town, OUT + timedelta(hours=2), 18)
    last = begin(town, OUT + timedelta(hours=2))
    town.register(4, 18.5)
    post(town.midnight(4) + timedelta(minutes=5))
    assert charged(guest.id) == {"energy": 150, "duty": 15}
    assert charged(last.id) == {"energy": 150, "duty": 15}
    assert charged(town.adopted.agreement_id) == {"energy": 2250, "fixed": 2000, "duty": 225}
    assert final(guest.id) == -165
    all_hold(town)


def test_an_end_that_was_later_than_it_was_written_down_is_moved(town):
    """Closed by an end of 14:20; the person left on the 7th: the days until then are closed after all."""
    three_days(town)
    end(town.adopted.agreement_id, OUT)
    read(town, OUT, 17.5)
    post(OUT + timedelta(minutes=2))
    later = START + 5 * DAY + timedelta(hours=10)
    end(town.adopted.agreement_id, later, known_at=later)
    for n, kwh in ((4, 18), (5, 20)):
        town.register(n, kwh)
    read(town, later, 21)
    assert post(later + timedelta(minutes=1)).closed.days == 2
    assert charged(town.adopted.agreement_id)["fixed"] == 6 * 500
    assert final(town.adopted.agreement_id) is not None
    all_hold(town)


def test_days_after_an_end_that_becomes_known_late_are_taken_back(town):
    """Four days are closed, and then it turns out that the person had left in the third: new entries, no edits."""
    three_days(town)
    town.register(4, 18.5)
    town.run(4)
    before = town.book()
    gone = START + 2 * DAY + timedelta(hours=8)
    read(town, gone, 14.5)
    end(town.adopted.agreement_id, gone, known_at=town.midnight(4) + CUT)
    assert post(town.midnight(4) + 2 * CUT).entries == 3
    assert town.book()[: len(before)] == before
    assert charged(town.adopted.agreement_id) == {"energy": 1350, "fixed": 1500, "duty": 135}
    assert final(town.adopted.agreement_id) == -(1350 + 1500 + 135)
    all_hold(town)


def test_days_that_are_closed_a_second_time_are_charged_again(town):
    """A move-out of the third day was settled, and is undone: its days come again, each line with entries of these days."""
    three_days(town)
    for n in (4, 5):
        town.register(n, 10 + 2 * n)
        town.run(n)
    charges = charged(town.adopted.agreement_id)
    gone, known = START + 2 * DAY + timedelta(hours=8), town.midnight(5) + CUT
    read(town, gone, 14.5)
    end(town.adopted.agreement_id, gone, known_at=known)
    assert post(known + CUT).entries == 3
    before = town.book()
    end(town.adopted.agreement_id, None, known_at=known + 2 * CUT)
    assert post(known + 3 * CUT).closed.days == 2
    assert town.book()[: len(before)] == before
    assert charged(town.adopted.agreement_id) == charges
    all_hold(town)
    assert post(known + 4 * CUT).entries == 0
    town.register(30, 50)
    assert post(town.midnight(30) + CUT).closed.days == 25
    all_hold(town)


def closed_through(town):
    (day,) = town.connection.execute("SELECT closed_through FROM billing_close").fetchone()
    return day


def test_a_correction_that_was_refused_ends_with_the_end_that_is_undone(town):
    """The failure is tried again only while there is an end; then the days go on, each charged once."""
    from tests.pipeline.test_savepoints import failing, lift, plant

    three_days(town)
    town.register(4, 18.5)
    town.run(4)
    gone, known = START + 2 * DAY + timedelta(hours=8), town.midnight(4) + CUT
    read(town, gone, 14.5)
    end(town.adopted.agreement_id, gone, known_at=known)
    plant(town, "books_entry", "NEW.amount_minor > 0")
    assert post(known + timedelta(minutes=1)).entries == 0
    assert [one[1] for one in failing()] == ["a correction after the end"]
    end(town.adopted.agreement_id, None, known_at=known + timedelta(minutes=2))
    lift(town, "books_entry")
    post(known + CUT)
    assert failing() == []
    assert closed_through(town) == date(2026, 3, 5)
    town.register(5, 20)
    assert town.post(5, CUT).closed.days == 1
    assert charged(town.adopted.agreement_id)["fixed"] == 5 * 500
    all_hold(town)


def test_an_end_that_is_undone_on_its_own_day_leaves_nothing_to_correct(town):
    from tests.pipeline.test_savepoints import failing

    three_days(town)
    end(town.adopted.agreement_id, OUT)
    read(town, OUT, 17.5)
    post(OUT + timedelta(minutes=2))
    end(town.adopted.agreement_id, None, known_at=OUT + timedelta(hours=1))
    town.register(4, 18)
    assert town.post(4).closed.waiting == 0
    assert (failing(), closed_through(town)) == ([], date(2026, 3, 5))
    town.register(5, 20)
    assert town.post(5).closed.days == 1
    assert charged(town.adopted.agreement_id) == {"energy": 3000, "fixed": 2500, "duty": 300}
    all_hold(town)


def test_an_end_with_an_older_period_that_cannot_be_rated_waits_alone(town):
    """A price for past days goes by a load that the terms of March do not state; what was posted stands until they do."""
    from tests.pipeline.test_close_terms import by_contracted_kva

    from urja.apps.rulebook.operations import load_tariff

    for n in (30, 61, 91):
        town.register(n, 10 + n)
        post(town.midnight(n) + CUT)
    last = town.midnight(91) + timedelta(hours=9)
    do(replace(change_load(6000, 61), contracted_load_va=9000), last - timedelta(hours=1))
    read(town, last, 102)
    end(town.adopted.agreement_id, last)
    assert post(last + timedelta(minutes=1)).closed.problems == []
    before = charged(town.adopted.agreement_id)
    load_tariff(by_contracted_kva("2026-03-02"), last + timedelta(hours=1))
    for days in (1, 2):
        (problem,) = post(last + days * DAY).closed.problems
        assert problem == (
            f"account {town.adopted.account_id} is held back: tariff 'demo' goes by loads, and the agreement has no "
            f"contracted load in kVA on 2026-03-02: state it in its terms (change_load of agreement {town.adopted.agreement_id})"
        )
    assert charged(town.adopted.agreement_id) == before


def test_a_month_that_is_no_longer_the_agreements_is_taken_back_whole(town):
    for n, kwh in ((30, 40), (31, 41), (32, 43)):
        town.register(n, kwh)
        post(town.midnight(n) + CUT)
    assert any(entry.startswith("02 Apr") for entry in town.book())
    gone = START + 29 * DAY + timedelta(hours=8)
    read(town, gone, 39)
    end(town.adopted.agreement_id, gone, known_at=town.midnight(32) + CUT)
    post(town.midnight(32) + 2 * CUT)
    assert town.connection.execute(
        "SELECT period_start, -sum(amount_minor)::int FROM books_entry GROUP BY 1 ORDER BY 1"
    ).fetchall() == [
        (date(2026, 3, 1), 29 * 300 + 870 + 30 * 500),
        (date(2026, 4, 1), 0),
    ]
    all_hold(town)


def test_what_is_learnt_after_the_end_is_posted_once_a_day(town):
    three_days(town)
    end(town.adopted.agreement_id, OUT)
    read(town, OUT, 17.5)
    post(OUT + timedelta(minutes=2))
    assert post(OUT + DAY).entries == 0
    known = OUT + DAY + timedelta(hours=1)
    do(change_load(6000, 3), known)
    # Looked through for the day already; the next one finds it.
    assert post(known + timedelta(minutes=1)).entries == 0
    assert post(OUT + 2 * DAY).entries == 1
    assert charged(town.adopted.agreement_id)["fixed"] == 2 * 500 + 2 * 600
    assert post(OUT + 3 * DAY).entries == 0
    all_hold(town)


def test_a_price_for_days_that_are_past_reaches_who_has_left(town):
    from tests.pipeline.test_close_terms import HOME

    from urja.apps.rulebook.operations import load_tariff

    three_days(town)
    end(town.adopted.agreement_id, OUT)
    read(town, OUT, 17.5)
    post(OUT + timedelta(minutes=2))
    post(OUT + DAY)
    dearer = HOME.replace('version = "1"', 'version = "2"').replace('rate = "1.00"', 'rate = "2.00"')
    load_tariff(dearer.replace("2024-01-01", "2026-03-02"), OUT + DAY + timedelta(hours=1))
    assert post(OUT + 2 * DAY).entries == 1
    assert charged(town.adopted.agreement_id)["fixed"] == 4 * 1000
    assert post(OUT + 3 * DAY).entries == 0
    all_hold(town)


def test_a_supply_that_was_never_in_service_is_not_charged(database):
    load_both()
    from urja.apps.assets.models import Device, DevicePeriod

    with database.connect() as connection:
        town = Town(connection, adopt())
        with town_rows.by_hand():
            DevicePeriod.objects.all().delete()
            Device.objects.update(stock="delivered")
        end(town.adopted.agreement_id, OUT)
        post(OUT + 4 * CUT)
        assert charged(town.adopted.agreement_id) == {}
        assert post(OUT + 5 * CUT).entries == 0


def test_the_stage_needs_no_more_than_the_pipelines_rights(town):
    from django.db import connections

    three_days(town)
    end(town.adopted.agreement_id, OUT)
    read(town, OUT, 17.5)
    connections.close_all()
    login = connections["default"].settings_dict
    owner = login["USER"]
    try:
        login["USER"] = "urja_pipeline"
        assert post(OUT + timedelta(minutes=2)).closed.days == 1
        assert post(OUT + DAY).entries == 0
    finally:
        connections.close_all()
        login["USER"] = owner
