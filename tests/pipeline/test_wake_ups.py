"""Stages that people wait for are woken by what the web records and by each other, and rest otherwise."""

import asyncio

import psycopg
import pytest

from urja.pipeline.stage import Report, Stage
from urja.pipeline.wake_ups import WakeUps

LONG_S = 3600.0
"""A rest that no test waits for: what ends it is a wake-up."""

NOT_AWAITED = {
    "bank_claim": "matched with the next bank statement",
    "bank_upload": "read within the rest of its stage",
    "commands_cut_release": "carried to the head end within the rest of its stage",
    "commands_cut_release_answer": "carried to the head end within the rest of its stage",
    "identity_address_answer": "answers within the rest of its stage",
    "identity_personal_read": "a record that no stage reads",
    "identity_sign_in": "a record that no stage reads",
    "mfa_authenticator": "a record that no stage reads",
    "notices_receipt": "read within the rest of its stage",
    "sheets_upload": "read when a request names it",
    "web_cache": "the web's own",
    "work_photo": "a record that no stage reads",
}
"""Tables into which the web may insert, and why no notification is sent."""


@pytest.fixture
def runner(database):
    # The stages' models can be imported once Django is configured.
    from urja.pipeline import runner

    return runner


class Counting:
    """A stage that counts its runs and does what it is given, one number of things a run; then it finds nothing."""

    def __init__(self, *done):
        self.done, self.runs, self.ran = list(done), 0, asyncio.Event()

    async def run_once(self, _now):
        self.runs += 1
        self.ran.set()
        return Report(self.done.pop(0) if self.done else 0)

    async def next_run(self):
        self.ran.clear()
        async with asyncio.timeout(60):
            await self.ran.wait()


def loop_of(runner, clock, stage, wake_ups, *, woken=True):
    return runner.StageLoop(Stage("counting", "main", LONG_S, stage.run_once, woken=woken), clock, wake_ups)


async def test_a_wake_up_ends_a_rest(runner, stepped_clock):
    stage, wake_ups, stopping = Counting(), WakeUps(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(loop_of(runner, stepped_clock, stage, wake_ups).run(stopping))
        await stage.next_run()
        wake_ups.wake()
        await stage.next_run()
        stopping.set()
        wake_ups.wake()
    assert stage.runs == 2


async def test_a_stage_that_has_done_something_wakes_the_others(runner, stepped_clock):
    first, second, wake_ups, stopping = Counting(0, 1), Counting(), WakeUps(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        resting = group.create_task(loop_of(runner, stepped_clock, second, wake_ups).run(stopping))
        await second.next_run()
        # Not woken itself: what it does wakes the other one.
        acting = loop_of(runner, stepped_clock, first, wake_ups, woken=False)
        assert await acting.once() == LONG_S
        assert second.runs == 1
        assert await acting.once() == 0.0
        await second.next_run()
        stopping.set()
        wake_ups.wake()
    assert resting.done()


async def test_however_often_it_is_woken_a_stage_rests_between_two_runs(runner, stepped_clock, monkeypatch):
    """Any role of the database may notify: a thief who does it without end makes no stage run without end."""
    monkeypatch.setattr(runner, "SHORTEST_REST_S", LONG_S)
    stage, wake_ups, stopping = Counting(), WakeUps(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(loop_of(runner, stepped_clock, stage, wake_ups).run(stopping))
        await stage.next_run()
        for _ in range(1000):
            wake_ups.wake()
            await asyncio.sleep(0)
        assert stage.runs == 1
        stopping.set()


async def test_a_failure_is_waited_out_and_not_woken(runner, stepped_clock, monkeypatch):
    monkeypatch.setattr(runner, "FIRST_PAUSE_S", LONG_S)
    monkeypatch.setattr(runner, "LAST_PAUSE_S", LONG_S)
    failed, stopping, wake_ups = asyncio.Event(), asyncio.Event(), WakeUps()
    runs = 0

    async def run_once(_now):
        nonlocal runs
        runs += 1
        failed.set()
        raise psycopg.OperationalError("the server is gone")

    loop = runner.StageLoop(Stage("failing", "main", LONG_S, run_once, woken=True), stepped_clock, wake_ups)
    async with asyncio.TaskGroup() as group:
        group.create_task(loop.run(stopping))
        await failed.wait()
        for _ in range(1000):
            wake_ups.wake()
            await asyncio.sleep(0)
        assert runs == 1
        stopping.set()


async def test_what_the_web_records_is_notified_also_after_a_lost_connection(database, monkeypatch):
    from urja.pipeline import wake_ups

    monkeypatch.setattr(wake_ups, "RECONNECT_S", 0.01)
    woken = asyncio.Event()

    async def wake_up():
        async with asyncio.timeout(60):
            await woken.wait()
        woken.clear()

    with database.connect("urja_web") as web, database.connect("urja_pipeline") as pipeline:
        following = asyncio.create_task(
            wake_ups.follow_notifications(database.conninfo("urja_pipeline"), woken.set)
        )
        try:
            await wake_up()
            web.execute(
                "INSERT INTO identity_sign_in_code (user_id, code, language, medium) VALUES (NULL, '123456', 'en', 'email')"
            )
            await wake_up()
            lost = pipeline.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN journal_recorded'"
            ).fetchall()
            assert lost == [(True,)]
            # Connected again: what was recorded meanwhile is looked for at once.
            await wake_up()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def test_each_table_that_the_web_fills_for_a_stage_notifies_it(database):
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT c.relname, EXISTS (SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgrelid = c.oid AND p.proname = 'journal_notify_pipeline')"
            " FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND has_any_column_privilege('urja_web', c.oid, 'INSERT') AND c.relname NOT LIKE 'django_%'"
        ).fetchall()
    quiet = {name for name, notifies in tables if not notifies}
    assert quiet == set(NOT_AWAITED)
