"""The pipeline's process: stages run, failures of other services are waited out and shown, programming errors end it."""

import asyncio
import json
import os
import signal
import threading
from contextlib import AsyncExitStack

import psycopg
import pytest
from tests.apps import town
from tests.apps.town import START, adopt
from tests.pipeline.test_ingest import NOW, block_batch

from urja.base.process_secrets import PipelineSecrets
from urja.base.settings import PipelineSettings, Settings
from urja.laws import verify
from urja.pipeline.stage import Report, Stage
from urja.stream.subjects import Kind, User


@pytest.fixture
def runner(database):
    # The stages' models can be imported once Django is configured.
    from urja.pipeline import runner

    return runner


class Failing:
    """A stage that fails a number of times, then works, then asks to stop."""

    def __init__(self, errors, stopping):
        self.errors = list(errors)
        self.stopping = stopping

    async def run_once(self, now):
        if self.errors:
            raise self.errors.pop(0)
        self.stopping.set()
        return Report(done=3, lag=4)


async def test_what_is_away_is_waited_for(runner, stepped_clock, monkeypatch):
    monkeypatch.setattr(runner, "FIRST_PAUSE_S", 0.001)
    stopping = asyncio.Event()
    stage = Failing(
        [psycopg.OperationalError("the server is gone\nmore"), OSError("no"), TimeoutError()], stopping
    )
    loop = runner.StageLoop(Stage("failing", "main", 1.0, stage.run_once), stepped_clock)
    seen = []
    monkeypatch.setattr(runner.StageProgress, "failed", _seen(seen, runner.StageProgress.failed))
    await loop.run(stopping)
    assert seen == ["OperationalError: the server is gone", "OSError: no", "TimeoutError: "]
    assert (loop.progress.error, loop.progress.failures_in_a_row) == ("", 0)
    assert (loop.progress.done, loop.progress.lag, loop.progress.runs) == (3, 4, 1)


def _seen(seen, original):
    def failed(progress, error):
        original(progress, error)
        seen.append(progress.error)

    return failed


async def test_a_mistake_of_ours_is_not_caught(runner, stepped_clock):
    stopping = asyncio.Event()
    stage = Failing([AssertionError("ours")], stopping)
    loop = runner.StageLoop(Stage("failing", "main", 1.0, stage.run_once), stepped_clock)
    with pytest.raises(AssertionError):
        await loop.run(stopping)


@pytest.fixture
def home(database):
    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs

    for text in tariffs.bundled_tariffs().values():
        operations.load_tariff(text, loaded_at=START)
    return adopt(credit_minor=10_000, tariff_code="demo-domestic")


async def test_a_push_becomes_energy_and_a_meter_reaches_the_head_end(
    home, runner, database, nats_server, stepped_clock, unused_tcp_port, tmp_path
):
    from django.db import connections

    from urja.pipeline.stages import PipelineContext
    from urja.stream import broker as stream
    from urja.stream.definitions import ensure_streams

    stepped_clock.set(NOW)
    connections["default"].settings_dict |= {"USER": "urja_pipeline"}
    admin = await stream.connect(nats_server.url, User.ADMIN, nats_server.password, "test")
    await ensure_streams(admin)
    settings = Settings(pipeline=PipelineSettings(status_port=unused_tcp_port, interval_s=0.05))
    secrets = PipelineSecrets(
        broker_url=nats_server.url,
        broker_user="pipeline",
        broker_password=nats_server.password,
        database=database.conninfo("urja_pipeline"),
        signing_key=bytes(32),
        roots_key=bytes(32),
    )
    laws = verify.daily(secrets.database, town.ZONE, tmp_path / "catalogue.json")
    given = PipelineContext(
        settings, secrets, stepped_clock, tmp_path / "heads", laws, [tmp_path], tmp_path / "wal.json"
    )
    process = asyncio.create_task(runner.run_pipeline(given))
    try:
        batch = block_batch((home.device_id, START, 100))
        await admin.publish_batch(Kind.BLOCK, 0, batch.records, 1)
        await until(process, lambda: _readiness(unused_tcp_port), {"ready": True, "waiting_for": []})
        await until(process, lambda: asyncio.to_thread(_energy, database), 100)
        await until(process, lambda: _projected(admin), True)
        await until(process, lambda: asyncio.to_thread(_posted, database), 1)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(process, 60)
        left = {thread.name.rpartition("_")[0] for thread in threading.enumerate()}
        assert not left & {"main", "decide", "commands", "people", "jobs", "mail", "notify", "seal", "prove"}
    finally:
        process.cancel()
        await asyncio.gather(process, return_exceptions=True)
        await admin.close()
        connections["default"].settings_dict |= {"USER": "urja_owner"}


async def until(process, question, answer):
    """Ask until the answer comes; a process that has ended says why."""
    async with asyncio.timeout(60):
        while await question() != answer:
            if process.done():
                await process
            await asyncio.wait({process}, timeout=0.05)


async def _projected(admin):
    return (b"URJ" + (1).to_bytes(5, "big")).hex() in await admin.device_keys()


async def _readiness(port):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
    body = (await reader.read()).split(b"\r\n\r\n", 1)[1]
    writer.close()
    await writer.wait_closed()
    return json.loads(body)


def _energy(database):
    with database.connect() as connection:
        return connection.execute("SELECT billed_value FROM readings_accrual").fetchone()[0]


def _posted(database):
    with database.connect() as connection:
        return connection.execute("SELECT count(posted_at) FROM books_credit_request").fetchone()[0]


class UnusedBroker:
    """A broker that gets no query."""

    async def consume(self, _stream):
        return None


async def test_what_people_wait_for_waits_for_no_close(database, tmp_path, stepped_clock):
    from urja.pipeline.django_thread import DjangoThread
    from urja.pipeline.stages import PipelineContext, build_stages

    secrets = PipelineSecrets(
        broker_url="",
        broker_user="",
        broker_password="",
        database=database.conninfo("urja_pipeline"),
        signing_key=bytes(32),
        roots_key=bytes(32),
    )
    given = PipelineContext(Settings(), secrets, stepped_clock, tmp_path, lambda _proven: {}, [], tmp_path)
    async with AsyncExitStack() as stack:
        table = await build_stages(given, UnusedBroker(), DjangoThread, stack)
    thread = {stage.name: stage.thread for stage in table}
    assert len(thread) == len(table)
    awaited = {"ingest", "decide", "dispatch", "register", "approve", "notify", "addresses"}
    slow = {thread[name] for name in ("post", "gaps", "meter_jobs", "sheets", "seal", "prove")}
    assert not slow & {thread[name] for name in awaited}


async def test_a_stage_whose_rest_follows_the_clock_rests_by_its_present_speed(runner, stepped_clock):
    """A demonstration begins with a clock that stands still: its search for gaps rested half a minute for ever."""
    speeds = iter((30.0, 0.25))

    async def nothing(_now):
        return Report(0)

    loop = runner.StageLoop(Stage("gaps", "main", lambda: next(speeds), nothing), stepped_clock)
    assert [await loop.once(), await loop.once()] == [30.0, 0.25]
