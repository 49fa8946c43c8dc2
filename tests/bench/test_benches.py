"""Each benchmark runs, in a small size, and prints one JSON object. No figure is held to anything here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SMALL = {
    "decide": ["--meters", "1000", "--rounds", "1"],
    "decode": ["--meters", "200", "--batch", "100", "--repeats", "1", "--no-peer"],
    "headend": ["--connections", "100", "--repeats", "1", "--no-peer"],
    "ingest": ["--meters", "200", "--rounds", "1"],
    "load": ["--rows", "200"],
    "page": ["--accounts", "200", "--people", "5", "--repeats", "1"],
    "paid_to_lit": ["--one", "--meters", "10", "--payments", "3"],
    "search": ["--consumers", "300", "--queries", "5"],
    "slow_clients": ["--slow", "50", "--seconds", "2", "--rate", "10"],
    "town": ["--one", "10", "--window", "3"],
    "verify": ["--entries", "2000"],
}


def test_every_benchmark_is_here():
    """`installation` is what several have in common, and runs nothing by itself."""
    assert set(SMALL) == {path.stem for path in (ROOT / "bench").glob("*.py")} - {"installation"}


@pytest.mark.parametrize("bench", SMALL)
def test_a_benchmark_runs_and_prints_one_object(bench):
    command = [sys.executable, str(ROOT / "bench" / f"{bench}.py"), *SMALL[bench]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    assert isinstance(json.loads(done.stdout), dict), done.stdout[-2000:]
