"""The laws of the ledger at a million entries: peak memory of the checking process, and time.

One house lives for 30 days through the production code (`bench/page.py`) and is copied until the ledger has as many
entries; each copy's chain is hashed again. One day's close seals them all in the signed log. Then a process of its own
asks every law as `urja verify --full` does, and another as `urja verify` does after that head is proven.

    uv run python bench/verify.py [--entries 1000000]

Readings of the copies are registers and accruals without half-hours; the digest of reads is over those. Copies name no
determinant rows, whose hashes are of one agreement: the law `evidence` says so of each, and is the one that is broken.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from page import DAYS, NOW, PASSWORD, START, ZONE, Copier, live, town
from urja.base import log
from urja.site.django import options as django_options
from urja.site.supervisor.postgres import Cluster

BAR_MIB = 512
ASKED_AT = START + timedelta(days=DAYS, minutes=30)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--proven", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    log.configure("bench", "error", json=False)
    if arguments.ask:
        ask(arguments.ask, arguments.proven)
        return
    with tempfile.TemporaryDirectory() as directory, town(Path(directory)) as cluster:
        began = time.perf_counter()
        entries = multiply(cluster, live(cluster), arguments.entries)
        made_s, began = time.perf_counter() - began, time.perf_counter()
        leaves = seal(Path(directory) / "heads")
        sealed_s = time.perf_counter() - began
        owner = cluster.conninfo(dbname="town", user="urja_owner", password=PASSWORD)
        runs = {what: asked(owner, proven) for what, proven in (("full", 0), ("from_the_proven_head", 1))}
    print(
        json.dumps(
            {
                "bench": "verify",
                "entries": entries,
                "made_s": round(made_s, 1),
                "leaves": leaves,
                "sealed_s": round(sealed_s, 1),
                **runs,
                "bar_mib": BAR_MIB,
                "bar_met": all(run["peak_mib"] <= BAR_MIB for run in runs.values()),
            },
            indent=2,
        )
    )


def asked(owner: str, proven: int) -> dict[str, Any]:
    """Return the figures of a run in a separate process, so that its memory is measured alone."""
    told = subprocess.run(
        [sys.executable, __file__, "--ask", owner, "--proven", str(proven)],
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, Any] = json.loads(told.stdout)
    return figures


def ask(owner: str, proven: int) -> None:
    """Run the checks of `urja verify`; print peak resident memory."""
    django_options.setup(django_options.DjangoOptions(conninfo=owner, timezone=ZONE))
    from urja.laws import verify

    began = time.perf_counter()
    with psycopg.connect(owner, autocommit=True) as connection:
        found = verify.examine(connection, ASKED_AT, ZONE, proven=proven)
    print(
        json.dumps(
            {
                "took_s": round(time.perf_counter() - began, 1),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "broken": {finding.law: finding.contradictions[:2] for finding in found if not finding.holds},
            }
        )
    )


def multiply(cluster: Cluster, house: Any, wanted: int) -> int:
    """Copy the model house up to a number of entries, with the database's checks off: the model has passed them."""
    with psycopg.connect(cluster.conninfo(dbname="town"), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        copier = Copier(connection, house)
        model = list(_entries_of(connection, house.account_id))
        count = -(-wanted // len(model))
        for table, slot in (("network_premise", 0), ("network_service_point", 1), ("assets_device", 2)):
            changed = {"id": copier.key(slot)}
            if table == "network_service_point":
                changed["consumer_number"] = "g.k::text"
            if table == "assets_device":
                changed |= {
                    "serial": "g.k::text",
                    "system_title": "decode(lpad(to_hex(g.k), 16, '0'), 'hex')",
                }
            copier.copy(table, f"id = {copier.keys[list(copier.keys)[slot]][1]}", count, **changed)
        copier.copy("assets_device_period", f"device_id = {house.device_id}", count, id=copier.key(5))
        copier.copy("contracts_agreement", f"id = {house.agreement_id}", count, id=copier.key(3))
        copier.copy(
            "contracts_agreement_terms", f"agreement_id = {house.agreement_id}", count, id=copier.key(9)
        )
        copier.copy(
            "books_credit_request",
            f"account_id = {house.account_id}",
            count,
            id=copier.key(7),
            idempotency_key="m.idempotency_key || ':' || g.k",
        )
        for table in ("billing_close", "billing_rated", "readings_accrual"):
            copier.copy(table, f"agreement_id = {house.agreement_id}", count)
        copier.copy("readings_register", f"device_id = {house.device_id}", count)
        # Without half-hours an accrual ends with its last register reading.
        connection.execute("DELETE FROM readings_interval")
        _post(connection, copier, model, count)
        _balance(connection)
        connection.execute("VACUUM (ANALYZE)")
        _accrue(connection)
        return (count + 1) * len(model)


def _entries_of(connection: psycopg.Connection, account_id: int) -> Iterator[dict[str, Any]]:
    found = connection.execute("SELECT * FROM books_entry WHERE account_id = %s ORDER BY seq", [account_id])
    names = [column.name for column in found.description or ()]
    for row in found:
        yield dict(zip(names, row, strict=True))


def _post(connection: psycopg.Connection, copier: Copier, model: list[dict[str, Any]], count: int) -> None:
    """Append the copies' entries to the log, each with its own hash."""
    from psycopg.types.json import Jsonb

    from urja.apps.books.chain import entry_hash

    heads = []
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY books_entry ({', '.join(model[0])}) FROM STDIN") as copy:
            for k in range(1, count + 1):
                keys = {slot: connection_key(k, slot) for slot in (3, 4, 7)}
                previous = bytes(32)
                for entry in model:
                    inputs = _of_a_copy(entry["inputs"])
                    row = entry | {
                        "bucket": k % 1024,
                        "account_id": keys[4],
                        "agreement_id": keys[3] if entry["agreement_id"] else None,
                        "idempotency_key": f"{entry['idempotency_key']}:{k}",
                        "inputs": inputs | {"request": keys[7]} if "request" in inputs else inputs,
                        "previous_hash": previous,
                    }
                    row["hash"] = previous = entry_hash(previous, row)
                    copy.write_row(
                        [Jsonb(value) if name == "inputs" else value for name, value in row.items()]
                    )
                heads.append((keys[4], k % 1024, previous))
        cursor.execute("CREATE TEMP TABLE head (id bigint, bucket smallint, hash bytea)")
        with cursor.copy("COPY head FROM STDIN") as copy:
            for head in heads:
                copy.write_row(head)
        cursor.execute(
            "INSERT INTO books_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch,"
            " opened_at) SELECT h.id, h.bucket, 'consumer', '', a.currency, a.balance_minor, a.last_seq, h.hash,"
            f" a.last_batch, a.opened_at FROM head h, books_account a WHERE a.id = {copier.house.account_id}"
        )


def _of_a_copy(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return an entry's inputs without the determinants that it names: they are the model's own."""
    if "calculation" not in inputs:
        return inputs
    named = {key: value for key, value in inputs["calculation"].items() if key != "determinants"}
    return inputs | {"calculation": named}


def connection_key(k: int, slot: int) -> int:
    """Return the key of a copy, as `Copier.key` does in SQL."""
    from page import FIRST_COPY, SLOTS

    return (k % 1024) << 40 | (FIRST_COPY + k * SLOTS + slot)


def _balance(connection: psycopg.Connection) -> None:
    connection.execute(
        "UPDATE books_account a SET balance_minor = s.total FROM (SELECT contra_id, -sum(amount_minor) AS total"
        " FROM books_entry GROUP BY 1) s WHERE s.contra_id = a.id"
    )
    connection.execute(
        "INSERT INTO books_bucket (bucket, last_batch) SELECT bucket, max(batch) FROM books_entry GROUP BY 1"
        " ON CONFLICT (bucket) DO UPDATE SET last_batch = excluded.last_batch"
    )


def _accrue(connection: psycopg.Connection) -> None:
    from urja.apps.readings import accrual

    for (bucket,) in connection.execute(
        "SELECT DISTINCT agreement_id >> 40 FROM readings_accrual"
    ).fetchall():
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT agreement_id, opened_at FROM readings_accrual WHERE agreement_id >> 40 = %s", [bucket]
            )
            accrual.recompute(cursor, cursor.fetchall(), ZONE)


def seal(heads: Path) -> int:
    from django.db import connection

    from urja.pipeline.seal import Sealer

    Sealer(ZoneInfo(ZONE), bytes(32), heads).run_once(NOW + timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM proofs_leaf")
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    main()
