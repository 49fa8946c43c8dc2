"""The laws of the ledger over real charges: peak memory of the checking processes together, and entries per second.

Agreements are seeded and their days closed as `bench/close.py` does it, so that each charge has its determinants, its evidence
and its hash. The log is sealed on the last two midnights. Then a process of its own asks every law as `urja verify --full
--processes N` does, and another as `urja verify` does after the first head is proven: it has the charges of two closes and the
readings of one day before it.

    uv run python bench/verify.py [--accounts 4000] [--days 25] [--intervals 48] [--processes 2] [--at DIRECTORY]

The size that was asked for is `--accounts 100000 --days 30`, nine million entries. `--at` keeps the database in a directory: a
run that ended early goes on with the day at which it stopped, and one after it seeds nothing. What is done is told on standard
error. `--profile` prints there where the processor time of each law goes.
"""

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from close import CLOSED_AFTER, DAY, LINES, START, ZONE, adopt, close, number_accounts, read_a_day, workers
from databases import migrated_cluster, owner_of
from decide import load_rules
from urja.base import log

BAR_MIB = 512
GOAL_ENTRIES, GOAL_S = 300_000, 60
"""A day's entries of 100,000 accounts, and the time in which they are to be proven from the last head."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=4000)
    parser.add_argument("--days", type=int, default=25)
    parser.add_argument("--intervals", type=int, default=48, help="intervals of each account and day")
    parser.add_argument("--processes", type=int, default=2, help="that close the days, and that ask the laws")
    parser.add_argument(
        "--at", type=Path, metavar="DIRECTORY", help="keep the database there, and use one that is there"
    )
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--proven", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    log.configure("bench", "error", json=True)
    if options.ask:
        ask(options.ask, options)
        return
    with ExitStack() as stack:
        directory = options.at or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="urja-bench-")))
        cluster = stack.enter_context(migrated_cluster(directory))
        print(json.dumps(measure(cluster, options, directory / "heads"), indent=2))


def measure(cluster: Any, options: argparse.Namespace, heads: Path) -> dict[str, Any]:
    began = time.perf_counter()
    owner = owner_of(cluster)
    with psycopg.connect(cluster.conninfo(dbname="bench"), autocommit=True) as connection:
        make(connection, owner, options, heads)
        (entries,) = connection.execute("SELECT count(*) FROM books_entry").fetchone()
        (since,) = connection.execute(
            "SELECT count(*) FROM books_entry e WHERE batch > (SELECT max(to_batch) FROM proofs_leaf l"
            " WHERE l.period = 1 AND l.kind = 'entries' AND l.bucket = e.bucket)"
        ).fetchone()
    assert (entries, since) == (options.accounts * options.days * LINES, 2 * options.accounts * LINES)
    made_s = time.perf_counter() - began
    told(f"{entries} entries are there after {made_s:.0f} s")
    full = asked(owner, options, entries, proven=0)
    told(f"all were examined in {full['took_s']} s, with {full['peak_mib']} MiB")
    daily = asked(owner, options, since, proven=1)
    return {
        "benchmark": "verify",
        "accounts": options.accounts,
        "days": options.days,
        "intervals_per_day": options.intervals,
        "made_s": round(made_s, 1),
        "full": full,
        "from_the_proven_head": daily,
        "bar_mib": BAR_MIB,
        "bar_met": max(full["peak_mib"], daily["peak_mib"]) <= BAR_MIB,
        "s_for_300000_entries_from_a_head": round(GOAL_ENTRIES / daily["entries_per_s"], 1),
        "goal_s": GOAL_S,
    }


def make(connection: psycopg.Connection, owner: str, options: argparse.Namespace, heads: Path) -> None:
    """Seed accounts and close their days, as far as that is not done."""
    began = time.perf_counter()
    (accounts,) = connection.execute("SELECT count(*) FROM contracts_agreement").fetchone()
    if accounts:
        assert accounts == options.accounts, f"{options.at} has {accounts} accounts"
        number_accounts(connection, accounts)
    else:
        adopt(connection, options.accounts, options.days)
        load_rules()
    (read_at,) = connection.execute("SELECT max(read_at) FROM readings_register").fetchone()
    (sealed,) = connection.execute("SELECT count(*) FROM proofs_head").fetchone()
    with workers(owner, options.processes) as pools:
        for number in range(1, options.days + 1):
            if START + number * DAY > read_at:
                read_a_day(connection, number, options.intervals)
            # A day's head has the readings of that day, and what was posted before its end: the closes of the days before.
            if number >= options.days - 1 + sealed:
                seal(heads, number)
            (closed,) = connection.execute(
                "SELECT count(*) FROM billing_close WHERE closed_through >= %s",
                [(START + number * DAY).date()],
            ).fetchone()
            if closed < options.accounts:
                close(pools, number, options.accounts - closed)
                told(f"{number} of {options.days} days are closed after {time.perf_counter() - began:.0f} s")
    connection.execute("VACUUM ANALYZE")


def told(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def seal(heads: Path, number: int) -> None:
    """Seal the n-th day in the signed log, before it is closed: its readings, and the entries that were posted on it."""
    from zoneinfo import ZoneInfo

    from urja.pipeline.seal import Sealer

    report = Sealer(ZoneInfo(ZONE), bytes(32), heads).run_once(START + number * DAY + CLOSED_AFTER)
    assert report.done == 1, report


def asked(owner: str, options: argparse.Namespace, entries: int, proven: int) -> dict[str, Any]:
    """Return the figures of a run in a separate process, so that its memory is measured alone."""
    told = subprocess.run(
        [
            *(sys.executable, __file__, "--ask", owner, "--proven", str(proven), "--days", str(options.days)),
            *("--processes", str(options.processes)),
            *(["--profile"] if options.profile else []),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, Any] = json.loads(told.stdout)
    return {
        "entries": entries,
        "entries_per_s": round(entries / figures["took_s"]),
        "entries_per_cpu_s": round(entries / figures["cpu_s"]),
        **figures,
    }


def ask(owner: str, options: argparse.Namespace) -> None:
    """Run the checks of `urja verify`; print peak resident memory, and the processor seconds of the laws that take most."""
    from urja.site.django import options as django_options

    django_options.setup(django_options.DjangoOptions(conninfo=owner, timezone=ZONE))
    from urja.laws import verify
    from urja.laws.law_list import Question

    asked_at = START + options.days * DAY + CLOSED_AFTER + timedelta(hours=1)
    profile = cProfile.Profile(time.process_time)
    with psycopg.connect(owner, autocommit=True) as connection:
        server = parent_of(connection.info.backend_pid)
        server_s, began = cpu_s_of_server(server), time.perf_counter()
        if options.profile:
            profile.enable()
        findings, usage = verify.run(
            connection,
            Question(asked_at, ZONE, proven=options.proven),
            processes=1 if options.profile else options.processes,
            conninfo=owner,
        )
        profile.disable()
        took_s = time.perf_counter() - began
    server_s = cpu_s_of_server(server) - server_s
    if options.profile:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(40)
    print(
        json.dumps(
            {
                "took_s": round(took_s, 1),
                "cpu_s": round(usage.cpu_s + server_s, 1),
                "cpu_s_of_database": round(server_s, 1),
                "peak_mib": usage.peak_mib,
                "law_cpu_s": {
                    law: round(seconds, 2)
                    for law, seconds in sorted(usage.law_cpu_s.items(), key=lambda item: -item[1])[:10]
                },
                "broken": {one.law: one.contradictions[:2] for one in findings if not one.holds},
            }
        )
    )


def fields_of(process: int) -> list[str]:
    """Return what Linux says of a process, from its state on."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()


def parent_of(process: int) -> int:
    return int(fields_of(process)[1])


def cpu_s_of_server(server: int) -> float:
    """Return the processor seconds of a database server and its sessions, ended or not: they tell on a shared machine too."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    ticks = sum(map(int, fields_of(server)[11:15]))
    ticks += sum(int(ticks) for child in children for ticks in fields_of(int(child))[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
