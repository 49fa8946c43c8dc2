"""A migrated database for a bench, and rows of many agreements in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from urja.site.supervisor.postgres import Cluster, find_binaries, machine_memory_mb, memory_settings

PASSWORD = "only-for-tests"
ZONE = ZoneInfo("Asia/Kolkata")
MADE = "BENCH_MADE"
"""Variable that names what tests have migrated already: a cluster and a data directory (`tests/conftest.py`).

Migrating takes eight seconds of processor time, more than all else in a small size.
"""


@contextmanager
def migrated_cluster(directory: Path, *, durable: bool = False, **options: Any) -> Iterator[Cluster]:
    """Run a cluster with the migrated database `bench`; Django is set up as its owner, with further `options`."""
    from urja.site import database
    from urja.site.django import options as django_options

    memory = memory_settings(machine_memory_mb())
    cluster = Cluster(find_binaries(), directory / "pg", PASSWORD, durable=durable, options=memory)
    if made := os.environ.get(MADE):
        shutil.copytree(Path(made) / "cluster", cluster.directory)
    cluster.start()
    try:
        if made:
            with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
                connection.execute("ALTER DATABASE urja_template RENAME TO bench")
        else:
            database.create_roles(cluster.conninfo(), dict.fromkeys(database.LOGIN_ROLES, PASSWORD))
            database.create_database(cluster.conninfo(), "bench")
        django_options.setup(
            django_options.DjangoOptions(conninfo=owner_of(cluster), timezone=ZONE.key, **options)
        )
        if not made:
            database.migrate(owner_of(cluster))
        yield cluster
    finally:
        from django.db import connections

        connections.close_all()
        cluster.stop()


def data_directory(folder: Path) -> Path:
    """Return a new data directory, migrated where tests have made one."""
    data = folder / "data"
    if made := os.environ.get(MADE):
        shutil.copytree(Path(made) / "data", data)
    return data


def owner_of(cluster: Cluster) -> str:
    """Return how the owner of the database connects."""
    return cluster.conninfo(dbname="bench", user="urja_owner", password=PASSWORD)


def number_meters(connection: psycopg.Connection, count: int, since: datetime, bucket: str) -> None:
    """Create the table `n` of `seed`: meters 1 to `count` that have counted 1,000 Wh; `bucket` is SQL of their number."""
    connection.execute(
        f"CREATE TEMP TABLE n AS SELECT n, ({bucket})::bigint << 40 | n AS key, n::text AS serial,"
        " decode(lpad(to_hex(n), 16, '0'), 'hex') AS title, ''::bytea AS guek, ''::bytea AS gak, %s::timestamptz AS since,"
        " '{1000,1000,0,0,0}'::bigint[] AS opening, 1000::bigint AS counted_wh FROM generate_series(1, %s) AS n",
        [since, count],
    )


def seed(connection: psycopg.Connection) -> None:
    """Insert an agreement with its meter, account, opening read and accrual for each row of the temporary table `n`.

    All of one row have its key: each table has ids of its own.
    """
    with connection.transaction():
        for statement in SEED.split(";"):
            connection.execute(statement)


SEED = """
    INSERT INTO network_premise (id, name, recorded_at, actor) SELECT key, 'p', since, 'bench' FROM n;
    INSERT INTO network_service_point (id, premise_id, commodity, consumer_number, recorded_at, actor)
        SELECT key, key, 'electricity', serial, since, 'bench' FROM n;
    INSERT INTO assets_device (id, serial, system_title, device_type, wrapped_guek, wrapped_gak, interval_s,
            max_power_w, recorded_at, actor)
        SELECT key, serial, title, 'urja-d1', guek, gak, 1800, 15000, since, 'bench' FROM n;
    INSERT INTO assets_device_period (id, service_point_id, device_id, role, valid_from, commissioned_at,
            recorded_at, actor)
        SELECT key, key, key, 1, since, since, since, 'bench' FROM n;
    INSERT INTO books_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch,
            opened_at)
        SELECT key, key >> 40, 'consumer', '', 'INR', 0, 0, decode(repeat('00', 32), 'hex'), 0, since FROM n;
    INSERT INTO contracts_agreement (id, service_point_id, account_id, valid_from, recorded_at, actor)
        SELECT key, key, key, since, since, 'bench' FROM n;
    INSERT INTO contracts_agreement_terms (id, agreement_id, tariff_code, sanctioned_load_w, valid_from, recorded_at,
            actor)
        SELECT key, key, 'demo-domestic', 5000, since, since, 'bench' FROM n;
    INSERT INTO readings_register (service_point_id, device_id, read_at, channel_set, "values", correlation, received_at,
            kind, version, status, source, clock_status, recorded_in)
        SELECT key, key, since, 2, opening, 0, since, 5, 1, 1, 3, 0, 1 FROM n;
    INSERT INTO readings_accrual (agreement_id, period, service_point_id, device_id, opened_at, closes_at,
            opening_value, carried_value, anchor_at, anchor_value, block_value, estimated_value, watermark_at, latest_end_at,
            latest)
        SELECT key, date_trunc('month', since AT TIME ZONE 'Asia/Kolkata')::date, key, key, since,
            (date_trunc('month', since AT TIME ZONE 'Asia/Kolkata') + interval '1 month') AT TIME ZONE 'Asia/Kolkata',
            opening[1], 0, since, counted_wh, 0, 0, since, since, true FROM n;
    SELECT setval('journal_number', (SELECT max(n) + 1 FROM n)), setval('books_number', (SELECT max(n) + 1 FROM n))
"""
