"""Plugin of pytest: `--minutes` prints how many seconds the tests of each directory took, with their fixtures."""

from collections import Counter

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", action="store_true", help="print the seconds and tests of each directory")


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if not config.option.minutes:
        return
    seconds, tests = Counter(), Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                directory = "/".join(report.nodeid.split("::")[0].split("/")[:2])
                seconds[directory] += report.duration
                tests[directory] += report.when == "call"
    terminalreporter.section("seconds of each directory, and its tests")
    for directory, taken in seconds.most_common():
        terminalreporter.line(f"{taken:8.0f} {tests[directory]:6} {directory}")
