"""Fixtures: an account, a gateway, and the actions of web and pipeline."""

from tests.apps.payments.till import opened_till  # noqa: F401 - a fixture
