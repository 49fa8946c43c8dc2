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
    "paid_to_powered": ["--one", "--meters", "10", "--payments", "3"],
    "search": ["--consumers", "300", "--queries", "5"],
    "slow_clients": ["--slow", "50", "--seconds", "2", "--rate", "10"],
    "town": ["--one", "10", "--window", "3"],
    "verify": ["--entries", "2000"],
}

SHARES = {"decode": 0.6, "headend": 0.5}
"""Goals for the share of the limit: AES-GCM and the kernel over all time."""


def test_every_benchmark_is_here():
    """`installation` and `aes_gcm` are what several have in common, and run nothing by themselves."""
    common = {"installation", "aes_gcm"}
    assert set(SMALL) == {path.stem for path in (ROOT / "bench").glob("*.py")} - common


def run(bench: str) -> dict[str, object]:
    """What a benchmark prints, in a small size."""
    command = [sys.executable, str(ROOT / "bench" / f"{bench}.py"), *SMALL[bench]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    printed = json.loads(done.stdout)
    assert isinstance(printed, dict), done.stdout[-2000:]
    return printed


@pytest.mark.parametrize("bench", SMALL)
def test_a_benchmark_runs_and_prints_one_object(bench):
    printed = run(bench)
    if bench in SHARES:
        # A share, whatever the machine: the limit is part of what was measured.
        assert 0 < printed["share_of_limit"] < 1.2, printed
        assert printed["goal_share_of_limit"] == SHARES[bench]
