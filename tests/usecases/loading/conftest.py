from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.apps.town import START
from tests.usecases.loading.filing import Loader, example

from urja.base.clock import SteppedClock

NOW = START + timedelta(hours=9)
"""As `stepped_clock` says."""


def with_tariffs(database):
    """The bundled tariffs, and one policy."""
    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs
    from urja.usecases.policies import load_bundled_policy

    for text in tariffs.bundled_tariffs().values():
        operations.load_tariff(text, loaded_at=NOW)
    load_bundled_policy("plain.toml", recorded_at=NOW, actor="test")


def with_all_examples(database):
    """All examples, one on the other."""
    from urja.usecases.loading import KINDS

    with_tariffs(database)
    with TemporaryDirectory() as directory:
        load = Loader(Path(directory), SteppedClock(NOW))
        for kind in KINDS:
            report = load(kind, example(kind))
            assert (report.faulty, report.written) == (0, True), report.first


@pytest.fixture
def database(request, lived):
    with lived(with_all_examples if "loaded" in request.fixturenames else with_tariffs) as (database, _):
        yield database


@pytest.fixture
def load(database, tmp_path, stepped_clock):
    """Loads files."""
    return Loader(tmp_path, stepped_clock)


@pytest.fixture
def loaded(load):
    """Loads files into a database that has all examples already."""
    return load
