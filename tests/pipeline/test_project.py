"""Meters reach the key-value store, follow their changes, and are written again after its loss."""

import asyncio
import secrets
from datetime import timedelta

import msgspec
import pytest
from prometheus_client import REGISTRY
from tests.apps.town import START, adopt, remove
from tests.cosem.meter_types import TYPE, write_type

from urja.cosem.companion import TypeFiles, build_device_type, read_type_folder
from urja.stream import messages
from urja.stream.bucket_contents import BucketContents, digest_of, digests_of_parts
from urja.stream.devices import SignedDevice
from urja.stream.errors import BrokerUnavailableError, StreamFullError
from urja.stream.signing import public_key

SIGNING_KEY = bytes(range(32))


class Store:
    """A bucket, and a head end that reads it when it is asked to."""

    def __init__(self):
        self.entries = {}
        self.types = []
        self.sequence = 0
        self.told = {}
        self.away = False
        self.refuses_types = set()
        self.verify_key = public_key(SIGNING_KEY)

    async def put_device(self, key, signed):
        if self.away:
            raise BrokerUnavailableError("away")
        return self.write(key, messages.encode(signed))

    async def delete_device(self, key):
        self.entries.pop(key, None)
        self.sequence += 1
        return self.sequence

    async def device_keys(self):
        return sorted(self.entries)

    async def devices_sequence(self):
        return self.sequence

    async def reported_contents(self):
        return list(self.told.values())

    def write(self, key, payload):
        self.sequence += 1
        self.entries[key] = payload
        return self.sequence

    def read(self, headend="one"):
        """What a head end finds and tells."""
        digests = {key: digest_of(payload) for key, payload in self.entries.items()}
        self.told[headend] = BucketContents(
            headend=headend,
            reading=secrets.token_hex(8),
            sequence=self.sequence,
            entries=len(digests),
            parts=digests_of_parts(digests.items()),
        )

    @property
    def devices(self):
        return [
            messages.decode(payload, SignedDevice).verified_for(key, self.verify_key)
            for key, payload in sorted(self.entries.items())
        ]

    async def put_type(self, name, signed):
        if self.away:
            raise BrokerUnavailableError("away")
        if name in self.refuses_types:
            raise StreamFullError("maximum bytes exceeded (10077)")
        self.types.append(signed.verified(self.verify_key))
        return len(self.types)


@pytest.fixture
def store(database):
    return Store()


def project(store, signing_key=SIGNING_KEY):
    # Models can be imported once Django is configured, which the database's fixture does.
    from urja.pipeline.project import Project

    return Project(store, "Asia/Kolkata", signing_key=signing_key)


def run(stage, now=START):
    from urja.pipeline.django_thread import DjangoThread

    async def once():
        stage._in_thread = DjangoThread()
        try:
            return await stage.run_once(now)
        finally:
            await stage._in_thread.close()

    return asyncio.run(once())


def test_meters_are_projected_once_and_again_when_they_change(database, store):
    made = adopt(1, bucket=700)
    stage = project(store)
    assert run(stage).done == 1
    (entry,) = store.devices
    assert (entry.device_id, entry.bucket, entry.active) == (made.device_id, 700, True)
    assert entry.interval_s == 1800
    assert run(stage).done == 0
    remove(1, START + timedelta(days=1))
    assert run(stage).done == 1
    (entry,) = store.devices
    assert (entry.bucket, entry.active) == (700, False)


def test_types_are_projected_from_their_day_and_now_and_then(database, store, tmp_path):
    from urja.apps.meter_types.operations import load_type

    def load(version, valid_from):
        text = TYPE.replace('version = "1"', f'version = "{version}"').replace("2026-01-01", valid_from)
        load_type(read_type_folder(write_type(tmp_path / version, type=text)), loaded_at=START, actor="test")

    stage, day = project(store), timedelta(days=1)
    assert run(stage).done == 0
    load("1", "2026-01-01")
    load("2", "2026-03-03")  # START is the local midnight that begins 2 March
    assert run(stage).done == 1
    assert run(stage).done == 0
    [first] = store.types
    [files] = first.versions
    assert (first.name, sorted(files)) == ("acme-m7-fw3", ["events.toml", "profiles.toml", "type.toml"])
    # What the store has become, the pipeline cannot see: it is written again.
    assert run(stage, START + timedelta(minutes=5)).done == 1
    assert run(stage, START + day - timedelta(minutes=1)).done == 1
    assert run(stage, START + day).done == 1
    told = [[build_device_type(TypeFiles.of(one)).version for one in entry.versions] for entry in store.types]
    assert told == [["1"], ["1"], ["1"], ["2"]]


def test_a_type_that_the_broker_refuses_stops_itself_alone(database, store, tmp_path):
    """The bucket of types has a bound, which a thief of the broker's password can fill."""
    from urja.apps.meter_types.operations import load_type

    for name in ("acme-m7-fw3", "acme-m8"):
        text = TYPE.replace("acme-m7-fw3", name)
        load_type(read_type_folder(write_type(tmp_path / name, type=text)), loaded_at=START, actor="test")
    adopt(1)
    stage = project(store)
    store.refuses_types.add("acme-m7-fw3")
    report = run(stage)
    assert report.done == 2
    assert [entry.name for entry in store.types] == ["acme-m8"]
    assert len(store.devices) == 1
    assert report.ill
    assert "acme-m7-fw3" in report.detail
    assert "maximum bytes exceeded" in report.detail
    assert REGISTRY.get_sample_value("urja_projection_types_unwritten") == 1
    [sentence] = raised()
    assert "acme-m7-fw3" in sentence
    # It is tried again by itself, and what was said of it is taken back.
    assert run(stage).done == 0
    store.refuses_types.clear()
    report = run(stage)
    assert (report.done, report.detail, report.ill) == (1, "", False)
    assert REGISTRY.get_sample_value("urja_projection_types_unwritten") == 0
    assert raised() == []


def test_what_an_earlier_process_said_of_a_type_is_taken_back(database, store, tmp_path):
    from urja.apps.meter_types.operations import load_type

    load_type(read_type_folder(write_type(tmp_path / "m7")), loaded_at=START, actor="test")
    store.refuses_types.add("acme-m7-fw3")
    run(project(store))
    assert raised() != []
    store.refuses_types.clear()
    run(project(store))
    assert raised() == []


def test_a_broker_away_leaves_the_meters_due(database, store):
    adopt(1)
    stage = project(store)
    store.away = True
    with pytest.raises(BrokerUnavailableError):
        run(stage)
    store.away = False
    assert run(stage).done == 1


METERS = 5


@pytest.fixture
def written(database, store, monkeypatch):
    """A stage that has written meters, and finds them as it wrote them."""
    monkeypatch.setattr("urja.pipeline.project.COMPARE_EVERY_S", 0.0)
    for number in range(METERS):
        adopt(number + 1)
    stage = project(store)
    assert run(stage).done == METERS
    store.read()
    report = run(stage)
    assert (report.done, report.detail, report.ill) == (0, "", False)
    return stage


def corrected(how):
    return REGISTRY.get_sample_value("urja_projection_mended_total", {"how": how}) or 0.0


def raised():
    from urja.apps.readings import queries as readings

    return [str(sentence) for sentence in readings.alarms()]


def without_versions(store):
    """What is written again has another version, and so another signature."""
    return [msgspec.structs.replace(entry, version=0) for entry in store.devices]


def test_an_entry_is_signed_and_its_versions_grow(written, store):
    [*before] = store.devices
    remove(1, START + timedelta(days=1))
    run(written)
    assert [one.version < other.version for one, other in zip(before, store.devices, strict=True)] == [
        True,
        *[False] * (METERS - 1),
    ]


def test_versions_grow_also_over_a_registry_of_an_earlier_day(written, store, database):
    """And over a row that was deleted and made again: head ends know the versions of before."""
    highest = max(entry.version for entry in store.devices)
    with database.connect("urja_owner") as connection:
        connection.execute("UPDATE assets_projection SET version = 3, projected_version = 3")
        connection.execute("DELETE FROM assets_projection WHERE device_id % 2 = 0")
    from urja.apps.assets.models import Device
    from urja.apps.assets.projection_versions import mark_due

    mark_due(Device.objects.values_list("id", flat=True))
    assert run(written).done == METERS
    assert all(entry.version > highest for entry in store.devices)


def test_a_start_with_another_signing_key_writes_everything_again(written, store):
    other = bytes(reversed(SIGNING_KEY))
    assert run(project(store)).done == 0
    store.verify_key = public_key(other)
    assert run(project(store, other)).done == METERS
    assert len(store.devices) == METERS
    assert run(project(store, other)).done == 0


def test_what_an_earlier_version_wrote_unsigned_is_written_again(written, store):
    from django.db import connection

    from urja.apps.assets import queries

    unsigned = {entry.device_id: digest_of(messages.encode(entry)) for entry in store.devices}
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE assets_projection SET digest = %s WHERE device_id = %s",
            [(digest, device_id) for device_id, digest in unsigned.items()],
        )
    assert {row.digest for row in queries.written_entries()} == set(unsigned.values())
    assert run(project(store)).done == METERS
    assert run(project(store)).done == 0


def keys(store):
    return sorted(store.entries)


def test_a_purged_key_an_altered_one_and_one_of_no_meter_are_corrected_counted_and_reported(written, store):
    as_written = without_versions(store)
    purged, altered, *_ = keys(store)
    del store.entries[purged]
    store.write(altered, store.entries[keys(store)[2]])
    store.write("x", b"{}")
    store.write("00ff00ff00ff00ff", b"\xff")
    before = corrected("written"), corrected("removed")
    store.read()
    report = run(written)
    assert "differed in" in report.detail
    assert not report.ill
    assert run(written).done >= 2
    assert without_versions(store) == as_written
    assert corrected("written") - before[0] >= 2
    assert corrected("removed") - before[1] == 2
    store.read()
    assert run(written).done == 0
    assert raised() == []


def test_a_lost_store_is_written_again(written, store):
    """Its sequences begin again, below those that were given before."""
    as_written = without_versions(store)
    store.entries.clear()
    store.sequence = 0
    store.read()
    run(written)
    assert run(written).done == METERS
    assert without_versions(store) == as_written


def test_a_lost_store_is_written_again_after_a_start(written, store):
    store.entries.clear()
    store.sequence = 0
    stage = project(store)
    run(stage)
    store.read()
    run(stage)
    assert run(stage).done == METERS


def test_a_store_of_an_earlier_day_is_corrected(written, store):
    earlier = dict(store.entries), store.sequence
    adopt(METERS + 1)
    remove(1, START + timedelta(days=1))
    assert run(written).done == 2
    as_written = without_versions(store)
    store.entries, store.sequence = dict(earlier[0]), earlier[1]
    store.read()
    run(written)
    run(written)
    assert without_versions(store) == as_written


def test_what_was_read_before_a_change_was_written_is_no_difference(written, store):
    remove(1, START + timedelta(days=1))
    before = corrected("written")
    store.read("early")
    assert run(written).done == 1
    run(written)
    assert corrected("written") == before
    # Nor is a change that is yet to be written.
    remove(2, START + timedelta(days=1))
    store.read("late")
    assert run(written).done == 1
    assert corrected("written") == before


def test_two_head_ends_that_say_the_same_are_one_difference(written, store):
    del store.entries[keys(store)[0]]
    store.read("one")
    store.read("two")
    assert not run(written).ill
    run(written)
    store.read("one")
    store.read("two")
    assert not run(written).ill


def test_a_head_end_that_is_gone_says_nothing_any_more(written, store):
    """Its last word is of a time before the last change, also for a stage that restarts."""
    store.told["gone"] = store.told["one"]
    remove(1, START + timedelta(days=1))
    run(written)
    before = corrected("written")
    stage = project(store)
    store.read("one")
    run(stage)
    run(stage)
    assert corrected("written") == before


def test_who_alters_it_again_and_again_is_an_alarm_until_it_ends(written, store):
    key = keys(store)[2]
    store.write(key, b"{}")
    store.read()
    assert not run(written).ill
    run(written)
    store.write(key, b"{}")
    store.read()
    assert run(written).ill
    assert any("Something else writes" in sentence for sentence in raised())
    run(written)
    store.read()
    assert not run(written).ill
    assert raised() == []


def test_the_pipelines_role_may_do_what_the_stage_does(database):
    with database.connect("urja_pipeline") as connection:
        connection.execute("UPDATE assets_projection SET version = version + 1")
        connection.execute("UPDATE assets_projection SET projected_version = version")
        connection.execute("SELECT wrapped_guek FROM assets_device")
