"""Real processes, killed and stopped in the middle of their work: nothing accepted is lost, nothing is charged twice."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.world.dangerous_town import VICTIMS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_whatever_is_killed_or_stopped_every_law_holds(world_tmp, prepared, seed):
    prepared(world_tmp / "data")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.world.dangerous_town",
        str(seed),
        str(world_tmp),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    story, _ = await process.communicate()
    assert process.returncode == 0, story.decode()
    report = json.loads((world_tmp / "report.json").read_text())
    assert set(report["killed"]) == set(VICTIMS)
    assert report["stopped"]
    assert report["settled"], report
    assert all(report["laws"].values())
    assert report["energy_drawn_wh"] == report["energy_stored_wh"] == report["energy_rated_wh"] > 0
    assert report["ledger_sum_minor"] == 0
    assert report["intervals_missing"] == 0
