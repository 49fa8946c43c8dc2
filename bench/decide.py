"""CPU time of a run of the stage `decide`, for unchanged and for changed accounts.

uv run python bench/decide.py [--meters N] [--rounds N]
"""

import argparse
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from ingest import START
from installation import PASSWORD, number_meters, prepare, seed
from urja.base import log

NOW = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
MOVED = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meters", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    log.configure("bench", "error", json=True)
    with tempfile.TemporaryDirectory(prefix="urja-bench-") as directory:
        from urja.site.supervisor.postgres import Cluster, find_binaries

        cluster = Cluster(find_binaries(), Path(directory) / "pg", PASSWORD, durable=False)
        cluster.start()
        try:
            print(json.dumps(measure(cluster, options), indent=2))
        finally:
            from django.db import connections

            connections.close_all()
            cluster.stop()


def measure(cluster, options) -> dict:
    owner = prepare(cluster)
    with psycopg.connect(owner, autocommit=True) as connection:
        number_meters(connection, options.meters, START, "mod(n, 1024)")
        seed(connection)
        connection.execute("VACUUM ANALYZE")
        connection.execute("UPDATE readings_accrual SET watermark_at = %s, latest_end_at = %s", [NOW, NOW])
        load_rules()
        from urja.pipeline import decide

        first_s = timed(lambda: decide.decide_due(NOW))
        at_first = decide.MAX_ACCOUNTS
        everybody_stands(connection)
        idle, moved, quick = [], [], []
        for number in range(1, options.rounds + 1):
            now = NOW + timedelta(seconds=number)
            decide.decide_due(now)
            idle.append(timed(lambda n=now: decide.decide_due(n)))
            quick.append(timed(lambda n=now: decide.decide_due(n, only_changed=True)))
            connection.execute(
                "UPDATE readings_accrual SET watermark_at = watermark_at + interval '1 second' "
                "WHERE agreement_id IN (SELECT agreement_id FROM readings_accrual ORDER BY agreement_id LIMIT %s)",
                [MOVED],
            )
            began = time.perf_counter()
            assert decide.decide_due(now).accounts == MOVED
            moved.append(time.perf_counter() - began)
    return {
        "benchmark": "decide",
        "accounts": options.meters,
        "idle_run_ms": round(statistics.median(idle) * 1000, 1),
        "look_for_credits_ms": round(statistics.median(quick) * 1000, 1),
        "moved_accounts": MOVED,
        "per_moved_account_ms": round((statistics.median(moved) - statistics.median(idle)) * 1000 / MOVED, 3),
        "per_new_account_ms": round(first_s * 1000 / at_first, 3),
    }


def timed(run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def load_rules() -> None:
    """Load the demonstration's tariff, and a policy under which no account here is out of credit."""
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.core.policy import bundled_policies
    from urja.usecases.policies import load_policy

    load_tariff(bundled_tariffs()["demo-domestic.toml"], NOW)
    text = bundled_policies()["plain.toml"].replace("cut_below = 0", "cut_below = -1000")
    load_policy(text, recorded_at=NOW, actor="bench")


def everybody_stands(connection: psycopg.Connection) -> None:
    """Store decisions for the accounts that the first run did not reach, like those that it stored."""
    connection.execute(
        "INSERT INTO supply_state (account_id, service_point_id, agreement_id, standing, reason, decided_at, since_at, "
        "policy, supply, balance_minor, limit_minor, seen_seq, seen_watermark_at, seen_billed_value) "
        "SELECT g.account_id, g.service_point_id, g.id, s.standing, s.reason, s.decided_at, s.since_at, s.policy, "
        "s.supply, s.balance_minor, s.limit_minor, a.last_seq, r.watermark_at, r.billed_value "
        "FROM contracts_agreement g JOIN books_account a ON a.id = g.account_id "
        "JOIN readings_accrual r ON r.agreement_id = g.id AND r.latest "
        "CROSS JOIN (SELECT * FROM supply_state LIMIT 1) s ON CONFLICT DO NOTHING"
    )
    # The decisions have seen the adoption.
    connection.execute("DELETE FROM supply_changed")
    connection.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main()
