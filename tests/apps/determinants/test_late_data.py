"""Late data are found by the queue of changes, of which none is lost, and not by reading all intervals or all rows."""

from datetime import timedelta

import pytest
from tests.apps import town as town_rows
from tests.apps.determinants.test_rows import CUT, DAY, day_of_blocks, law, load_tariff, run, stored
from tests.apps.town import HALF_HOUR, START, adopt, registers
from tests.conftest import begun_with

METERS = 6
NOW = START + 2 * DAY + timedelta(hours=2)
READ = (
    "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_xact_user_tables"
    " WHERE relname ~ '^(readings_interval|readings_register|determinants_row)'"
)


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def two_days(database):
    """Two days of some homes; the third home lacks two hours of the first day. Their determinants are stored."""
    load_tariff()
    found = [adopt(number, credit_minor=50_000) for number in range(1, METERS + 1)]
    with database.connect() as connection:
        for number, home in enumerate(found):
            for day in (0, 1):
                without = range(20, 24) if (number, day) == (2, 0) else ()
                town_rows.store_blocks(connection, day_of_blocks(home, day, without=without), NOW)
    run(START + DAY + timedelta(hours=2))
    run(NOW)
    return found


database, homes = begun_with(two_days)


def pending(connection):
    return connection.execute("SELECT service_point_id, at, is_register FROM readings_change").fetchall()


def late_blocks(home):
    return day_of_blocks(home, 0, wh=30)[20:24]


def check(stage, now):
    """Run the stage once; return how many rows it stored, and how many of readings and determinants it read."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(READ)
        (before,) = cursor.fetchone()
        done = stage.run_once(now).done
        cursor.execute(READ)
        (after,) = cursor.fetchone()
    return done, after - before


def test_a_check_reads_what_was_received_since_and_not_all_intervals(connection, homes):
    from urja.pipeline.determine import Determine

    (intervals,) = connection.execute("SELECT count(*) FROM readings_interval").fetchone()
    assert intervals > 500
    stage = Determine()
    stage.run_once(NOW)
    done, read = check(stage, NOW + timedelta(hours=2))
    # The last day of each agreement is looked up in every run; no reading is.
    assert (done, read <= 6 * METERS) == (0, True)
    town_rows.store_blocks(connection, late_blocks(homes[2]), NOW + timedelta(hours=3))
    assert pending(connection) == [(homes[2].service_point_id, START + 20 * HALF_HOUR, False)]
    done, read = check(stage, NOW + timedelta(hours=4))
    of_one_home = 2 * 48 + 1
    assert (done, read < 2 * of_one_home + 6 * METERS) == (1, True)
    newest = stored(homes[2])[-1]
    assert (newest.version, newest.value("import_wh")) == (2, 92 * 10 + 4 * 30)
    assert pending(connection) == []


def test_readings_of_the_present_day_are_not_noted(connection, homes):
    today = day_of_blocks(homes[0], 2)[:4]
    town_rows.store_blocks(connection, today, NOW)
    assert pending(connection) == []


@pytest.mark.parametrize("expect_new", [False, True])
def test_readings_that_are_committed_after_the_close_of_their_day_are_noted(connection, homes, expect_new):
    """A batch that began a second before midnight is committed when the close has made the day's row without it."""
    from urja.pipeline.determine import Determine

    home, midnight = homes[0], START + 3 * DAY
    town_rows.store_registers(connection, registers(home, (midnight, 10_000 + 3 * 480)), midnight)
    run(midnight + timedelta(seconds=3))
    (first, *_) = [row for row in stored(home) if row.known_to_at == midnight]
    began = midnight - timedelta(seconds=1)
    late = day_of_blocks(home, 2)[:46]
    town_rows.store_blocks(connection, late, began, expect_new=expect_new)
    assert pending(connection) == [(home.service_point_id, START + 2 * DAY, False)]
    assert Determine().run_once(midnight + timedelta(hours=1)).done == 1
    newest = stored(home)[-1]
    assert (newest.as_of, newest.version, newest.intervals) == (first.as_of, 2, first.intervals + 46)
    assert pending(connection) == []


def test_a_read_after_the_end_counts_until_the_first_one_there_is_known(connection, homes):
    """The read of the next midnight closes what is before it; the one after that says nothing of it."""
    home = homes[0]
    for day, wh, stored_rows in ((2, 10_970, 1), (3, 11_450, 0), (2, 10_971, 1)):
        town_rows.store_registers(connection, registers(home, (START + day * DAY, wh)), NOW)
        assert len(pending(connection)) == 1
        assert run(NOW).done == stored_rows
    assert stored(home)[-1].value("import_wh") == 971


def test_a_run_that_is_killed_takes_the_same_changes_again(connection, homes, monkeypatch):
    from urja.apps.determinants import operations

    town_rows.store_blocks(connection, late_blocks(homes[2]), NOW)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(operations, "determine", killed)
    with pytest.raises(KeyboardInterrupt):
        run(NOW)
    assert len(pending(connection)) == 1
    monkeypatch.undo()
    assert run(NOW).done == 1


def test_what_cannot_be_calculated_yet_is_put_back(connection, homes, monkeypatch):
    from urja.apps.rulebook.errors import UnknownTariffError
    from urja.pipeline import determine

    town_rows.store_blocks(connection, late_blocks(homes[2]), NOW)

    def unknown(*_):
        raise UnknownTariffError("no version of tariff 'x' is in force")

    monkeypatch.setattr(determine, "wanted_of", unknown)
    assert run(NOW).ill
    assert [place for place, *_ in pending(connection)] == [homes[2].service_point_id]
    monkeypatch.undo()
    assert run(NOW).done == 1


def test_edits_and_known_zeros_are_noted(connection, homes):
    from urja.apps.readings.operations import IntervalKey, edit_interval, store_known_zeros

    home = homes[2]
    gap = (home.service_point_id, home.device_id, START + 20 * HALF_HOUR, 1800)
    with connection.transaction(), connection.cursor() as cursor:
        store_known_zeros(cursor, [gap], NOW, "Asia/Kolkata")
        edit_interval(
            cursor, IntervalKey(home.service_point_id, home.device_id, START), billed=7, reason="a test", actor="test",
            recorded_at=NOW, zone="Asia/Kolkata",
        )  # fmt: skip
    assert len(pending(connection)) == 2
    assert run(NOW).done == 1


def test_no_process_but_the_pipeline_takes_changes_away(database):
    import psycopg

    for statement in (
        "DELETE FROM readings_change",
        "SELECT FROM readings_change",
        "INSERT INTO readings_change DEFAULT VALUES",
    ):
        with database.connect("urja_web") as web, pytest.raises(psycopg.errors.InsufficientPrivilege):
            web.execute(statement)


def test_the_law_holds_once_a_change_of_the_registry_is_calculated(connection, homes):
    """A ratio is corrected without any reading: the newest row has it, and the rows of earlier days stay."""
    from urja.apps.assets.models import DevicePeriod
    from urja.apps.readings import changes

    home = homes[0]
    with town_rows.by_hand(NOW):
        DevicePeriod.objects.filter(device_id=home.device_id).update(ratio_primary=2)
    assert any(f"agreement {home.agreement_id} " in one for one in law(connection))
    with connection.transaction(), connection.cursor() as cursor:
        changes.note(cursor, {home.service_point_id: START})
    assert run(NOW).done == 1
    assert stored(home)[-1].value("import_wh") == 2 * 960
    assert law(connection) == []


def closing(now):
    from django.db import connection as own

    from urja.pipeline.close import close_days

    try:
        return close_days(now, CUT)
    finally:
        own.close()


def test_a_change_is_not_lost_between_a_close_and_its_commit(connection, homes, monkeypatch):
    """A close has read the readings; late ones are committed; the stage waits for the row that it is to make again."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    from urja.apps.determinants import operations
    from urja.pipeline.determine import Determine

    home, now = homes[0], NOW + DAY
    town_rows.store_blocks(connection, day_of_blocks(home, 2, without=range(20, 24)), NOW + DAY)
    stage = Determine()
    evaluate, lock = operations.evaluate, operations.lock
    has_read, goes_on = threading.Event(), threading.Event()

    def slowly(*args):
        found = evaluate(*args)
        if not has_read.is_set():
            has_read.set()
            assert goes_on.wait(60)
        return found

    def waiting(buckets):
        if has_read.is_set():
            goes_on.set()
        lock(buckets)

    def determining():
        from django.db import connection as own

        try:
            return stage.run_once(now)
        finally:
            own.close()

    monkeypatch.setattr(operations, "evaluate", slowly)
    monkeypatch.setattr(operations, "lock", waiting)
    with ThreadPoolExecutor(2) as pool:
        closed = pool.submit(closing, now)
        assert has_read.wait(60)
        town_rows.store_blocks(connection, day_of_blocks(home, 2, wh=30)[20:24], now)
        determined = pool.submit(determining)
        assert closed.result(60).days
        assert determined.result(60).done == 1
    newest = stored(home)[-1]
    assert (newest.version, newest.value("import_wh")) == (2, 140 * 10 + 4 * 30)


def test_late_intervals_of_an_agreements_last_day_are_noted(connection, homes):
    from tests.pipeline.test_ended import end

    from urja.pipeline.determine import Determine

    home, noon = homes[0], START + 2 * DAY + timedelta(hours=12)
    morning = day_of_blocks(home, 2, without=range(10, 14))[:20]
    town_rows.store_blocks(connection, morning, noon)
    now = noon + timedelta(hours=2)
    end(home.agreement_id, noon)
    run(now)
    town_rows.store_blocks(connection, day_of_blocks(home, 2, wh=30)[10:14], now + HALF_HOUR)
    assert [place for place, *_ in pending(connection)] == [home.service_point_id]
    assert Determine().run_once(now + HALF_HOUR).done == 1
    assert stored(home)[-1].value("import_wh") == 960 + 200 + 4 * 30


def test_a_period_that_cannot_be_calculated_keeps_the_change_of_an_agreement(connection, homes, monkeypatch):
    """The late intervals change two periods of one agreement, of which one can be calculated."""
    from urja.apps.determinants import queries
    from urja.core.calendar import Period
    from urja.core.calendars import UncoveredDayError
    from urja.pipeline import determine

    town_rows.store_blocks(connection, late_blocks(homes[2]), NOW)
    found, wanted_of = queries.newest_rows_resting_on, determine.wanted_of
    other = START.date() - timedelta(days=10)

    def both(*args):
        rows = found(*args)
        return [
            *(queries.NewestRow(one.agreement_id, Period(other, other + DAY), other, "") for one in rows),
            *rows,
        ]

    def covered(agreement, day, gas):
        if day == other:
            raise UncoveredDayError("no version of calendar 'x' is in force: load one")
        return wanted_of(agreement, day, gas)

    monkeypatch.setattr(queries, "newest_rows_resting_on", both)
    monkeypatch.setattr(determine, "wanted_of", covered)
    report = run(NOW)
    assert (report.done, report.ill) == (1, True)
    assert len(pending(connection)) == 1


def test_a_stage_that_starts_reads_the_newest_rows_and_not_those_of_all_days(connection, homes):
    from urja.pipeline.determine import Determine

    for day in range(2, 12):
        run(NOW + (day - 1) * DAY)
    (rows,) = connection.execute("SELECT count(*) FROM determinants_row").fetchone()
    assert rows > 10 * METERS
    now = NOW + 10 * DAY
    stage = Determine()
    done, read = check(stage, now)
    assert (done, read <= 4 * METERS) == (0, True)
    assert check(stage, now + timedelta(minutes=1)) == (0, 0)


def test_rules_are_compared_for_one_row_of_those_alike(connection, homes, monkeypatch):
    from urja.apps.contracts.models import AgreementTerms
    from urja.pipeline import determine

    asked, wanted_of = [], determine.wanted_of
    monkeypatch.setattr(
        determine, "wanted_of", lambda one, *rest: asked.append(one.id) or wanted_of(one, *rest)
    )
    assert determine.Determine().run_once(NOW).done == 0
    assert len(asked) == 1
    # One of them gets the tariff of another calendar.
    load_tariff("demo-tod", code="zones")
    with town_rows.by_hand(NOW):
        AgreementTerms.objects.filter(agreement_id=homes[3].agreement_id).update(tariff_code="zones")
    assert determine.Determine().run_once(NOW).done == 1
    newest = [stored(home)[-1] for home in homes]
    assert [row.version for row in newest] == [1, 1, 1, 2, 1, 1]
    assert "calendar demo-tod" in newest[3].rules


def test_the_law_finds_a_wrong_row_of_a_meter_that_communicates(connection, homes, monkeypatch):
    """Readings that came just before the close, and reads that come later, explain no difference."""
    from dataclasses import replace

    from urja.apps.determinants import operations

    home, evaluate = homes[0], operations.evaluate

    def wrong(*args):
        return [replace(one, values=(one.values[0] + 5, *one.values[1:])) for one in evaluate(*args)]

    blocks, now = day_of_blocks(home, 2), START + 3 * DAY + timedelta(minutes=20)
    reads = registers(home, (START + 3 * DAY, 10_000 + 3 * 480))
    for rows in (blocks, reads):
        rows["received_at"] = int((START + 3 * DAY + timedelta(minutes=5)).timestamp() * 1000)
    town_rows.store_blocks(connection, blocks, now)
    town_rows.store_registers(connection, reads, now)
    monkeypatch.setattr(operations, "evaluate", wrong)
    run(now)
    assert stored(home)[-1].value("import_wh") == 3 * 480 + 5
    name = f"agreement {home.agreement_id} from 2026-03-01 to 2026-03-04"
    assert any(name in one and "their readings come to" in one for one in law(connection))
    # Until they are calculated, readings that came since do explain it.
    town_rows.store_blocks(connection, day_of_blocks(home, 2, wh=30)[20:24], now + HALF_HOUR)
    assert not any(name in one for one in law(connection))
