"""Rate at which a file of consumers is loaded into the registry, with the checks of every other operation.

`urja import` reads a CSV, converts each row, and does it as operations: a premise, a service point, a person, a user where
there is an e-mail address, an account, an agreement with its terms, an access and two placements. Processor time is of this
process and of all of the server's, which a machine that others use disturbs less; peak memory is of this process and of the
database's (VmHWM of the backend, shared buffers among it). The bar is 100,000 consumers in 30 minutes.

    uv run python bench/load.py [--rows N] [--durable] [--data DIR]

With --data the consumers are loaded into the installation that runs there, and stay: a backup of it can then be measured.
"""

import argparse
import csv
import json
import os
import random
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from databases import migrated_cluster, owner_of

BAR_MINUTES = 30
NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
PER_TRANSFORMER = 25
PER_SECTION = 5_000
COLUMNS = (
    "consumer_number", "premise_code", "premise_kind", "premise_name", "address", "pin_code", "latitude", "longitude",
    "section", "transformer", "phase", "person_name", "email", "phone", "language", "since", "tariff_code",
    "sanctioned_load_w", "payment_mode",
)  # fmt: skip
MAP = "\n".join(
    [
        'kind = "consumers"',
        "[fields]",
        *(f'{name} = "{name}"' for name in COLUMNS if name not in {"since", "sanctioned_load_w", "phone"}),
        'since = { column = "since", date = "%d.%m.%Y" }',
        'sanctioned_load_w = { column = "sanctioned_load_w", unit = "kW" }',
        'phone = { column = "phone", prefix = "+91" }',
    ]
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--durable", action="store_true", help="with fsync, as in production")
    parser.add_argument("--data", type=Path, help="data directory of a running installation to load into")
    options = parser.parse_args()
    if options.data is not None:
        with tempfile.TemporaryDirectory(prefix="urja-bench-") as directory:
            load_running(options.data, Path(directory) / "consumers.csv", options.rows)
        return
    with (
        tempfile.TemporaryDirectory(prefix="urja-bench-") as directory,
        migrated_cluster(Path(directory), durable=options.durable) as cluster,
    ):
        print(json.dumps(measure(cluster, Path(directory), options), indent=2))


def measure(cluster, directory: Path, options) -> dict:
    owner = owner_of(cluster)
    load_tariffs()
    file = directory / "consumers.csv"
    with psycopg.connect(owner, autocommit=True) as connection:
        make_network(connection, options.rows)
    write_file(file, options.rows)
    before = max_rss_mb()
    import_s, import_cpu_s, report, backend_mb = time_import(file)
    assert report.faulty == 0, report.first
    assert report.counts["agreement: new"] == options.rows, report.counts
    peak = max_rss_mb()
    again_s, _, again, _ = time_import(file)
    assert not again.written, again.counts
    minutes = import_s / options.rows * 100_000 / 60
    return {
        "benchmark": "load",
        "rows": options.rows,
        "file_mb": round(file.stat().st_size / 1e6, 1),
        "durable": options.durable,
        "load_average": round(os.getloadavg()[2], 1),
        "consumers_per_s": round(options.rows / import_s, 1),
        "minutes_for_100_000": round(minutes, 1),
        "bar_minutes": BAR_MINUTES,
        "bar_met": minutes <= BAR_MINUTES,
        "import_s": round(import_s, 1),
        "import_cpu_s": round(import_cpu_s, 1),
        "cpu_ms_per_consumer": round(import_cpu_s / options.rows * 1000, 2),
        "second_import_s": round(again_s, 1),
        "client_mb_before": before,
        "peak_client_mb": peak,
        "peak_backend_mb": backend_mb,
    }


def load_running(data: Path, file: Path, rows: int) -> None:
    from urja.site.admin import Administration

    installation = Administration.of(data)
    installation.setup_django()
    load_tariffs()
    with psycopg.connect(installation.secrets.database_owner, autocommit=True) as connection:
        make_network(connection, rows)
    write_file(file, rows)
    import_s, _, report, _ = time_import(file)
    assert report.faulty == 0, report.first
    print(
        json.dumps(
            {"benchmark": "load", "rows": rows, "data": str(data), "import_s": round(import_s, 1)}, indent=2
        )
    )


def load_tariffs() -> None:
    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs

    for text in tariffs.bundled_tariffs().values():
        operations.load_tariff(text, loaded_at=NOW)


def write_file(path: Path, rows: int) -> None:
    """Return consumers as a utility's billing system would list them."""
    chance = random.Random(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n in range(rows):
            writer.writerow(
                [
                    f"{1_000_000_000 + n}", f"P{n:08}", "house", f"{n % 400}/{n // 400}",
                    f"{n % 400} Station Road, Ward {n // 4000}, Lucknow", f"{226_000 + n // 20_000:06}",
                    f"{26.5 + chance.random():.6f}", f"{80.5 + chance.random():.6f}",
                    f"S{n // PER_SECTION}", f"T{n // PER_TRANSFORMER}", chance.choice("RYB"), f"Consumer {n:07}",
                    f"consumer{n}@example.org" if n % 3 == 0 else "", f"98{n % 10**8:08}", "hi" if n % 2 else "en",
                    f"{1 + n % 28:02}.{1 + n % 12:02}.{2010 + n % 15}", "demo-domestic", f"{1 + n % 9}.5", "prepaid",
                ]
            )  # fmt: skip


def make_network(connection: psycopg.Connection, rows: int) -> None:
    connection.execute(
        "INSERT INTO network_node (id, tree, level, code, name, recorded_at, actor) "
        "SELECT nextval('journal_number'), 'administration', 'section', 'S' || n, '', %(now)s, 'bench' "
        "FROM generate_series(0, %(rows)s / %(per_section)s) n UNION ALL "
        "SELECT nextval('journal_number'), 'grid', 'transformer', 'T' || n, '', %(now)s, 'bench' "
        "FROM generate_series(0, %(rows)s / %(per_transformer)s) n",
        {"now": NOW, "rows": rows, "per_section": PER_SECTION, "per_transformer": PER_TRANSFORMER},
    )
    connection.execute("ANALYZE")


def time_import(file: Path):
    from django.db import connection

    from urja.usecases.loading import loader, parse

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    the_map = parse(MAP)
    began, cpu = time.perf_counter(), cpu_s(pid)
    report = loader.load(loader.LoadOrder(file, the_map, NOW, "bench", "INR"))
    return time.perf_counter() - began, cpu_s(pid) - cpu, report, high_water_mb(pid)


def high_water_mb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM"))) // 1024


def cpu_s(pid: int) -> float:
    """Return CPU time of this process and of the PostgreSQL server of a backend, with all its processes."""
    server = _stat(pid)[1]
    children = map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())
    ticks = sum(map(int, _stat(server)[11:15])) + sum(sum(map(int, _stat(one)[11:13])) for one in children)
    return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def max_rss_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
