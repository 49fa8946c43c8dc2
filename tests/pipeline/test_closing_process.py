"""A process that closes days beside the pipeline, as the supervisor starts it."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import pytest
from tests.apps.town import adopt
from tests.pipeline.test_post import CUT, Town, load
from tests.site.test_up import until

from urja.base.clock import Anchor, write_anchor
from urja.base.configuration import load as load_settings
from urja.base.ids import bucket_of
from urja.base.process_secrets import ClosingSecrets
from urja.site.supervisor.process import start_payload


@pytest.fixture
def town(database):
    load()
    adopted = adopt(credit_minor=50_000)
    with database.connect() as connection:
        yield Town(connection, adopted)


@contextmanager
def closing(database, data, port):
    """A running process with the secrets of its kind alone."""
    secrets = ClosingSecrets(database=database.conninfo("urja_pipeline"), status_port=port)
    settings = load_settings(None, {"URJA_UTILITY_TIMEZONE": "Asia/Kolkata"})
    read, write = os.pipe()
    command = [sys.executable, "-m", "urja.site.cli.main", "process", "closing-1", "--start-fd", str(read)]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(command, pass_fds=[read], stderr=log)
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        pipe.write(start_payload(settings, secrets, data))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_it_closes_days_and_a_day_on_which_it_is_killed_is_closed_by_the_pipeline(
    town, database, tmp_path, unused_tcp_port
):
    def at(day):
        instant = town.midnight(day) + timedelta(minutes=5)
        write_anchor(tmp_path / "clock.json", Anchor(0.0, instant.timestamp(), 0.0))

    def fetch(statement, *values):
        return town.connection.execute(statement, values).fetchone()[0]

    at(1)
    town.register(1, 15)
    with closing(database, tmp_path, unused_tcp_port) as process:
        until(lambda: fetch("SELECT count(*) FROM books_entry WHERE origin = 'engine'") == 3)
        with database.connect(autocommit=False) as blocker:
            # The process reaches this lock after it has locked the bucket and rated the day.
            blocker.execute("LOCK TABLE billing_close IN SHARE MODE")
            town.register(2, 20)
            at(2)
            until(lambda: fetch("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            bucket = bucket_of(town.adopted.account_id)
            free = (
                "SELECT count(*) FROM (SELECT FROM books_bucket WHERE bucket = %s FOR UPDATE SKIP LOCKED) b"
            )
            assert fetch(free, bucket) == 0
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert fetch("SELECT count(*) FROM books_entry WHERE origin = 'engine'") == 3
    done = town.post(2)
    assert (done.closed.days, done.closed.entries) == (1, 3)
    assert town.post(2, CUT).entries == 0
    assert all(town.laws().values())
    assert '"days closed"' in (tmp_path / "log").read_text()
