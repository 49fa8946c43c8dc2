"""Which tests run which lines, so that a mutant is met by the tests that reach it and by no other."""

import concurrent.futures
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import coverage

PYTEST = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
"""Tests that Hypothesis feeds get the same each time, so that only the mutant makes a difference."""
_RUNS_A_WORKER = 4
"""Each run starts servers of its own; more of them share the workers' time better."""


@dataclass(frozen=True)
class Reached:
    """By file (relative to the tree) and line, the tests that run it; by test, the seconds it takes."""

    by_line: dict[str, dict[int, frozenset[str]]]
    seconds: dict[str, float]

    def tests_of(self, path: str, lines: range | None) -> list[str]:
        """The tests that run one of the lines, or anything of the file, the quickest first."""
        file = self.by_line.get(path, {})
        found = frozenset().union(*(tests for line, tests in file.items() if lines is None or line in lines))
        return sorted(found, key=lambda test: self.seconds.get(test, 0.0))


def reached(tree: Path, tests: Iterable[str], workers: int, where: Path) -> Reached:
    """What each test runs of a tree, measured by one run of test files and directories without mutants.

    The measurement is kept in the directory `where`; one that is there already is taken. Tests that fail without a
    mutant can kill none and are left out.
    """
    where.mkdir(parents=True, exist_ok=True)
    if not any(where.iterdir()):
        files = sorted({str(file.relative_to(tree)) for path in tests for file in _files(tree / path)})
        shares = [files[number :: _RUNS_A_WORKER * workers] for number in range(_RUNS_A_WORKER * workers)]
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            list(
                pool.map(
                    lambda number: _run(tree, shares[number], where / f"{number}.coverage"),
                    range(len(shares)),
                )
            )
    by_line: dict[str, dict[int, set[str]]] = {}
    seconds: dict[str, float] = {}
    for run in where.glob("*.coverage"):
        seconds |= json.loads(run.with_suffix(".json").read_text())
        data = coverage.CoverageData(str(run))
        data.read()
        for file in data.measured_files():
            lines = by_line.setdefault(str(Path(file).relative_to(tree)), {})
            for line, contexts in data.contexts_by_lineno(file).items():
                lines.setdefault(line, set()).update(contexts)
    frozen = {
        file: {line: frozenset(tests & seconds.keys()) for line, tests in lines.items()}
        for file, lines in by_line.items()
    }
    return Reached(frozen, seconds)


def _files(path: Path) -> Iterable[Path]:
    return path.rglob("test_*.py") if path.is_dir() else [path]


def _run(tree: Path, files: list[str], data: Path) -> None:
    if not files:
        return
    command = [
        sys.executable,
        "-m",
        "coverage",
        "run",
        f"--data-file={data}",
        f"--source={tree}",
        "--omit=*/tests/*",
    ]
    pytest = [*PYTEST[1:], "-p", "tests.mutation.by_test", *files]
    own = {"PYTHONPATH": f"{tree / 'src'}:{tree}", "URJA_TEST_SECONDS": str(data.with_suffix(".json"))}
    subprocess.run([*command, *pytest], cwd=tree, env={**os.environ, **own}, check=False, stdout=sys.stderr)
    assert data.with_suffix(".json").exists(), "the tests did not run to their end"
