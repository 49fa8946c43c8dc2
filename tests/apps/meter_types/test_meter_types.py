"""Versions of meter types are stored, found by day and firmware, and refused where they contradict each other."""

from datetime import UTC, date, datetime

import psycopg
import pytest
from tests.cosem.meter_types import EVENTS, TYPE, write_type

from urja.cosem.companion import CompanionError, TypeFiles, read_type_folder

NOW = datetime(2026, 4, 2, 1, 0, tzinfo=UTC)
LATER = datetime(2026, 5, 2, 1, 0, tzinfo=UTC)


@pytest.fixture
def load(database, tmp_path):
    from urja.apps.meter_types.operations import load_type

    def load(*, loaded_at=NOW, actor="test", **texts):
        return load_type(
            read_type_folder(write_type(tmp_path / "m7", **texts)), loaded_at=loaded_at, actor=actor
        )

    return load


def second(**changes):
    text = TYPE.replace('version = "1"', 'version = "2"').replace("2026-01-01", "2026-05-01")
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def test_the_same_files_again_change_nothing_and_others_are_refused(load):
    from urja.apps.meter_types.errors import MeterTypeConflictError
    from urja.apps.meter_types.models import MeterTypeVersion

    first = load(actor="urja meter-type load (asha)")
    again = load(loaded_at=LATER, actor="urja meter-type load (ravi)")
    assert (again.id, again.loaded_at, again.actor) == (first.id, NOW, "urja meter-type load (asha)")
    assert (first.valid_from, len(first.sha256)) == (date(2026, 1, 1), 64)
    with pytest.raises(MeterTypeConflictError, match="give these a version of their own"):
        load(events=EVENTS.replace("181", "182"))
    assert MeterTypeVersion.objects.count() == 1


def test_a_later_version_is_in_force_from_its_day(load):
    from urja.apps.meter_types.queries import built, in_force, versions

    load()
    load(type=second())
    assert in_force(date(2025, 12, 31)) == {}

    def on(*day):
        return [built(sha256).version for sha256 in in_force(date(*day))["acme-m7-fw3"]]

    assert on(2026, 4, 30) == ["1"]
    assert on(2026, 5, 1) == ["2"]
    load(type=second().replace('version = "2"', 'version = "3"'))
    assert on(2026, 5, 1) == ["3"]  # of one day, the one loaded later
    assert [one["version"] for one in versions()] == ["1", "2", "3"]


def test_versions_for_other_firmware_are_in_force_beside_each_other(load):
    from urja.apps.meter_types.queries import built, in_force, known_type

    load()  # for 3.1 and 3.2
    load(type=second().replace('["3.1", "3.2"]', '["3.2", "4.0"]'))
    assert [built(one).version for one in in_force(date(2026, 5, 1))["acme-m7-fw3"]] == ["2", "1"]
    chosen = {one: known_type("acme-m7-fw3", one).version for one in ("3.1", "3.2", "4.0", "9", "")}
    assert chosen == {"3.1": "1", "3.2": "2", "4.0": "2", "9": "2", "": "2"}


def test_versions_that_do_not_fit_one_message_are_refused(load, monkeypatch):
    from urja.apps.meter_types import operations
    from urja.apps.meter_types.errors import MeterTypeTooLargeError
    from urja.apps.meter_types.models import MeterTypeVersion

    load()
    monkeypatch.setattr(operations, "MOST_TOGETHER", 6000)
    load(type=second())  # it takes the place of the first
    with pytest.raises(MeterTypeTooLargeError, match="give the type of this firmware another name"):
        load(type=second().replace('version = "2"', 'version = "3"').replace('["3.1", "3.2"]', '["4.0"]'))
    assert MeterTypeVersion.objects.count() == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"ACM"', '"XYZ"'),
        ("interval_s = 900", "interval_s = 1800"),
        ("relay = true", "relay = false"),
        ('dials = "out"', 'dials = "listen"'),
        ('category = "D1"', 'category = "D2"'),
    ],
)
def test_a_version_that_is_another_meter_needs_another_name(load, old, new):
    from urja.apps.meter_types.errors import UnlikeTypeError

    load()
    with pytest.raises(UnlikeTypeError, match="give it another name"):
        load(type=second().replace(old, new))


def test_names_of_shipped_types_are_taken(load):
    from urja.apps.meter_types.errors import ShippedNameError

    with pytest.raises(ShippedNameError, match="is shipped with Urja"):
        load(type=TYPE.replace("acme-m7-fw3", "urja-d1"))


def test_broken_files_are_not_loaded(load):
    from urja.apps.meter_types.models import MeterTypeVersion

    with pytest.raises(CompanionError, match="interval_s"):
        load(type=TYPE.replace("900", "7"))
    assert not MeterTypeVersion.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE meter_types_version SET text = ''",
        "DELETE FROM meter_types_version",
        "TRUNCATE meter_types_version",
    ],
)
def test_no_role_changes_a_version(load, database, statement):
    load()
    with (
        database.connect() as connection,
        pytest.raises(psycopg.errors.IntegrityError, match="never changed"),
    ):
        connection.execute(statement)


def test_a_hash_is_that_of_the_files(load, database):
    load()
    with (
        database.connect() as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="meter_types_hash"),
    ):
        connection.execute(
            "INSERT INTO meter_types_version (name, version, valid_from, firmware, text, sha256, loaded_at, actor)"
            " SELECT name, '2', valid_from, firmware, text || ' ', sha256, loaded_at, actor FROM meter_types_version"
        )


def test_types_are_known_by_their_names(load):
    from urja.apps.meter_types.errors import UnknownMeterTypeError
    from urja.apps.meter_types.queries import event_names, known_type, known_types

    load()
    load(type=second(), events=EVENTS.replace("lag only", "lag"))
    assert set(known_types()) >= {"urja-d1", "acme-m7-fw3"}
    assert known_type("acme-m7-fw3").version == "2"
    with pytest.raises(UnknownMeterTypeError, match="known are acme-m7-fw3, urja-d1"):
        known_type("acme")
    assert event_names("acme-m7-fw3") == {
        181: "Passive relay schedule", 191: "Apparent energy: lag", 192: "Apparent energy: lag and lead",
        823: "Terminal cover open: occurred", 824: "Terminal cover open: restored",
    }  # fmt: skip
    assert event_names("urja-d1") == event_names("no such type") == {}


def test_a_stored_type_that_this_release_refuses_stops_no_other(load, database):
    from urja.apps.meter_types.queries import known_types

    with database.connect() as connection:
        files = TypeFiles({"type.toml": "nothing"})
        connection.execute(
            "INSERT INTO meter_types_version (name, version, valid_from, firmware, text, sha256, loaded_at, actor)"
            " VALUES ('old-one', '1', '2026-01-01', '{1}', %s, %s, now(), 'test')",
            [files.text, files.sha256],
        )
    load()
    assert "acme-m7-fw3" in known_types()
    assert "old-one" not in known_types()
