"""What tests of the whole box need."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import new_directory


@pytest.fixture
def box_tmp() -> Iterator[Path]:
    """A directory for one box, gone after the test: a data directory has some hundred megabytes."""
    path = new_directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def data_after_prepare(short_tmp: Path) -> Path:
    """A data directory with its secrets and its migrated database, and without any trace of a run."""
    from tests.site.test_up import ANY_PORT

    from urja.base.settings import load
    from urja.site.supervisor.installation import Installation

    async def start_and_stop() -> None:
        async with Installation(path, load(None, ANY_PORT), processes=[]):
            pass

    path = short_tmp / "prepared"
    asyncio.run(start_and_stop())
    for entry in path.iterdir():
        if entry.name not in {"VERSION", "catalogue.json", "postgres", "secrets"}:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return path


@pytest.fixture
def prepared(data_after_prepare: Path) -> Callable[[Path], Path]:
    """Makes a data directory whose database is migrated already: most of a first start's time is that."""

    def prepare(data: Path) -> Path:
        return shutil.copytree(data_after_prepare, data)

    return prepare
