"""Number of meters that two cores can serve in real time: CPU per meter, separately for the fleet and the system.

For each size the whole installation runs as processes of its own, with business time at real speed and each meter on
a connection of its own. A meter costs something at rest (a window without pushes) and something at the end of each
interval (a block and an instantaneous push by each meter at the same second, stored, accrued, decided upon). The
interval measured is the first, in which a balance is written to each display by a session of its own, as otherwise
once a day: an upper bound. What the smallest size costs is taken as what the system costs without meters.

    uv run python bench/town.py [--sizes 10,1000,10000] [--window 30] [--quick]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from installation import FLEET, POSTGRES, SYSTEM, RunningTown, installed, mesh_or_cellular
from urja.base import log

INTERVAL_S = 1800
CORES = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="10,1000,10000")
    parser.add_argument("--window", type=float, default=30.0, help="seconds at rest")
    parser.add_argument("--quick", action="store_true", help="10 and 1,000 meters")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        log.configure("bench", "warning", json=False)
        with tempfile.TemporaryDirectory(prefix="urja-") as folder:
            print(json.dumps(asyncio.run(measure(Path(folder), options.one, options.window))))
        return
    sizes = [10, 1_000] if options.quick else sorted(map(int, options.sizes.split(",")))
    print(json.dumps(report([one(size, options.window) for size in sizes]), indent=2))


def one(size: int, window_s: float) -> dict:
    """Run each size in a separate process, because Django is set up for one database."""
    command = [sys.executable, __file__, "--one", str(size), "--window", str(window_s)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


async def measure(folder: Path, meters: int, window_s: float) -> dict:
    load = os.getloadavg()[0]
    async with installed(folder, meters, links=mesh_or_cellular) as running:
        before, began = running.cpu_s(), time.monotonic()
        await at_rest(running)
        pushed, pushed_s = spent(running, before), time.monotonic() - began
        before, began = running.cpu_s(), time.monotonic()
        await asyncio.sleep(window_s)
        rest, rest_s = spent(running, before), time.monotonic() - began
        memory = {name: running.resident_mb(name) for name in (*SYSTEM, FLEET) if name != POSTGRES}
    # The time of processing the interval includes the CPU time spent at rest.
    per_s = {name: rest[name] / rest_s for name in rest}
    interval = {name: max(pushed[name] - per_s[name] * pushed_s, 0.0) for name in pushed}
    return {
        "meters": meters,
        "interval_worked_off_s": round(pushed_s, 1),
        "cpu_s_of_an_interval": rounded(interval, 2),
        "cpu_share_at_rest": rounded(per_s, 4),
        "cpu_share_at_real_time": rounded(
            {name: per_s[name] + interval[name] / INTERVAL_S for name in per_s}, 5
        ),
        "memory_mb": memory,
        "set_up_s": rounded(running.set_up_s, 1),
        "load_average": round(load, 1),
    }


async def at_rest(running: RunningTown) -> None:
    """Return whether the first interval has been pushed, stored and decided, with nothing pending."""
    total = len(running.meters)
    decided = "seen_watermark_at > (SELECT min(opened_at) FROM readings_accrual)"
    for what, query in (
        ("blocks", "SELECT count(*) FROM readings_interval"),
        ("standings", f"SELECT count(*) FROM supply_state WHERE {decided}"),
        ("displays", "SELECT count(DISTINCT device_id) FROM commands_command WHERE ended_at IS NOT NULL"),
    ):  # fmt: skip
        await running.until(what, lambda query=query: running.scalar(query) == total)


def spent(running: RunningTown, before: dict[str, float]) -> dict[str, float]:
    return {name: used - before[name] for name, used in running.cpu_s().items()}


def rounded(values: dict[str, float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in values.items()}


def report(runs: list[dict]) -> dict:
    """Return the line through the smallest and largest size: constant CPU time, and CPU time per meter."""
    small, large = runs[0], runs[-1]
    added = large["meters"] - small["meters"]

    def us_a_meter(names: tuple[str, ...]) -> float:
        share = (sum(run["cpu_share_at_real_time"][name] for name in names) for run in (large, small))
        return max((next(share) - next(share)) / added, 0.0) * 1e6

    fleet_us, system_us = us_a_meter((FLEET,)), us_a_meter(SYSTEM)
    anyway = sum(small["cpu_share_at_real_time"].values())
    carried = (CORES - anyway) / ((fleet_us + system_us) / 1e6)
    busy_s = large["interval_worked_off_s"] / large["meters"]
    return {
        "benchmark": "town",
        "what": "CPU of a running installation at real time, one connection and one push of two frames a meter and interval",
        "interval_s": INTERVAL_S,
        "sizes": runs,
        "cpu_us_per_s_a_meter": {"fleet": round(fleet_us, 1), "system": round(system_us, 1)},
        "fleet_kb_a_meter": round((large["memory_mb"][FLEET] - small["memory_mb"][FLEET]) * 1024 / added),
        "cpu_share_without_meters": round(anyway, 3),
        "meters_carried_by_two_cores": {
            "by_cpu": hundreds(carried),
            "by_interval": hundreds(INTERVAL_S / busy_s),
            "without_the_fleet_by_cpu": hundreds((CORES - anyway) / (system_us / 1e6)),
        },
        "note": "extrapolated from the sizes measured; by_interval: so many that an interval is just worked off before the next; the interval measured holds the day's write to each display",
        "cores": os.cpu_count(),
    }


def hundreds(meters: float) -> int:
    return round(meters / 100) * 100


if __name__ == "__main__":
    main()
