"""Which modules a datum passes on its way: counted while tests run that take one through the production code.

    python -m tests.contracts.ways tests/pipeline/test_exchange.py::test_name [...]

prints, together for the tests that are named, one JSON object:

    modules    modules of `urja` that were entered, `urja.base` left out: everything uses it
    crossings  different pairs of modules of which the first called the second
    returns    those of them that go back: the second module was waiting for the first, further down the stack

With `--pairs` it lists the returns.
"""

import argparse
import json
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest


class Ways:
    """A plugin of pytest that looks at each call while a test's body runs."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.crossings: set[tuple[str, str]] = set()
        self.returns: set[tuple[str, str]] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        sys.setprofile(self._look)
        threading.setprofile_all_threads(self._look)
        try:
            return (yield)
        finally:
            threading.setprofile_all_threads(None)
            sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _argument: object) -> None:
        if event != "call" or not _counts(_module(frame)):
            return
        if _imports(frame):
            return
        module, *waiting = [one for one in _stack(frame) if _counts(one)]
        self.modules.add(module)
        if waiting and waiting[0] != module:
            crossing = (waiting[0], module)
            self.crossings.add(crossing)
            if module in waiting:
                self.returns.add(crossing)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _counts(module: str) -> bool:
    return module.startswith("urja.") and not module.startswith("urja.base")


def _imports(frame: FrameType) -> bool:
    """Whether a module is being imported: that is done once, by the first that needs it."""
    above: FrameType | None = frame
    while above is not None:
        if above.f_code.co_name == "<module>" and _counts(_module(above)):
            return True
        above = above.f_back
    return False


def _stack(frame: FrameType) -> Iterator[str]:
    """The modules of the calls, the innermost first."""
    above: FrameType | None = frame
    while above is not None:
        yield _module(above)
        above = above.f_back


def main() -> int:
    """Exit with what pytest says: figures of tests that fail are none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--pairs", action="store_true")
    given = parser.parse_args()
    ways = Ways()
    failed = pytest.main(["-n0", "-q", "--no-header", *given.tests], plugins=[ways])
    found: dict[str, object] = {
        "modules": len(ways.modules),
        "crossings": len(ways.crossings),
        "returns": len(ways.returns),
    }
    if given.pairs:
        found["pairs"] = sorted(f"{one} -> {other}" for one, other in ways.returns)
    print(json.dumps(found))
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
