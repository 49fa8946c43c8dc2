"""A demonstration goes on while its database or its meters start again."""

import asyncio
import contextlib
import json
import signal
import time
from types import SimpleNamespace

import psycopg
import pytest

from urja.base.clock import REAL_TIME, write_anchor
from urja.demo.command import demo_settings
from urja.demo.retrying import in_thread, until_answered
from urja.demo.town_run import Plan, TownRun
from urja.site.supervisor.installation import Installation
from urja.site.supervisor.postgres import make_private


@pytest.fixture
def town_run(database, installation_dir, monkeypatch):
    """A demonstration that has not begun, on a real database."""
    secrets = SimpleNamespace(database_owner=database.conninfo(), kek=bytes(16))
    monkeypatch.setattr(Installation, "secrets", property(lambda _installation: secrets))
    installation_dir.joinpath("data").mkdir()
    made = TownRun(Plan(4, 60.0, None, 1, None), demo_settings(None), installation_dir / "data")
    write_anchor(made.installation.data.clock, REAL_TIME)
    return made


@pytest.fixture
def killed(postgres):
    """A function that kills PostgreSQL; it runs again after the test."""

    def kill():
        postgres._process.send_signal(signal.SIGQUIT)
        postgres._process.wait(60)

    yield kill
    if not postgres.accepts():
        postgres.start()


@contextlib.asynccontextmanager
async def fleet(town_run):
    """What answers in place of the meters, until the block ends."""

    async def answer(reader, writer):
        await reader.readline()
        told = {"ok": True, "linked": 3, "meters": 4, "pushes_sent": 17}
        writer.write(json.dumps(told).encode() + b"\n")
        await writer.drain()
        writer.close()

    make_private(town_run.control.parent)
    server = await asyncio.start_unix_server(answer, str(town_run.control))
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        town_run.control.unlink(missing_ok=True)


# PostgreSQL is started in the main thread: it dies with the thread that started it.


async def test_the_line_of_life_says_what_does_not_answer_and_goes_on(town_run, postgres, killed):
    async with fleet(town_run):
        assert "3/4 meters connected  17 pushes sent  0 readings" in await town_run._life()
        killed()
        assert (await town_run._life()).endswith(
            "3/4 meters connected  17 pushes sent  the database does not answer"
        )
        postgres.start()
        assert "0 readings" in await town_run._life()
    assert "the meters do not answer  0 readings" in await town_run._life()


async def test_a_question_waits_for_the_database_and_leaves_no_broken_connection(town_run, postgres, killed):
    def people() -> int:
        from urja.apps.people.models import Person

        return Person.objects.count()

    assert await in_thread(people) == 0
    killed()
    asked = [
        asyncio.create_task(town_run._asked(people)),
        asyncio.create_task(town_run._asked(town_run._figures)),
    ]
    await asyncio.wait(asked, timeout=1.0)
    assert not any(task.done() for task in asked)
    postgres.start()
    async with asyncio.timeout(60):
        assert await asked[0] == 0
        assert (await asked[1])["entries"] == 0


@pytest.mark.parametrize("after", ["load_tariffs", "employ"])
async def test_a_town_is_raised_once_though_the_database_dies_meanwhile(
    town_run, postgres, killed, monkeypatch, after
):
    from urja.apps.assets.models import Device
    from urja.apps.people.models import Person
    from urja.demo import registry_setup

    make_private(town_run.fleet_file.parent)
    whole, died = getattr(registry_setup, after), asyncio.Event()
    loop = asyncio.get_running_loop()

    def dies(*given, **named):
        whole(*given, **named)
        if not died.is_set():
            killed()
            loop.call_soon_threadsafe(died.set)

    monkeypatch.setattr(registry_setup, after, dies)
    raising = asyncio.create_task(town_run._adopt())
    await died.wait()
    postgres.start()
    async with asyncio.timeout(60):
        await raising
    houses = {house.meter.serial for house in town_run.town.houses}
    assert houses <= set(await in_thread(lambda: list(Device.objects.values_list("serial", flat=True))))
    people = await in_thread(Person.objects.count)
    assert town_run.fleet_file.exists()
    # As after a commit of which nothing was heard.
    await town_run._adopt()
    assert await in_thread(Person.objects.count) == people


async def test_a_database_that_stays_away_is_the_error_in_the_end(town_run, killed):
    killed()
    began_s = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        await until_answered(lambda: in_thread(town_run._figures), 0.5)
    assert time.monotonic() - began_s < 20


async def test_what_the_database_refuses_is_not_asked_again(town_run):
    def wrong() -> None:
        with town_run._connect() as connection:
            connection.execute("SELECT 1 FROM no_such_table")

    with pytest.raises(psycopg.errors.UndefinedTable):
        await until_answered(lambda: in_thread(wrong), 60.0)
