import pytest
from tests.apps.registry.loading.filing import Loader


@pytest.fixture
def load(database, tmp_path, stepped_clock):
    """Loads files into a database that knows the bundled tariffs, and one policy."""
    from urja.apps.supply.operations import load_bundled_policy
    from urja.apps.tariffs import operations, queries

    for text in queries.bundled_documents().values():
        operations.load_document(text, loaded_at=stepped_clock.now())
    load_bundled_policy("plain.toml", recorded_at=stepped_clock.now(), actor="test")
    return Loader(tmp_path, stepped_clock)
