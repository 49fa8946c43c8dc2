"""Accrued energy depends on the rows alone, whatever their order, batches and repeats; compared with a plain oracle."""

import random
from datetime import date, timedelta

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, ZONE, accruals, adopt, blocks, registers

from urja.apps.readings import accrual, operations
from urja.apps.readings.kinds import Status


@pytest.fixture
def connection(database):
    with database.connect("urja_pipeline") as connection:
        yield connection


def energy(connection):
    return connection.execute(
        "SELECT billed_value, watermark_at FROM readings_accrual ORDER BY period DESC LIMIT 1"
    ).fetchone()


def at(halves):
    return START + halves * HALF_HOUR


def test_blocks_in_order_move_the_watermark(connection):
    home = adopt()
    town.store_blocks(connection, blocks(home, (at(0), 100), (at(1), 200)))
    assert energy(connection) == (300, at(2))
    town.store_blocks(connection, blocks(home, (at(2), 50)))
    assert energy(connection) == (350, at(3))


def test_a_hole_holds_the_watermark_until_it_is_filled(connection):
    home = adopt()
    town.store_blocks(connection, blocks(home, (at(0), 100), (at(2), 300)))
    assert energy(connection) == (100, at(1))
    town.store_blocks(connection, blocks(home, (at(3), 400)))
    assert energy(connection) == (100, at(1))
    town.store_blocks(connection, blocks(home, (at(1), 200)))
    assert energy(connection) == (1000, at(4))


def test_the_register_bills_over_holes_and_brings_the_residual(connection):
    home = adopt(register_wh=10_000)
    town.store_blocks(connection, blocks(home, (at(0), 100), (at(2), 300)))
    town.store_registers(connection, registers(home, (at(48), 15_007)))
    assert energy(connection) == (5007, at(48))
    town.store_blocks(connection, blocks(home, (at(48), 20), (at(1), 77)))
    assert energy(connection) == (5027, at(49))


def test_an_instantaneous_read_is_not_billed_from(connection):
    home = adopt()
    from urja.stream.records import RegisterKind

    town.store_registers(connection, registers(home, (at(1), 99_000), kind=RegisterKind.INSTANTANEOUS))
    assert energy(connection) == (0, at(0))


def test_the_same_rows_again_change_nothing(connection):
    home = adopt()
    rows = blocks(home, (at(0), 100), (at(1), 200))
    reads = registers(home, (at(2), 10_300))
    town.store_blocks(connection, rows)
    town.store_registers(connection, reads)
    before = accruals(connection)
    assert town.store_blocks(connection, rows).ignored == 2
    assert town.store_registers(connection, reads).ignored == 1
    assert accruals(connection) == before
    assert connection.execute("SELECT count(*) FROM readings_exception").fetchone() == (0,)


def test_other_values_for_a_stored_key_are_a_new_version_and_a_report(connection):
    home = adopt()
    town.store_blocks(connection, blocks(home, (at(0), 100), (at(1), 200)))
    stored = town.store_blocks(connection, blocks(home, (at(0), 120), (at(1), 200), (at(0), 120)))
    assert (stored.inserted, stored.changed, stored.ignored) == (0, 1, 2)
    assert energy(connection) == (320, at(2))
    assert connection.execute(
        "SELECT version, values[1] FROM readings_interval WHERE start_at = %s ORDER BY version", [at(0)]
    ).fetchall() == [(1, 100), (2, 120)]
    ((reason, detail),) = connection.execute("SELECT reason, detail FROM readings_exception").fetchall()
    assert "other values" in reason
    assert detail["interval_import_wh"] == 120
    # Neither version is news any more.
    assert town.store_blocks(connection, blocks(home, (at(0), 100), (at(0), 120))).ignored == 2
    assert energy(connection) == (320, at(2))


@pytest.mark.parametrize("expect_new", [False, True])
def test_both_ways_into_the_table_end_alike(connection, expect_new):
    home = adopt()
    town.store_blocks(connection, blocks(home, (at(0), 100)), expect_new=expect_new)
    stored = town.store_blocks(
        connection, blocks(home, (at(0), 100), (at(1), 200), (at(2), 50), (at(2), 60)), expect_new=expect_new
    )
    assert (stored.inserted, stored.changed, stored.ignored) == (2, 1, 1)
    assert town.store_blocks(connection, blocks(home, (at(3), 7)), expect_new=expect_new).inserted == 1
    versions = connection.execute(
        "SELECT values[1], version FROM readings_interval ORDER BY start_at, version"
    )
    assert [row[1] for row in versions] == [1, 1, 1, 2, 1]
    assert energy(connection)[1] == at(4)


def test_two_rows_with_one_key_in_one_batch(connection):
    """A clock set back makes two blocks with one stamp: both are kept, the later is current."""
    home = adopt()
    rows = blocks(home, (at(0), 100), (at(0), 40))
    rows["received_at"][1] += 1
    stored = town.store_blocks(connection, rows)
    assert (stored.inserted, stored.changed) == (1, 1)
    assert len(connection.execute("SELECT * FROM readings_exception").fetchall()) == 1


def test_an_edit_stands_against_what_comes_later(database, connection):
    home = adopt()
    town.store_blocks(connection, blocks(home, (at(0), 100)))
    key = operations.IntervalKey(home.service_point_id, home.device_id, at(0))
    how = {"reason": "meter shop", "actor": "clerk", "recorded_at": at(1), "zone": ZONE}
    with connection.transaction(), connection.cursor() as cursor:
        assert operations.edit_interval(cursor, key, billed=90, **how) == 2
    assert energy(connection) == (90, at(1))
    assert town.store_blocks(connection, blocks(home, (at(0), 100))).ignored == 1
    assert town.store_blocks(connection, blocks(home, (at(0), 111))).ignored == 1
    assert energy(connection) == (90, at(1))
    assert connection.execute("SELECT reason, actor, version FROM readings_edit").fetchall() == [
        ("meter shop", "clerk", 2)
    ]
    ((reason,),) = connection.execute("SELECT reason FROM readings_exception").fetchall()
    assert "the edit stands" in reason


def test_an_estimate_is_counted_and_gives_way(connection):
    home = adopt()
    rows = blocks(home, (at(0), 100), (at(1), 70))
    rows["status"][1] = Status.ESTIMATED
    town.store_blocks(connection, rows)
    assert accruals(connection)[0][4] == 70
    town.store_blocks(connection, blocks(home, (at(1), 60)))
    assert energy(connection) == (160, at(2))
    assert accruals(connection)[0][4] == 0
    assert connection.execute("SELECT count(*) FROM readings_exception").fetchone() == (0,)


def test_an_edit_needs_something_to_edit(connection):
    from urja.apps.readings.errors import UnknownIntervalError

    home = adopt()
    key = operations.IntervalKey(home.service_point_id, home.device_id, at(0))
    how = {"actor": "clerk", "recorded_at": at(1), "zone": ZONE}
    with connection.cursor() as cursor:
        with pytest.raises(UnknownIntervalError):
            operations.edit_interval(cursor, key, billed=1, reason="x", **how)
        with pytest.raises(ValueError, match="reason"):
            operations.edit_interval(cursor, key, billed=1, reason=" ", **how)
        with pytest.raises(ValueError, match="negative"):
            operations.edit_interval(cursor, key, billed=-1, reason="x", **how)


def test_a_meter_put_in_during_an_interval_begins_with_the_next(connection):
    home = adopt(valid_from=START + timedelta(minutes=7))
    town.store_blocks(connection, blocks(home, (at(1), 100)))
    assert energy(connection) == (100, at(2))
    town.store_blocks(connection, blocks(home, (at(2), 50)))
    assert energy(connection) == (150, at(3))


def test_a_month_closes_where_the_next_opens(connection):
    home = adopt(valid_from=START + timedelta(days=29))
    end = START + timedelta(days=30)
    first = START + timedelta(days=29)
    town.store_blocks(connection, blocks(home, *((first + n * HALF_HOUR, 10) for n in range(50))))
    rows = accruals(connection)
    assert [(row[1], row[3], row[2]) for row in rows] == [
        (date(2026, 3, 1), 480, end),
        (date(2026, 4, 1), 20, end + 2 * HALF_HOUR),
    ]
    # The daily read of the last midnight brings what the blocks have truncated, to the month that has used it.
    town.store_registers(connection, registers(home, (end, 10_495)))
    assert [row[3] for row in accruals(connection)] == [495, 20]


def test_the_energy_until_an_instant(connection):
    home = adopt()
    town.store_blocks(connection, blocks(home, *((at(n), 10) for n in range(60))))
    town.store_registers(connection, registers(home, (at(48), 10_490)))
    with connection.cursor() as cursor:
        month = date(2026, 3, 1)
        day, more = (
            accrual.energies_until(cursor, [home.agreement_id], month, at(halves), ZONE)[0]
            for halves in (48, 55)
        )
    assert (day.billed_value, day.watermark_at) == (490, at(48))
    assert (more.billed_value, more.watermark_at, more.block_value) == (560, at(55), 70)


def with_ratio(connection, home, primary, secondary):
    """The meter does not include what the transformers before it do."""
    from urja.apps.assets.models import DevicePeriod

    with town.by_hand():
        DevicePeriod.objects.update(ratio_primary=primary, ratio_secondary=secondary)
    with connection.transaction(), connection.cursor() as cursor:
        operations.recompute_since(cursor, {home.service_point_id: START}, START, ZONE)


def test_a_ratio_multiplies_what_the_meter_counts(connection):
    home = adopt(register_wh=10_000)
    with_ratio(connection, home, 200, 5)
    town.store_blocks(connection, blocks(home, (at(0), 100), (at(1), 200)))
    assert energy(connection) == (40 * 300, at(2))
    town.store_registers(connection, registers(home, (at(2), 10_301)))
    assert energy(connection) == (40 * 301, at(2))


def test_what_one_rounding_takes_the_next_one_gives(connection):
    """Thirds: 1 Wh counted is 2 and then 3 and then 2 Wh; three of them are 7, in whatever steps they come."""
    home = adopt(register_wh=0)
    with_ratio(connection, home, 7, 3)
    seen = []
    for n in range(6):
        town.store_blocks(connection, blocks(home, (at(n), 1)))
        seen.append(energy(connection)[0])
    assert seen == [2, 4, 7, 9, 11, 14]
    with connection.cursor() as cursor:
        (until,) = accrual.energies_until(cursor, [home.agreement_id], date(2026, 3, 1), at(4), ZONE)
    assert (until.billed_value, until.block_value, until.scaled(until.block_value)) == (9, 4, 9)


def test_nothing_is_billed_before_the_meter_is_commissioned(connection):
    from urja.apps.assets.models import DevicePeriod

    home = adopt(register_wh=10_000)

    def commissioned(instant):
        with town.by_hand():
            DevicePeriod.objects.update(commissioned_at=instant)
        with connection.transaction(), connection.cursor() as cursor:
            operations.recompute_since(
                cursor, {home.service_point_id: START}, START + timedelta(days=1), ZONE
            )

    commissioned(None)
    town.store_blocks(connection, blocks(home, *((at(n), 100) for n in range(4))))
    town.store_registers(connection, registers(home, (at(4), 10_407)))
    assert accruals(connection) == []
    commissioned(at(2))
    # The register was not read when it passed: the blocks say how far it was.
    assert energy(connection) == (207, at(4))


def test_a_read_in_an_empty_flat_closes_the_agreement_before_it(connection):
    """It ended without a read and with a hole: the register behind it says what was used."""
    from urja.apps.contracts.models import Agreement, AgreementTerms

    home = adopt(register_wh=10_000)
    with town.by_hand():
        AgreementTerms.objects.update(valid_to=at(3))
        Agreement.objects.update(valid_to=at(3))
    with connection.transaction(), connection.cursor() as cursor:
        operations.recompute_since(cursor, {home.service_point_id: START}, START + timedelta(days=1), ZONE)
    town.store_blocks(connection, blocks(home, (at(0), 100), (at(2), 70)))
    assert energy(connection) == (100, at(1))
    vacant = registers(home, (at(48), 14_000))
    vacant["agreement_id"] = 0
    town.store_registers(connection, vacant)
    assert energy(connection) == (170, at(3))


def oracle(stored_blocks, reads, begins, ends, ratio=(1, 1)):
    """The definition, as plainly as it can be said: (energy, watermark) of [begins, ends)."""

    def through(instant):
        read_at, wh = max(read for read in reads.items() if read[0] <= instant)
        counted = wh + sum(e for start, e in stored_blocks.items() if read_at <= start < instant)
        return counted * ratio[0] // ratio[1]

    watermark = max(reads)
    while watermark in stored_blocks:
        watermark += HALF_HOUR
    known_to = min(watermark, ends)
    return (through(known_to) - through(begins) if known_to > begins else 0), known_to


@pytest.mark.parametrize("seed", range(12))
def test_any_order_agrees_with_the_oracle_and_with_computing_again(connection, seed):
    chance = random.Random(seed)
    begin = START + timedelta(days=29)
    month_end = START + timedelta(days=30)
    home = adopt(valid_from=begin, register_wh=1000)
    ratio = chance.choice([(1, 1), (200, 5), (7, 3), (1, 3)])
    with_ratio(connection, home, *ratio)
    register, pending = 1000, []
    for n in range(3 * 48):
        used = chance.randrange(200)
        register += used + chance.randrange(2)
        pending.append(("block", begin + n * HALF_HOUR, used))
        if n % 48 == 47:
            pending.append(("read", begin + (n + 1) * HALF_HOUR, register))
    # Mostly in order, some late, some never.
    pending = [row for row in pending if chance.random() > 0.03]
    pending.sort(key=lambda row: (row[1], chance.random()))
    for _ in range(chance.randrange(12)):
        pending.append(pending.pop(chance.randrange(len(pending))))
    known, reads = {}, {begin: 1000}
    while pending:
        batch = [pending.pop(0) for _ in range(min(len(pending), chance.randrange(1, 30)))]
        again = [row for row in batch if chance.random() < 0.1]
        for kind, store, make in (
            ("block", town.store_blocks, blocks),
            ("read", town.store_registers, registers),
        ):
            rows = [(start, value) for name, start, value in batch + again if name == kind]
            if rows:
                store(connection, make(home, *rows))
        known |= {start: value for kind, start, value in batch if kind == "block"}
        reads |= {start: value for kind, start, value in batch if kind == "read"}
        kept = accruals(connection)
        latest = {row[1]: (row[3], row[2]) for row in kept}
        assert latest[date(2026, 3, 1)] == oracle(known, reads, begin, month_end, ratio)
        if date(2026, 4, 1) in latest:
            later = oracle(known, reads, month_end, month_end + timedelta(days=30), ratio)
            assert latest[date(2026, 4, 1)] == later
        with connection.transaction(force_rollback=True), connection.cursor() as cursor:
            accrual.recompute(cursor, [(home.agreement_id, begin)], ZONE)
            assert accruals(connection) == kept
