"""Each benchmark runs, in a small size, and prints one JSON object. No figure is held to anything here."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.made_once import PLACE

from urja.site.supervisor.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]

SMALL = {
    "close": ["--accounts", "10", "--days", "1", "--recharges", "1", "--processes", "1"],
    "decide": ["--meters", "1000", "--rounds", "1"],
    "decode": ["--meters", "200", "--batch", "100", "--repeats", "1", "--no-peer"],
    "headend": ["--connections", "100", "--repeats", "1", "--no-peer"],
    "ingest": ["--meters", "200", "--rounds", "1"],
    "load": ["--rows", "200"],
    "mode_changes": ["--supplies", "6"],
    "page": ["--accounts", "200", "--people", "5", "--requests", "10", "--repeats", "1"],
    "paid_to_powered": ["--one", "--meters", "10", "--payments", "3"],
    "search": ["--consumers", "300", "--queries", "5"],
    "slow_clients": ["--slow", "50", "--seconds", "2", "--rate", "10"],
    "town": ["--one", "10", "--window", "3"],
    "verify": ["--accounts", "20", "--days", "3", "--processes", "1"],
}

SHARES = {"decode": 0.6, "headend": 0.5}
"""Goals for the share of the limit: AES-GCM and the kernel over all time."""


def test_every_benchmark_is_here():
    """`databases`, `installation`, `aes_gcm` and `recharges` are parts of several; `performance` runs the others."""
    common = {"databases", "installation", "aes_gcm", "performance", "recharges"}
    assert set(SMALL) == {path.stem for path in (ROOT / "bench").glob("*.py")} - common


@pytest.fixture
def environment(short_tmp: Path, postgres: Cluster, prepared: Callable[[Path], Path]) -> dict[str, str]:
    """Directories of a benchmark are in memory; the database is migrated once for all tests."""
    return {**os.environ, "TMPDIR": str(short_tmp), "BENCH_MADE": os.environ[PLACE]}


@pytest.fixture
def run(environment: dict[str, str]) -> Callable[..., dict[str, object]]:
    """Runs a benchmark in a small size; what it prints."""
    return partial(_run, environment)


def _run(environment: dict[str, str], bench: str, *more: str) -> dict[str, object]:
    command = [sys.executable, str(ROOT / "bench" / f"{bench}.py"), *SMALL[bench], *more]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=560)
    assert done.returncode == 0, done.stderr[-2000:]
    printed = json.loads(done.stdout)
    assert isinstance(printed, dict), done.stdout[-2000:]
    return printed


@pytest.mark.parametrize("bench", SMALL)
def test_a_benchmark_runs_and_prints_one_object(run, bench):
    printed = run(bench)
    if bench in SHARES:
        # A share, whatever the machine: the limit is part of what was measured.
        assert 0 < printed["share_of_limit"] < 1.2, printed
        assert printed["goal_share_of_limit"] == SHARES[bench]


def test_sizes_of_the_close_are_compared(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")
    close = importlib.import_module("close")
    sizes = [{"accounts": 10, "accounts_per_s": 400}, {"accounts": 20, "accounts_per_s": 500}]
    assert close.compared(sizes) == {
        "benchmark": "close",
        "slowest_to_fastest": 0.8,
        "goal_slowest_to_fastest": close.GOAL_FLAT,
        "sizes": sizes,
    }


def test_a_stored_row_of_three_phases_is_measured(run):
    printed = run("ingest", "--set", "d2")
    assert printed["values_per_row"] == 15
    # Pages and keys are not filled in a small size.
    assert 100 < printed["bytes_per_row"] < 2 * printed["bar_bytes_per_row"]


def test_the_page_of_performance_keeps_the_sections_of_other_benchmarks(tmp_path, environment):
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n\n## load\n\nas measured before\n\n## gone\n\nno such benchmark\n")
    command = [sys.executable, "bench/performance.py", "--page", str(page), "decode", *SMALL["decode"]]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=560)
    written = page.read_text()
    assert "## load\n\nas measured before\n" in written
    assert "## gone" not in written
    assert "`uv run python bench/decode.py --meters 200 --batch 100 --repeats 1 --no-peer`" in written
    assert "| meters | 200 |" in written
