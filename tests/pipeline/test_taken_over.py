"""A meter that was imported or adopted is in service and not commissioned: its pushes bill nothing until it is.

Pulled reads, manual reads and photographs bill at once. From the commissioning call that it passes its pushes count
too, and the register read of the call settles the time before.
"""

import numpy as np
import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, adopt
from tests.pipeline.test_ingest import block_batch, register_batch
from tests.usecases.life import answer, call

from urja.stream.records import RegisterKind, Source

DAY_LATER = START + 48 * HALF_HOUR


@pytest.fixture
def home(database):
    return adopt(called=False)


@pytest.fixture
def ingest(database):
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection

    session = StageConnection(database.conninfo("urja_pipeline"))
    ingester = Ingester(session, town.ZONE)
    yield lambda now, *batches: ingester.apply(batches, now)
    session.close()


def pushed(home, at, *wh, source=Source.PUSH):
    batch = block_batch(*[(home.device_id, at + HALF_HOUR * n, each) for n, each in enumerate(wh)])
    batch.records["source"] = source
    return batch


def read(home, at, wh, *, source, kind):
    batch = register_batch((home.device_id, at, wh))
    batch.records["source"] = source
    batch.records["kind"] = kind
    return batch


def energy(database):
    with database.connect() as connection:
        rows = connection.execute("SELECT billed_value FROM readings_accrual ORDER BY 1").fetchall()
    return [wh for (wh,) in rows]


def stored(database, table, key):
    with database.connect() as connection:
        return connection.execute(
            f"SELECT {key}, source, count(*) FROM {table} GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()


def commission(home, at, register_wh):
    from urja.apps.commissioning.models import Call
    from urja.pipeline import commission as stage

    number = call(1, at)
    while stage.run_once(at, 1).done:
        answer(at, register_wh=register_wh)
    assert Call.objects.get(id=number).state == "passed"


def test_what_it_pushes_is_kept_and_marked_and_bills_nothing(database, home, ingest):
    ingest(DAY_LATER, pushed(home, START, *[500] * 4))
    ingest(
        DAY_LATER,
        read(home, START + 4 * HALF_HOUR, 99_000, source=Source.PUSH, kind=RegisterKind.INSTANTANEOUS),
    )
    assert energy(database) == [0]
    assert stored(database, "readings_interval", "series") == [(2, Source.PUSH, 4)]
    assert (RegisterKind.UNCOMMISSIONED, Source.PUSH, 1) in stored(database, "readings_register", "kind")


def test_what_is_pulled_or_read_by_people_bills_at_once(database, home, ingest):
    """The same intervals, pulled: also where the meter has pushed them before, with the same values."""
    ingest(DAY_LATER, pushed(home, START, *[500] * 4))
    ingest(DAY_LATER, pushed(home, START, *[500] * 4, source=Source.PULL))
    assert energy(database) == [2000]
    ingest(DAY_LATER, read(home, DAY_LATER, 13_000, source=Source.PULL, kind=RegisterKind.DAILY))
    assert energy(database) == [3000]


def test_what_it_pushed_is_held_against_no_honest_read(database, home, ingest):
    """Its firmware tells VAh for Wh: a higher register pushed first would make what people read look as running back."""
    at = START + 4 * HALF_HOUR
    ingest(DAY_LATER, read(home, at, 11_900, source=Source.PUSH, kind=RegisterKind.INSTANTANEOUS))
    ingest(DAY_LATER, read(home, at + HALF_HOUR, 11_000, source=Source.PULL, kind=RegisterKind.DAILY))
    assert energy(database) == [1000]
    # In one batch too.
    first = read(home, at + 2 * HALF_HOUR, 12_900, source=Source.PUSH, kind=RegisterKind.INSTANTANEOUS)
    second = read(home, at + 3 * HALF_HOUR, 11_500, source=Source.PULL, kind=RegisterKind.DAILY)
    ingest(DAY_LATER, first, second)
    assert energy(database) == [1500]


def test_from_the_call_on_its_pushes_count_and_the_register_of_the_call_settles(database, home, ingest):
    ingest(DAY_LATER, pushed(home, START, *[500] * 48))
    assert energy(database) == [0]
    commission(home, DAY_LATER, register_wh=10_000 + 24_000)
    assert energy(database) == [24_000]
    ingest(DAY_LATER + 4 * HALF_HOUR, pushed(home, DAY_LATER, *[500] * 2))
    assert energy(database) == [25_000]
    # What was pushed before is late now, and still marked: nothing of it counts twice.
    ingest(DAY_LATER + 4 * HALF_HOUR, pushed(home, START, *[500] * 48))
    assert energy(database) == [25_000]
    assert stored(database, "readings_interval", "series") == [
        (1, Source.PUSH, 2),
        (2, Source.PUSH, 48),
    ]


def test_its_intervals_are_missing_at_once_and_until_they_are_pulled(database, home, ingest):
    from urja.apps.readings import gaps

    def missing():
        with database.connect("urja_pipeline") as connection, connection.cursor() as cursor:
            gaps.close_filled(cursor, DAY_LATER)
            return cursor.execute("SELECT count(*) FROM readings_gap WHERE closed_at IS NULL").fetchone()[0]

    ingest(START + 5 * HALF_HOUR, pushed(home, START, *[500] * 4))
    assert missing() == 4
    ingest(DAY_LATER, pushed(home, START, *[500] * 3, source=Source.PULL))
    assert missing() == 1
    # What is pulled first and pushed again is not missing.
    ingest(DAY_LATER, pushed(home, START + 4 * HALF_HOUR, 500, source=Source.PULL))
    ingest(DAY_LATER, pushed(home, START + 4 * HALF_HOUR, 500))
    assert missing() == 1


def test_the_switch_of_the_law_is_seen_to_break(database, home, ingest, monkeypatch):
    """With every push believed, as it was before, the first test's energy is billed."""
    from urja.apps.readings.registry_snapshot import RegistrySnapshot

    believed = RegistrySnapshot.place

    def all_of_it(self, *arguments):
        import dataclasses

        placed = believed(self, *arguments)
        return dataclasses.replace(placed, believed=np.ones(len(placed.known), bool))

    monkeypatch.setattr(RegistrySnapshot, "place", all_of_it)
    ingest(DAY_LATER, pushed(home, START, *[500] * 4))
    assert energy(database) == [2000]
