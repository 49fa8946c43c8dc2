"""Our own cluster: found, created, run, killed, recovered."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.conftest import new_directory

from urja.site.supervisor import postgres
from urja.site.supervisor.postgres import Cluster, PostgresError, find_binaries

SECRET = "pass word'\"\\"


@dataclass(frozen=True)
class Created:
    """A new cluster that runs, and a copy of its files from before it ran."""

    cluster: Cluster
    files: Path
    parent: Path
    parent_before: os.stat_result


@pytest.fixture(scope="module")
def created():
    """Where an earlier creation was interrupted, below a directory of another's, on a path too long for a socket."""
    place = new_directory()
    parent = place / ("d" * 60)
    parent.mkdir(mode=0o700)
    before = parent.stat()
    cluster = Cluster(find_binaries(), parent / ("e" * 60), SECRET, durable=False)
    half = cluster.directory / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert not cluster.exists
    cluster.prepare()
    shutil.copytree(cluster.directory, place / "files")
    try:
        cluster.start()
        yield Created(cluster, place / "files", parent, before)
    finally:
        cluster.stop()
        cluster.sockets.rmdir()
        shutil.rmtree(place)


@pytest.fixture
def cluster(created, installation_dir):
    made = Cluster(find_binaries(), shutil.copytree(created.files, installation_dir / "own"), SECRET)
    yield made
    made.stop()


def test_the_wheels_binaries_are_found_first():
    assert find_binaries().origin == "wheel"


def test_a_directory_without_a_server_is_refused(tmp_path):
    with pytest.raises(PostgresError, match="no PostgreSQL 18 server programs"):
        find_binaries(tmp_path)


@pytest.mark.parametrize(
    ("machine_mb", "buffers"), [(512, "128MB"), (4096, "512MB"), (24_000, "1024MB"), (512_000, "1024MB")]
)
def test_an_installations_server_keeps_an_eighth_of_the_memory(machine_mb, buffers):
    assert postgres.memory_settings(machine_mb) == {"shared_buffers": buffers}


@pytest.mark.parametrize(("limit", "of_limit"), [("536870912\n", True), ("max\n", False), (None, False)])
def test_the_memory_of_a_container_is_what_it_may_use(tmp_path, limit, of_limit):
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    memory_mb = postgres.machine_memory_mb(file)
    assert memory_mb == 512 if of_limit else memory_mb > 512


def test_it_survives_a_kill_and_refuses_strangers(cluster):
    cluster.options = postgres.memory_settings(4096)
    cluster.start()
    with psycopg.connect(cluster.conninfo()) as connection:
        assert connection.execute("SHOW shared_buffers").fetchone() == ("512MB",)
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(cluster.conninfo(password="wrong"))
    assert cluster.sockets.stat().st_mode & 0o777 == 0o700
    assert cluster.data.stat().st_mode & 0o777 == 0o700

    cluster._process.send_signal(signal.SIGQUIT)
    cluster._process.wait(60)
    cluster.start()
    with psycopg.connect(cluster.conninfo()) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    cluster.stop()


def test_an_interrupted_creation_is_begun_again(created):
    assert created.cluster.exists
    assert not (created.cluster.directory / "data.new").exists()


def test_a_path_too_long_for_a_socket_gets_a_short_private_directory(created):
    assert len(os.fsencode(created.cluster.sockets)) < 90
    assert created.cluster.sockets.stat().st_mode & 0o777 == 0o700
    assert created.cluster.accepts()


def test_a_socket_directory_of_another_user_is_not_used(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(PostgresError, match="belongs to user"):
        postgres.make_private(tmp_path)


def test_a_damaged_cluster_says_why_it_does_not_start(cluster):
    (cluster.data / "global" / "pg_control").write_bytes(b"\0" * 8192)
    with pytest.raises(PostgresError, match=r"stopped while starting: .*(FATAL|PANIC)"):
        cluster.start()


def test_parents_keep_their_permissions(created):
    after = created.parent.stat()
    assert (after.st_mode, after.st_uid) == (created.parent_before.st_mode, created.parent_before.st_uid)
    assert {path.stat().st_uid for path in created.cluster.data.iterdir()} == {os.geteuid()}


def test_it_dies_with_its_parent(created, installation_dir):
    directory = shutil.copytree(created.files, installation_dir / "orphan")
    code = (
        "import os, signal\nfrom pathlib import Path\n"
        "from urja.site.supervisor.postgres import Cluster, find_binaries\n"
        f"cluster = Cluster(find_binaries(), Path({str(directory)!r}), {SECRET!r}, durable=False)\n"
        "cluster.start()\nprint(cluster._process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    wait_gone(int(done.stdout))


def wait_gone(pid: int, within_s: float = 60.0) -> None:
    """Until a process that is not our child has ended; a zombie has."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)
