"""Energy without an agreement is listed; together with what agreements used it is what the registers counted."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, ZONE, adopt, blocks, exchange, in_stock, registers

DAY = timedelta(days=1)
AT = START + DAY + timedelta(hours=14, minutes=20)
LEFT, CAME = START + 3 * DAY + timedelta(hours=10), START + 5 * DAY
NOW = START + 8 * DAY


@dataclass(frozen=True)
class Meter:
    service_point_id: int
    device_id: int
    agreement_id: int


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def moved(home):
    """The tenant leaves on the 5th at ten; the next one comes on the 7th."""
    from urja.apps.contracts.models import Agreement, AgreementTerms
    from urja.apps.journal.operation import next_id
    from urja.apps.readings.operations import recompute_since

    def renewed(row, **values):
        fields = {field.attname: getattr(row, field.attname) for field in row._meta.fields}
        return type(row).objects.create(
            **(fields | {"id": next_id(7), "valid_from": CAME, "valid_to": None} | values)
        )

    with town.by_hand():
        AgreementTerms.objects.update(valid_to=LEFT)
        Agreement.objects.update(valid_to=LEFT)
        after = renewed(Agreement.objects.get())
        renewed(AgreementTerms.objects.get(), agreement_id=after.id)
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("UPDATE journal_revision SET revision = revision + 1")
            recompute_since(cursor, {home.service_point_id: START}, NOW, ZONE)
    return after.id


@pytest.fixture
def town_with_changes(connection):
    """A meter exchanged with a ratio, a flat that stands empty, and a meter that has not passed yet."""
    home = adopt(1, register_wh=1_000)
    in_stock(2)
    town.store_blocks(connection, blocks(home, *((START + n * HALF_HOUR, 10) for n in range(76))))
    town.store_registers(connection, registers(home, (START + DAY, 1_485)))
    done = exchange(1, 2, AT, old_wh=1_777, new_wh=5, ratio_primary=7, ratio_secondary=3)
    new = Meter(home.service_point_id, done.outcome["device_id"], home.agreement_id)
    town.store_registers(connection, registers(new, (START + 2 * DAY, 105), (START + 3 * DAY, 205)))
    town.store_registers(connection, registers(new, (LEFT, 247)))
    after = moved(home)
    empty = Meter(home.service_point_id, new.device_id, 0)
    starts = [LEFT + n * HALF_HOUR for n in range(20)]
    town.store_blocks(connection, blocks(empty, *((start, 1) for start in starts)))
    town.store_registers(connection, registers(empty, (START + 4 * DAY, 261), (CAME, 272)))
    later = Meter(home.service_point_id, new.device_id, after)
    town.store_blocks(connection, blocks(later, *((CAME + n * HALF_HOUR, 2) for n in range(10))))
    town.store_registers(connection, registers(later, (CAME + DAY, 400)))
    return home, new


def laws(connection, now=NOW):
    from urja.laws import energy_ownership as registry_laws

    return {finding.law: finding for finding in registry_laws.examine(connection, now, ZONE)}


def test_everything_is_somebodys_or_listed(connection, town_with_changes):
    from urja.apps.readings import queries
    from urja.apps.readings.unassigned import UnassignedReason
    from urja.laws.energy_ownership import figures

    home, new = town_with_changes
    pieces = queries.unassigned(START, NOW)
    vacant = [piece for piece in pieces if piece.why == UnassignedReason.VACANT]
    assert [(piece.device_id, piece.from_at, piece.to_at, piece.known_to_at) for piece in vacant] == [
        (new.device_id, LEFT, CAME, CAME)
    ]
    assert vacant[0].energy_wh == 272 * 7 // 3 - 247 * 7 // 3
    half = START + DAY + 28 * HALF_HOUR
    cut = {
        (piece.device_id, piece.from_at, piece.to_at)
        for piece in pieces
        if piece.why == UnassignedReason.PARTIAL
    }
    assert cut == {(home.device_id, half, half + HALF_HOUR), (new.device_id, half, half + HALF_HOUR)}
    assert figures(pieces) == {
        "unassigned_vacant_wh": vacant[0].energy_wh,
        "unassigned_not_commissioned_wh": 0,
        "intervals_cut": 2,
    }
    found = laws(connection)
    assert all(finding.holds for finding in found.values()), found
    used = connection.execute(
        "SELECT sum(carried_value + anchor_value * ratio_primary / ratio_secondary"
        " - opening_value * ratio_primary / ratio_secondary) FROM readings_accrual"
    ).fetchone()[0]
    assert used + vacant[0].energy_wh == 777 + 400 * 7 // 3 - 5 * 7 // 3


def test_a_window_cuts_what_it_asks_for(connection, town_with_changes):
    """By the blocks at the window's edge, which the register has passed over."""
    from urja.apps.readings import queries

    (piece,) = queries.unassigned(LEFT + 5 * HALF_HOUR, LEFT + 10 * HALF_HOUR)
    assert (piece.from_at, piece.to_at) == (LEFT + 5 * HALF_HOUR, LEFT + 10 * HALF_HOUR)
    assert piece.energy_wh == 257 * 7 // 3 - 252 * 7 // 3


def test_what_a_meter_counts_before_it_has_passed_is_listed(connection):
    from urja.apps.assets.models import DevicePeriod
    from urja.apps.readings import queries
    from urja.apps.readings.unassigned import UnassignedReason

    home = adopt(1, register_wh=1_000)
    period = DevicePeriod.objects.get()
    town.commissioned(period, START + timedelta(hours=9, minutes=40), NOW)
    town.store_registers(connection, registers(home, (START + timedelta(hours=9, minutes=40), 1_300)))
    town.store_registers(connection, registers(home, (START + DAY, 2_000)))
    town.store_blocks(connection, blocks(home, (START, 50), (START + 30 * HALF_HOUR, 20)))
    waiting, cut = queries.unassigned(START, NOW)
    assert (waiting.why, waiting.energy_wh, waiting.to_at) == (
        UnassignedReason.NOT_COMMISSIONED,
        300,
        START + timedelta(hours=9, minutes=40),
    )
    assert (cut.why, cut.from_at) == (UnassignedReason.PARTIAL, START + 19 * HALF_HOUR)
    found = laws(connection)
    assert all(finding.holds for finding in found.values()), found
    town.commissioned(period, None, NOW)
    (waiting,) = queries.unassigned(START, NOW)
    assert (waiting.energy_wh, waiting.known_to_at, waiting.to_at) == (1_000, START + DAY, NOW)
    assert all(finding.holds for finding in laws(connection).values())


def test_a_check_meter_and_a_common_area_are_nobodys_by_their_nature(connection):
    from urja.apps.contracts.models import Agreement, AgreementTerms
    from urja.apps.network.models import ServicePoint
    from urja.apps.readings import queries

    home = adopt(1)
    in_stock(2)
    town.install(2, START, place=1, role="check")
    assert queries.unassigned(START, NOW) == []
    with town.by_hand():
        AgreementTerms.objects.all().delete()
        Agreement.objects.all().delete()
    (vacant,) = queries.unassigned(START, NOW)
    assert vacant.device_id == home.device_id
    with town.by_hand():
        ServicePoint.objects.update(purpose="common_area")
    assert queries.unassigned(START, NOW) == []


@pytest.mark.parametrize(
    ("law", "damage"),
    [
        (
            "metered_is_used_or_listed",
            "UPDATE readings_accrual SET carried_value = carried_value + 1 WHERE carried_value > 0",
        ),
        (
            "metered_is_used_or_listed",
            "UPDATE readings_accrual SET watermark_at = opened_at",
        ),
        (
            "metered_is_used_or_listed",
            (
                "INSERT INTO readings_register (service_point_id, device_id, read_at, channel_set, values,"
                " correlation, received_at, kind, version, status, source, clock_status, recorded_in)"
                " SELECT service_point_id, device_id, read_at, channel_set,"
                " values[1] + 1 || values[2:], correlation, received_at, kind, version + 1, status, source, clock_status,"
                " recorded_in"
                " FROM readings_register WHERE values[1] = 1777"
            ),
        ),
    ],
)
def test_the_law_sees_what_is_wrong(connection, town_with_changes, law, damage):
    assert laws(connection)[law].holds
    connection.execute(damage)
    found = laws(connection)
    assert not found[law].holds
    assert all(finding.holds for name, finding in found.items() if name != law)


def test_the_law_sees_an_interval_that_is_not_listed(connection, town_with_changes, monkeypatch):
    """The query forgets empty flats: their intervals and their energy are missed, each by its own law."""
    from urja.apps.readings import unassigned

    found = unassigned.find
    monkeypatch.setattr(
        unassigned,
        "find",
        lambda *asked: [piece for piece in found(*asked) if piece.why != unassigned.UnassignedReason.VACANT],
    )
    assert {law: finding.holds for law, finding in laws(connection).items()} == {
        "metered_is_used_or_listed": False,
        "intervals_have_an_owner": False,
    }


def test_a_cut_interval_is_one_of_the_meters_own_clock(connection):
    """By the hour on +05:00 all year: what is cut at 14:20 by the wall clock began at 13:30."""
    from urja.apps.readings import queries
    from urja.apps.readings.unassigned import UnassignedReason

    adopt(1, interval_s=3600, clock_offset_s=18_000)
    adopt(2, interval_s=3600)
    for number in (1, 2):
        town.remove(number, AT, register_wh=20_000)
    cut = {
        piece.device_id: piece.from_at
        for piece in queries.unassigned(START, NOW)
        if piece.why == UnassignedReason.PARTIAL and piece.from_at > START + DAY
    }
    assert sorted(AT - at for at in cut.values()) == [timedelta(minutes=20), timedelta(minutes=50)]
