"""Batches become rows exactly once, whatever is delivered, refused, repeated or interrupted."""

from datetime import timedelta

import numpy as np
import psycopg
import pytest
from tests.apps.town import HALF_HOUR, START, ZONE, adopt, install, remove, seconds
from tests.one_setup import with_one_setup
from tests.records import BLOCK_FIELDS, REGISTER_FIELDS, as_fields, as_values
from tests.stream.test_codec import INSTANTS, any_records

from urja.pipeline.ingest import Ingest, Ingester
from urja.pipeline.stage import StageConnection
from urja.stream.codec import Batch, decode_batch, encode_batch
from urja.stream.records import BLOCK, EVENT, NULL, REGISTER, EventState, RegisterKind, Source
from urja.stream.subjects import Kind

NOW = START + timedelta(days=1)


def block_batch(*rows, correlation=1):
    """From (device, start, Wh)."""
    records = np.zeros(len(rows), BLOCK_FIELDS)
    for name in ("import_vah", "export_wh", "export_vah", "voltage_cv", "current_ca", "health"):
        records[name] = NULL
    records["device_id"] = [device for device, _, _ in rows]
    records["start_at"] = [seconds(start) for _, start, _ in rows]
    records["import_wh"] = [energy for _, _, energy in rows]
    records["length_s"] = 1800
    records["source"] = Source.PUSH
    records["correlation"] = correlation
    records["received_at"] = seconds(START) * 1000
    return Batch(Kind.BLOCK, correlation, as_values(records))


def register_batch(*rows, kind=RegisterKind.DAILY):
    records = np.zeros(len(rows), REGISTER_FIELDS)
    for name in ("import_vah", "export_wh", "export_vah"):
        records[name] = NULL
    records["device_id"] = [device for device, _, _ in rows]
    records["read_at"] = [seconds(at) for _, at, _ in rows]
    records["import_wh"] = [energy for _, _, energy in rows]
    records["kind"] = kind
    records["source"] = Source.PULL
    records["received_at"] = seconds(START) * 1000
    return Batch(Kind.REGISTER, 1, as_values(records))


def event_batch(*rows):
    records = np.zeros(len(rows), EVENT)
    records["device_id"] = [device for device, _, _ in rows]
    records["occurred_at"] = [seconds(at) for _, at, _ in rows]
    records["code"] = [code for _, _, code in rows]
    records["state"] = EventState.OCCURRED
    records["source"] = Source.PUSH
    records["received_at"] = seconds(START) * 1000
    return Batch(Kind.EVENT, 1, records)


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


def everything(connection):
    """All that ingest writes, but for the time of its last move."""
    return [
        connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4").fetchall()
        for table in (
            "readings_interval",
            "readings_register",
            "readings_event",
            "readings_exception",
            "readings_accrual",
        )
    ]


def reasons(connection):
    return [reason for (reason,) in connection.execute("SELECT reason FROM readings_exception ORDER BY id")]


def test_blocks_registers_and_events_of_many_meters(ingester, connection):
    homes = [adopt(number, bucket=number) for number in range(1, 6)]
    outcome = ingester.apply(
        [
            block_batch(*((home.device_id, START + n * HALF_HOUR, 100) for n in range(4) for home in homes)),
            register_batch(*((home.device_id, START + 4 * HALF_HOUR, 10_403) for home in homes)),
            event_batch((homes[0].device_id, START + HALF_HOUR, 251)),
        ],
        NOW,
        sequence=7,
    )
    assert (outcome.stored.inserted, outcome.refused) == (26, 0)
    assert connection.execute("SELECT DISTINCT billed_value FROM readings_accrual").fetchall() == [(403,)]
    assert connection.execute("SELECT code, service_point_id FROM readings_event").fetchall() == [
        (251, homes[0].service_point_id)
    ]
    assert connection.execute("SELECT consumer, stream, sequence FROM readings_cursor").fetchall() == [
        ("ingest", "READINGS", 7)
    ]


def test_redelivery_changes_nothing(ingester, connection):
    home = adopt()
    batches = [
        block_batch((home.device_id, START, 100), (home.device_id, START - HALF_HOUR, 5), (99, START, 5)),
        register_batch((home.device_id, START + HALF_HOUR, 10_101), (home.device_id, START + HALF_HOUR, 4)),
        event_batch((home.device_id, START + HALF_HOUR, 101), (99, START, 101)),
    ]
    ingester.apply(batches, NOW)
    before = everything(connection)
    assert len(before[3]) == 4
    again = ingester.apply(batches, NOW + timedelta(minutes=1))
    assert again.stored.inserted == again.stored.changed == 0
    assert everything(connection) == before


@with_one_setup(
    "change, reason",
    [
        ({"start_at": seconds(NOW)}, "it is in the future"),
        ({"start_at": seconds(START - HALF_HOUR)}, "no device period holds it"),
        ({"device_id": 42}, "no device period holds it"),
        ({"import_wh": NULL}, "it carries no value of the quantity that is billed"),
        ({"import_wh": -1}, "more than the meter can carry, or less than nothing"),
        ({"import_wh": 9000}, "more than the meter can carry, or less than nothing"),
        ({"export_wh": 9000}, "more than the meter can carry, or less than nothing"),
        ({"voltage_cv": 2**40}, "more than the meter can carry, or less than nothing"),
        ({"start_at": seconds(START) + 60}, "it does not lie on the meter's intervals"),
        ({"length_s": 900}, "it does not lie on the meter's intervals"),
    ],
)
def test_an_impossible_read_is_quarantined_with_its_values(ingester, connection, change, reason):
    # Each case has a meter of its own, so that its good row is a new one.
    (number,) = connection.execute("SELECT count(*) FROM assets_device").fetchone()
    home = adopt(number + 1)
    good, bad = (
        block_batch((home.device_id, START + HALF_HOUR, 100)),
        block_batch((home.device_id, START, 100)),
    )
    fields = as_fields(bad.records)
    for name, value in change.items():
        fields[name] = value
    bad.records[:] = as_values(fields)
    outcome = ingester.apply([good, bad], NOW)
    assert (outcome.stored.inserted, outcome.refused) == (1, 1)
    *before, found = reasons(connection)
    assert (len(before), found) == (number, reason)
    (detail,) = connection.execute(
        "SELECT detail FROM readings_exception ORDER BY id DESC LIMIT 1"
    ).fetchone()
    for name, value in change.items():
        if name != "device_id":
            named = {
                "import_wh": "interval_import_wh",
                "export_wh": "interval_export_wh",
                "voltage_cv": "mean_voltage_cv",
            }
            assert detail[named.get(name, name)] == (None if value == NULL else value)


def test_a_doubtful_clock_makes_a_suspect_row(ingester, connection):
    home = adopt()
    batch = block_batch((home.device_id, START, 100))
    batch.records["clock_status"] = 2
    ingester.apply([batch], NOW)
    assert connection.execute("SELECT status FROM readings_interval").fetchall() == [(5,)]


def test_a_register_that_runs_back_is_quarantined(ingester, connection):
    home = adopt(register_wh=10_000)
    ingester.apply([register_batch((home.device_id, START + HALF_HOUR, 10_500))], NOW)
    ingester.apply(
        [
            register_batch(
                (home.device_id, START + 2 * HALF_HOUR, 9_999),
                (home.device_id, START + 3 * HALF_HOUR, 10_600),
                (home.device_id, START + 4 * HALF_HOUR, 90_000),
            )
        ],
        NOW,
    )
    assert reasons(connection) == [
        "more than the meter can carry, or less than nothing",
        "the register runs back",
    ]
    assert connection.execute("SELECT billed_value FROM readings_accrual").fetchall() == [(600,)]


def test_any_read_is_stored_or_quarantined_with_its_values(ingester, connection):
    """Registers and blocks of all hours, past and to come, of meters that are there and that are not, twice over."""
    home = adopt(register_wh=10_000)
    reads = [
        (home.device_id, START + HALF_HOUR, 10_500),
        (home.device_id, START + 2 * HALF_HOUR, 10_400),
        (home.device_id, START + 3 * HALF_HOUR, -1),
        (home.device_id, START + 4 * HALF_HOUR, 2**62),
        (home.device_id, NOW + timedelta(days=400), 10_700),
        (home.device_id, START - timedelta(days=400), 9_000),
        (99, START, 5),
    ]
    blocks = [
        (home.device_id, NOW + timedelta(days=1), 100),
        (home.device_id, START - timedelta(days=400), 100),
        (home.device_id, START, 2**62),
        (home.device_id, START, 100),
        (99, START, 5),
    ]
    for _ in range(2):
        ingester.apply([register_batch(*reads), block_batch(*blocks)], NOW)
        (stored,) = connection.execute(
            "SELECT (SELECT count(*) FROM readings_register WHERE device_id = %s AND read_at <> %s)"
            " + (SELECT count(*) FROM readings_interval)",
            (home.device_id, START),
        ).fetchone()
        (aside,) = connection.execute("SELECT count(*) FROM readings_exception").fetchone()
        assert (stored, stored + aside) == (2, len(reads) + len(blocks))
    assert set(reasons(connection)) == {
        "it is in the future",
        "the register runs back",
        "more than the meter can carry, or less than nothing",
        "no device period holds it",
    }
    assert connection.execute("SELECT billed_value FROM readings_accrual").fetchall() == [(500,)]


def test_a_meter_that_says_something_else_each_time_stops_no_other(ingester, connection):
    """Versions are numbered in 16 bits: an overflow would refuse the whole batch, again and again."""
    home, neighbour = adopt(1), adopt(2)
    often = [(home.device_id, START, wh) for wh in range(1, 1_006)]
    ingester.apply([block_batch(*often)], NOW)
    newest = "SELECT max(version) FROM readings_interval WHERE device_id = %s"
    assert connection.execute(newest, [home.device_id]).fetchone() == (1_000,)
    assert (
        reasons(connection).count("it was changed too often: the newest version stands; look at the meter")
        == 5
    )
    again = block_batch((home.device_id, START, 2_000), (neighbour.device_id, START, 70))
    assert ingester.apply([again], NOW).stored.inserted == 1
    assert connection.execute(newest, [home.device_id]).fetchone() == (1_000,)


def test_a_meter_adopted_since_is_known_at_once(ingester):
    first = adopt(1)
    assert ingester.apply([block_batch((first.device_id, START, 1))], NOW).refused == 0
    second = adopt(2)
    assert ingester.apply([block_batch((second.device_id, START, 1))], NOW).refused == 0


def test_a_check_meter_is_stored_and_not_billed(ingester, connection):
    home, other = adopt(1), adopt(2, valid_from=START - timedelta(days=1))
    remove(2, START)
    install(2, START, place=1, role="check")
    outcome = ingester.apply([block_batch((home.device_id, START, 100), (other.device_id, START, 98))], NOW)
    assert outcome.stored.inserted == 2
    assert connection.execute(
        "SELECT billed_value FROM readings_accrual WHERE agreement_id = %s", [home.agreement_id]
    ).fetchone() == (100,)


def test_a_failure_in_the_middle_leaves_nothing_and_the_retry_everything(ingester, connection, monkeypatch):
    from urja.apps.readings import staging

    home = adopt()
    batches = [block_batch((home.device_id, START, 100))]
    before = everything(connection)

    def fail(*arguments, **named):
        raise psycopg.OperationalError("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(staging, "record_stream_position", fail)
        with pytest.raises(psycopg.OperationalError):
            ingester.apply(batches, NOW)
    assert everything(connection) == before
    assert ingester.apply(batches, NOW).stored.inserted == 1


def test_a_broken_connection_is_replaced(ingester, session, database):
    home = adopt()
    ingester.apply([block_batch((home.device_id, START, 100))], NOW)
    with database.connect("urja_pipeline") as other:
        other.execute("SELECT pg_terminate_backend(%s)", [session.get().info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        ingester.apply([block_batch((home.device_id, START + HALF_HOUR, 100))], NOW)
    assert ingester.apply([block_batch((home.device_id, START + HALF_HOUR, 100))], NOW).stored.inserted == 1


@pytest.fixture
def home(database):
    return adopt()


async def test_the_stage_acknowledges_what_it_has_committed(
    home, ingester, connection, nats_server, stepped_clock
):
    from urja.stream import broker as stream
    from urja.stream.definitions import ensure_streams
    from urja.stream.subjects import READINGS, User

    stepped_clock.set(NOW)
    admin = await stream.connect(nats_server.url, User.ADMIN, nats_server.password, "test")
    try:
        await ensure_streams(admin)
        batch = block_batch((home.device_id, START, 100))
        await admin.publish_batch(Kind.BLOCK, 0, batch.records, 1)
        consumer = await admin.consume(READINGS)
        stage = Ingest(consumer, ingester, stepped_clock, wait_s=0.2)
        report = await stage.run_once(NOW)
        assert report.done == 1
        assert (await stage.run_once(NOW)).done == 0
    finally:
        await admin.close()
    assert connection.execute("SELECT billed_value FROM readings_accrual").fetchall() == [(100,)]


async def test_what_cannot_be_stored_is_given_back_at_once(
    home, ingester, connection, nats_server, stepped_clock, monkeypatch
):
    """A database that was away a moment costs a moment, not the broker's half minute of waiting."""
    from urja.stream import broker as stream
    from urja.stream.definitions import ensure_streams
    from urja.stream.subjects import READINGS, User

    stepped_clock.set(NOW)
    admin = await stream.connect(nats_server.url, User.ADMIN, nats_server.password, "test")
    try:
        await ensure_streams(admin)
        await admin.publish_batch(Kind.BLOCK, 0, block_batch((home.device_id, START, 100)).records, 1)
        stage = Ingest(await admin.consume(READINGS), ingester, stepped_clock, wait_s=2.0)
        with monkeypatch.context() as patch:
            patch.setattr(ingester, "apply", away)
            with pytest.raises(psycopg.OperationalError):
                await stage.run_once(NOW)
        assert (await stage.run_once(NOW)).done == 1
    finally:
        await admin.close()
    assert connection.execute("SELECT billed_value FROM readings_accrual").fetchall() == [(100,)]


def away(*_arguments, **_more):
    raise psycopg.OperationalError("the database is away")


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_any_numbers_are_stored_or_quarantined_and_end_nothing(ingester, connection, seed):
    """What a head end's broker password can publish: numbers of every size in every field, of known meters and others."""
    home = adopt(1)
    for number in range(25):
        batches = []
        for kind, dtype in (("block", BLOCK), ("register", REGISTER), ("event", EVENT)):
            records = any_records(dtype, 4, seed=100 * seed + number)
            if number % 2:
                records["device_id"] = home.device_id
            if number % 3 == 0:
                for name in INSTANTS.keys() & set(dtype.names) - {"received_at"}:
                    records[name] = seconds(START)
            if number % 5 == 0:
                records["source"] = Source.PUSH
            batches.append(decode_batch(*encode_batch(Kind(kind), records, 1)))
        ingester.apply(batches, NOW, sequence=number + 1)
    ingester.apply([block_batch((home.device_id, START, 100))], NOW, sequence=1000)
    (stored,) = connection.execute(
        "SELECT count(*) FROM readings_interval WHERE device_id = %s AND values[1] = 100", [home.device_id]
    ).fetchone()
    assert stored == 1
