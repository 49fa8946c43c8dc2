"""A meter's own totals in determinant rows: from stored billing profiles, by the calendar that it held, with their sentences."""

from datetime import date, datetime, timedelta

import pytest
from tests.apps.determinants.test_rows import ZONE, law, load_tariff, stored
from tests.apps.town import adopt, passed
from tests.conftest import begun_with
from tests.pipeline.test_billing_reads import billing_row

from urja.core.determinants import Origin
from urja.quantities.channel_sets import D2_BLOCK
from urja.stream.subjects import Kind

MARCH, APRIL, MAY = (datetime.fromisoformat(f"2026-0{n}-01T00:00:00+05:30") for n in (3, 4, 5))
DAY = timedelta(days=1)
IN_APRIL, LAST = date(2026, 4, 15), date(2026, 4, 30)


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


@pytest.fixture
def ingest(database):
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection

    session = StageConnection(database.conninfo("urja_pipeline"))
    ingester = Ingester(session, ZONE)
    yield lambda *batches, now=MAY + DAY: ingester.apply(batches, now)
    session.close()


def adopted_workshop(database):
    load_tariff("demo-tod")
    return adopt(device_type="urja-d2", register_wh=0, valid_from=MARCH - DAY, credit_minor=50_000_000)


database, workshop = begun_with(adopted_workshop)


def april(workshop, wh=100):
    """A block for each half-hour of April, with reactive energy."""
    import numpy as np
    from tests.apps.town import seconds

    from urja.stream.codec import decode_batch, dtype_of, encode_batch
    from urja.stream.records import NULL, Source

    records = np.zeros(48 * 30, dtype_of(Kind.BLOCK, D2_BLOCK))
    records["device_id"], records["length_s"], records["source"] = workshop.device_id, 1800, Source.PULL
    records["start_at"] = seconds(APRIL) + 1800 * np.arange(len(records))
    records["received_at"] = seconds(MAY) * 1000
    records["values"] = NULL
    for name, value in (
        ("interval_import_wh", wh),
        ("interval_import_vah", 2 * wh),
        ("interval_lag_varh", 10),
    ):
        records["values"][:, D2_BLOCK.position(name)] = value
    return decode_batch(*encode_batch(Kind.BLOCK, records, 1, D2_BLOCK))


def profile(workshop, at, total, zones=(), **values):
    own = {f"import_wh_z{n}": value for n, value in enumerate(zones, 1)}
    return billing_row(workshop.device_id, at, import_wh=total, **own, **values)


OPENING = {"total": 10_000, "zones": (4_000, 3_000, 3_000), "lag_varh": 500}
CLOSING = {"total": 154_010, "zones": (44_000, 63_010, 47_000), "lag_varh": 15_100,
           "max_import_w": 260, "max_import_w_at": int((APRIL + 9 * DAY).timestamp())}  # fmt: skip


def hold(workshop, at=APRIL - DAY, change=None, was_set=False, now=None, command_id=1):
    """Record the calendar that the meter has: the tariff's, or a changed one."""
    from django.db import connection

    from urja.apps.determinants import meter_calendars
    from urja.apps.rulebook.queries.calendars import versions_of
    from urja.core.calendar import Period
    from urja.core.calendars import activity_tables, plain_tables

    calendar = versions_of("demo-tod")[-1]
    plain = plain_tables(activity_tables(calendar, Period(date(2026, 1, 1), date(2027, 1, 1))))
    if change is not None:
        change(plain)
    with connection.cursor() as cursor:
        meter_calendars.record(
            cursor,
            workshop.device_id,
            at,
            "TOD",
            plain,
            was_set=was_set,
            command_id=command_id,
            now=now or at,
        )


def an_hour_later(plain):
    plain["days"][0]["actions"][1]["minute"] += 60


def determined(workshop):
    """Store the determinants of April alone, as the stage does for its last day."""
    from zoneinfo import ZoneInfo

    from urja.apps.determinants import operations
    from urja.apps.determinants.evaluation import Wanted
    from urja.apps.readings.queries.columns import Owner
    from urja.apps.rulebook.queries.calendars import versions_of
    from urja.core.calendar import Period

    period = Period(date(2026, 4, 1), date(2026, 5, 1))
    wanted = Wanted(Owner.agreement(workshop.agreement_id), period, LAST, tuple(versions_of("demo-tod")))
    operations.determine([wanted], ZoneInfo(ZONE), MAY + timedelta(hours=3))
    return stored(workshop, IN_APRIL)[-1]


def look_for_late_data(now):
    from urja.pipeline.determine import Determine

    return Determine().run_once(now).done


def close(ingest, workshop, **closing):
    ingest(
        profile(workshop, APRIL, **OPENING), april(workshop), profile(workshop, MAY, **(CLOSING | closing))
    )
    return determined(workshop)


def of(row, *names):
    return [row.value(name) for name in names]


def test_a_meters_own_zones_and_maximum_are_the_rows(connection, ingest, workshop):
    hold(workshop)
    row = close(ingest, workshop)
    assert (row.as_of, row.version, row.notes) == (LAST, 1, [])
    assert of(row, "import_wh", "import_wh_z1", "import_wh_z2", "import_wh_z3") == [
        144_010, 40_000, 60_010, 44_000,
    ]  # fmt: skip
    by_name = {one.name: one for one in row.determinants}
    assert {by_name[name].origin for name in ("import_wh_z1", "max_import_w")} == {Origin.METER}
    assert of(row, "max_import_w", "max_import_w_at") == [260, CLOSING["max_import_w_at"]]
    # Reactive energy is in no daily profile: the billing profile's register bills it.
    assert (row.value("lag_varh"), by_name["lag_varh"].origin) == (14_600, Origin.REGISTER)
    assert [key.kind for key in row.read_keys if key.read_at in (APRIL, MAY)] == [3, 3]
    assert law(connection) == []


def test_each_contradiction_has_its_sentence_and_blocks_are_used(ingest, workshop):
    hold(workshop, change=an_hour_later)
    row = close(ingest, workshop, max_import_w=150)
    assert row.notes == [
        "max_import_w is not the meter's own: its register has 150, and its intervals prove 200",
        "the meter's own zones are not used: its calendar was not the tariff's throughout",
    ]
    by_name = {one.name: one.origin for one in row.determinants}
    assert (by_name["import_wh_z1"], by_name["max_import_w"]) == (Origin.SHAPED, Origin.BLOCKS)
    assert row.value("max_import_w") == 200


def test_a_demand_reset_within_the_period_is_said(ingest, workshop):
    hold(workshop)
    ingest(profile(workshop, APRIL + 9 * DAY, 53_000, (10_000, 30_000, 13_000)))
    row = close(ingest, workshop)
    said = "the meter's own totals are not used: the meter was reset at other instants than the period's ends"
    assert row.notes == [said, said]


def test_a_late_billing_profile_makes_the_next_version(connection, ingest, workshop):
    hold(workshop)
    ingest(profile(workshop, APRIL, **OPENING), april(workshop))
    first = determined(workshop)
    ingest(profile(workshop, MAY, received_at=MAY + timedelta(hours=4), **CLOSING))
    assert look_for_late_data(MAY + timedelta(hours=5)) == 1
    *_, second = stored(workshop, IN_APRIL)
    assert (first.version, second.version, second.as_of) == (1, 2, LAST)
    changes = {one.name: one.change for one in second.determinants}
    assert (changes["import_wh"], changes["max_import_w"]) == (10, 60)
    assert sum(changes[f"import_wh_z{n}"] for n in (1, 2, 3)) == 10
    assert law(connection) == []


def test_a_calendar_that_is_read_back_later_decides_too(connection, ingest, workshop):
    hold(workshop)
    first = close(ingest, workshop)
    assert first.notes == []
    hold(workshop, MAY + timedelta(hours=4), an_hour_later)
    assert look_for_late_data(MAY + timedelta(hours=5)) == 1
    *_, second = stored(workshop, IN_APRIL)
    assert second.version == 2
    assert "calendar was not the tariff's throughout" in second.notes[0]
    assert law(connection) == []


def test_a_calendar_counts_where_it_was_read_before_and_not_contradicted(workshop):
    from django.db import connection

    from urja.apps.determinants.meter_calendars import agreed_throughout, held
    from urja.apps.rulebook.queries.calendars import versions_of
    from urja.core.calendar import Period

    def agreed():
        with connection.cursor() as cursor:
            of_meter = held(cursor, [workshop.device_id]).get(workshop.device_id, [])
        period = Period(date(2026, 4, 1), date(2026, 5, 1))
        return agreed_throughout(of_meter, versions_of("demo-tod"), period, (APRIL, MAY))

    assert not agreed()
    hold(workshop, APRIL + DAY)
    assert not agreed()
    hold(workshop, APRIL - 20 * DAY, an_hour_later)
    assert not agreed()
    hold(workshop, APRIL - DAY, was_set=True)
    assert agreed()
    # What is set after the period says nothing of it, and what is read after that neither.
    hold(workshop, MAY + DAY, an_hour_later, was_set=True)
    hold(workshop, MAY + 2 * DAY, an_hour_later)
    assert agreed()
    hold(workshop, APRIL + 2 * DAY, an_hour_later)
    assert not agreed()


def test_the_last_calendar_that_was_set_decides_and_cancels_one_not_yet_active(workshop):
    from django.db import connection

    from urja.apps.determinants.meter_calendars import held

    def begun():
        with connection.cursor() as cursor:
            return [
                (one.held_at, one.tables) for one in held(cursor, [workshop.device_id])[workshop.device_id]
            ]

    hold(workshop, APRIL, was_set=True, now=MARCH, command_id=1)
    [(_, first)] = begun()
    hold(workshop, APRIL, an_hour_later, was_set=True, now=MARCH + DAY, command_id=2)
    [(at, second)] = begun()
    assert at == APRIL
    assert second != first
    hold(workshop, APRIL - DAY, was_set=True, now=MARCH + 2 * DAY, command_id=3)
    assert begun() == [(APRIL - DAY, first)]
    # One that was active stays.
    hold(workshop, MAY, an_hour_later, was_set=True, now=APRIL, command_id=4)
    assert begun() == [(APRIL - DAY, first), (MAY, second)]


def test_the_law_sees_zones_that_are_not_the_meters(connection, ingest, workshop):
    """The row is made by code that gives one zone's energy to another, and the law is told by whole code."""
    from urja.core.determinants.calculation import _Calculation

    real = _Calculation._own_zones

    def moved(self, *inputs):
        return [(zone, energy + {1: 2, 2: -2}.get(zone, 0)) for zone, energy in real(self, *inputs)]

    hold(workshop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Calculation, "_own_zones", moved)
        assert close(ingest, workshop).value("import_wh_z1") == 40_002
    # As the stage does once it has calculated: a change in the queue would explain the difference.
    connection.execute("DELETE FROM readings_change")
    assert [one for one in law(connection) if f"to {LAST}" in one and "their readings come to" in one]


def test_the_law_sees_a_negative_zone_by_the_row_alone(connection, ingest, workshop):
    """Both calculations of the row give a zone less than nothing, and its zones sum to the total."""
    from urja.core.determinants import calculation

    hold(workshop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calculation, "allocate", lambda totals, *_: [-1, int(totals[0]) + 1, 0])
        close(ingest, workshop)
        found = law(connection)
    assert [one for one in found if one.endswith("have import_wh 144010, and a zone of -1")]


def test_the_demands_of_earlier_periods_are_read_from_rows(connection, ingest, workshop):
    from zoneinfo import ZoneInfo

    from urja.apps.determinants.queries import earlier_demands

    def known(before):
        found = earlier_demands([workshop.agreement_id], ZoneInfo(ZONE)).get(workshop.agreement_id, [])
        past = [one.demand for one in found if one.demand.period.end <= before]
        assert {one.name.partition("_z")[0] for one in past} <= {"max_import_w", "max_import_va"}
        assert not any("_at" in one.name for one in past), "an instant is no power"
        return [(one.period.first, one.name, one.power) for one in past if "_z" not in one.name]

    hold(workshop)
    close(ingest, workshop)
    # The meter's own maximum in W; it has none of its own in VA, and blocks have.
    first = date(2026, 4, 1)
    assert known(date(2026, 5, 1)) == [(first, "max_import_va", 400), (first, "max_import_w", 260)]
    assert known(LAST) == []
    # Intervals go by their retention; rows stay.
    with connection.transaction():
        connection.execute("SET LOCAL ROLE urja_owner")
        connection.execute("TRUNCATE readings_interval")
    assert len(known(date(2026, 6, 1))) == 2
    # Of a service point whose first smart meter came later nothing may be used; an exchange keeps the first one's day.
    passed(workshop.device_id, MAY)
    assert known(date(2026, 5, 1)) == []


@pytest.mark.parametrize(
    "statement",
    ["UPDATE determinants_meter_calendar SET name = 'x'", "DELETE FROM determinants_meter_calendar"],
)
def test_what_a_meter_held_is_never_changed(connection, workshop, statement):
    import psycopg

    hold(workshop)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never changed or deleted"):
        connection.execute(statement)
