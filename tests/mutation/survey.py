"""Draws mutants of what decides about money and supply, and sees which of them the tests kill.

`python -m tests.mutation.survey --seed 9 --size 300` prints one JSON object: how many were killed, and each survivor with
its line, what stood there and what the mutant put there.
"""

import argparse
import concurrent.futures
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant, count, mutant
from tests.mutation.reached import reached

ROOT = Path(__file__).resolve().parents[2]
TIMES_AS_LONG, STARTED_S = 5, 120
"""Tests that take so many times what they take without a mutant, and the seconds for their servers' start, have met an
endless loop: the mutant is killed by it."""

BRAKE = (
    "tests/adversary/test_stolen_signing_key.py",
    "tests/headend/test_releases.py",
    "tests/headend/test_commands_trouble.py",
)
WATCHED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("core/rating/*.py", ("tests/core", "tests/pipeline/test_post.py")),
    ("core/policy/*.py", ("tests/core/policy", "tests/pipeline/test_decide.py")),
    ("core/*.py", ("tests/core", "tests/pipeline/test_arrears.py", "tests/pipeline/test_ingest.py")),
    (
        "apps/ledger/*.py",
        (
            "tests/apps/ledger",
            "tests/pipeline/test_post.py",
            "tests/pipeline/test_arrears.py",
            "tests/pipeline/test_instalments.py",
            "tests/pipeline/test_kept.py",
            "tests/pipeline/test_laws.py",
            "tests/pipeline/test_ended.py",
            "tests/pipeline/test_held_back.py",
            "tests/pipeline/test_own_calendar.py",
            "tests/web/test_pages.py",
        ),
    ),
    (
        "apps/payments/**/*.py",
        ("tests/pipeline/test_collect.py", "tests/pipeline/test_reconcile.py", "tests/web/test_pay.py"),
    ),
    ("cosem/window.py", ("tests/cosem/test_window.py", "tests/headend/test_pushes.py")),
    ("cosem/pushbatch.py", ("tests/cosem/test_pushbatch.py", "tests/headend/test_pushes.py")),
    ("cosem/axdr.py", ("tests/cosem", "tests/headend/test_pushes.py")),
    ("stream/orders.py", ("tests/headend/test_commands.py", "tests/pipeline/test_dispatch.py")),
    ("headend/orders.py", ("tests/headend/test_commands.py", "tests/headend/test_commands_trouble.py")),
    ("headend/brake*.py", BRAKE),
    ("headend/releases.py", BRAKE),
    ("headend/sealed_state.py", BRAKE),
    ("base/passkey.py", ("tests/base/test_passkey.py",)),
    ("headend/intake.py", ("tests/headend/test_pushes.py", "tests/headend/test_broker_trouble.py")),
)
"""What is mutated below `src/urja`, and the tests that hold it."""
_DECLARATIONS = {"models.py", "grants.py", "apps.py", "config.py"}
"""Tables, rights and settings: declared, not calculated."""


@dataclass(frozen=True)
class Drawn:
    """A mutant of a file (relative to the root)."""

    path: str
    mutant: Mutant


def population() -> Iterator[tuple[Path, int, tuple[str, ...]]]:
    """Every mutant of every watched file by its number, each file once."""
    seen: set[Path] = set()
    for pattern, tests in WATCHED:
        there = tuple(test for test in tests if (ROOT / test).exists())
        for path in sorted((ROOT / "src/urja").glob(pattern)):
            if path in seen or path.name in _DECLARATIONS or "migrations" in path.parts:
                continue
            seen.add(path)
            for number in range(count(path.read_text())):
                yield path, number, there


def draw(seed: int, size: int, below: str = "") -> list[Drawn]:
    """`size` mutants by a seed, of the files below a path in `src/urja`."""
    there = ROOT / "src/urja" / below
    everything = [one for one in population() if one[0].is_relative_to(there)]
    return [
        Drawn(str(path.relative_to(ROOT)), mutant(path.read_text(), number))
        for path, number, _ in random.Random(seed).sample(everything, min(size, len(everything)))
    ]


class Trees:
    """A copy of the checkout for each thread, so that mutants do not meet."""

    def __init__(self, where: Path) -> None:
        self._where = where
        self._own = threading.local()

    def mine(self) -> Path:
        if not hasattr(self._own, "tree"):
            self._own.tree = self._where / f"tree-{threading.get_ident()}"
            shutil.copytree(
                ROOT, self._own.tree, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__")
            )
        return self._own.tree


def survives(drawn: Drawn, tree: Path, tests: list[str], seconds: float) -> bool:
    """Whether tests pass with the mutant in the place of its file; `seconds` is what they take without it."""
    file = tree / drawn.path
    original = file.read_text()
    file.write_text(drawn.mutant.source)
    try:
        return not tests or passes(tests, tree, STARTED_S + TIMES_AS_LONG * seconds)
    finally:
        file.write_text(original)


def passes(tests: list[str], tree: Path, within_s: float) -> bool:
    """Whether tests pass in a tree, in their order, within a time."""
    named = tree / "named-tests"
    named.write_text("\n".join(tests))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n0",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "--hypothesis-seed=0",
        f"@{named}",
    ]
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        cwd=tree,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        try:
            return running.wait(within_s) == 0
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return False


def survey(seed: int, size: int, workers: int, below: str = "") -> dict[str, object]:
    """Draw, run, count; says on standard error how each mutant fared."""
    began = time.monotonic()
    drawn = draw(seed, size, below)
    survivors: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="mutation-") as where,
        concurrent.futures.ThreadPoolExecutor(workers) as pool,
    ):
        trees = Trees(Path(where))
        found = reached(trees.mine(), tests_of({one.path for one in drawn}), workers)

        def lives(one: Drawn) -> bool:
            tests = found.tests_of(one.path, one.mutant.lines)
            return survives(one, trees.mine(), tests, sum(found.seconds[test] for test in tests))

        running = {pool.submit(lives, one): one for one in drawn}
        for number, done in enumerate(concurrent.futures.as_completed(running), 1):
            one = running[done]
            name = f"{one.path}:{one.mutant}"
            if done.result():
                reach = len(found.tests_of(one.path, one.mutant.lines))
                survivors.append(f"{name} (reached by {reach} tests)")
            sys.stderr.write(f"{number}/{len(drawn)} {'SURVIVED' if done.result() else 'killed'} {name}\n")
    return {
        "seed": seed,
        "below": below,
        "drawn": len(drawn),
        "killed": len(drawn) - len(survivors),
        "killed_share": round(1 - len(survivors) / max(1, len(drawn)), 3),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "survivors": sorted(survivors),
    }


def tests_of(paths: set[str]) -> set[str]:
    """The tests that hold files (relative to the root)."""
    return {test for path, _, tests in population() if str(path.relative_to(ROOT)) in paths for test in tests}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--below", default="", help="only of files below this path in src/urja, such as core/rating"
    )
    sys.stdout.write(json.dumps(survey(**vars(parser.parse_args())), indent=1) + "\n")


if __name__ == "__main__":
    main()
