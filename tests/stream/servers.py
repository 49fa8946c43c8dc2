"""A real broker with the real rights: its own port and store, stopped or killed by the test."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from pathlib import Path

from urja.base.ports import free_port
from urja.stream.broker import Broker, connect
from urja.stream.server import server_config
from urja.stream.subjects import StreamSizes, User

SIZES = StreamSizes(
    readings=8 << 20,
    requests=1 << 20,
    outcomes=1 << 20,
    commands=1 << 20,
    progress=1 << 20,
    quarantine=4 << 20,
    devices=4 << 20,
    key_values=4 << 20,
)
PASSWORDS = {user: f"secret of {user}" for user in User}


class Server:
    """A broker process that can be killed and started again over the same store."""

    def __init__(self, directory: Path, sizes: StreamSizes) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._config = directory / "nats.conf"
        self._log = directory / "nats.log"
        text = server_config(port=self.port, store_dir=directory / "store", passwords=PASSWORDS, sizes=sizes)
        self._config.write_text(text, "utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        binary = Path(sys.executable).with_name("nats-server")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                [binary, "-c", self._config], stdout=log, stderr=log
            )
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(self._log.read_text())
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.recv(1)
                return
            await asyncio.sleep(0.02)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    async def connect(self, user: User) -> Broker:
        return await connect(self.url, user, PASSWORDS[user], f"test-{user}")
