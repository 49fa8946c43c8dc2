"""Accounts per second of a day's close, with determinants and evidence, and what an account-day takes in the database.

Agreements of three tariff lines, 1,000 in a bucket, are seeded by plain SQL with their readings. Then days are closed as the
pipeline closes them (the stages `post` and `determine`), and the median day counts. Beside it, in the same run, a plain
double-entry table in PostgreSQL takes the same entries: a COPY and an update of balances for each bucket, in one transaction,
without a check, a hash or evidence.

    uv run python bench/close.py [--accounts N...] [--days N] [--intervals N] [--processes N] [--recharges [SECONDS]] [--no-laws] [--profile]

Two processes close side by side, each the buckets that the other has not locked. `--profile` closes in this one and prints to
standard error where the processor time of each day goes. `cpu_ms_per_account` is of the processes and their sessions of the
database together. `--accounts 100000 1000000` measures both sizes and compares them; a million accounts take an hour and 60 GB
in TMPDIR. `--recharges` closes one more day with 100 recharges a second beside it. `--no-laws` leaves out the laws, which take
longer than the close.
"""

import argparse
import cProfile
import json
import multiprocessing
import os
import pstats
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg

import recharges
from databases import migrated_cluster, number_meters, owner_of, seed
from decide import load_rules
from urja.base import log

START = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
"""Midnight of 2 March in the utility's zone: agreements begin, and the first day to be closed."""
ZONE = "Asia/Kolkata"
DAY = timedelta(days=1)
CLOSED_AFTER = timedelta(minutes=5)
BAR_ACCOUNTS_PER_S, GOAL_ACCOUNTS_PER_S = 2500, 6000
BAR_BYTES, GOAL_BYTES = 2400, 1600
GOAL_FLAT = 0.8
"""The slower of two sizes is at most a fifth slower."""
GOAL_P95_MS = 50
LINES = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, nargs="+", default=[100_000])
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--intervals", type=int, default=48, help="intervals of each account and day")
    parser.add_argument("--processes", type=int, default=2, help="that close side by side")
    parser.add_argument(
        "--recharges",
        type=int,
        nargs="?",
        const=10,
        default=0,
        metavar="SECONDS",
        help="one more day, with recharges beside its close, and before it for so long alone",
    )
    parser.add_argument("--no-laws", action="store_true", help="do not ask the laws of what was closed")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    # A process for each size: Django's database is set up once, and the memory of one size is not that of the next.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as sizes:
        found = list(sizes.map(partial(at_size, options), options.accounts))
    print(json.dumps(found[0] if len(found) == 1 else compared(found), indent=2))


def compared(sizes: list[dict]) -> dict:
    """Return the figures of several sizes with the rate of the slowest by that of the fastest."""
    rates = [size["accounts_per_s"] for size in sizes]
    return {
        "benchmark": "close",
        "slowest_to_fastest": round(min(rates) / max(rates), 3),
        "goal_slowest_to_fastest": GOAL_FLAT,
        "sizes": sizes,
    }


def at_size(options: argparse.Namespace, accounts: int) -> dict:
    """Return the figures of one size, on a database of its own."""
    log.configure("bench", "error", json=True)
    with (
        tempfile.TemporaryDirectory(prefix="urja-bench-") as directory,
        migrated_cluster(Path(directory)) as cluster,
    ):
        return measure(cluster, options, accounts)


def measure(cluster, options, accounts: int) -> dict:
    owner = owner_of(cluster)
    # As superuser: rows are seeded with the database's checks off.
    with psycopg.connect(cluster.conninfo(dbname="bench"), autocommit=True) as connection:
        adopt(connection, accounts, options.days)
        load_rules()
        before = sizes(connection)
        with workers(owner, 0 if options.profile else options.processes) as pools:
            days = []
            for number in range(1, options.days + 1):
                read_a_day(connection, number, options.intervals)
                days.append(close(pools, number, accounts))
            (entries,) = connection.execute("SELECT count(*) FROM books_entry").fetchone()
            assert entries == accounts * options.days * LINES, entries
            connection.execute("VACUUM ANALYZE")
            after = sizes(connection)
            plain_s = plain(connection)
            beside = recharge(connection, owner, pools, options, accounts) if options.recharges else {}
        account_days = accounts * options.days
        grown = {
            name: round((size - before.get(name, 0)) / account_days, 1)
            for name, size in after.items()
            if size > before.get(name, 0) and not name.startswith("readings_")
        }
        closed_days = options.days + bool(options.recharges)
        broken = {} if options.no_laws else {"broken_laws": examine(connection, closed_days)}
    whole_s, cpu_s_of_day, by_arrays = (statistics.median(column) for column in zip(*days, strict=True))
    stored = round(sum(grown.values()))
    rate = round(accounts / whole_s)
    return {
        "benchmark": "close",
        "accounts": accounts,
        "lines": LINES,
        "days": options.days,
        "intervals_per_day": options.intervals,
        "accounts_per_s": rate,
        "bar_accounts_per_s": BAR_ACCOUNTS_PER_S,
        "goal_accounts_per_s": GOAL_ACCOUNTS_PER_S,
        "bar_met": rate >= BAR_ACCOUNTS_PER_S and stored <= BAR_BYTES,
        "processes": 1 if options.profile else options.processes,
        "cpu_ms_per_account": round(cpu_s_of_day * 1000 / accounts, 3),
        "share_rated_by_arrays": round(by_arrays, 3),
        "day_s": [round(seconds, 2) for seconds, *_ in days],
        "plain_accounts_per_s": round(account_days / plain_s),
        "ratio_to_plain": round(plain_s / options.days / whole_s, 3),
        "bytes_per_account_day": stored,
        "bar_bytes": BAR_BYTES,
        "goal_bytes": GOAL_BYTES,
        "bytes_by_relation": dict(sorted(grown.items(), key=lambda item: -item[1])),
        **beside,
        **broken,
    }


def recharge(connection, owner: str, pools, options: argparse.Namespace, accounts: int) -> dict:
    """Close one more day with recharges beside it; return how long recharges took alone and beside, and the close with them."""
    number = options.days + 1
    read_a_day(connection, number, options.intervals)
    alone = range(recharges.PER_S * options.recharges)
    # Far more than the close can take: it ends them.
    beside = range(len(alone), len(alone) + recharges.PER_S * (60 + accounts // 500))
    recharges.place(connection, beside.stop)
    at = START + number * DAY + CLOSED_AFTER
    took: list[float] = []
    with recharges.recharging(owner, connect) as running:
        found_alone = running.measured(alone, at)
        found_beside = running.measured(
            beside, at + timedelta(minutes=1), lambda: took.append(close(pools, number, accounts)[0])
        )
    return {
        "recharges_per_s": recharges.PER_S,
        "recharges_alone": found_alone,
        "recharges_beside_the_close": found_beside,
        "goal_p95_ms": GOAL_P95_MS,
        "accounts_per_s_with_recharges": round(accounts / took[0]),
    }


def adopt(connection: psycopg.Connection, accounts: int, days: int, in_bucket: int = 1000) -> None:
    """Insert agreements with their meters and an opening register read, so many in each bucket, with the database's checks off."""
    number_accounts(connection, accounts, in_bucket)
    connection.execute("SET session_replication_role = replica")
    seed(connection)
    connection.execute("RESET session_replication_role")
    connection.execute("SELECT readings_make_days(%s, %s)", [START.date(), (START + (days + 2) * DAY).date()])
    connection.execute("VACUUM ANALYZE")


def number_accounts(connection: psycopg.Connection, accounts: int, in_bucket: int = 1000) -> None:
    """Create the temporary table of meters that `adopt` and `read_a_day` take."""
    number_meters(connection, accounts, START, f"(n - 1) / {in_bucket}")


def read_a_day(connection: psycopg.Connection, number: int, intervals: int) -> None:
    """Insert the intervals of the n-th day and the register read of its midnight, with the accruals that they make."""
    begins = START + (number - 1) * DAY
    given = {
        "begins": begins,
        "ends": begins + DAY,
        "intervals": intervals,
        "length_s": 86_400 // intervals,
        "counted": number * intervals,
    }
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for statement in READ.split(";"):
            connection.execute(statement, given)
    connection.execute("VACUUM ANALYZE")


READ = """
    INSERT INTO readings_interval (service_point_id, device_id, start_at, channel_set, values, correlation, received_at,
            length_s, version, status, source, series, clock_status, recorded_in)
        SELECT key, key, %(begins)s::timestamptz + i * make_interval(secs => %(length_s)s), 1,
            ARRAY[40 + (n * 7 + i * 13) %% 200, 42 + (n * 7 + i * 13) %% 200, 0, 0, 23000, 400, 400], n * 1000 + i,
            %(ends)s::timestamptz, %(length_s)s, 1, 1, 1, 1, 0, (SELECT readings_period())
        FROM n CROSS JOIN generate_series(0, %(intervals)s - 1) AS i;
    UPDATE readings_accrual a SET anchor_at = %(ends)s, anchor_value = a.anchor_value + u.wh, watermark_at = %(ends)s,
            latest_end_at = %(ends)s
        FROM (SELECT service_point_id, sum(values[1]) AS wh FROM readings_interval
            WHERE start_at >= %(begins)s AND start_at < %(ends)s GROUP BY 1) u WHERE u.service_point_id = a.service_point_id;
    INSERT INTO readings_register (service_point_id, device_id, read_at, channel_set, values, correlation, received_at,
            kind, version, status, source, clock_status, recorded_in)
        SELECT service_point_id, device_id, %(ends)s, 2, ARRAY[anchor_value, anchor_value + 2 * %(counted)s, 0, 0, 0], agreement_id, %(ends)s, 2, 1, 1, 2, 0,
            (SELECT readings_period())
        FROM readings_accrual
"""


@contextmanager
def workers(owner: str, count: int) -> Iterator[list[ProcessPoolExecutor]]:
    """Processes of their own for closing; none where this one closes."""
    spawned = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                ProcessPoolExecutor(1, mp_context=spawned, initializer=connect, initargs=(owner,))
            )
            for _ in range(count)
        ]


def connect(owner: str) -> None:
    from urja.site.django import options as django_options

    log.configure("bench", "error", json=True)
    django_options.setup(django_options.DjangoOptions(conninfo=owner, timezone=ZONE))
    cpu_s()


def close(pools: list[ProcessPoolExecutor], number: int, accounts: int) -> tuple[float, float, float]:
    """Close the n-th day as the pipeline does, in all processes.

    Returns its seconds, the processors' seconds, and the share of accounts that were rated over arrays.
    """
    for pool in pools:
        pool.submit(cpu_s).result()
    began = time.perf_counter()
    # As in an installation: the first process is the pipeline's, the others have the stage `close` alone.
    done = (
        [
            each.result()
            for each in [pool.submit(close_here, number, first=pool is pools[0]) for pool in pools]
        ]
        if pools
        else [profiled(number)]
    )
    took_s = time.perf_counter() - began
    days, entries, provisional, by_arrays, by_engine, used_s = map(sum, zip(*done, strict=True))
    assert (days, entries, provisional) == (accounts, accounts * LINES, 0), done
    return took_s, used_s, by_arrays / (by_arrays + by_engine)


type _Closed = tuple[int, int, int, int, int, float]
"""Days, entries, provisional days, periods rated over arrays and by the engine, processor seconds."""


def close_here(number: int, *, first: bool = True) -> _Closed:
    """Close the n-th day in this process; the first one also stores determinants that are missing."""
    from urja.pipeline import close as closing
    from urja.pipeline.determine import Determine

    used, now = cpu_s(), START + number * DAY + CLOSED_AFTER
    done = closing.close_days(now)
    if first:
        Determine().run_once(now)
    assert not done.problems, done.problems
    return done.days, done.entries, done.provisional, done.by_arrays, done.by_engine, cpu_s() - used


def profiled(number: int) -> _Closed:
    profile = cProfile.Profile(time.process_time)
    found = profile.runcall(close_here, number)
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(45)
    return found


def cpu_s() -> float:
    """Return the processor seconds of this process and of its session of the database: they tell on a shared machine too."""
    from django.db import connection

    own = resource.getrusage(resource.RUSAGE_SELF)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        fields = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rpartition(") ")[2].split()
    return own.ru_utime + own.ru_stime + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sizes(connection: psycopg.Connection) -> dict[str, int]:
    """Return the bytes of each table, with its tuples that are stored apart, and of each index."""
    return dict(
        connection.execute(
            "SELECT c.relname, CASE c.relkind WHEN 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END"
            " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')"
        ).fetchall()
    )


def plain(connection: psycopg.Connection) -> float:
    """Return the seconds in which a plain double-entry table takes the same entries, a transaction for each bucket and day."""
    connection.execute(
        "CREATE TABLE plain_account (id bigint PRIMARY KEY, balance_minor bigint NOT NULL);"
        "CREATE TABLE plain_entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id bigint NOT NULL,"
        " contra_id bigint NOT NULL, amount_minor bigint NOT NULL, line text NOT NULL, day date NOT NULL,"
        " posted_at timestamptz NOT NULL);"
        "CREATE INDEX ON plain_entry (account_id, day);"
        "INSERT INTO plain_account SELECT id, 0 FROM books_account"
    )
    took_s = 0.0
    for bucket, batch in connection.execute(
        "SELECT DISTINCT bucket, batch FROM books_entry ORDER BY batch, bucket"
    ).fetchall():
        rows = connection.execute(
            "SELECT account_id, contra_id, amount_minor, line, service_date, posted_at FROM books_entry"
            " WHERE bucket = %s AND batch = %s ORDER BY account_id, seq",
            [bucket, batch],
        ).fetchall()
        began = time.perf_counter()
        moved: dict[int, int] = {}
        for account_id, contra_id, amount, *_ in rows:
            moved[account_id] = moved.get(account_id, 0) + amount
            moved[contra_id] = moved.get(contra_id, 0) - amount
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(
                "COPY plain_entry (account_id, contra_id, amount_minor, line, day, posted_at) FROM STDIN"
            ) as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(
                "UPDATE plain_account a SET balance_minor = balance_minor + m.amount"
                " FROM unnest(%s::bigint[], %s::bigint[]) AS m (id, amount) WHERE a.id = m.id",
                [list(moved), list(moved.values())],
            )
        took_s += time.perf_counter() - began
    return took_s


def examine(connection: psycopg.Connection, days: int) -> dict[str, list[str]]:
    """Return the laws that do not hold of what was closed."""
    from urja.laws import verify

    found = verify.examine(connection, START + days * DAY + CLOSED_AFTER, ZONE)
    return {one.law: list(one.contradictions[:2]) for one in found if not one.holds}


if __name__ == "__main__":
    main()
