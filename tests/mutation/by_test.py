"""A pytest plugin: coverage by test, and how long each test took.

`coverage run -m pytest -p tests.mutation.by_test` writes, beside coverage's own data, `URJA_TEST_SECONDS` (a JSON object of
seconds by test that passed).
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """The lines that run from a test's first fixture to its last clean-up are the test's."""
    running = coverage.Coverage.current()
    assert running is not None, "this plugin is for `coverage run`"
    running.switch_context(item.nodeid)
    began = time.monotonic()
    try:
        return (yield)
    finally:
        _seconds[item.nodeid] = time.monotonic() - began
        running.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    passed = {test: seconds for test, seconds in _seconds.items() if test not in _failed}
    Path(os.environ["URJA_TEST_SECONDS"]).write_text(json.dumps(passed))
