import pytest
from tests.apps.registry.loading.filing import Loader


@pytest.fixture
def load(database, tmp_path, stepped_clock):
    """Loads files into a database that knows the bundled tariffs."""
    from urja.apps.tariffs import operations, queries

    for text in queries.bundled_documents().values():
        operations.load_document(text, loaded_at=stepped_clock.now())
    return Loader(tmp_path, stepped_clock)
