"""A data directory of its own, as tests of whole installations have it."""

from tests.site.conftest import installation_dir  # noqa: F401 - fixture
