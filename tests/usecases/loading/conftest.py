import pytest
from tests.usecases.loading.filing import Loader


@pytest.fixture
def load(database, tmp_path, stepped_clock):
    """Loads files into a database that knows the bundled tariffs, and one policy."""
    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs
    from urja.usecases.policies import load_bundled_policy

    for text in tariffs.bundled_tariffs().values():
        operations.load_tariff(text, loaded_at=stepped_clock.now())
    load_bundled_policy("plain.toml", recorded_at=stepped_clock.now(), actor="test")
    return Loader(tmp_path, stepped_clock)
