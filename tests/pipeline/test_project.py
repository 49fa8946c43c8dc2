"""Meters reach the key-value store, follow their changes, and come back after its loss."""

import asyncio
from datetime import timedelta

import pytest
from tests.apps.street import START, adopt, remove

from urja.stream.errors import BrokerUnavailable
from urja.stream.meter_types import verify
from urja.stream.orders import public_key


class Store:
    def __init__(self):
        self.entries = {}
        self.types = []
        self.away = False

    async def put_device(self, entry):
        if self.away:
            raise BrokerUnavailable("away")
        self.entries[entry.system_title] = entry
        return len(self.entries)

    async def has_device(self, system_title):
        return system_title in self.entries

    async def put_type(self, name, signed):
        if self.away:
            raise BrokerUnavailable("away")
        self.types.append(verify(signed, public_key(bytes(range(32)))))
        return len(self.types)

    async def type_names(self):
        return [entry.name for entry in self.types]


@pytest.fixture
def store(database):
    return Store()


def project(store):
    # Models can be imported once Django is configured, which the database's fixture does.
    from urja.pipeline.project import Project

    return Project(store, "Asia/Kolkata", signing_key=bytes(range(32)))


def run(stage):
    from urja.pipeline.runner import DjangoThread

    async def once():
        stage._in_thread = DjangoThread()
        try:
            return await stage.run_once(START)
        finally:
            await stage._in_thread.close()

    return asyncio.run(once())


def test_meters_are_projected_once_and_again_when_they_change(database, store):
    made = adopt(1, bucket=700)
    stage = project(store)
    assert run(stage).done == 1
    (entry,) = store.entries.values()
    assert (entry.device_id, entry.bucket, entry.active) == (made.device_id, 700, True)
    assert entry.interval_s == 1800
    assert run(stage).done == 0
    remove(1, START + timedelta(days=1))
    assert run(stage).done == 1
    (entry,) = store.entries.values()
    assert (entry.bucket, entry.active) == (700, False)


def test_a_broker_away_leaves_the_meters_due(database, store):
    adopt(1)
    stage = project(store)
    store.away = True
    with pytest.raises(BrokerUnavailable):
        run(stage)
    store.away = False
    assert run(stage).done == 1


def test_a_lost_store_is_written_anew_after_a_start(database, store):
    for number in range(3):
        adopt(number + 1)
    run(project(store))
    store.entries.clear()
    assert run(project(store)).done == 3
    assert len(store.entries) == 3


def test_the_pipelines_role_may_do_what_the_stage_does(database):
    with database.connect("urja_pipeline") as connection:
        connection.execute("UPDATE registry_projection SET version = version + 1")
        connection.execute("UPDATE registry_projection SET projected_version = version")
        connection.execute("SELECT wrapped_guek FROM registry_device")
