"""Each worker begins with its share of the longest tests, and no test is lost."""

import pytest
from tests.ordering import in_shares

SHORT = [f"tests/core/test_{n}.py::test" for n in range(40)]
LONG = [
    "tests/browser/test_town_loop.py::test",
    "tests/world/test_kills.py::test[1]",
    "tests/world/test_town.py::test[1]",
    "tests/world/test_world.py::test",
]


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_each_worker_begins_with_the_longest(workers):
    names = [*SHORT[:5], *LONG, *SHORT[5:]]
    ordered = in_shares(names, names, workers)
    assert sorted(ordered) == sorted(names)
    left, begins = ordered, []
    for worker in range(workers):
        size = len(left) // (workers - worker)
        begins.append(left[0])
        left = left[size:]
    assert set(begins) <= set(LONG)
    assert begins[0].startswith("tests/world/test_town.py")


def test_more_long_ones_than_a_share_holds():
    names = [*LONG, SHORT[0]]
    assert sorted(in_shares(names, names, 4)) == sorted(names)
