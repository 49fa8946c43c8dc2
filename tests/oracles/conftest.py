"""Oracles: what the system shows to others, frozen as files. `pytest tests/oracles -n0 --write-oracles` writes them."""

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

FROZEN = Path(__file__).parent / "frozen"


def pytest_addoption(parser):
    parser.addoption(
        "--write-oracles", action="store_true", help="write the oracles' files instead of comparing"
    )


@pytest.fixture
def oracle(request) -> Callable[[str, str], None]:
    """Compare a text with the file of a name, or write it where the run was asked to."""
    writes = request.config.getoption("--write-oracles", default=False)

    def compare(name: str, text: str) -> None:
        path = FROZEN / name
        if writes:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            return
        difference = difference_of(name, text)
        if difference:
            pytest.fail(
                "an oracle has changed. Where that is meant, write it anew and name the decision in the commit:\n"
                f"  uv run --group test pytest tests/oracles -n0 --write-oracles\n{difference}",
                pytrace=False,
            )

    return compare


def difference_of(name: str, text: str) -> str:
    """A unified diff from what is frozen to what is there."""
    path = FROZEN / name
    frozen = path.read_text() if path.exists() else ""
    lines = difflib.unified_diff(
        frozen.splitlines(), text.splitlines(), f"frozen/{name}", "now", n=2, lineterm=""
    )
    return "\n".join(lines)
