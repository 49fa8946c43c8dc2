"""The demonstration's town with real processes: houses are cut, people pay, light returns, every law holds."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


async def lived(folder: Path, *command: str) -> dict:
    """The report of a run that held all laws."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        story, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, story.decode()
    report = json.loads((folder / "report.json").read_text())
    assert all(report["laws"].values())
    assert report["settled"], report
    assert report["energy_drawn_wh"] == report["energy_stored_wh"] > 0
    assert report["energy_stored_wh"] == report["energy_rated_wh"] + report["energy_unassigned_wh"]
    assert report["intervals_missing"] == report["ledger_sum_minor"] == 0
    assert report["recharges_paid"] == report["recharges_credited"]
    return report


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_through_cuts_and_recharges(world_tmp, prepared, seed):
    prepared(world_tmp / "data")
    report = await lived(world_tmp, "tests.world.short_town", str(seed), str(world_tmp))
    assert report["disconnects"] >= report["reconnects"] >= 1
    assert report["recharges_credited"] >= 1
    assert report["flagged"] >= 2, "an opened cover, and a wire past a meter"
    spread = report["paid_to_reconnected_ms"]
    assert 0 < spread["p50"] <= spread["p95"] <= spread["max"]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_through_the_close_of_a_day(world_tmp):
    """As on the command line: fifty houses from one morning into the next day."""
    where = ["--data", str(world_tmp / "data"), "--report", str(world_tmp / "report.json")]
    report = await lived(
        world_tmp, "urja.site.cli.main", "demo", "--meters", "50", "--speed", "600", "--for", "100", *where
    )
    assert report["simulated_hours"] > 15.5, "midnight has passed"
    assert report["ledger_entries"] > 2 * 50, "opening credits, and a closed day of each house"
    assert report["reconnects"] >= 1
