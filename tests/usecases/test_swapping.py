"""Two meters at each other's service point: swapped back for the past, with readings, gaps and energy; money by new
entries.
"""

from contextlib import closing
from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, ZONE, accruals, adopt, blocks, registers

DAY = timedelta(days=1)
NOW = START + 5 * DAY


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def swap(since=START, at=NOW, **changes):
    from urja.usecases.operations import SwapMeters, perform

    values = {"serial_a": "URJ00000001", "serial_b": "URJ00000002", "since": since, "reason": "both phoned"}
    return perform(SwapMeters(**(values | changes)), recorded_at=at, actor="test")


def lived(connection, made, start_wh, per_block, days=2):
    """Blocks and midnights of a meter that draws evenly."""
    rows = [(START + n * HALF_HOUR, per_block) for n in range(48 * days)]
    town.store_blocks(connection, blocks(made, *rows))
    reads = [(START + day * DAY, start_wh + day * (48 * per_block + 3)) for day in range(1, days + 1)]
    town.store_registers(connection, registers(made, *reads))


def used(connection):
    return dict(
        connection.execute(
            "SELECT agreement_id, sum(billed_value)::int FROM readings_accrual GROUP BY 1"
        ).fetchall()
    )


def test_each_pays_for_what_the_other_was_charged(connection):
    one, two = adopt(1, register_wh=1_000), adopt(2, register_wh=50_000, bucket=9)
    lived(connection, one, 1_000, 10)
    lived(connection, two, 50_000, 200)
    a, b = 2 * (480 + 3), 2 * (9_600 + 3)
    assert used(connection) == {one.agreement_id: a, two.agreement_id: b}
    done = swap()
    assert (done.outcome["intervals_moved"], done.outcome["registers_moved"]) == (192, 6)
    assert used(connection) == {one.agreement_id: b, two.agreement_id: a}
    # Nothing was changed: every row that was there is there, and its values once more under the right place.
    assert connection.execute(
        "SELECT source, count(*) FROM readings_interval GROUP BY 1 ORDER BY 1"
    ).fetchall() == [
        (1, 192),
        (7, 192),
    ]
    from urja.laws import energy_ownership as registry_laws

    assert all(finding.holds for finding in registry_laws.examine(connection, NOW, ZONE))


def test_swapped_back_and_forth_everything_is_as_it_was(connection):
    one, two = adopt(1, register_wh=1_000), adopt(2, register_wh=50_000, bucket=9)
    lived(connection, one, 1_000, 10)
    lived(connection, two, 50_000, 200)
    before = accruals(connection)
    swap()
    again = swap()
    assert (again.outcome["intervals_moved"], again.outcome["registers_moved"]) == (0, 0)
    assert accruals(connection) == before
    assert [one.device_id, two.device_id] == [
        row[0]
        for row in connection.execute(
            "SELECT device_id FROM assets_device_period ORDER BY service_point_id"
        ).fetchall()
    ]


def test_from_the_middle_of_an_interval_on_what_was_before_stays(connection):
    """Swapped by a visit at 10:10 on the second day: no register stands there, the blocks say how far each was."""
    from urja.apps.assets.models import DevicePeriod

    one, two = adopt(1, register_wh=1_000), adopt(2, register_wh=50_000, bucket=9)
    lived(connection, one, 1_000, 10)
    lived(connection, two, 50_000, 200)
    since = START + DAY + timedelta(hours=10, minutes=10)
    swap(since)
    # The interval that began at 10:00 counts for where it began.
    first, second = 483 + 21 * 10, 9_603 + 21 * 200
    assert used(connection) == {
        one.agreement_id: first + (2 * 9_603 - second),
        two.agreement_id: second + (2 * 483 - first),
    }
    assert list(
        DevicePeriod.objects.order_by("service_point_id", "valid_from").values_list("device_id", "valid_to")
    ) == [(one.device_id, since), (two.device_id, None), (two.device_id, since), (one.device_id, None)]


def test_what_comes_afterwards_finds_its_new_place(database, connection):
    """Through ingest, which has placed such rows elsewhere before; and what comes twice is known there."""
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection
    from urja.stream.codec import Batch
    from urja.stream.records import BLOCK
    from urja.stream.subjects import Kind

    one, two = adopt(1, register_wh=1_000), adopt(2, register_wh=50_000, bucket=9)

    def batch(*rows):
        placed = blocks(one, *rows)
        return Batch(Kind.BLOCK, 1, placed[list(BLOCK.names)].astype(BLOCK))

    with closing(StageConnection(database.conninfo("urja_pipeline"))) as session:
        ingester = Ingester(session, ZONE)
        ingester.apply([batch((START, 70))], START + HALF_HOUR)
        assert used(connection) == {one.agreement_id: 70, two.agreement_id: 0}
        swap()
        assert used(connection) == {one.agreement_id: 0, two.agreement_id: 70}
        again = ingester.apply([batch((START, 70), (START + HALF_HOUR, 30))], START + 2 * HALF_HOUR)
        assert (again.stored.inserted, again.stored.ignored) == (1, 1)
        assert used(connection) == {one.agreement_id: 0, two.agreement_id: 100}


def test_a_swap_while_rows_are_on_their_way_is_noticed(database, connection):
    """The batch was placed by what the registry said before; the swap commits before it is stored."""
    from urja.pipeline import ingest
    from urja.pipeline.stage import StageConnection
    from urja.stream.codec import Batch
    from urja.stream.records import BLOCK
    from urja.stream.subjects import Kind

    one, two = adopt(1, register_wh=1_000), adopt(2, register_wh=50_000, bucket=9)
    placed = blocks(one, (START, 70))
    batch = Batch(Kind.BLOCK, 1, placed[list(BLOCK.names)].astype(BLOCK))

    class Late(ingest.Ingester):
        swapped = False

        def _make_days(self, cursor, start_at):
            super()._make_days(cursor, start_at)
            if not self.swapped:
                self.swapped = True
                swap()

    with closing(StageConnection(database.conninfo("urja_pipeline"))) as session:
        Late(session, ZONE).apply([batch], START + HALF_HOUR)
    assert used(connection) == {one.agreement_id: 0, two.agreement_id: 70}


def test_gaps_edits_and_events_go_with_the_meter(connection):
    from urja.apps.readings import gaps, operations
    from urja.apps.readings.kinds import Status
    from urja.apps.supply.queries.feed import newest_entries

    one, two = adopt(1, register_wh=1_000), adopt(2, register_wh=50_000, bucket=9)
    town.store_blocks(connection, blocks(one, (START, 100), (START + 2 * HALF_HOUR, 50)))
    with connection.transaction(), connection.cursor() as cursor:
        gaps.list_missing(cursor, START + 4 * HALF_HOUR, town.ZONE)
        operations.edit_interval(
            cursor,
            operations.IntervalKey(one.service_point_id, one.device_id, START),
            billed=90,
            reason="meter shop",
            actor="clerk",
            recorded_at=START + DAY,
            zone=ZONE,
        )
    connection.execute(
        "INSERT INTO readings_event (service_point_id, device_id, occurred_at, code, state, clock_status, source,"
        " correlation, received_at) VALUES (%s, %s, %s, 201, 1, 0, 1, 1, %s)",
        [one.service_point_id, one.device_id, START + HALF_HOUR, START + HALF_HOUR],
    )
    swap()
    places = dict(
        connection.execute(
            "SELECT device_id, service_point_id FROM readings_gap WHERE start_at > %s", [START]
        ).fetchall()
    )
    assert places == {one.device_id: two.service_point_id, two.device_id: one.service_point_id}
    assert connection.execute(
        "SELECT i.values[1], i.status, e.reason FROM readings_interval i JOIN readings_edit e USING"
        " (service_point_id, device_id, series, start_at, version) WHERE service_point_id = %s",
        [two.service_point_id],
    ).fetchall() == [(90, Status.EDITED, "meter shop")]
    assert [h.what for h in newest_entries(service_point_id=two.service_point_id) if h.kind == "event"] == [
        "201"
    ]
    assert not [h for h in newest_entries(service_point_id=one.service_point_id) if h.kind == "event"]
    with connection.transaction(), connection.cursor() as cursor:
        # What was listed is not listed again.
        assert gaps.list_missing(cursor, START + 4 * HALF_HOUR, town.ZONE) == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"serial_b": "URJ00000001"}, "with itself"),
        ({"serial_b": "URJ00000009"}, "URJ00000009 is not installed"),
        ({"since": START - DAY}, "began only on"),
        ({"since": NOW + DAY}, "is in the future"),
        (
            {"since": START + DAY},
            "URJ00000001 up to .* is not known yet; choose 2026-03-01T18:30:00",
        ),
        ({"reason": ""}, "how it was found"),
    ],
)
def test_what_is_refused(connection, changes, sentence):
    from urja.apps.journal.errors import RefusedError

    adopt(1)
    adopt(2, bucket=9)
    with pytest.raises(RefusedError, match=sentence):
        swap(**changes)


def test_it_is_not_undone_but_swapped_again(connection):
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import Undo, perform

    for number in (1, 2):
        lived(connection, adopt(number, register_wh=1_000), 1_000, 100)
    undo = Undo(entry_id=swap().id, reason="it was right before")
    with pytest.raises(
        RefusedError, match="cannot be undone: swap the two meters again, from the same instant on"
    ):
        perform(undo, recorded_at=NOW, actor="test")
