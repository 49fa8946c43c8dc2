"""A disk that is full to the last byte, under the database and the broker's store at once: a file system of its own."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.conftest import PASSWORD, administer
from tests.world.faults import FaultyWorld
from tests.world.world import Ground

from urja.base.ports import free_port
from urja.site.supervisor import health_probes
from urja.site.supervisor.broker_process import Server
from urja.site.supervisor.child import _HEALTH_EVERY_S, Health
from urja.stream.server import server_config
from urja.stream.subjects import User

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")

DISK_MB = 256
MONITOR_PORT = free_port()


@pytest.fixture
def small_disk(world_tmp: Path) -> Iterator[Path]:
    place = world_tmp / "disk"
    place.mkdir()
    options = ["-o", f"size={DISK_MB}m"]
    done = subprocess.run(["mount", "-t", "tmpfs", *options, "urja-test", place], capture_output=True)
    if done.returncode != 0:
        pytest.skip("this machine allows no mount")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def ground(database, small_disk, world_tmp) -> Iterator[Ground]:
    """As any world's, but that the database's files and the broker's store lie on the small disk."""
    from django.db import connections

    files = small_disk / "postgres"
    files.mkdir(mode=0o700)
    connections.close_all()
    administer(database.cluster, f"CREATE TABLESPACE small LOCATION '{files}'")
    administer(database.cluster, f"ALTER DATABASE {database.name} SET TABLESPACE small")
    folder, port = small_disk / "nats", free_port()
    config = server_config(
        port=port, store_dir=folder, passwords=dict.fromkeys(User, PASSWORD), monitor_port=MONITOR_PORT
    )
    server = Server(folder, f'{config}ports_file_dir: "{folder}"\n')
    server.start()
    yield Ground(database, server, f"nats://127.0.0.1:{port}", world_tmp)
    server.stop()
    connections.close_all()
    administer(database.cluster, f"ALTER DATABASE {database.name} SET TABLESPACE pg_default")
    administer(database.cluster, "DROP TABLESPACE small")


class FullDisk(FaultyWorld):
    """Its only fault is a disk without a byte left, for an interval."""

    def __init__(self, ground: Ground, seed: int, faults: int) -> None:
        self.refused: set[str] = set()
        super().__init__(ground, seed, faults)

    @property
    def kinds(self):
        return {"disk full": self._disk_full}

    async def _broker_health(self) -> Health:
        port = int(self.ground.broker_url.rpartition(":")[2])
        probe = health_probes.nats("127.0.0.1", port, MONITOR_PORT, self.ground.broker.directory)
        return (await probe()).health

    async def _disk_full(self) -> None:
        broker = self.ground.broker
        filler = broker.directory.parent / "filler"
        with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while True:
                stream.write(bytes(1 << 16))

        async def undo() -> None:
            self.refused |= {loop.progress.error for loop in self.loops.values()}
            filler.unlink()

        self._undo.append(undo)

    @contextlib.asynccontextmanager
    async def supervised(self) -> AsyncIterator[None]:
        """Start the broker again where only that helps, as the supervisor does: it looks all the time."""

        async def look() -> None:
            while True:
                if await self._broker_health() is Health.STUCK:
                    self.refused.add("stuck")
                    self.ground.broker.stop()
                    await self.broker_back()
                await asyncio.sleep(_HEALTH_EVERY_S)

        looking = asyncio.create_task(look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])


async def test_a_full_disk_loses_and_doubles_nothing(ground):
    async with FullDisk.with_faults(ground, seed=1, faults=6) as town:
        async with town.supervised():
            await town.live_through()
            await town.come_to_rest()
        findings = await town.examine()
        table = town.table(findings)
        # It was full: of the database, and of the broker.
        assert any("No space left on device" in error for error in town.refused), town.refused
        assert "stuck" in town.refused
    story = "\n".join([*town.happened, *findings.faults, str(findings.figures), str(table)])
    assert town.settled, f"does not come to rest: {town.awaited}\n{story}"
    assert [law for law, holds in findings.laws.items() if not holds] == [], story
    assert table["injected_total"] == table["survived_total"] == 6, story
    assert (table["lost"], table["doubled"]) == (0, 0), story
