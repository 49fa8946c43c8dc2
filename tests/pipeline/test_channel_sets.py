"""What a meter measured is stored whole, whatever the channel set: through the codec, ingest and the database."""

from datetime import timedelta

import numpy as np
import psycopg
import psycopg.sql
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.apps.town import HALF_HOUR, START, ZONE, adopt, seconds
from tests.cosem.meter_types import EVENTS, PROFILES, TYPE
from tests.quantities.strategies import channel_sets

from urja.apps.readings import operations, staging
from urja.apps.readings.channel_sets import SHIPPED, load
from urja.cosem.companion import TypeFiles
from urja.pipeline.ingest import Ingester
from urja.pipeline.stage import StageConnection
from urja.quantities.catalogue import BY_NAME, Commodity, Kind as QuantityKind
from urja.quantities.channel_sets import (
    D1_BLOCK,
    D1_REGISTERS,
    D2_BLOCK,
    GAS_BLOCK,
    GAS_REGISTERS,
    ChannelSet,
    channel_set,
)
from urja.stream.codec import Batch, decode_batch, dtype_of, encode_batch
from urja.stream.records import NULL, RegisterKind, Source
from urja.stream.subjects import Kind

NOW = START + timedelta(days=40)


class AnySet:
    """Has every channel set: stands for meter types of all kinds."""

    def __contains__(self, _channels):
        return True


@pytest.fixture
def ingester(database):
    session = StageConnection(database.conninfo("urja_pipeline"))
    yield Ingester(session, ZONE, lambda _: AnySet())
    session.close()


@pytest.fixture
def connection(database):
    with database.connect(autocommit=True) as connection:
        yield connection


def batch(kind: Kind, channels: ChannelSet, device_id, at, *rows) -> Batch:
    """One row for each half-hour from `at` on, as it comes out of the stream."""
    records = np.zeros(len(rows), dtype_of(kind, channels))
    records["device_id"] = device_id
    instants = [seconds(at + HALF_HOUR * number) for number in range(len(rows))]
    if kind is Kind.BLOCK:
        records["start_at"], records["length_s"] = instants, 1800
    else:
        records["read_at"], records["kind"] = instants, RegisterKind.DAILY
    records["values"] = [[NULL if value is None else value for value in row] for row in rows]
    records["source"], records["received_at"] = Source.PULL, seconds(at) * 1000
    return decode_batch(*encode_batch(kind, records, 1, channels))


def stored(connection, table, at):
    """By quantity what was stored of each instant from `at` on."""
    rows = connection.execute(
        psycopg.sql.SQL(
            "SELECT i.{}, c.quantities, i.values FROM {} i JOIN readings_channel_set c ON c.id = i.channel_set"
            " WHERE i.{} >= %s ORDER BY 1"
        ).format(*map(psycopg.sql.Identifier, _named(table))),
        [at],
    ).fetchall()
    return [dict(zip(quantities, values, strict=True)) for _, quantities, values in rows]


def _named(table):
    at = "start_at" if table == "readings_interval" else "read_at"
    return at, table, at


def values_of(channels: ChannelSet):
    """Values that a meter of 14.4 kW can measure in half an hour; all but the first may be missing."""
    most = {QuantityKind.VOLTAGE: 2**31 - 1, QuantityKind.STATUS: 255}
    return st.tuples(
        *(
            st.integers(0, most.get(quantity.kind, 8000)) | (st.none() if place else st.nothing())
            for place, quantity in enumerate(channels.quantities)
        )
    )


def test_blocks_of_any_set_come_out_as_they_went_in(ingester, connection):
    homes = {
        Commodity.ELECTRICITY: adopt().device_id,
        Commodity.GAS: adopt(2, device_type="urja-g1").device_id,
    }
    used = iter(range(10_000))

    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data(), channel_sets(most=24), channel_sets(most=8))
    def run(data, wide, narrow):
        begin = START + HALF_HOUR * next(used) * 4
        batches, expected = [], []
        for number, channels in enumerate((wide, narrow)):
            rows = data.draw(st.lists(values_of(channels), min_size=1, max_size=2))
            at = begin + HALF_HOUR * 2 * number
            home = homes[channels.quantities[0].commodity]
            batches.append(batch(Kind.BLOCK, channels, home, at, *rows))
            expected += [dict(zip(channels.ids, row, strict=True)) for row in rows]
        outcome = ingester.apply(batches, NOW)
        assert (outcome.stored.inserted, outcome.refused) == (len(expected), 0)
        again = ingester.apply(batches, NOW)
        assert (again.stored.ignored, again.stored.inserted, again.stored.changed) == (len(expected), 0, 0)
        assert stored(connection, "readings_interval", begin) == expected

    run()


def test_a_three_phase_and_a_gas_meter_are_stored_and_accrued(ingester, connection):
    workshop, kitchen = adopt(1), adopt(2, device_type="urja-g1")
    phases = (900, 1000, 0, 0, 400, None, None, 30, 23_010, 22_940, 23_100, 160, 155, 149, 1)
    ingester.apply(
        [
            batch(Kind.BLOCK, D2_BLOCK, workshop.device_id, START, phases),
            batch(Kind.BLOCK, GAS_BLOCK, kitchen.device_id, START, (120, 251, None), (80, 249, 101_990)),
        ],
        NOW,
    )
    rows = stored(connection, "readings_interval", START)
    assert sorted(map(len, rows)) == [3, 3, 15]
    assert dict(zip(D2_BLOCK.ids, phases, strict=True)) in rows
    assert dict(zip(GAS_BLOCK.ids, (120, 251, None), strict=True)) in rows
    used = "SELECT agreement_id, billed_value FROM readings_accrual ORDER BY 1"
    assert connection.execute(used).fetchall() == sorted(
        [(workshop.agreement_id, 900), (kitchen.agreement_id, 200)]
    )
    # The register bills: of gas, the volume in litres.
    read = batch(Kind.REGISTER, GAS_REGISTERS, kitchen.device_id, START + HALF_HOUR * 2, (10_203, None, None))
    ingester.apply([read], NOW)
    assert (kitchen.agreement_id, 203) in connection.execute(used).fetchall()


def test_a_change_is_reported_by_the_names_of_its_quantities(ingester, connection):
    home = adopt(device_type="urja-g1")
    ingester.apply([batch(Kind.BLOCK, GAS_BLOCK, home.device_id, START, (120, 251, None))], NOW)
    changed = ingester.apply([batch(Kind.BLOCK, GAS_BLOCK, home.device_id, START, (120, 252, None))], NOW)
    assert changed.stored.changed == 1
    ((detail,),) = connection.execute("SELECT detail FROM readings_exception").fetchall()
    assert detail == {
        "interval_volume_l": 120,
        "mean_temperature_dc": 252,
        "mean_pressure_pa": None,
        "length_s": 1800,
        "before_version": 1,
    }
    # Another set for the same interval is another version of it, and never a second interval.
    bare = channel_set("bare", ("interval_volume_l",))
    ingester.apply([batch(Kind.BLOCK, bare, home.device_id, START, (120,))], NOW)
    rows = connection.execute("SELECT version, channel_set FROM readings_interval ORDER BY 1").fetchall()
    assert [version for version, _ in rows] == [1, 2, 3]
    assert connection.execute("SELECT billed_value FROM readings_accrual").fetchall() == [(120,)]


@pytest.mark.parametrize("values", [(-1, 0), (100, 2**31), (100, -(2**31) - 1)])
def test_what_an_interval_cannot_hold_is_refused_with_its_values(ingester, connection, values):
    home = adopt(device_type="urja-g1")
    channels = channel_set("gas-and-heat", ("interval_volume_l", "mean_temperature_dc"))
    outcome = ingester.apply([batch(Kind.BLOCK, channels, home.device_id, START, values)], NOW)
    assert (outcome.stored.inserted, outcome.refused) == (0, 1)
    ((detail,),) = connection.execute("SELECT detail FROM readings_exception").fetchall()
    assert (detail["interval_volume_l"], detail["mean_temperature_dc"]) == values


@pytest.mark.parametrize(
    ("device_type", "block", "values", "register", "read"),
    [
        ("urja-d1", GAS_BLOCK, (120, 251, None), GAS_REGISTERS, (10_500, None, 0)),
        ("urja-g1", D1_BLOCK, (120,) + (None,) * 6, D1_REGISTERS, (10_500,) + (None,) * 4),
    ],
)
def test_what_the_service_point_does_not_supply_is_an_exception_and_bills_nothing(
    ingester, connection, device_type, block, values, register, read
):
    """Litres would be billed as Wh, also by a thief with a head end's broker password."""
    home = adopt(device_type=device_type)
    outcome = ingester.apply(
        [
            batch(Kind.BLOCK, block, home.device_id, START, values),
            batch(Kind.REGISTER, register, home.device_id, START + HALF_HOUR, read),
        ],
        NOW,
    )
    assert (outcome.stored.inserted, outcome.refused) == (0, 2)
    said = "it is of another commodity than the service point supplies: correct the meter's type or the service point"
    refused = connection.execute("SELECT reason, detail FROM readings_exception ORDER BY kind").fetchall()
    assert [reason for reason, _ in refused] == [said, said]
    for channels, measured, (_, detail) in zip((block, register), (values, read), refused, strict=True):
        assert detail.items() >= dict(zip(channels.names, measured, strict=True)).items()
    assert connection.execute("SELECT sum(billed_value) FROM readings_accrual").fetchall() in (
        [(None,)],
        [(0,)],
    )
    # A meter of the right type at the same place is not stopped by it.
    mine = D1_BLOCK if device_type == "urja-d1" else GAS_BLOCK
    right = batch(Kind.BLOCK, mine, home.device_id, START, (70,) + (None,) * (len(mine) - 1))
    assert ingester.apply([right], NOW).stored.inserted == 1
    assert connection.execute("SELECT billed_value FROM readings_accrual").fetchall() == [(70,)]


def test_only_sets_of_meter_types_are_numbered(database, connection):
    """What no type has is an exception with its values, until the type is loaded: then it is stored, and again."""
    session = StageConnection(database.conninfo("urja_pipeline"))
    ingester = Ingester(session, ZONE)
    home, kitchen = adopt(1), adopt(2, device_type="urja-g1")
    ingester.apply([batch(Kind.BLOCK, GAS_BLOCK, kitchen.device_id, START, (1, None, None))], NOW)
    known = load(connection.cursor())
    assert known.items() >= SHIPPED.items()
    assert set(known.values()) == {*SHIPPED.values(), GAS_BLOCK}
    another = channel_set("one-more", ("interval_import_wh", "interval_import_vah", "interval_q1_varh"))
    odd = [batch(Kind.BLOCK, another, home.device_id, START + HALF_HOUR, (7, 9, None))]
    for _ in range(2):
        outcome = ingester.apply(odd, NOW)
        assert (outcome.stored.inserted, outcome.refused) == (0, 1)
    ((reason, detail),) = connection.execute("SELECT reason, detail FROM readings_exception").fetchall()
    assert reason == "no meter type has its channel set: load the type of the meter"
    assert detail.items() >= dict(zip(another.names, (7, 9, None), strict=True)).items()
    assert load(connection.cursor()) == known
    with_quadrant = PROFILES.replace(
        '{ key = "voltage", class = 3, obis = "1.0.12.27.0.255", type = "long-unsigned", scaler = -1, unit = "V" }',
        '{ key = "q1", class = 3, obis = "1.0.5.29.0.255", quantity = "interval_q1_varh",'
        ' type = "double-long-unsigned", unit = "varh" }',
    )
    files = TypeFiles.of({"type.toml": TYPE, "profiles.toml": with_quadrant, "events.toml": EVENTS})
    connection.execute(
        "INSERT INTO meter_types_version (name, version, valid_from, firmware, text, sha256, loaded_at, actor)"
        " VALUES ('acme-m7-fw3', '1', '2026-01-01', '{3.1}', %s, %s, %s, 'test')",
        [files.text, files.sha256, START],
    )
    assert ingester.apply(odd, NOW).stored.inserted == 1
    session.close()


@pytest.mark.parametrize(
    ("device_type", "register", "interval", "block"),
    [
        ("urja-g1", "volume_l", "interval_volume_l", GAS_BLOCK),
        ("urja-d2", "import_wh", "interval_import_wh", D2_BLOCK),
    ],
)
def test_a_known_zero_and_a_read_by_a_person_have_what_is_billed_of_the_commodity_and_no_more(
    ingester, connection, device_type, register, interval, block
):
    home = adopt(device_type=device_type)
    (opening,) = stored(connection, "readings_register", START)
    assert opening == {BY_NAME[register].id: 10_000}
    with connection.transaction(), connection.cursor() as cursor:
        staging.make_days_of(cursor, [START])
        gap = (home.service_point_id, home.device_id, START, 1800)
        assert operations.store_known_zeros(cursor, [gap], NOW, ZONE) == 1
    assert stored(connection, "readings_interval", START) == [{BY_NAME[interval].id: 0}]
    # Data that come after all replace it.
    row = (3,) + (None,) * (len(block) - 1)
    assert ingester.apply([batch(Kind.BLOCK, block, home.device_id, START, row)], NOW).refused == 0
    *_, measured = stored(connection, "readings_interval", START)
    assert measured == dict(zip(block.ids, row, strict=True))


def test_a_set_is_never_changed(connection):
    for statement in ("UPDATE readings_channel_set SET name = 'x'", "DELETE FROM readings_channel_set"):
        with pytest.raises(psycopg.errors.IntegrityError, match="never changed"), connection.transaction():
            connection.execute(statement)


def test_contradictions_of_quantities_are_found_and_stored_all_the_same(ingester):
    from urja.apps.readings.queries.conservation import phase_excesses, zone_residuals_of

    workshop = adopt()
    place = workshop.service_point_id
    # 230 V and 20 A on each of three phases carry 6,900 VAh in half an hour.
    lines = (23_000,) * 3 + (2_000,) * 3
    plain, odd = (6000, 6900, 0, 0, 0, 0, 0, 0, *lines, 0), (6000, 8100, 0, 0, 0, 0, 0, 0, *lines, 0)
    zoned = channel_set("zoned", ("import_wh", "import_wh_z1", "import_wh_z2"))
    outcome = ingester.apply(
        [
            batch(Kind.BLOCK, D2_BLOCK, workshop.device_id, START, plain, odd),
            batch(Kind.REGISTER, zoned, workshop.device_id, START + HALF_HOUR * 2, (22_000, 15_000, 6_998)),
        ],
        NOW,
    )
    assert (outcome.stored.inserted, outcome.refused) == (3, 0)
    [found] = phase_excesses(place, START, NOW)
    assert (found.device_id, found.start_at) == (workshop.device_id, START + HALF_HOUR)
    assert 800 < found.excess_vah < 900
    [residual] = zone_residuals_of(place, START, NOW)
    assert (residual.quantity, residual.residual) == ("import_wh", 2)
