"""The order in which tests run: each worker begins with its share of the longest.

pytest-xdist gives each worker a share of consecutive tests at the start, and lets one without work take from the end of
another's share. What takes a minute and starts last leaves the others idle.
"""

from collections.abc import Sequence

LONGEST = (
    "tests/saturday/",
    "tests/world/test_town.py",
    "tests/bench/",
    "tests/world/test_full_disk.py",
    "tests/world/test_kills.py",
    "tests/browser/test_town_loop.py",
    "tests/site/test_backup.py",
    "tests/world/",
    "tests/browser/",
)
"""What takes seconds to minutes, the longest first (`pytest --durations=50` says)."""


def in_shares[Test](tests: Sequence[Test], names: Sequence[str], workers: int) -> list[Test]:
    """Tests so that the shares of the workers, as xdist makes them, begin with the longest in turn."""
    ranks = [_rank(name) for name in names]
    long = sorted((n for n in range(len(tests)) if ranks[n] < len(LONGEST)), key=lambda n: ranks[n])
    short = (n for n in range(len(tests)) if ranks[n] == len(LONGEST))
    ordered: list[int] = []
    for worker in range(workers):
        begin, size = long[worker::workers], (len(tests) - len(ordered)) // (workers - worker)
        ordered += begin + [n for _, n in zip(range(size - len(begin)), short, strict=False)]
    ordered += short
    return [tests[n] for n in ordered]


def _rank(name: str) -> int:
    return next((rank for rank, start in enumerate(LONGEST) if name.startswith(start)), len(LONGEST))
