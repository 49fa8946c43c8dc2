"""CPU time of a run of the stage `decide`, for unchanged and for changed accounts.

uv run python bench/decide.py [--meters N] [--rounds N] [--zones]

`--zones` rates all accounts by zones of the day and demand, from half hours of the open day.
"""

import argparse
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from databases import migrated_cluster, number_meters, owner_of, seed
from ingest import START
from urja.base import log

NOW = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
MOVED = 1000
HALF_HOUR_S = 1800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meters", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--zones", action="store_true", help="with a tariff by zones of the day and demand")
    options = parser.parse_args()
    log.configure("bench", "error", json=True)
    with (
        tempfile.TemporaryDirectory(prefix="urja-bench-") as directory,
        migrated_cluster(Path(directory)) as cluster,
    ):
        print(json.dumps(measure(cluster, options), indent=2))


def measure(cluster, options) -> dict:
    owner = owner_of(cluster)
    with psycopg.connect(owner, autocommit=True) as connection:
        number_meters(connection, options.meters, START, "mod(n, 1024)")
        seed(connection)
        if options.zones:
            store_half_hours(connection)
        connection.execute("VACUUM ANALYZE")
        connection.execute("UPDATE readings_accrual SET watermark_at = %s, latest_end_at = %s", [NOW, NOW])
        load_rules(zones=options.zones)
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
        "tariff": "zones" if options.zones else "slabs",
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


def store_half_hours(connection: psycopg.Connection) -> None:
    """Store the half hours of the open day of the accounts that move."""
    from urja.apps.readings import staging
    from urja.stream.records import NULL

    keys = [
        key
        for (key,) in connection.execute("SELECT id FROM contracts_agreement ORDER BY id LIMIT %s", [MOVED])
    ]
    count = int((NOW - START).total_seconds()) // HALF_HOUR_S
    rows = np.zeros(len(keys) * count, staging.PLACED_BLOCK)
    rows["values"] = NULL
    for name in ("service_point_id", "agreement_id", "device_id"):
        rows[name] = np.repeat(keys, count)
    rows["start_at"] = np.tile(int(START.timestamp()) + np.arange(count) * HALF_HOUR_S, len(keys))
    rows["values"][:, 0], rows["length_s"] = 150, HALF_HOUR_S
    for name in ("channel_set", "series", "status", "source"):
        rows[name] = 1
    with connection.transaction(), connection.cursor() as cursor:
        staging.make_days(cursor, rows["start_at"])
        staging.prepare(cursor)
        staging.store_blocks(cursor, rows, zone="Asia/Kolkata", now=NOW)


def load_rules(*, zones: bool = False) -> None:
    """Load a tariff of the demonstration, and a policy under which no account here is out of credit."""
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.core.policy import bundled_policies
    from urja.usecases.calendars import load_calendar
    from urja.usecases.policies import load_policy

    tariff = bundled_tariffs()["demo-domestic.toml"]
    if zones:
        documents = resources.files("urja.demo") / "documents"
        calendar = (documents / "town-tod.toml").read_text()
        load_calendar(calendar, zone=ZoneInfo("Asia/Kolkata"), recorded_at=NOW, actor="bench")
        tariff = (documents / "town-shop.toml").read_text().replace('"town-shop"', '"demo-domestic"')
    load_tariff(tariff, NOW)
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
