"""Readings of pushes without a tag: shown, and neither billed nor acted on until an authenticated read has come."""

import asyncio
from datetime import timedelta

import numpy as np
import psycopg
import pytest
from tests.apps.town import HALF_HOUR, START, ZONE, adopt, seconds
from tests.pipeline.test_ingest import NOW, block_batch, event_batch, reasons, register_batch

from urja.pipeline.ingest import Ingester
from urja.pipeline.stage import StageConnection
from urja.stream.records import RegisterKind, Source


@pytest.fixture
def session(database):
    session = StageConnection(database.conninfo("urja_pipeline"))
    yield session
    session.close()


@pytest.fixture
def ingester(session):
    return Ingester(session, ZONE)


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def tagless(batch):
    batch.records["source"] = Source.PUSH_UNAUTHENTICATED
    return batch


def pulled(batch):
    batch.records["source"] = Source.PULL
    return batch


def accrued(connection):
    return connection.execute("SELECT block_value, watermark_at FROM readings_accrual").fetchall()


def waiting(connection):
    return connection.execute(
        "SELECT start_at, values[1] FROM readings_unconfirmed ORDER BY start_at"
    ).fetchall()


def test_it_moves_nothing_that_bills(ingester, connection):
    home = adopt(1)
    before = accrued(connection)
    ingester.apply([tagless(block_batch((home.device_id, START, 400)))], NOW)
    assert waiting(connection) == [(START, 400)]
    assert accrued(connection) == before
    for table in ("readings_interval", "readings_exception"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]


def test_an_authenticated_read_that_agrees_lifts_the_mark_and_counts(ingester, connection):
    home = adopt(1)
    blocks = [(home.device_id, START + n * HALF_HOUR, 400 + n) for n in range(3)]
    ingester.apply([tagless(block_batch(*blocks))], NOW)
    ingester.apply([pulled(block_batch(*blocks[:2]))], NOW)
    assert waiting(connection) == [(START + 2 * HALF_HOUR, 402)]
    assert accrued(connection) == [(801, START + 2 * HALF_HOUR)]
    assert reasons(connection) == []


def test_what_was_changed_on_the_way_bills_by_what_the_meter_says_and_is_told(ingester, connection):
    home = adopt(1)
    ingester.apply([tagless(block_batch((home.device_id, START, 5_000)))], NOW)
    ingester.apply([pulled(block_batch((home.device_id, START, 90)))], NOW)
    assert waiting(connection) == []
    assert accrued(connection) == [(90, START + HALF_HOUR)]
    [(reason, detail)] = connection.execute("SELECT reason, detail FROM readings_exception").fetchall()
    assert reason.startswith("a push without a tag said otherwise")
    assert (detail["values"][0], detail["read_values"][0]) == (5_000, 90)


def test_the_first_stays_and_nothing_overwrites_what_is_known(ingester, connection):
    """Copies with other numbers, in any number, make one row an interval; a known interval has none."""
    home = adopt(1)
    ingester.apply([block_batch((home.device_id, START, 100))], NOW)
    for energy in range(500, 520):
        again = [(home.device_id, START, energy), (home.device_id, START + HALF_HOUR, energy)]
        ingester.apply([tagless(block_batch(*again))], NOW)
    assert waiting(connection) == [(START + HALF_HOUR, 500)]
    assert accrued(connection) == [(100, START + HALF_HOUR)]
    assert reasons(connection) == []


def test_the_interval_is_missing_until_it_is_read(ingester, connection, database):
    from tests.pipeline.test_gaps import Asked

    from urja.pipeline.gaps import Gaps

    home = adopt(1)
    blocks = [(home.device_id, START + n * HALF_HOUR, 400) for n in range(4)]
    ingester.apply([tagless(block_batch(*blocks))], NOW)
    asked = Asked()
    session = StageConnection(database.conninfo("urja_pipeline"))
    asyncio.run(Gaps(session, asked, None, ZONE).run_once(START + 4 * HALF_HOUR + timedelta(minutes=20)))
    session.close()
    [request] = [one for one in asked.requests if one.profile == "block"]
    assert (request.from_at, request.to_at) == (START + HALF_HOUR, START + 4 * HALF_HOUR)


def test_outages_and_tampers_are_read_from_the_meters_logs_and_not_believed(ingester, connection):
    """An invented outage would make intervals without consumption; a hidden magnet would hide theft."""
    home = adopt(1)
    ingester.apply([tagless(event_batch((home.device_id, START, 101), (home.device_id, START, 251)))], NOW)
    assert connection.execute("SELECT count(*) FROM readings_event").fetchall() == [(0,)]
    assert connection.execute("SELECT count(*) FROM readings_heard").fetchall() == [(0,)]
    [(told, read)] = connection.execute("SELECT told, read FROM readings_tamper_count").fetchall()
    assert told != read, "the logs are to be read"


def test_registers_have_the_logs_read_once_a_day(ingester, connection):
    home = adopt(1)
    reads = register_batch((home.device_id, START + HALF_HOUR, 10_400), kind=RegisterKind.INSTANTANEOUS)
    reads.records["values"][:, 4] = 0
    told = []
    for day in (0, 0, 1):
        reads.records["received_at"] = np.int64(seconds(START + timedelta(days=day)) * 1000)
        ingester.apply([tagless(reads)], NOW)
        told += connection.execute("SELECT told FROM readings_tamper_count").fetchall()
        connection.commit()
    assert connection.execute("SELECT count(*) FROM readings_register WHERE kind = 1").fetchall() == [(0,)]
    assert told[0] == told[1] != told[2]


def test_what_cannot_be_asked_for_any_more_is_let_go(ingester, connection):
    from urja.apps.readings import unconfirmed_intervals

    home = adopt(1)
    ingester.apply([tagless(block_batch((home.device_id, START, 400)))], NOW)
    with connection.cursor() as cursor:
        unconfirmed_intervals.delete_before(cursor, START + HALF_HOUR)
    assert waiting(connection) == []


def test_rows_of_no_meter_are_deleted(ingester, connection):
    ingester.apply([tagless(block_batch((4711, START, 400))), tagless(event_batch((4711, START, 251)))], NOW)
    assert waiting(connection) == []
    assert reasons(connection) == []
    assert connection.execute("SELECT count(*) FROM readings_tamper_count").fetchall() == [(0,)]


@pytest.mark.parametrize("kind", ["interval", "register", "event"])
def test_the_database_refuses_them_among_the_readings_that_count(ingester, connection, monkeypatch, kind):
    """A fault of ours that takes them for proven stores nothing: the check of the table stops the batch."""
    from urja.pipeline import ingest

    home = adopt(1)
    batch = {
        "interval": block_batch((home.device_id, START, 400)),
        "register": register_batch((home.device_id, START + HALF_HOUR, 10_400)),
        "event": event_batch((home.device_id, START, 101)),
    }[kind]
    monkeypatch.setattr(ingest, "_by_proof", lambda rows: (rows, rows[:0]))
    with pytest.raises(psycopg.errors.CheckViolation, match=f"readings_{kind}"):
        ingester.apply([tagless(batch)], NOW)
    assert connection.execute("SELECT count(*) FROM readings_interval").fetchall() == [(0,)]


def test_the_balance_that_is_shown_and_decided_by_stays(ingester):
    from urja.apps.billing import queries
    from urja.apps.rulebook import operations as tariffs
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    for text in bundled_tariffs().values():
        tariffs.load_tariff(text, loaded_at=START)
    home = adopt(1, credit_minor=10_000, tariff_code="demo-domestic")
    ingester.apply([block_batch((home.device_id, START, 400))], NOW)
    before = queries.fresh_balance(home.account_id, NOW)
    ingester.apply([tagless(block_batch((home.device_id, START + HALF_HOUR, 7_000)))], NOW)
    after = queries.fresh_balance(home.account_id, NOW)
    assert (after.balance_minor, after.as_of) == (before.balance_minor, before.as_of)
