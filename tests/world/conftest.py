"""What a world stands on: the database of a test (tests/conftest.py) and a broker that can go away and come back."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import PASSWORD, Database, new_directory
from tests.oracles.conftest import oracle  # noqa: F401 - a fixture
from tests.world.world import Ground

from urja.base.ports import free_port
from urja.site.supervisor.broker_process import Server
from urja.stream.server import server_config
from urja.stream.subjects import User


@pytest.fixture
def world_tmp() -> Iterator[Path]:
    """A directory with a short name, for sockets."""
    path = new_directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def ground(database: Database, world_tmp: Path) -> Iterator[Ground]:
    """A migrated database and a broker on a port that stays the same over its restarts."""
    folder, port = world_tmp / "nats", free_port()
    config = server_config(port=port, store_dir=folder, passwords=dict.fromkeys(User, PASSWORD))
    server = Server(folder, f'{config}ports_file_dir: "{folder}"\n')
    server.start()
    yield Ground(database, server, f"nats://127.0.0.1:{port}", world_tmp)
    server.stop()
