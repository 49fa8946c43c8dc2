"""A change of the payment mode of many supplies: dry run, approval, order, conversion, stop, pages and report.

All supplies become postpaid by one order, which is stopped in the middle; a second order converts the rest. The database is
that of the benches, on this machine, without meters and broker.

    uv run python bench/mode_changes.py [--supplies 5000]

Prints one JSON object: for each step the seconds by the clock and of processor time (this process and its backend, which other
programs on the machine disturb less), the statements that it sends, and the most memory that the process has had by then. Two
sizes say whether a step is linear: `--supplies 1000 5000` has `growth` for each, the processor
time of a supply in the largest size over that in the smallest.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg

from close import START, adopt, connect
from databases import migrated_cluster, owner_of
from decide import load_rules
from urja.base import log

NOW = START + timedelta(hours=9)
DAY = date(2026, 3, 3)
BEGUN = START + timedelta(days=1, minutes=5)
ACTOR = "bench"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--supplies", type=int, nargs="+", default=[5_000])
    options = parser.parse_args()
    log.configure("bench", "error", json=True)
    # A process for each size: Django's database is set up once, and the memory of one size is not that of the next.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as sizes:
        found = list(sizes.map(at_size, options.supplies))
    growth = {}
    if len(found) > 1:
        least, most = found[0], found[-1]
        growth = {
            step: round(
                (one["cpu_s"] / most["supplies"]) / (least["steps"][step]["cpu_s"] / least["supplies"]), 2
            )
            for step, one in most["steps"].items()
        }
    print(json.dumps({"benchmark": "mode_changes", "sizes": found, "growth": growth}, indent=2))


def at_size(supplies: int) -> dict[str, Any]:
    """Return the figures of one size, on a database of its own."""
    log.configure("bench", "error", json=True)
    with (
        tempfile.TemporaryDirectory(prefix="urja-bench-") as directory,
        migrated_cluster(Path(directory)) as cluster,
    ):
        connect(owner_of(cluster))
        # As superuser: rows are seeded with the database's checks off.
        with psycopg.connect(cluster.conninfo(dbname="bench"), autocommit=True) as connection:
            adopt(connection, supplies, 3)
            load_rules()
            return {"supplies": supplies, "steps": measure(supplies)}


def measure(supplies: int) -> dict[str, dict[str, float]]:
    from urja.apps.contracts.models import ModeChange, ModeChangeRow
    from urja.apps.overviews.queries import mode_changes as seen
    from urja.pipeline import mode_changes as stage
    from urja.usecases.approval_measures import measure as measured
    from urja.usecases.dry_run import dry_run_effects
    from urja.usecases.operations import ChangeModes, StopModeChange, perform

    def order(numbers: Iterable[int]) -> ChangeModes:
        return ChangeModes(
            payment_mode="postpaid",
            effective_on=DAY,
            consumer_numbers=tuple(map(str, numbers)),
            deposit_minor=40_000,
            instalments=10,
            reason="bench",
        )

    everyone, half = order(range(1, supplies + 1)), supplies // 2
    # So that a small order is in the middle when it is stopped.
    stage.AT_ONCE = min(stage.AT_ONCE, max(1, supplies // 4))
    steps = {
        "dry_run": step(lambda: dry_run_effects(everyone, recorded_at=NOW, actor=ACTOR)),
        "approval": step(lambda: measured(everyone, actor=ACTOR, now=NOW)),
        "order": step(lambda: perform(everyone, recorded_at=NOW, actor=ACTOR)),
        "notices": step(lambda: run(NOW, lambda: _untold() == 0)),
        "conversion_of_half": step(lambda: run(BEGUN, lambda: _waiting() <= half)),
    }
    first = ModeChange.objects.get()
    stopping = StopModeChange(mode_change_id=first.id, reason="bench")
    steps["stop"] = step(lambda: perform(stopping, recorded_at=BEGUN, actor=ACTOR))
    left = ModeChangeRow.objects.filter(mode_change=first, state="left").values_list("named", flat=True)
    rest = [int(named) for named in left]
    perform(order(rest), recorded_at=BEGUN, actor=ACTOR)
    steps["conversion_of_the_rest"] = step(lambda: run(BEGUN, lambda: _waiting() == 0))
    done = ModeChangeRow.objects.filter(state="done").count()
    assert done == supplies, f"{done} of {supplies} are converted"
    assert rest, "the first order was stopped in its middle"
    rows = seen.rows_of(first)
    steps["page"] = step(lambda: (seen.progress(rows), seen.sums(rows), list(rows[:101])))
    steps["report"] = step(lambda: sum(map(len, seen.csv_of(rows))))
    return steps


def run(now: Any, ended: Callable[[], bool]) -> None:
    """Run the stage until a condition holds."""
    from urja.pipeline import mode_changes

    while not ended():
        assert mode_changes.run_once(now).done, "the stage has nothing to do"


def _untold() -> int:
    from urja.apps.contracts.models import ModeChangeRow

    return ModeChangeRow.objects.filter(state="waiting", told_at=None).count()


def _waiting() -> int:
    from urja.apps.contracts.models import ModeChangeRow

    return ModeChangeRow.objects.filter(state="waiting").count()


def step(work: Callable[[], object]) -> dict[str, float]:
    """Return what a step takes; `peak_mib` is the most that the process has had until its end."""
    from django.db import connection

    statements = 0

    def count(execute: Callable[..., Any], *given: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(*given)

    before_s, began = work_s(), time.perf_counter()
    with connection.execute_wrapper(count):
        work()
    return {
        "s": round(time.perf_counter() - began, 3),
        "cpu_s": round(work_s() - before_s, 3),
        "statements": statements,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def work_s() -> float:
    """Return processor time of this process and its backend."""
    from django.db import connection

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    return time.process_time() + int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
