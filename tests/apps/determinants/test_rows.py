"""Determinant rows from the real tables: written after each close, versioned by late data, never changed, proven again."""

from datetime import date, timedelta

import psycopg
import pytest
from tests.apps import town as town_rows
from tests.apps.town import HALF_HOUR, START, ZONE, adopt, blocks, registers
from tests.conftest import begun_with
from tests.pipeline.test_post import TARIFF

from urja.core.determinants import Origin

DAY = timedelta(days=1)
SECOND = date(2026, 3, 2)
CUT = timedelta(hours=1)


def load_tariff(calendar="", code="demo"):
    from importlib import resources
    from zoneinfo import ZoneInfo

    from urja.apps.rulebook import operations
    from urja.usecases.calendars import load_calendar

    text = TARIFF.format(version="1", valid_from="2026-01-01", rate="3.00")
    if calendar:
        document = (
            resources.files("urja.core.calendars").joinpath("documents", "demo-tod-2026-04.toml").read_text()
        )
        load_calendar(
            document.replace("valid_from = 2026-04-01", "valid_from = 2026-01-01"),
            zone=ZoneInfo(ZONE),
            recorded_at=START,
            actor="test",
        )
        text = text.replace('code = "demo"', f'code = "{code}"\ncalendar = "{calendar}"')
    operations.load_tariff(text, START)


def adopted_with_calendar(database):
    load_tariff("demo-tod")
    return adopt(credit_minor=50_000)


database, home = begun_with(adopted_with_calendar)


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def day_of_blocks(home, day, wh=10, without=()):
    """The intervals of the n-th day, 0 being 2 March, with their apparent energy."""
    rows = blocks(home, *((START + day * DAY + n * HALF_HOUR, wh) for n in range(48) if n not in without))
    rows["values"][:, 1] = 2 * rows["values"][:, 0]
    return rows


def read(connection, home, day, wh):
    rows = registers(home, (START + day * DAY, wh))
    rows["values"][:, 1] = 2 * wh
    town_rows.store_registers(connection, rows)


def run(now):
    from urja.pipeline.close import close_days
    from urja.pipeline.determine import Determine

    close_days(now, CUT)
    return Determine().run_once(now)


def new_rows(now):
    """How many rows a close and the stage after it store."""
    before = count()
    run(now)
    return count() - before


def count():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM determinants_row")
        return cursor.fetchone()[0]


def stored(home, day=SECOND):
    from urja.apps.determinants.queries import of_period

    return of_period(home.agreement_id, day)


def test_each_closed_day_has_the_determinants_of_its_period_so_far(connection, home):
    for day in (0, 1):
        town_rows.store_blocks(connection, day_of_blocks(home, day))
        read(connection, home, day + 1, 10_000 + (day + 1) * 485)
        assert new_rows(START + (day + 1) * DAY + timedelta(minutes=20)) == 1
    assert new_rows(START + 2 * DAY + timedelta(minutes=30)) == 0
    first, second = stored(home)
    assert (first.as_of, second.as_of, first.version, second.version) == (SECOND, SECOND + DAY, 1, 1)
    assert first.known_to_at == START + DAY
    assert [one.value("import_wh") for one in (first, second)] == [485, 970]
    zones = [second.value(f"import_wh_z{n}") for n in (1, 2, 3)]
    # 18 half hours of normal, 16 of solar, 14 of peak a day; the first five of each day get one more Wh each.
    assert zones == [370, 320, 280]
    by_name = {one.name: one for one in second.determinants}
    assert by_name["import_wh"].origin is Origin.REGISTER
    assert by_name["import_wh_z2"].origin is Origin.SHAPED
    assert (by_name["max_import_w"].value, by_name["max_import_w"].unit) == (20, "W")
    assert by_name["max_import_w_at"].value == int((START + HALF_HOUR).timestamp())
    assert second.determinants[0].name == "import_wh"
    assert second.load_factor_permille == 1010
    assert "calendar demo-tod 2026-04:" in second.rules
    # The total is what bills are calculated from.
    assert connection.execute("SELECT billed_value FROM readings_accrual").fetchall() == [(970,)]


def test_an_installation_read_within_a_second_is_the_opening(empty_database):
    load_tariff()
    home = adopt(credit_minor=50_000, valid_from=START + timedelta(seconds=93, milliseconds=580))
    with empty_database.connect() as connection:
        town_rows.store_blocks(connection, day_of_blocks(home, 0))
        # 60 Wh were not counted by any interval: only the register knows them.
        read(connection, home, 1, 10_000 + 480 + 60)
        assert new_rows(START + DAY + timedelta(minutes=20)) == 1
        assert stored(home)[0].value("import_wh") == 540
        assert connection.execute("SELECT billed_value FROM readings_accrual").fetchall() == [(540,)]


def test_late_data_make_the_next_version_by_difference(connection, home):
    gap = set(range(20, 24))
    town_rows.store_blocks(connection, day_of_blocks(home, 0, without=gap))
    now = START + DAY + timedelta(hours=2)
    run(now)
    (first,) = stored(home)
    assert (first.value("import_wh"), first.known_to_at) == (200, START + 20 * HALF_HOUR)
    late = day_of_blocks(home, 0, wh=30)[[n for n in range(48) if n in gap]]
    late["received_at"] = int((now + HALF_HOUR).timestamp() * 1000)
    town_rows.store_blocks(connection, late, now + HALF_HOUR)
    assert new_rows(now + 2 * HALF_HOUR) == 1
    assert new_rows(now + 3 * HALF_HOUR) == 0
    _, second = stored(home)
    assert (second.as_of, second.version, second.value("import_wh")) == (SECOND, 2, 560)
    changes = {one.name: one.change for one in second.determinants}
    assert changes["import_wh"] == 360
    assert sum(changes[f"import_wh_z{n}"] for n in (1, 2, 3)) == 360
    assert changes["max_import_w"] == 40
    assert changes["max_import_w_at"] is None
    assert first.intervals_hash != second.intervals_hash


def test_the_command_shows_rows_with_their_derivation(connection, home, monkeypatch):
    import json
    from types import SimpleNamespace

    from click.testing import CliRunner

    from urja.site.admin import Administration
    from urja.site.cli.determinants import determinants

    settings = SimpleNamespace(utility=SimpleNamespace(timezone=ZONE))
    box = SimpleNamespace(settings=settings, setup_django=lambda: None)
    monkeypatch.setattr(Administration, "of", lambda _: box)
    town_rows.store_blocks(connection, day_of_blocks(home, 0))
    read(connection, home, 1, 10_485)
    run(START + DAY + timedelta(hours=2))
    shown = CliRunner().invoke(determinants, [str(home.agreement_id), "2026-03-20"]).output
    assert "2026-03-01 up to 2026-03-02, version 1; known up to 2026-03-03 00:00+05:30" in shown
    assert "485 Wh  register" in shown
    assert "2026-03-02 00:30+05:30  blocks" in shown
    assert "from 2 register reads and 48 intervals" in shown
    (told,) = json.loads(
        CliRunner().invoke(determinants, [str(home.agreement_id), "2026-03-20", "--json"]).output
    )
    assert told["determinants"][0] == {
        "name": "import_wh", "unit": "Wh", "value": 485, "origin": "register", "estimated": 0, "change": None,
    }  # fmt: skip
    assert [key[1] for key in told["reads"]] == [int(at.timestamp()) for at in (START, START + DAY)]
    missing = CliRunner().invoke(determinants, [str(home.agreement_id), "2026-05-20"])
    assert "has no determinants in the period with 2026-05-20" in str(missing.exception)


def test_a_corrected_calendar_makes_the_next_version(connection, home):
    from importlib import resources
    from zoneinfo import ZoneInfo

    from urja.usecases.calendars import load_calendar

    town_rows.store_blocks(connection, day_of_blocks(home, 0))
    run(START + DAY + timedelta(hours=2))
    text = resources.files("urja.core.calendars").joinpath("documents", "demo-tod-2026-04.toml").read_text()
    text = text.replace("valid_from = 2026-04-01", "valid_from = 2026-01-01").replace(
        '"2026-04"', '"corrected"'
    )
    load_calendar(text.replace('"17:00"', '"16:00"'), zone=ZoneInfo(ZONE), recorded_at=START, actor="test")
    run(START + DAY + timedelta(hours=3))
    first, second = stored(home)
    assert [one.value("import_wh_z2") for one in (first, second)] == [160, 140]
    assert [one.value("import_wh") for one in (first, second)] == [480, 480]


def test_no_role_changes_a_row(database, connection, home):
    town_rows.store_blocks(connection, day_of_blocks(home, 0))
    run(START + DAY + timedelta(hours=2))
    for table in ("determinants_row", "determinants_channel_set"):
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never changed or deleted"):
                connection.execute(statement)
            connection.rollback()
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never changed"):
        connection.execute("UPDATE determinants_row SET version = 2")
    connection.rollback()
    copy = (
        "INSERT INTO determinants_row SELECT agreement_id, period, as_of, period_end, {}, intervals, calculated_at,"
        ' known_from_at, known_to_at, channel_set, "values", origins, estimated, reads, intervals_hash, rules, sha256 FROM determinants_row'
    )
    with pytest.raises(
        psycopg.errors.IntegrityConstraintViolation, match="version 3 of determinants does not follow"
    ):
        connection.execute(copy.format(3))
    connection.rollback()
    with database.connect("urja_web") as web, pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute(copy.format(2))
    with database.connect("urja_pipeline") as pipeline, pytest.raises(psycopg.errors.InsufficientPrivilege):
        pipeline.execute("DELETE FROM determinants_row")


def law(connection, proven=0):
    from urja.laws.determinants import examine

    buckets = connection.execute("SELECT DISTINCT agreement_id >> 40 FROM determinants_row ORDER BY 1")
    return list(examine(connection, [bucket for (bucket,) in buckets], ZONE, proven))


def zones_swapped(patch):
    from urja.core.determinants import calculation

    real = calculation.zone_numbers
    patch.setattr(calculation, "zone_numbers", lambda *inputs: real(*inputs) % 3 + 1)


def one_wh_lost(patch):
    from urja.core.determinants import shaping

    real = shaping.allocate

    def allocate(*inputs):
        shares = real(*inputs)
        shares[:1] -= 1
        return shares

    patch.setattr(shaping, "allocate", allocate)


def ratio_applied_twice(patch):
    from urja.core.determinants.inputs import Segments

    real = Segments.scaled
    patch.setattr(Segments, "scaled", lambda self, counted, segment: 2 * real(self, counted, segment))


def demand_of_a_quarter(patch):
    from urja.core.determinants import calculation

    real = calculation.block_demands
    patch.setattr(
        calculation,
        "block_demands",
        lambda segments, rows, name, _, zone: real(segments, rows, name, 3600, zone),
    )


def an_interval_left_out(patch):
    from urja.apps.readings.queries import columns

    patch.setattr(columns, "_BLOCKS", columns._BLOCKS.replace("start_at >= to", "start_at > to"))


def hash_of_less(patch):
    from urja.apps.determinants import evaluation

    real = evaluation.row_hash
    patch.setattr(evaluation, "row_hash", lambda content: real(content[:-1]))


FAULTS = (
    zones_swapped,
    one_wh_lost,
    ratio_applied_twice,
    demand_of_a_quarter,
    an_interval_left_out,
    hash_of_less,
)


def test_the_law_sees_each_fault_of_the_calculation(connection, home):
    """The rows are made by broken code, and the law is told by whole code."""
    broken = {}
    for number, fault in enumerate(FAULTS, 2):
        other = adopt(number)
        rows = day_of_blocks(other, 0)
        rows["values"][:, 0] = [10 + n % 3 for n in range(48)]
        town_rows.store_blocks(connection, rows)
        read(connection, other, 1, 10_529)
        with pytest.MonkeyPatch.context() as patch:
            fault(patch)
            run(START + DAY + timedelta(hours=3))
        assert stored(other)
        broken[fault.__name__] = f"agreement {other.agreement_id} "
    found = law(connection)
    assert [name for name, agreement in broken.items() if not any(agreement in one for one in found)] == []


def test_the_law_holds_and_sees_a_row_that_was_changed(connection, home):
    town_rows.store_blocks(connection, day_of_blocks(home, 0))
    read(connection, home, 1, 10_485)
    run(START + DAY + timedelta(hours=3))
    assert law(connection) == []
    with connection.transaction():
        connection.execute("ALTER TABLE determinants_row DISABLE TRIGGER determinants_row_append_only")
        connection.execute('UPDATE determinants_row SET "values"[1] = "values"[1] - 1')
    said = " ".join(law(connection))
    assert "are not what their hash was taken over" in said
    assert "have import_wh 484, and zones that sum to 485" in said
    assert "have import_wh 484, and the accrual of that time is 485" in said


def test_three_phases_and_gas_have_rows_of_their_own_quantities(database, connection, home):
    """From the stream's batches: reactive energy by quadrant, demand in VA, a volume. Never one in the other's unit."""
    from tests.pipeline.test_channel_sets import AnySet, batch
    from tests.usecases.test_tariff_commodity import load_gas

    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection
    from urja.quantities.channel_sets import D2_BLOCK, GAS_BLOCK, GAS_REGISTERS, channel_set
    from urja.stream.subjects import Kind

    load_gas()
    other = adopt(2, register_wh=5_000, device_type="urja-g1", tariff_code="piped")
    of_phases = (100, 125, 3, 4, 60, 0, 0, 15, *(None,) * 7)
    registers_of_phases = channel_set(
        "registers", ("import_wh", "import_vah", "export_wh", "export_vah", "q1_varh")
    )
    session = StageConnection(database.conninfo("urja_pipeline"))
    Ingester(session, ZONE, lambda _: AnySet()).apply(
        [
            batch(Kind.BLOCK, D2_BLOCK, home.device_id, START, *[of_phases] * 48),
            batch(
                Kind.REGISTER,
                registers_of_phases,
                home.device_id,
                START + DAY,
                (14_812, 16_002, 150, None, 2901),
            ),
            batch(Kind.REGISTER, registers_of_phases, home.device_id, START, (10_000, 10_000, 5, None, 7)),
            batch(Kind.BLOCK, GAS_BLOCK, other.device_id, START, *[(20, 250, 101_325)] * 48),
            batch(Kind.REGISTER, GAS_REGISTERS, other.device_id, START, (5_000, None, 0)),
            batch(Kind.REGISTER, GAS_REGISTERS, other.device_id, START + DAY, (5_965, None, 0)),
        ],
        START + DAY + HALF_HOUR,
    )
    session.close()
    run(START + DAY + timedelta(hours=2))
    (row,) = stored(home)
    by_name = {one.name: one for one in row.determinants}
    found = {name: (one.value, one.origin) for name, one in by_name.items()}
    assert found["import_wh"] == (4812, Origin.REGISTER)
    assert found["import_vah"] == (6002, Origin.REGISTER)
    assert found["export_wh"] == (145, Origin.REGISTER)
    assert found["lag_varh"] == (2894, Origin.REGISTER)
    assert found["lead_varh"] == (48 * 15, Origin.BLOCKS)
    assert found["max_import_va"] == (250, Origin.BLOCKS)
    assert found["mean_power_factor_permille"] == (802, Origin.DERIVED)
    assert sum(found[f"import_vah_z{n}"][0] for n in (1, 2, 3)) == 6002
    (gas,) = stored(other)
    assert [(one.name, one.value, one.unit, one.origin) for one in gas.determinants] == [
        ("volume_l", 965, "L", Origin.REGISTER)
    ]
    assert law(connection) == []
