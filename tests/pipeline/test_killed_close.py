"""A close of many accounts whose processes and server are killed again and again comes to the hashes of one that nothing
disturbs.

A million accounts (or `ten-thousand`, or `hundred-thousand`) with a line for each phase, in some 20 GB of TMPDIR:

    uv run --group test pytest -n0 -s -m slow tests/pipeline/test_killed_close.py -k million
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import cycle, pairwise
from pathlib import Path

import psycopg
import pytest
from tests.conftest import PASSWORD, Database, administer, copied, migrated, pointed_at

from urja.site.supervisor.postgres import Cluster, find_binaries

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)
MONTHS_END = datetime(2026, 3, 31, 18, 30, tzinfo=UTC)
"""Midnight of 1 April: the day before it ends a billing period, so that its close makes statements."""
CLOSED_AFTER = timedelta(minutes=5)
TABLES = (
    "books_entry",
    "books_account",
    "billing_close",
    "billing_rated",
    "determinants_row",
    "statements_statement",
)
CONTRAS = ("duty:duty", "revenue:energy", "revenue:fixed")
BYTES_OF_ACCOUNT = 40_000
"""Room that an account takes at most, with its copy and the server's log."""


@dataclass(frozen=True)
class Size:
    """What is closed, and how it is disturbed."""

    accounts: int
    in_bucket: int
    days: int
    """The last one's close is disturbed."""
    last: datetime
    """Its midnight, when it is over."""
    intervals: int
    """Of a day."""
    processes: tuple[str, ...]
    kills: int
    seed: int


def test_killed_at_seeded_points_it_comes_to_the_same_hashes(database, bench):
    compare(database, bench, Size(60, 20, 2, MONTHS_END, 48, ("post",), kills=4, seed=1))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    "size",
    [
        Size(10_000, 1000, 1, MONTHS_END, 48, ("post", "beside"), kills=6, seed=2),
        Size(100_000, 1000, 1, MONTHS_END, 48, ("post", "beside"), kills=6, seed=3),
        # Without statements, which one process makes alone, and with fewer readings: that is the time of a day's close.
        Size(1_000_000, 1000, 1, MONTHS_END - DAY, 12, ("post", "beside"), kills=6, seed=4),
    ],
    ids=("ten-thousand", "hundred-thousand", "million"),
)
def test_many_accounts(on_disk, bench, size):
    room = shutil.disk_usage(on_disk.cluster.directory).free
    assert room > size.accounts * BYTES_OF_ACCOUNT, f"{size.accounts} accounts do not fit: set TMPDIR"
    compare(on_disk, bench, size)


@pytest.fixture
def bench(monkeypatch):
    """The seeding of the benchmark of closes."""
    monkeypatch.syspath_prepend(ROOT / "bench")
    found = import_module("close")
    # Restored afterwards.
    monkeypatch.setattr(found, "START", found.START)
    return found


@pytest.fixture
def on_disk(database_template) -> Iterator[Database]:
    """A database of a cluster of its own in TMPDIR, as memory has no room for it.

    A killed process needs commits that are written, but what only a power cut takes is left out.
    """
    options = {
        "fsync": "off",
        "full_page_writes": "off",
        "shared_buffers": "1GB",
        "max_wal_size": "2GB",
    }
    with tempfile.TemporaryDirectory(prefix="urja-") as directory:
        cluster = Cluster(find_binaries(), Path(directory) / "pg", PASSWORD, options=options)
        with migrated(cluster):
            database = copied(cluster, database_template)
            with pointed_at(database):
                yield database


def compare(database: Database, bench, size: Size) -> None:
    """Close one seeded database without a kill and its copy with kills, and compare both."""
    from urja.pipeline import post

    bench.START = size.last - size.days * DAY
    admin = database.cluster.conninfo(dbname=database.name)
    with psycopg.connect(admin, autocommit=True) as connection:
        with phase("seed"):
            bench.adopt(connection, size.accounts, size.days, size.in_bucket)
            bench.load_rules()
            open_contras(connection)
        for number in range(1, size.days):
            bench.read_a_day(connection, number, size.intervals)
            post.post_due(bench.START + number * DAY + CLOSED_AFTER)
        with phase("readings"):
            bench.read_a_day(connection, size.days, size.intervals)
    with closing(database, size.last + CLOSED_AFTER) as close:
        with phase("copy"):
            undisturbed = copied(database.cluster, database.name)
        with phase("close"):
            executed, _ = close(undisturbed, dict.fromkeys(size.processes, ()))
        with phase("hashes"):
            expected = contents(undisturbed)
        administer(database.cluster, f"DROP DATABASE {undisturbed.name} WITH (FORCE)")
        say(f"statements of the processes: {executed}; rows and hashes: {expected}")
        points = points_of(executed, size.kills, size.seed)
        with phase(f"close, killed at {points}"):
            _, killed = close(database, points)
    with phase("hashes"):
        found = contents(database)
    assert killed.total() >= size.kills // 2, f"killed {killed} only"
    assert expected["books_entry"][0] == size.accounts * size.days * bench.LINES
    assert expected["statements_statement"][0] == (size.accounts if size.last == MONTHS_END else 0)
    # No number of an account comes from a sequence, which a kill would move on.
    assert expected["books_account"][0] == size.accounts + size.accounts // size.in_bucket * len(CONTRAS)
    assert found == expected


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Say when a phase begins, and how long it took."""
    say(f"{name} begins")
    began = time.monotonic()
    yield
    say(f"{name}: {time.monotonic() - began:.1f} s")


def say(line: str) -> None:
    """Say with the time where a long run is; `pytest -s` shows it at once."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")
    sys.stdout.flush()


def open_contras(connection: psycopg.Connection) -> None:
    """Open the accounts of the other side in each bucket, which get their numbers from a sequence."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "INSERT INTO books_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch,"
            " opened_at) SELECT bucket::bigint << 40 | nextval('books_number'), bucket, 'contra', code, 'INR', 0, 0,"
            " decode(repeat('00', 32), 'hex'), 0, opened_at"
            " FROM (SELECT bucket, min(opened_at) AS opened_at FROM books_account GROUP BY bucket ORDER BY bucket) b,"
            " unnest(%s::text[]) AS code",
            [list(CONTRAS)],
        )


def points_of(executed: dict[str, int], kills: int, seed: int) -> dict[str, list[tuple[int, str]]]:
    """Draw what is killed after how many statements of a process, counted from its last kill; each third is the server."""
    chance = random.Random(f"kills {seed}")
    drawn: dict[str, list[tuple[int, str]]] = {name: [] for name in executed}
    for number, name in zip(range(kills), cycle(sorted(executed)), strict=False):
        # Not to the end: a process may get a smaller share of the close than in the undisturbed one.
        at = chance.randrange(1, max(2, executed[name] * 3 // 4))
        drawn[name].append((at, "server" if number % 3 == 2 else "itself"))
    return {
        name: [
            (max(1, at - before), target)
            for (before, _), (at, target) in pairwise([(0, ""), *sorted(points)])
        ]
        for name, points in drawn.items()
    }


type Close = Callable[
    [Database, Mapping[str, Sequence[tuple[int, str]]]], tuple[dict[str, int], Counter[str]]
]
"""Closes in processes that are killed at these points; returns how many statements each has executed at last, and the kills.

The server is started again after each of its kills.
"""


@contextmanager
def closing(database: Database, now: datetime) -> Iterator[Close]:
    """How databases of this cluster are closed, in processes that one process starts."""
    command = [sys.executable, "-m", "tests.pipeline.killed_close"]
    with subprocess.Popen(
        [*command, database.conninfo("urja_pipeline"), now.isoformat()],
        cwd=ROOT,
        text=True,
        bufsize=1,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:

        def close(of, points):
            executed, killed = dict[str, int](), Counter[str]()
            process.stdin.write(f"{json.dumps([of.name, points])}\n")
            for line in iter(process.stdout.readline, "closed\n"):
                say(f"  {line.rstrip()}")
                match line.split():
                    case "done", name, statements, *_:
                        executed[name] = int(statements)
                    case "killed", target, _:
                        killed[target] += 1
                    case ["server"]:
                        of.cluster.stop()
                        of.cluster.start(timeout_s=900)
                        process.stdin.write("\n")
                    case _:
                        pytest.fail("the close failed, as standard error says")
            return executed, killed

        try:
            yield close
            process.stdin.close()
            assert process.wait() == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def contents(database: Database) -> dict[str, tuple[int, int]]:
    """Rows and the sum of their hashes, of each table, calculated by the database."""
    with database.connect() as connection:
        return {
            table: connection.execute(
                f"SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {table} t"
            ).fetchone()
            for table in TABLES
        }
