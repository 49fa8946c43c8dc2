"""How fast a file of consumers comes into the registry, against bare COPY of the same rows in the same run.

`urja import` reads a CSV, converts and judges each row, and makes of it a premise, a service point, a person, a user
where there is an e-mail address, an account, an agreement with its terms, an access and two placements. Three bare
COPYs are timed beside it, each in a transaction of its own:

- `constrained`: the rows that the import has made, from text, into tables of the same columns with the same checks,
  indexes, unique and exclusion constraints, but without foreign keys, triggers or questions. The bar of 0.2 is held
  against this one (`ratio`): that the database refuses what overlaps is asked of the registry itself.
- `keys`: the same rows into tables with their primary keys alone, which refuse nothing else (`ratio_to_keys`).
- `file`: the file itself, into one table with a text column for each of its columns and a primary key.

Ratios are of wall time; those of `_cpu` are of the processor time of this process and of all of the server's, which a
machine that others use disturbs less. Peak memory is of this process and of the database's (VmHWM of the backend,
shared buffers among it).

The registry has no connection before, so that the import is a first load (docs/loading.md); with `--in-use` it has one,
and the import goes row by row.

    uv run python bench/load.py [--rows N] [--durable] [--in-use] [--import-only]
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

PASSWORD = "benchmark"
BAR_RATIO = 0.2
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
TABLES = (
    "registry_premise", "registry_service_point", "registry_person", "auth_user", "ledger_account",
    "registry_agreement", "registry_agreement_terms", "registry_account_access", "registry_placement",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--durable", action="store_true", help="with fsync, as in production")
    parser.add_argument("--in-use", action="store_true", help="into a registry that has a connection already")
    parser.add_argument(
        "--import-only", action="store_true", help="rate and memory of the import alone, nothing beside it"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="urja-bench-") as directory:
        from urja.site.supervisor.postgres import Cluster, find_binaries

        cluster = Cluster(find_binaries(), Path(directory) / "pg", PASSWORD, durable=options.durable)
        cluster.start()
        try:
            print(json.dumps(measure(cluster, Path(directory), options), indent=2))
        finally:
            cluster.stop()


def measure(cluster, directory: Path, options) -> dict:
    owner = prepare(cluster)
    file = directory / "consumers.csv"
    with psycopg.connect(owner, autocommit=True) as connection:
        make_network(connection, options.rows)
    if options.in_use:
        write_file(file, 1, first=options.rows)
        time_ours(file)
    write_file(file, options.rows)
    before = max_rss_mb()
    ours_s, ours_cpu_s, report, backend_mb = time_ours(file)
    peak = max_rss_mb()
    load = {
        "benchmark": "load",
        "rows": options.rows,
        "columns": len(COLUMNS),
        "file_mb": round(file.stat().st_size / 1e6, 1),
        "durable": options.durable,
        "in_use": options.in_use,
        "load_average": round(os.getloadavg()[2], 1),
        "rows_per_s": round(options.rows / ours_s),
        "import_s": round(ours_s, 1),
        "import_cpu_s": round(ours_cpu_s, 1),
        "peak_client_mb": peak,
        "client_mb_before": before,
        "peak_backend_mb": backend_mb,
    }
    if options.import_only:
        assert report.faulty == 0, report.first
        return load
    again_s, _, again, _ = time_ours(file)
    assert report.faulty == 0, report.first
    assert not again.written, again.counts
    with psycopg.connect(owner, autocommit=True) as connection:
        names = dump(connection, directory)
        constrained_s, constrained_cpu_s, made_rows = time_made(
            connection, directory, names, "constrained", "INCLUDING ALL"
        )
        keys_s, keys_cpu_s, _ = time_made(
            connection, directory, names, "keys", "INCLUDING DEFAULTS INCLUDING GENERATED"
        )
        file_s = time_file(connection, file)
    return {
        **load,
        "rows_made": made_rows,
        "ratio": round(constrained_s / ours_s, 3),
        "ratio_cpu": round(constrained_cpu_s / ours_cpu_s, 3),
        "bar_ratio": BAR_RATIO,
        "bar_met": constrained_s / ours_s >= BAR_RATIO,
        "ratio_to_keys": round(keys_s / ours_s, 3),
        "ratio_to_keys_cpu": round(keys_cpu_s / ours_cpu_s, 3),
        "ratio_to_file": round(file_s / ours_s, 3),
        "constrained_rows_per_s": round(options.rows / constrained_s),
        "keys_rows_per_s": round(options.rows / keys_s),
        "file_rows_per_s": round(options.rows / file_s),
        "constrained_s": round(constrained_s, 1),
        "constrained_cpu_s": round(constrained_cpu_s, 1),
        "keys_s": round(keys_s, 1),
        "keys_cpu_s": round(keys_cpu_s, 1),
        "second_import_s": round(again_s, 1),
    }


def prepare(cluster) -> str:
    from urja.site import database
    from urja.site.django import options as django_options

    database.create_roles(cluster.conninfo(), dict.fromkeys(database.LOGIN_ROLES, PASSWORD))
    database.create_database(cluster.conninfo(), "bench")
    owner = cluster.conninfo(dbname="bench", user="urja_owner", password=PASSWORD)
    django_options.setup(django_options.DjangoOptions(conninfo=owner, timezone="Asia/Kolkata"))
    database.migrate(owner)
    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs

    for text in tariffs.bundled_tariffs().values():
        operations.load_tariff(text, loaded_at=NOW)
    return owner


def write_file(path: Path, rows: int, first: int = 0) -> None:
    """Consumers as a utility's billing system would list them."""
    chance = random.Random(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n in range(first, first + rows):
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
        "INSERT INTO registry_node (id, tree, level, code, name, recorded_at, actor) "
        "SELECT nextval('registry_number'), 'administration', 'section', 'S' || n, '', %(now)s, 'bench' "
        "FROM generate_series(0, %(rows)s / %(per_section)s) n UNION ALL "
        "SELECT nextval('registry_number'), 'grid', 'transformer', 'T' || n, '', %(now)s, 'bench' "
        "FROM generate_series(0, %(rows)s / %(per_transformer)s) n",
        {"now": NOW, "rows": rows, "per_section": PER_SECTION, "per_transformer": PER_TRANSFORMER},
    )
    connection.execute("ANALYZE")


def time_ours(file: Path):
    from django.db import connection

    from urja.usecases.loading import parse, running

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    the_map = parse(MAP)
    began, cpu = time.perf_counter(), cpu_s(pid)
    report = running.load(running.Order(file, the_map, NOW, "bench", "INR"))
    return time.perf_counter() - began, cpu_s(pid) - cpu, report, high_water_mb(pid)


def dump(connection: psycopg.Connection, directory: Path) -> dict[str, str]:
    """The rows of all tables as text, in files; the columns of each."""
    names = {}
    for table in TABLES:
        names[table] = ", ".join(
            name
            for (name,) in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
                "AND attgenerated = '' ORDER BY attnum",
                [table],
            )
        )
        with (
            (directory / table).open("wb") as out,
            connection.cursor().copy(f"COPY (SELECT {names[table]} FROM {table}) TO STDOUT") as copy,
        ):
            for part in copy:
                out.write(part)
    return names


def time_made(
    connection: psycopg.Connection, directory: Path, names: dict[str, str], kind: str, like: str
) -> tuple[float, float, int]:
    """COPY of all rows into tables like theirs; wall and processor time, and how many they are."""
    for table in names:
        connection.execute(f"CREATE TABLE {kind}_{table} (LIKE {table} {like})")
        if kind == "keys":
            connection.execute(f"ALTER TABLE {kind}_{table} ADD PRIMARY KEY (id)")
    pid = connection.info.backend_pid
    began, cpu = time.perf_counter(), cpu_s(pid)
    rows = 0
    with connection.transaction():
        for table, columns in names.items():
            with connection.cursor() as cursor:
                with cursor.copy(f"COPY {kind}_{table} ({columns}) FROM STDIN") as copy:
                    feed(copy, directory / table)
                rows += cursor.rowcount
    return time.perf_counter() - began, cpu_s(pid) - cpu, rows


def time_file(connection: psycopg.Connection, file: Path) -> float:
    columns = ", ".join(f"{name} text" for name in COLUMNS[1:])
    connection.execute(f"CREATE TABLE plain_file ({COLUMNS[0]} text PRIMARY KEY, {columns})")
    began = time.perf_counter()
    with (
        connection.transaction(),
        connection.cursor() as cursor,
        cursor.copy("COPY plain_file FROM STDIN (FORMAT csv, HEADER)") as copy,
    ):
        feed(copy, file)
    return time.perf_counter() - began


def feed(copy, path: Path) -> None:
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            copy.write(part)


def high_water_mb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM"))) // 1024


def cpu_s(pid: int) -> float:
    """Processor time of this process and of the server that a backend is of, with all of its processes."""
    server = _stat(pid)[1]
    children = map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())
    ticks = sum(map(int, _stat(server)[11:15])) + sum(sum(map(int, _stat(one)[11:13])) for one in children)
    return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def max_rss_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
