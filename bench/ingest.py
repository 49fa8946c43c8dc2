"""Rate at which a batch is stored and accrued, against plain COPY and upsert of the same rows in the same run.

Each round stores the next interval of every meter (the shape of a push: one block a meter) twice: through
`urja.pipeline.ingest` with validation, placing, accrual and cursor, and by a plain COPY into a temporary stage
and an `INSERT ... ON CONFLICT DO NOTHING` into a table of the same columns, key and partitions. The order of the
two alternates. Building the batches is not measured. One backend, one commit a batch.

    uv run python bench/ingest.py [--meters N] [--rounds N] [--set d1|d2] [--durable]

`--set d2` stores the fifteen values of a three-phase meter. `bytes_per_row` is what a stored row takes with its key.
"""

import argparse
import json
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from databases import PASSWORD, migrated_cluster, number_meters, owner_of, seed
from urja.quantities.channel_sets import D1_BLOCK, D2_BLOCK, ChannelSet
from urja.stream.codec import Batch
from urja.stream.records import Source, block_dtype
from urja.stream.subjects import Kind

START = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
INTERVAL_S = 1800
SETS = {"d1": D1_BLOCK, "d2": D2_BLOCK}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meters", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--blocks", type=int, default=1, help="blocks of each meter in a batch (a pull has many)"
    )
    parser.add_argument("--set", choices=SETS, default="d1", help="what each row measures")
    parser.add_argument("--durable", action="store_true", help="with fsync, as in production")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="urja-bench-") as directory,
        migrated_cluster(Path(directory), durable=options.durable) as cluster,
    ):
        print(json.dumps(measure(cluster, options), indent=2))


def measure(cluster, options) -> dict:
    owner = owner_of(cluster)
    with psycopg.connect(owner, autocommit=True) as connection:
        number_meters(connection, options.meters, START, "mod(n, 1024)")
        seed(connection)
        connection.execute("VACUUM ANALYZE")
    pipeline = cluster.conninfo(dbname="bench", user="urja_pipeline", password=PASSWORD)
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection

    session = StageConnection(pipeline)
    ingester = Ingester(session, "Asia/Kolkata")
    ours, bare, cpu = [], [], []
    with psycopg.connect(owner, autocommit=True) as plain:
        plain.execute(PLAIN)
        days = options.blocks * (options.rounds + 2) * INTERVAL_S // 86_400 + 2
        plain.execute("SELECT plain_make_days(%s)", [days])
        plain.execute(PLAIN_STAGE)
        now = START + timedelta(days=days)
        for number in range(options.rounds + 1):
            batch = batch_of(options.meters, options.blocks, number, SETS[options.set])
            runs = (lambda b=batch: time_ours(ingester, b, now), lambda b=batch: time_bare(plain, b))
            order = (0, 1) if number % 2 else (1, 0)
            results = {index: runs[index]() for index in order}
            if number == 0:
                continue  # the first round fills caches and creates partitions
            ours.append(results[0][0])
            cpu.append(results[0][1])
            bare.append(results[1][0])
        expected = (options.rounds + 1) * options.meters * options.blocks
        for table in ("readings_interval", "plain_interval"):
            assert plain.execute(f"SELECT count(*) FROM {table}").fetchone() == (expected,)
        # Every page of the partitions and of their keys.
        (size,) = plain.execute(
            "SELECT sum(pg_relation_size(i.inhrelid) + pg_indexes_size(i.inhrelid))::bigint FROM pg_inherits i"
            " WHERE i.inhparent = 'readings_interval'::regclass"
        ).fetchone()
        (accrued,) = plain.execute("SELECT sum(billed_value) FROM readings_accrual").fetchone()
        (stored,) = plain.execute("SELECT sum(values[1]) FROM readings_interval").fetchone()
        assert accrued == stored, "what was stored is not what was accrued"
    session.close()
    rows = options.meters * options.blocks
    ours_s, bare_s = statistics.median(ours), statistics.median(bare)
    return {
        "benchmark": "ingest",
        "meters": options.meters,
        "rows_per_batch": rows,
        "values_per_row": len(SETS[options.set]),
        "bytes_per_row": round(size / expected, 1),
        "bar_bytes_per_row": {"d1": 206, "d2": 280}[options.set],
        "rounds": options.rounds,
        "durable": options.durable,
        "rows_per_s": round(rows / ours_s),
        "values_per_s": round(rows * len(SETS[options.set]) / ours_s),
        "bare_rows_per_s": round(rows / bare_s),
        "ratio_to_bare": round(bare_s / ours_s, 3),
        "bar_ratio": 0.5,
        "goal_rows_per_s": 100_000,
        "client_cpu_share": round(statistics.median(cpu) / ours_s, 3),
        "batch_s": [round(value, 3) for value in ours],
        "bare_batch_s": [round(value, 3) for value in bare],
    }


PLAIN = """
    CREATE TABLE plain_interval (LIKE readings_interval INCLUDING CONSTRAINTS,
        PRIMARY KEY (service_point_id, device_id, start_at, series, version)) PARTITION BY RANGE (start_at);
    CREATE FUNCTION plain_make_days(days int) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        FOR n IN 0..days LOOP
            EXECUTE format('CREATE TABLE plain_%s PARTITION OF plain_interval FOR VALUES FROM (%L) TO (%L)', n,
                timestamptz '2026-03-01 00:00+00' + n * interval '1 day',
                timestamptz '2026-03-02 00:00+00' + n * interval '1 day');
        END LOOP;
    END $$
"""
PLAIN_STAGE = "CREATE TEMP TABLE plain_stage (LIKE readings_interval) ON COMMIT DELETE ROWS"


def batch_of(meters: int, blocks: int, number: int, channels: ChannelSet = D1_BLOCK) -> Batch:
    """Return the next `blocks` intervals of every meter, in the order in which a head end would receive them."""
    chance = np.random.default_rng(number)
    keys = np.arange(1, meters + 1)
    records = np.zeros(meters * blocks, block_dtype(len(channels)))
    records["device_id"] = np.repeat(chance.permutation((keys % 1024) << 40 | keys), blocks)
    first = int(START.timestamp()) + number * blocks * INTERVAL_S
    records["start_at"] = np.tile(first + np.arange(blocks) * INTERVAL_S, meters)
    records["length_s"] = INTERVAL_S
    highest = {"Wh": 2000, "VAh": 2200, "varh": 300, "cV": 25_000, "cA": 900}
    for place, quantity in enumerate(channels.quantities):
        high = 1 if "export" in quantity.name else highest.get(quantity.unit, 1)
        records["values"][:, place] = chance.integers(0, high, len(records))
    records["source"] = Source.PUSH
    records["correlation"] = chance.integers(0, 2**62, len(records))
    records["received_at"] = (first + INTERVAL_S) * 1000
    return Batch(Kind.BLOCK, 1, records, channels)


def time_ours(ingester, batch: Batch, now: datetime) -> tuple[float, float]:
    began, cpu = time.perf_counter(), cpu_s()
    outcome = ingester.apply([batch], now)
    elapsed, used = time.perf_counter() - began, cpu_s() - cpu
    assert outcome.stored.inserted == len(batch.records)
    return elapsed, used


def time_bare(connection: psycopg.Connection, batch: Batch) -> tuple[float, float]:
    """Store the same columns in the same kind of table, sorted by key as Urja's are, without any check."""
    from urja.apps.readings import pgcopy, staging

    channels = batch.channel_set()
    rows = np.zeros(len(batch.records), staging.placed_block(len(channels)))
    for name in batch.records.dtype.names:
        rows[name] = batch.records[name]
    rows["service_point_id"] = rows["device_id"]
    rows["channel_set"] = rows["series"] = rows["status"] = 1
    rows = rows[np.lexsort((rows["start_at"], rows["device_id"]))]
    payload = b"".join(
        pgcopy.encode(
            [*staging._block_columns(rows, channels), (np.ones(len(rows)), "i2"), (np.ones(len(rows)), "i4")]
        )
    )
    columns = staging._BLOCK_COLUMNS + ", version, recorded_in"
    began = time.perf_counter()
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(f"COPY plain_stage ({columns}) FROM STDIN (FORMAT binary)") as copy:
            copy.write(payload)
        cursor.execute(
            f"INSERT INTO plain_interval ({columns}) SELECT {columns} FROM plain_stage ON CONFLICT DO NOTHING"
        )
    return time.perf_counter() - began, 0.0


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
