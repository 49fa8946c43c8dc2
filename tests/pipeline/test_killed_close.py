"""A close of many accounts whose process is killed again and again comes to the hashes of one that nothing disturbs."""

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import psycopg
import pytest
from tests.conftest import copy_of
from tests.pipeline import killed_close

ROOT = Path(__file__).parents[2]
BEGINS = datetime(2026, 3, 29, 18, 30, tzinfo=UTC)
"""Midnight of 30 March: the second day ends a billing period, so that its close makes statements."""
DAY = timedelta(days=1)
TABLES = (
    "books_entry",
    "books_account",
    "billing_close",
    "billing_rated",
    "determinants_row",
    "statements_statement",
)


@pytest.fixture
def bench(monkeypatch):
    """The seeding of the benchmark of closes, from 30 March on."""
    monkeypatch.syspath_prepend(ROOT / "bench")
    found = import_module("close")
    monkeypatch.setattr(found, "START", BEGINS)
    return found


def contents(database):
    """Rows and the sum of their hashes, of each table."""
    with database.connect() as connection:
        return {
            table: connection.execute(
                f"SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {table} t"
            ).fetchone()
            for table in TABLES
        }


def after(days):
    return BEGINS + days * DAY + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("accounts", "in_bucket", "kills", "seed"),
    [
        (60, 20, 4, 1),
        pytest.param(100_000, 1000, 20, 2, marks=[pytest.mark.slow, pytest.mark.timeout(7200)]),
        pytest.param(1_000_000, 1000, 40, 3, marks=[pytest.mark.slow, pytest.mark.timeout(36_000)]),
    ],
)
def test_killed_at_seeded_points_it_comes_to_the_same_hashes(
    database, bench, accounts, in_bucket, kills, seed
):
    admin = database.cluster.conninfo(dbname=database.name)
    with psycopg.connect(admin, autocommit=True) as connection:
        bench.adopt(connection, accounts, 2, in_bucket)
        bench.load_rules()
        bench.read_a_day(connection, 1, 48)
        # Undisturbed, as the accounts of the other side have numbers from a sequence.
        killed_close.close(after(1))
        bench.read_a_day(connection, 2, 48)
    with copy_of(database.cluster, database.name) as undisturbed:
        statements = killed_close.close(after(2))
        chance = random.Random(f"kills {seed}")
        points = [chance.randrange(1, statements + 1) for _ in range(kills)]
        command = [
            sys.executable,
            "-m",
            "tests.pipeline.killed_close",
            database.conninfo(),
            after(2).isoformat(),
        ]
        done = subprocess.run(
            [*command, *map(str, points)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) >= kills // 2, f"killed {done.stdout} times before the statements {points}"
        expected = contents(undisturbed)
    assert expected["books_entry"][0] == accounts * 2 * bench.LINES
    assert expected["statements_statement"][0] == accounts
    assert contents(database) == expected
