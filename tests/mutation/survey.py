"""Draws mutants of what decides about money and supply, and sees which of them the tests kill.

`python -m tests.mutation.survey --seed 9 --size 300` prints one JSON object: how many were killed, and each survivor with
its line, what stood there and what the mutant put there.
"""

import argparse
import concurrent.futures
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.forks import FATES, MUTANTS
from tests.mutation.mutants import Mutant, count, mutant
from tests.mutation.reached import PYTEST, Reached, reached

ROOT = Path(__file__).resolve().parents[2]
type Hear = Callable[[Drawn, bool], None]
"""Takes a mutant and whether it lived."""
TIMES_AS_LONG, STARTED_S = 5, 120
"""Tests that take so many times what they take without a mutant, and the seconds for their servers' start, have met an
endless loop: the mutant is killed by it."""

INTAKE = (
    "tests/headend/test_pushes.py",
    "tests/headend/test_broker_trouble.py",
    "tests/headend/test_key_change.py",
    "tests/adversary/test_unauthenticated_pushes.py",
)
BRAKE = (
    "tests/headend/test_brake.py",
    "tests/adversary/test_stolen_signing_key.py",
    "tests/headend/test_releases.py",
    "tests/headend/test_commands_trouble.py",
)
ORDERS = ("tests/headend/test_commands.py", "tests/headend/test_commands_trouble.py")
WATCHED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("core/rating/*.py", ("tests/core", "tests/pipeline/test_post.py")),
    ("core/policy/*.py", ("tests/core/policy", "tests/pipeline/test_decide.py")),
    ("core/*.py", ("tests/core", "tests/pipeline/test_arrears.py", "tests/pipeline/test_ingest.py")),
    (
        "apps/books/*.py",
        (
            "tests/apps/books",
            "tests/pipeline/test_post.py",
            "tests/pipeline/test_arrears.py",
            "tests/pipeline/test_instalments.py",
            "tests/pipeline/test_laws.py",
            "tests/pipeline/test_ended.py",
            "tests/pipeline/test_held_back.py",
            "tests/pipeline/test_own_calendar.py",
            "tests/web/test_pages.py",
            "tests/site/test_tariff_load.py",
        ),
    ),
    (
        "apps/billing/**/*.py",
        (
            "tests/apps/books",
            "tests/pipeline/test_post.py",
            "tests/pipeline/test_arrears.py",
            "tests/pipeline/test_instalments.py",
            "tests/pipeline/test_laws.py",
            "tests/pipeline/test_ended.py",
            "tests/pipeline/test_held_back.py",
            "tests/pipeline/test_own_calendar.py",
            "tests/web/test_pages.py",
            "tests/site/test_tariff_load.py",
        ),
    ),
    (
        "apps/payments/**/*.py",
        (
            "tests/providers/test_gateways.py",
            "tests/pipeline/test_collect.py",
            "tests/pipeline/test_reconcile.py",
            "tests/web/test_pay.py",
            "tests/web/test_console_payments.py",
        ),
    ),
    ("cosem/replay_window.py", ("tests/cosem/test_window.py", "tests/headend/test_pushes.py")),
    ("cosem/push_meters.py", ("tests/cosem/test_pushbatch.py", "tests/headend/test_pushes.py")),
    ("cosem/push_batch.py", ("tests/cosem/test_pushbatch.py", "tests/headend/test_pushes.py")),
    ("cosem/axdr.py", ("tests/cosem", "tests/headend/test_pushes.py")),
    ("stream/orders.py", ("tests/headend/test_commands.py", "tests/pipeline/test_dispatch.py")),
    ("headend/order_admission.py", ORDERS),
    ("headend/order_execution.py", ORDERS),
    ("headend/disconnection_*.py", BRAKE),
    ("headend/releases.py", BRAKE),
    ("headend/sealed_state.py", BRAKE),
    ("base/passkey.py", ("tests/base/test_passkey.py",)),
    ("headend/intake.py", INTAKE),
    ("headend/received_batch.py", INTAKE),
    ("headend/push_records.py", INTAKE),
    ("headend/rejections.py", INTAKE),
    ("stream/signing.py", ("tests/stream/test_signing.py",)),
    ("stream/devices.py", ("tests/stream/test_signing.py",)),
)
"""What is mutated below `src/urja`, and the tests that hold it."""
_DECLARATIONS = {"models.py", "grants.py", "apps.py", "config.py"}
"""Tables, rights and settings: declared, not calculated."""


@dataclass(frozen=True)
class Drawn:
    """A mutant of a file (relative to the root) and its number there."""

    path: str
    number: int
    mutant: Mutant

    def __str__(self) -> str:
        return f"{self.path}:{self.mutant}"


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
        Drawn(str(path.relative_to(ROOT)), number, mutant(path.read_text(), number))
        for path, number, _ in random.Random(seed).sample(everything, min(size, len(everything)))
    ]


def survey(seed: int, size: int, workers: int, measured: Path, below: str = "") -> dict[str, object]:
    """Draw, run, count; says on standard error how each mutant fared."""
    began = time.monotonic()
    drawn = draw(seed, size, below)
    found = reached(ROOT, tests_of({one.path for one in drawn}), workers, measured)
    lived = outlive(ROOT, drawn, found, workers)
    return {
        "seed": seed,
        "below": below,
        "drawn": len(drawn),
        "killed": len(drawn) - len(lived),
        "killed_share": round(1 - len(lived) / max(1, len(drawn)), 3),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "survivors": sorted(lived),
    }


def tests_of(paths: set[str]) -> set[str]:
    """The tests that hold files (relative to the root)."""
    return {test for path, _, tests in population() if str(path.relative_to(ROOT)) in paths for test in tests}


def _tests(found: Reached, one: Drawn) -> list[str]:
    """Those that can meet a mutant: for what is done at import, all that run anything of its file."""
    return found.tests_of(one.path, one.mutant.lines if one.mutant.in_function else None)


def outlive(tree: Path, drawn: list[Drawn], found: Reached, workers: int) -> list[str]:
    """The mutants that all their tests pass with, and how many tests that were."""
    lived: list[str] = []
    heard = itertools.count(1)

    def hear(one: Drawn, lives: bool) -> None:
        name = f"{one} ({len(_tests(found, one))} tests)"
        sys.stderr.write(f"{next(heard)}/{len(drawn)} {'SURVIVED' if lives else 'killed'} {name}\n")
        if lives:
            lived.append(name)

    reached_at_all = [one for one in drawn if _tests(found, one)]
    for one in drawn:
        if one not in reached_at_all:
            hear(one, lives=True)
    forked = [one for one in reached_at_all if one.mutant.in_function]
    alone = [one for one in reached_at_all if not one.mutant.in_function]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        shares = [forked[number::workers] for number in range(workers)]
        for left in pool.map(lambda share: _in_forks(tree, share, found, hear), filter(None, shares)):
            alone += left
        for one, lives in zip(alone, pool.map(lambda one: _in_a_copy(tree, one, found), alone), strict=True):
            hear(one, lives)
    return lived


def _in_forks(tree: Path, drawn: list[Drawn], found: Reached, hear: Hear) -> list[Drawn]:
    """Mutants inside functions: one run of pytest forks for each of them. Those come back that no fork can take."""
    by_name = {str(one): one for one in drawn}
    tests = {name: _tests(found, one) for name, one in by_name.items()}
    mutants = [
        {
            "name": name,
            "path": str(tree / one.path),
            "number": one.number,
            "tests": tests[name],
            "within_s": _within_s(found, tests[name]),
        }
        for name, one in by_name.items()
    ]
    files = {test.partition("::")[0] for several in tests.values() for test in several}
    said, says = os.pipe()
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as where,
        (Path(where) / "output").open("w+") as output,
    ):
        (Path(where) / "mutants").write_text(json.dumps(mutants))
        own = {MUTANTS: f"{where}/mutants", FATES: str(says), "PYTHONPATH": f"{tree / 'src'}:{tree}"}
        running = subprocess.Popen(
            [*PYTEST, "-p", "tests.mutation.forks", *sorted(files)],
            cwd=tree,
            env={**os.environ, **own},
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[says],
        )
        os.close(says)
        left = []
        with os.fdopen(said) as fates:
            for fate in map(json.loads, fates):
                one = by_name[fate["name"]]
                if fate["lived"] is None:
                    left.append(one)
                else:
                    hear(one, fate["lived"])
        if running.wait() != 0:
            output.seek(0)
            raise RuntimeError(output.read()[-5000:])
    return left


def _in_a_copy(tree: Path, one: Drawn, found: Reached) -> bool:
    """Whether a mutant lives that changes what its file does when imported: in a process of its own, on a copy."""
    tests = _tests(found, one)
    with tempfile.TemporaryDirectory(prefix="mutant-") as where:
        copy = Path(where) / "tree"
        shutil.copytree(tree, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__"))
        (copy / one.path).write_text(one.mutant.source)
        (copy / "named-tests").write_text("\n".join(tests))
        own = {"PYTHONPATH": f"{copy / 'src'}:{copy}", "PYTHONDONTWRITEBYTECODE": "1"}
        with subprocess.Popen(
            [*PYTEST, "-x", "@named-tests"],
            cwd=copy,
            env={**os.environ, **own},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as running:
            try:
                return running.wait(_within_s(found, tests)) == 0
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                return False


def _within_s(found: Reached, tests: list[str]) -> float:
    return STARTED_S + TIMES_AS_LONG * sum(found.seconds[test] for test in tests)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--below", default="", help="only of files below this path in src/urja, such as core/rating"
    )
    parser.add_argument(
        "--measured", type=Path, help="a directory: what the tests run is kept there, or taken from there"
    )
    given = vars(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="measured-") as own:
        given["measured"] = given["measured"] or Path(own)
        sys.stdout.write(json.dumps(survey(**given), indent=1) + "\n")


if __name__ == "__main__":
    main()
