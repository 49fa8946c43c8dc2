"""Searching among many consumers: by number, phone, serial, name and address, as typed and with a typing error.

The registry is filled with consumers whose names and addresses are drawn from lists, the common ones far more often
than the rare ones, as in a town; every one has a service point, a meter and a telephone, and lies in one of a hundred
sections. Then consumers are searched by `registry.searching`, with the rights to search everywhere and those of a clerk of one
section, in the rights of the web server.

    uv run python bench/search.py [--consumers 100000] [--queries 200]

Prints one JSON object: for each kind of query the milliseconds, p50 and p95, exact and misspelt, by the clock and of
processor time (this process and its backend, which a machine that others use disturbs less), and how often it was
found: what was meant is among what is shown, or the page is full and says that there may be more. The goal is 100 ms at
a million consumers.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from databases import migrated_cluster, owner_of
from urja.base import log
from urja.site.supervisor.postgres import Cluster

NOW = datetime(2026, 3, 20, 8, 12, tzinfo=UTC)
GOAL_MS = 100
SECTIONS = 100
LIMIT = 20
FIRST = [
    "Ramesh",
    "Suresh",
    "Sunita",
    "Anita",
    "Rakesh",
    "Priya",
    "Amit",
    "Pooja",
    "Rajesh",
    "Kavita",
    "Vijay",
    "Deepak",
    "Sanjay",
    "Geeta",
    "Manoj",
    "Rekha",
    "Ashok",
    "Neha",
    "Mukesh",
    "Seema",
    "Anil",
    "Kiran",
    "Sunil",
    "Asha",
    "Vinod",
    "Meena",
    "Arun",
    "Lata",
    "Mohan",
    "Usha",
    "Prakash",
    "Sarita",
    "Naresh",
    "Mamta",
    "Dinesh",
    "Jyoti",
    "Mahesh",
    "Nirmala",
    "Santosh",
    "Shanti",
    "Lakshmi",
    "Venkatesh",
    "Padma",
    "Subramaniam",
    "Karthik",
    "Revathi",
    "Imran",
    "Fatima",
    "Salim",
    "Zainab",
    "Harpreet",
    "Gurmeet",
    "Joseph",
    "Mariamma",
    "Thomas",
    "Annamma",
    "Debashish",
    "Mousumi",
    "Bikash",
    "Tanushree",
    "Nilesh",
    "Hetal",
    "Jignesh",
    "Pallavi",
]
LAST = [
    "Kumar",
    "Sharma",
    "Singh",
    "Devi",
    "Verma",
    "Gupta",
    "Yadav",
    "Patel",
    "Khan",
    "Meena",
    "Jain",
    "Agarwal",
    "Mishra",
    "Pandey",
    "Saini",
    "Choudhary",
    "Reddy",
    "Nair",
    "Iyer",
    "Das",
    "Ghosh",
    "Banerjee",
    "Mukherjee",
    "Chatterjee",
    "Shah",
    "Mehta",
    "Joshi",
    "Kulkarni",
    "Deshmukh",
    "Patil",
    "Pawar",
    "Shinde",
    "Rao",
    "Naidu",
    "Pillai",
    "Menon",
    "Kaur",
    "Gill",
    "Sandhu",
    "Ansari",
    "Qureshi",
    "Siddiqui",
    "Rathore",
    "Shekhawat",
    "Tanwar",
    "Bairwa",
    "Kumawat",
    "Prajapat",
    "Gurjar",
    "Jangid",
]
STREETS = [
    "Neem",
    "Jamun",
    "Amla",
    "Kadam",
    "Palash",
    "Tulsi",
    "Gulmohar",
    "Ashok",
    "Banyan",
    "Peepal",
    "Station",
    "Market",
    "Temple",
    "Canal",
    "Lake",
    "Hill",
    "Fort",
    "College",
    "Hospital",
    "Mandi",
]
PLACES = [
    "Mansarovar",
    "Jhotwara",
    "Vaishali",
    "Malviya",
    "Sanganer",
    "Bassi",
    "Chomu",
    "Amer",
    "Kukas",
    "Bagru",
    "Phulera",
    "Sambhar",
    "Kishangarh",
    "Beawar",
    "Nasirabad",
    "Pushkar",
    "Merta",
    "Makrana",
    "Didwana",
    "Ladnun",
]


def consumers(count: int) -> Iterator[dict[str, Any]]:
    """Names and addresses; the first of each list are the most common."""
    chance = random.Random(4)

    def one_of(names: list[str]) -> str:
        return names[min(int(chance.expovariate(4 / len(names))), len(names) - 1)]

    for number in range(1, count + 1):
        # Every third household has a rare name.
        rare = "".join(chance.choice(["ka", "ri", "no", "sha", "ve", "mu", "li", "dro"]) for _ in range(3))
        yield {
            "number": f"{40_000_000_000 + 97 * number}",
            "serial": f"GT{10_000_000 + 13 * number}",
            "name": f"{one_of(FIRST)} {rare.title() if number % 3 == 0 else one_of(LAST)}",
            "phone": f"+91{7_000_000_000 + 2017 * number}",
            "address": f"{chance.randrange(1, 400)} {one_of(STREETS)} Road, {one_of(PLACES)}",
            "pin": f"{302_000 + chance.randrange(60)}",
        }


COLUMNS = {
    "network_premise": "id, name, address, pin_code, recorded_at, actor",
    "network_service_point": "id, premise_id, commodity, consumer_number, recorded_at, actor",
    "people_person": "id, name, phone, language, email, address, recorded_at, actor",
    "books_account": "id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch, opened_at",
    "contracts_agreement": "id, service_point_id, account_id, customer_id, valid_from, recorded_at, actor",
    "assets_device": (
        "id, serial, system_title, device_type, wrapped_guek, wrapped_gak, interval_s, max_power_w, stock, recorded_at, actor"
    ),
    "assets_device_period": "id, service_point_id, device_id, role, valid_from, recorded_at, actor",
    "network_placement": "id, service_point_id, tree, node_id, phase, valid_from, recorded_at, actor",
}


def rows(id_: int, one: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    stamp = (NOW - timedelta(days=365), "bench")
    since = (NOW - timedelta(days=365), *stamp)
    return {
        "network_premise": (id_, one["address"].partition(",")[0], one["address"], one["pin"], *stamp),
        "network_service_point": (id_, id_, "electricity", one["number"], *stamp),
        "people_person": (id_, one["name"], one["phone"], "en", "", "", *stamp),
        "books_account": (id_, 0, "consumer", "", "INR", 0, 0, bytes(32), 0, stamp[0]),
        "contracts_agreement": (id_, id_, id_, id_, *since),
        "assets_device": (
            id_,
            one["serial"],
            id_.to_bytes(8, "big"),
            "urja-d1",
            bytes(24),
            bytes(24),
            1800,
            14_400,
            "installed",
            *stamp,
        ),
        "assets_device_period": (id_, id_, id_, 1, *since),
        "network_placement": (id_, id_, "administration", id_ % SECTIONS + 1, "", *since),
    }


def fill(cluster: Cluster, count: int) -> float:
    """Insert all consumers, table by table; return the seconds of the two tables with word indexes."""
    owner = owner_of(cluster)
    in_words = 0.0
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO network_node (id, tree, level, code, name, recorded_at, actor) "
            "SELECT n, 'administration', 'section', 'S' || n, '', %s, 'bench' FROM generate_series(1, %s) n",
            [NOW, SECTIONS],
        )
        for table, columns in COLUMNS.items():
            # The registry's rules are not measured, and no search uses the indexes of its exclusion constraints.
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for (name,) in connection.execute(
                "SELECT conname FROM pg_constraint WHERE contype = 'x' AND conrelid = %s::regclass", [table]
            ).fetchall():
                connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            began = time.perf_counter()
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for number, one in enumerate(consumers(count), 1):
                    copy.write_row(rows(number, one)[table])
            if table in {"people_person", "network_premise"}:
                in_words += time.perf_counter() - began
        connection.execute("VACUUM ANALYZE")
    return in_words


def as_the_web() -> None:
    from django.db import connections

    connections["default"].close()
    connections["default"].settings_dict.update(USER="urja_web")


def work_s() -> float:
    """Return CPU time of this process and its backend, which other programs on the machine disturb less."""
    from django.db import connection

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    return time.process_time() + int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def misspelt(text: str, chance: random.Random) -> str:
    """Return a text with one typing error in its longest word."""
    word = max(text.split(), key=len)
    at = chance.randrange(1, len(word) - 1)
    letters = "0123456789" if word.isdecimal() else "abcdefghijklmnopqrstuvwxyz"
    wrong = chance.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + chance.choice(letters) + word[at + 1 :],
        ]
    )
    return text.replace(word, wrong)


def measure(count: int, queries: int) -> dict[str, Any]:
    from urja.apps.identity.queries.access import Area, Caller
    from urja.apps.identity.queries.roles import Role
    from urja.apps.overviews.queries.searching import search

    chance = random.Random(7)
    wanted = set(chance.sample(range(1, count + 1), queries))
    people = [(number, one) for number, one in enumerate(consumers(count), 1) if number in wanted]
    callers = {
        "everywhere": lambda _number: Caller(1, grants=((Role.CLERK, Area(everywhere=True)),)),
        "one section": lambda number: Caller(
            1, grants=((Role.CLERK, Area(nodes=frozenset({number % SECTIONS + 1}))),)
        ),
    }
    figures: dict[str, Any] = {}
    for kind, key in {
        "consumer number": "number",
        "telephone": "phone",
        "serial": "serial",
        "name": "name",
        "address": "address",
    }.items():
        for spelling in ("exact", "misspelt"):
            asked = [
                (number, one[key] if spelling == "exact" else misspelt(one[key], chance))
                for number, one in people
            ]
            for area, caller in callers.items():
                taken, worked, found = [], [], 0
                for number, text in asked:
                    began, work = time.perf_counter(), work_s()
                    hits = search(text, caller(number), NOW, LIMIT)
                    taken.append((time.perf_counter() - began) * 1000)
                    worked.append((work_s() - work) * 1000)
                    named = {hit.found.pk for hit in [*hits.connections, *hits.people, *hits.meters]}
                    found += number in named or len(named) >= LIMIT
                figures.setdefault(kind, {}).setdefault(spelling, {})[area] = {
                    "p50_ms": round(statistics.median(taken), 2),
                    "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 2),
                    "max_ms": round(max(taken), 2),
                    "p50_cpu_ms": round(statistics.median(worked), 2),
                    "p95_cpu_ms": round(statistics.quantiles(worked, n=20)[-1], 2),
                    "found": f"{found} of {len(asked)}",
                }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--consumers", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    log.configure("bench", level="error")
    directory = Path(tempfile.mkdtemp(prefix="urja-"))
    try:
        with migrated_cluster(directory, connection_age_s=3600, prepared=True) as cluster:
            in_words_s = fill(cluster, arguments.consumers)
            as_the_web()
            figures = measure(arguments.consumers, arguments.queries)
            with psycopg.connect(cluster.conninfo(dbname="bench")) as connection:
                sizes = dict(
                    connection.execute(
                        "SELECT c, pg_relation_size(c::regclass) FROM unnest(%s::text[]) c",
                        [
                            [
                                "people_person_words",
                                "network_premise_words",
                                "people_person",
                                "network_premise",
                            ]
                        ],
                    ).fetchall()
                )
            from django.db import connections

            connections.close_all()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    worst = {
        by: max(
            of_area[by]
            for by_spelling in figures.values()
            for by_area in by_spelling.values()
            for of_area in by_area.values()
        )
        for by in ("p95_ms", "p95_cpu_ms")
    }
    print(
        json.dumps(
            {
                "bench": "search",
                "consumers": arguments.consumers,
                "queries_of_each_kind": arguments.queries,
                "load_average": [round(one, 1) for one in os.getloadavg()],
                "kinds": figures,
                "worst": worst,
                "goal_ms": GOAL_MS,
                "people_and_premises_copied_s": round(in_words_s, 1),
                "bytes": sizes,
                "machine": platform.machine(),
            },
            indent=2,
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
