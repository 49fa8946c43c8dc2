"""Oracles: what the system shows to others, frozen as files. `pytest tests/oracles -n0 --write-oracles` writes them."""

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

FROZEN = Path(__file__).parent / "frozen"


@pytest.fixture
def oracles(request) -> Callable[[dict[str, dict[str, str]]], None]:
    """Compare texts with the files of folders, which are all there is in them; or write them, where the run is to."""
    writes = request.config.getoption("--write-oracles")

    def compare(folders: dict[str, dict[str, str]]) -> None:
        differences = []
        for folder, texts in folders.items():
            gone = {path.name for path in (FROZEN / folder).glob("*.*")} - texts.keys()
            if writes:
                for name in gone:
                    (FROZEN / folder / name).unlink()
                for name, text in texts.items():
                    _write(FROZEN / folder / name, text)
            else:
                there = {**texts, **dict.fromkeys(gone, "")}
                differences += [difference_of(f"{folder}/{name}", text) for name, text in there.items()]
        _hold(differences)

    return compare


@pytest.fixture
def oracle(request) -> Callable[[str, str], None]:
    """As `oracles`, for one file."""
    writes = request.config.getoption("--write-oracles")

    def compare(name: str, text: str) -> None:
        if writes:
            _write(FROZEN / name, text)
        else:
            _hold([difference_of(name, text)])

    return compare


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _hold(differences: list[str]) -> None:
    """Fail with those that there are."""
    told = "\n".join(difference for difference in differences if difference)
    if told:
        pytest.fail(
            "an oracle has changed. Where that is meant, write it again and name the decision in the commit:\n"
            f"  uv run --group test pytest tests/oracles -n0 --write-oracles\n{told}",
            pytrace=False,
        )


def difference_of(name: str, text: str) -> str:
    """A unified diff from the frozen text to the current one."""
    path = FROZEN / name
    frozen = path.read_text() if path.exists() else ""
    lines = difflib.unified_diff(
        frozen.splitlines(), text.splitlines(), f"frozen/{name}", "now", n=2, lineterm=""
    )
    return "\n".join(lines)
