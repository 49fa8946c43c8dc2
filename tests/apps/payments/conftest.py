"""An account, a gateway, and the hands of web and pipeline on them."""

from tests.apps.payments.till import opened_till  # noqa: F401 - a fixture
