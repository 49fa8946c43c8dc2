"""The registry as it held at one instant, as known at another.

Changes of the past are visible from the instant they were recorded; undone ones until they were undone.
"""

from datetime import timedelta

import pytest
from tests.apps.town import START
from tests.conftest import begun_with
from tests.usecases.life import DAY, HOUR, connect, do, install_meter, stock

LEARNED = START + DAY
UNDONE = START + 2 * DAY
MOVED = START + 2 * HOUR


def moment(valid_at, known_at):
    from urja.apps.overviews.queries.bitemporal import AsOf

    return AsOf(valid_at, known_at)


def moved_and_taken_back(database):
    """A connection that was moved in the past, which was learned a day later and taken back on the next."""
    from urja.apps.network.models import ServicePoint
    from urja.usecases.operations import MoveServicePoint, Undo, add_transformer

    for code in ("T1", "T2"):
        add_transformer(code, feeder="F1", recorded_at=START, actor="test")
    stock(1)
    connect(grid="transformer T1", phase="R")
    install_meter()
    entry = do(MoveServicePoint(consumer_number="C-1", grid="transformer T2", moved_at=MOVED), LEARNED)
    do(Undo(entry_id=entry.id, reason="another house"), UNDONE)
    return ServicePoint.objects.get(consumer_number="C-1").id


database, moved = begun_with(moved_and_taken_back)


@pytest.mark.parametrize(
    ("valid_at", "known_at", "transformer", "until"),
    [
        (MOVED + HOUR, LEARNED - HOUR, "T1", None),
        (MOVED + HOUR, LEARNED, "T2", None),
        (MOVED - HOUR, LEARNED, "T1", MOVED),
        (MOVED + HOUR, UNDONE - HOUR, "T2", None),
        (MOVED + HOUR, UNDONE, "T1", None),
        (MOVED + HOUR, UNDONE + DAY, "T1", None),
    ],
)
def test_where_it_was_installed(moved, valid_at, known_at, transformer, until):
    from urja.apps.overviews.queries import bitemporal

    then = bitemporal.placed_service_point(moved, moment(valid_at, known_at))
    (placement,) = then.placements
    assert (placement.node.code, placement.phase, placement.valid_to) == (transformer, "R", until)
    assert then.service_point.premise.name == "Neem House"


def test_a_service_point_that_was_not_recorded_yet(moved):
    from urja.apps.overviews.queries import bitemporal

    assert bitemporal.placed_service_point(moved, moment(MOVED, START - HOUR)) is None


def test_what_an_undoing_took_away_and_what_it_put_back(empty_database):
    from urja.apps.network.models import ServicePoint
    from urja.apps.overviews.queries import bitemporal
    from urja.usecases.operations import Undo

    entry = connect()
    place = ServicePoint.objects.get().id
    do(Undo(entry_id=entry.id, reason="another town"), LEARNED)
    assert not ServicePoint.objects.exists()
    assert (
        bitemporal.placed_service_point(place, moment(START, LEARNED - HOUR)).service_point.consumer_number
        == "C-1"
    )
    assert bitemporal.placed_service_point(place, moment(START, LEARNED)) is None


def test_a_row_that_was_away_for_a_while(empty_database):
    """An undoing puts back what an operation has deleted: meanwhile it was not recorded."""
    from django.db import connection

    from urja.apps.journal.models import AuditEntry
    from urja.apps.network.models import Node
    from urja.apps.overviews.queries import bitemporal

    stamp = {"actor": "test", "content": {}}
    node = Node.objects.create(
        id=900, tree="grid", level="feeder", code="F1", recorded_at=START, actor="test"
    )
    undoing = AuditEntry.objects.create(id=2, kind="undo", recorded_at=UNDONE, **stamp)
    AuditEntry.objects.create(id=1, kind="test", recorded_at=LEARNED, undone_by=undoing, **stamp)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO journal_history (table_name, row_id, action, row, known_to, operation_id) "
            "SELECT 'network_node', id, 'deleted', to_jsonb(n), %s, 1 FROM network_node n",
            [LEARNED],
        )

    def there(at):
        return [one.id for one in bitemporal.rows(Node, [node.id], at)]

    assert [there(at) for at in (START - HOUR, START, LEARNED - HOUR)] == [[], [900], [900]]
    assert [there(at) for at in (LEARNED, UNDONE - HOUR, UNDONE)] == [[], [], [900]]


def test_meters_by_what_was_known(moved):
    from urja.apps.overviews.queries import bitemporal
    from urja.usecases.operations import RemoveMeter

    removed_at = START + 3 * HOUR
    do(RemoveMeter(serial="URJ00000001", removed_at=removed_at, register_wh=200), UNDONE + HOUR)
    then = removed_at + HOUR
    (period,) = bitemporal.installations([moved], moment(then, UNDONE))
    assert (period.device.serial, period.valid_to) == ("URJ00000001", None)
    assert (
        bitemporal.installation_of(period.device_id, moment(then, UNDONE)).service_point.consumer_number
        == "C-1"
    )
    assert bitemporal.installations([moved], moment(then, UNDONE + HOUR)) == []
    assert bitemporal.installation_of(period.device_id, moment(then, UNDONE + HOUR)) is None
    (before,) = bitemporal.installations([moved], moment(removed_at - timedelta(minutes=1), UNDONE + HOUR))
    assert before.valid_to == removed_at


def test_no_keys_and_no_other_tables(moved):
    from django.db import DatabaseError, connection, transaction

    from urja.apps.assets.models import Device
    from urja.apps.overviews.queries import bitemporal

    (device,) = bitemporal.rows(Device, [Device.objects.get().id], UNDONE)
    assert device.serial == "URJ00000001"
    assert not bytes(device.wrapped_guek)
    with connection.cursor() as cursor:
        cursor.execute("SELECT contracts_known('assets_device', 'id', %s, %s)::text", [[device.id], UNDONE])
        assert "wrapped" not in cursor.fetchone()[0]
        for table, by in (("identity_token", "id"), ("people_person", "name")):
            with transaction.atomic(), pytest.raises(DatabaseError, match="asks what was known of"):
                cursor.execute("SELECT contracts_known(%s, %s, '{1}', now())", [table, by])
