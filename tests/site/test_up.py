"""`urja up` as a person meets it: real processes, real signals, every refusal with its sentence and code."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest
from nats.errors import Error as NatsError
from tests.conftest import TEMPLATE, catalogue_of
from tests.made_once import PLACE
from tests.site.commands import urja
from tests.site.test_postgres import wait_gone

from urja.laws import database_catalogue
from urja.site.admin import Administration
from urja.site.cli import status
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory
from urja.site.supervisor.postgres import Cluster, find_binaries
from urja.site.supervisor.secrets import stored_services
from urja.stream.broker import connect
from urja.stream.errors import StreamError

ALONE = ("--without", "headend", "--without", "pipeline", "--without", "web")
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
ANY_PORT = {
    f"URJA_{name}": "0"
    for name in (
        "BROKER_PORT",
        "BROKER_MONITOR_PORT",
        "HEADEND_PORT",
        "HEADEND_STATUS_PORT",
        "PIPELINE_STATUS_PORT",
        "WEB_PORT",
    )
}
URJA = [sys.executable, "-m", "urja.site.cli.main"]
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, **ANY_PORT, **extra}


def run_up(data: Path, *options: str, prefix: tuple[str, ...] = (), **extra: str):
    command = [*prefix, *URJA, "up", "--data", str(data), *(options or ALONE)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(**extra), timeout=60)


@contextlib.contextmanager
def running(data: Path, *options: str, prefix: tuple[str, ...] = (), **extra: str):
    """`urja up` once it has said that it is up."""
    command = [*prefix, *URJA, "up", "--data", str(data), *(options or ALONE)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**extra)
    )
    try:
        first = process.stdout.readline()
        assert first.startswith("Urja is up."), process.communicate()[1]
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def status_of(data: Path) -> dict:
    done = urja("status", "--json", "--data", data)
    return {"code": done.returncode, **(json.loads(done.stdout) if done.stdout else {"words": done.stderr})}


def known_of(data: Path) -> dict:
    """What `urja status` knows of an installation that runs, for waiting; it may be starting."""
    return asyncio.run(status.gather(DataDirectory(data)))


def until(condition, within_s: float = 60.0):
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.2)
    return value


def test_up_status_kill_restart_stop(installation_dir, prepared):
    data = installation_dir / "life"
    assert status_of(data)["code"] == Exit.ALREADY_RUNNING
    prepared(data)
    with running(data) as installation:
        before = status_of(data)
        assert before["code"] == Exit.OK
        assert before["supervisor_pid"] == installation.pid
        assert before["backlog"]["READINGS/ingest"] == {"pending": 0, "unacknowledged": 0}
        pids = {name: process["pid"] for name, process in before["processes"].items()}
        assert set(pids) == {"postgres", "nats"}

        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        after = until(
            lambda: (
                (report := known_of(data))["well"]
                and all(report["processes"][name]["pid"] != pid for name, pid in pids.items())
                and report
            )
        )
        assert {process["restarts"] for process in after["processes"].values()} >= {1}
        until(lambda: status_of(data)["code"] == Exit.OK)

        second = run_up(data)
        assert second.returncode == Exit.ALREADY_RUNNING
        assert f"process {installation.pid}" in second.stderr
    assert installation.returncode == 0
    assert "shut down" in (data / "logs" / "postgres.log").read_text()
    assert status_of(data)["code"] == Exit.ALREADY_RUNNING


def test_children_die_with_the_supervisor_and_a_sandbox_gateway_runs_until_real_money_comes(
    installation_dir, prepared
):
    data = prepared(installation_dir / "orphans")
    with running(data) as installation:
        pids = [process["pid"] for process in status_of(data)["processes"].values()]
        installation.kill()
        for pid in pids:
            wait_gone(pid)
    with running(data, *ALONE, "--sandbox-gateway"):
        report = status_of(data)
        assert (report["code"], set(report["processes"])) == (Exit.OK, {"postgres", "nats", "gateway"})
        installation = Administration.of(data)
        [(name, sandbox)] = installation.settings.payments.gateways.items()
        login = (sandbox.options["key_id"], stored_services(data / "secrets").gateways[name]["key_secret"])
        orders = httpx.get(f"{sandbox.options['base_url']}/v1/orders", auth=login, trust_env=False)
        assert orders.json()["items"] == []
        with psycopg.connect(installation.secrets.database_owner) as owner:
            owner.execute(
                "INSERT INTO books_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, "
                "last_batch, opened_at) VALUES (1, 0, 'consumer', '', 'INR', 0, 0, '\\x00', 0, now())"
            )
            owner.execute(
                "INSERT INTO books_credit_request (id, account_id, amount_minor, kind, reference, idempotency_key, "
                "input_hash, correlation, requested_at) VALUES (1, 1, 100, 'recharge', '', 'main:1', '\\x00', 0, now())"
            )
        until(lambda: known_of(data)["processes"]["gateway"]["state"] == "stopped")
        assert status_of(data)["code"] == Exit.FAILED
    refused = run_up(data, *ALONE, "--sandbox-gateway")
    assert (refused.returncode, refused.stdout) == (Exit.USAGE, "")
    assert "the sandbox gateway does not run here: the books have real payments (1)" in refused.stderr


def test_a_data_directory_of_a_newer_version(installation_dir):
    data = installation_dir / "newer"
    data.mkdir()
    (data / "VERSION").write_text("99\n")
    done = run_up(data)
    assert (done.returncode, done.stderr.count("\n")) == (Exit.OTHER_VERSION, 1)


def test_a_database_that_runs_elsewhere(installation_dir, postgres):
    """On a cluster of its own, whose database was migrated and changed since; this directory is new.

    A start gives the roles new passwords, and finds in a scratch database what the source alone makes.
    """
    data, cluster = (
        installation_dir / "elsewhere",
        Cluster(find_binaries(), installation_dir / "other", postgres.password, durable=False),
    )
    shutil.copytree(Path(os.environ[PLACE]) / "cluster", cluster.directory)
    cluster.start()
    try:
        with psycopg.connect(cluster.conninfo(dbname=TEMPLATE)) as connection:
            connection.execute("DROP TRIGGER books_entry_chain ON books_entry")
        with running(data, URJA_DATABASE_DSN=cluster.conninfo(), URJA_DATABASE_NAME=TEMPLATE):
            assert set(status_of(data)["processes"]) == {"nats"}
            expected = database_catalogue.stored_expectation(data / "catalogue.json")
            assert expected == database_catalogue.stored_expectation(catalogue_of(postgres))
            with psycopg.connect(Administration.of(data).secrets.database_owner) as connection:
                names = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
                assert f"{TEMPLATE}_scratch" not in names
                differences = list(database_catalogue.differences(connection, expected))
            assert [line[:8] for line in differences] == ["missing:"]
    finally:
        cluster.stop()


def test_a_database_that_keeps_crashing(installation_dir, prepared):
    data = prepared(installation_dir / "crash")
    (data / "postgres" / "data" / "global" / "pg_control").write_bytes(b"\0" * 8192)
    done = run_up(data, URJA_SUPERVISOR_CRASH_LIMIT="2")
    assert done.returncode == Exit.SOFTWARE
    assert "postgres keeps stopping (2 times in a row)" in done.stderr
    assert str(data / "logs" / "postgres.log") in done.stderr


@root_only
def test_without_rights(installation_dir):
    installation_dir.chmod(0o755)
    done = run_up(installation_dir / "data", prefix=AS_NOBODY)
    assert done.returncode == Exit.NO_PERMISSION
    assert "--data" in done.stderr


def test_a_first_start_as_an_ordinary_user(installation_dir, prepared):
    """From nothing; it leaves what other tests begin with."""
    user, prefix = (NOBODY, AS_NOBODY) if os.geteuid() == 0 else (os.geteuid(), ())
    installation_dir.chmod(0o755)
    os.chown(installation_dir, user, -1)
    data, begun = installation_dir / "data", prepared(installation_dir / "prepared")
    with running(data, prefix=prefix):
        assert (data / "postgres" / "data").stat().st_uid == user
        with pytest.raises(CommandError) as refused:
            DataDirectory(data / "nats").claim()
        assert refused.value.code is Exit.USAGE
    assert {entry.name for entry in begun.iterdir()} <= {entry.name for entry in data.iterdir()}
    for name in ("VERSION", "catalogue.json"):
        assert (begun / name).read_bytes() == (data / name).read_bytes()
    assert [entry.name for entry in sorted((begun / "secrets").iterdir())] == [
        entry.name for entry in sorted((data / "secrets").iterdir())
    ]


@pytest.fixture
def small_disk(installation_dir):
    """A function that mounts a disk of so many megabytes and gives its directory."""
    mounted = []

    def mount(megabytes: int) -> Path:
        place = installation_dir / f"disk{megabytes}"
        place.mkdir()
        options = ["-o", f"size={megabytes}m"]
        done = subprocess.run(["mount", "-t", "tmpfs", *options, "urja-test", place], capture_output=True)
        if done.returncode != 0:
            pytest.skip("this machine allows no mount")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", place], check=True)


def fill(file: Path) -> None:
    """Write until there is no room."""
    with file.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(1 << 20))


def broker_stores(data: Path) -> bool:
    """Whether the broker takes a reading, as it says by its acknowledgement."""
    secrets = Administration.of(data).secrets

    async def publish() -> None:
        broker = await connect(secrets.broker_url, secrets.broker_user, secrets.broker_password, "test", 5.0)
        try:
            await asyncio.wait_for(broker.jetstream.publish("urja.readings.block.3", bytes(20_000)), 5)
        finally:
            await broker.close()

    try:
        asyncio.run(publish())
    except (StreamError, NatsError, TimeoutError):
        return False
    return True


@root_only
def test_a_full_disk_at_the_start(small_disk):
    done = run_up(small_disk(48) / "data")
    assert done.returncode == Exit.DISK_FULL
    assert "free some space" in done.stderr


@root_only
def test_a_disk_that_fills_while_running(small_disk, prepared):
    disk = small_disk(300)
    prepared(disk / "data")
    levels = {"URJA_DISK_WARNING_MB": "32", "URJA_DISK_CRITICAL_MB": "16"}
    with running(disk / "data", **levels) as installation:
        filler = disk / "filler"
        assert status_of(disk / "data")["code"] == Exit.OK
        fill(filler)
        full = status_of(disk / "data")
        assert full["code"] == Exit.FAILED
        assert [one["level"] for one in full["disks"]] == ["critical"]
        assert not broker_stores(disk / "data")
        heartbeat = disk / "data" / "heartbeat"
        stale = heartbeat.read_text()
        time.sleep(1.5)  # a heartbeat is due each second
        assert installation.poll() is None
        filler.unlink()
        until(lambda: heartbeat.read_text() != stale)
        # A stream that had to refuse refuses until the broker is started again, also where there is room.
        until(lambda: broker_stores(disk / "data"), within_s=60.0)
        until(lambda: known_of(disk / "data")["well"])
        until(lambda: status_of(disk / "data")["code"] == Exit.OK)
        assert status_of(disk / "data")["processes"]["nats"]["restarts"] == 1
    assert installation.returncode == 0


def test_ctrl_c_while_starting_leaves_nothing_behind(installation_dir, prepared):
    data = prepared(installation_dir / "hasty")
    process = subprocess.Popen([*URJA, "up", "--data", str(data), *ALONE], env=environment())
    until((data / "logs" / "postgres.log").exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert status_of(data)["code"] == Exit.ALREADY_RUNNING
    assert not (data / "postgres" / "data" / "postmaster.pid").exists()
