"""A person edits an interval: a new version with its reason, within what the meter can carry, and measured for approval."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, adopt, blocks, registers

DAY = timedelta(days=1)
NOW = START + 5 * DAY


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


@pytest.fixture
def home(connection):
    made = adopt(1, register_wh=1_000)
    town.store_blocks(connection, blocks(made, *((START + n * HALF_HOUR, 100) for n in range(4))))
    return made


def edit(**changes):
    from urja.usecases.operations import EditInterval, perform

    values = {
        "serial": "URJ00000001",
        "start_at": START + HALF_HOUR,
        "energy_wh": 40,
        "reason": "a test load of the laboratory",
    }
    return perform(EditInterval(**(values | changes)), recorded_at=NOW, actor="user 7")


def used(connection):
    return connection.execute("SELECT sum(billed_value)::int FROM readings_accrual").fetchone()[0]


def refusal(**changes):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as refused:
        edit(**changes)
    return " / ".join(map(str, refused.value.faults))


def test_the_value_counts_until_a_register_read_bills(connection, home):
    done = edit()
    assert (done.outcome["version"], done.outcome["before"]) == (2, 100)
    assert done.service_point_id == home.service_point_id
    assert used(connection) == 340
    assert connection.execute(
        "SELECT i.values[1], i.status, e.reason, e.actor FROM readings_interval i"
        " JOIN readings_edit e USING (service_point_id, device_id, series, start_at, version)"
    ).fetchall() == [(40, 4, "a test load of the laboratory", "user 7")]
    # What the meter sends again does not replace it, and its own register bills the day.
    town.store_blocks(connection, blocks(home, (START + HALF_HOUR, 100)))
    assert used(connection) == 340
    town.store_registers(connection, registers(home, (START + DAY, 9_000)))
    assert used(connection) == 8_000


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reason": " "}, "give a reason for the edit"),
        ({"serial": "URJ00000009"}, "meter URJ00000009 was installed nowhere at"),
        ({"start_at": START + 5 * HALF_HOUR}, "no interval of meter URJ00000001 that begins at"),
        ({"start_at": START + timedelta(minutes=45)}, "no interval of meter URJ00000001 that begins at"),
        ({"energy_wh": 100}, "has 100 Wh in this interval already"),
        ({"energy_wh": -1}, "can have counted 0 to"),
        ({"energy_wh": 2**31}, "can have counted 0 to"),
        ({"energy_wh": None}, "give energy_wh"),
        ({"energy_wh": None, "energy_l": 40}, "give energy_wh, and no energy_l"),
    ],
)
def test_what_cannot_be_is_refused(home, changes, why):
    assert why in refusal(**changes)


def test_it_is_edited_back_and_not_undone(connection, home):
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import Undo, perform

    done = edit()
    with pytest.raises(RefusedError, match="edit the interval again, with the value that it had"):
        perform(Undo(entry_id=done.id, reason="a mistake"), recorded_at=NOW, actor="user 7")
    assert edit(energy_wh=100, reason="a mistake").outcome["before"] == 40
    assert used(connection) == 400
