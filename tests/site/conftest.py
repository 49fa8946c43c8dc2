"""What tests of the whole installation need."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import new_directory


@pytest.fixture
def installation_dir() -> Iterator[Path]:
    """A directory for one installation, gone after the test: a data directory has some hundred megabytes."""
    path = new_directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)
