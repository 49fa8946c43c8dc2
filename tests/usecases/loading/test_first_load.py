"""The first load of many: what is put aside meanwhile stands as before, and refuses what it refused before."""

import os
import signal
import subprocess
import sys

import pytest
from tests.usecases.loading.filing import plain_map, read, some_map, write

CATALOGUE = """
    SELECT 'constraint' AS what, conrelid::regclass::text AS of, conname AS name, pg_get_constraintdef(oid) AS says,
        concat_ws(' ', contype, condeferrable, condeferred, conenforced, convalidated, coninhcount, conislocal,
            connoinherit, conindid::regclass) AS how
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid),
        concat_ws(' ', indisunique, indisprimary, indisexclusion, indimmediate, indisvalid, indisready, indislive,
            indisclustered, indisreplident, relowner::regrole, reltablespace, reloptions::text)
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    -- Those of foreign keys bear numbers in their names.
    SELECT 'trigger', tgrelid::regclass::text, regexp_replace(tgname, '[0-9]+$', ''),
        regexp_replace(pg_get_triggerdef(t.oid), '_[0-9]+"', '"'),
        concat_ws(' ', tgenabled, tgtype, tgisinternal, tgdeferrable, tginitdeferred)
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3, 4, 5
"""
ASIDE = "no connection is there yet: indexes and constraints are built when all rows are written"
BUILT = "indexes and constraints are built"
ROWS = 30


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch):
    from urja.usecases.loading import aside

    monkeypatch.setattr(aside, "MANY", 10)
    monkeypatch.setattr(aside, "_PAUSE_S", 0.0)


def asked(statement, parameters=()):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def consumer(n, **changes):
    return {
        "consumer_number": str(n),
        "premise_code": f"P{n}",
        "premise_name": str(n),
        "section": "S",
        "transformer": "T",
        "phase": "R",
        "person_name": f"Consumer {n}",
        "email": f"consumer{n}@example.org" if n % 3 else "",
        "since": "2026-02-01",
        "tariff_code": "demo-domestic",
        "sanctioned_load_w": "5000",
    } | changes


@pytest.fixture
def network(load):
    for level in ("section", "transformer"):
        load("networks", [{"level": level, "code": level[0].upper()}])
    load.told.clear()


@pytest.fixture
def planted(monkeypatch):
    """What is written besides, when all rows are."""
    from urja.usecases.loading.kinds.consumers import Consumers

    def plant(statement):
        def step(load, low, high):
            load.run(statement)

        monkeypatch.setattr(Consumers, "steps", lambda self: (self.write, step))

    return plant


def test_the_catalogue_is_the_same_before_and_after(load, network):
    before = asked(CATALOGUE)
    assert len(before) > 300
    report = load("consumers", [consumer(n) for n in range(ROWS)])
    assert (report.faulty, report.written, report.counts["agreement: new"]) == (0, True, ROWS)
    assert [line for line in load.told if not line.startswith("written")][-2:] == [ASIDE, BUILT]
    assert asked(CATALOGUE) == before


def test_while_it_writes_nothing_is_kept_row_by_row(load, network, planted):
    planted("CREATE TABLE seen AS " + CATALOGUE)
    before = set(asked(CATALOGUE))
    load("consumers", [consumer(n) for n in range(ROWS)])
    gone = before - set(asked("SELECT * FROM seen"))
    assert {name for what, _, name, _, _ in gone if what == "constraint"} >= {
        "registry_one_agreement", "registry_one_placement", "registry_terms_one_at_a_time",
        "registry_service_point_consumer_number_key", "registry_one_access",
    }  # fmt: skip
    assert {name for what, _, name, _, _ in gone if what == "trigger" and not name.startswith("RI_")} == {
        "registry_placed_in_its_tree", "registry_agreements_in_order", "registry_terms_in_order", "supply_terms_changed",
    }  # fmt: skip


def test_it_comes_to_the_same_as_one_row_after_the_other(load, network, tmp_path, monkeypatch):
    from django.db import transaction

    from urja.usecases.loading import aside, exporting

    rows = [consumer(n) for n in range(ROWS)] + [
        consumer(100, society="Green Acres", tower="A", premise_code="", premise_kind="flat"),
        consumer(101, person_name="", email="", since="", tariff_code="", sanctioned_load_w=""),
    ]

    def outcome(many):
        monkeypatch.setattr(aside, "MANY", many)
        load.told.clear()
        out = tmp_path / "out.csv"
        with transaction.atomic():
            report = load("consumers", rows)
            exporting.export(plain_map("consumers"), out, at=load.clock.now())
            changed = asked(
                "SELECT what, count(*), count(DISTINCT account_id) FROM supply_changed GROUP BY what"
            )
            transaction.set_rollback(True)
        return ASIDE in load.told, (report.counts, changed, read(out))

    (first, as_first), (second, as_second) = outcome(10), outcome(10**9)
    assert (first, second) == (True, False)
    assert as_first == as_second
    assert as_first[1] == [("supply_terms_changed", ROWS + 1, ROWS + 1)]


_MADE = "recorded_at, actor, operation_id"
_OURS = "%(at)s, 'test', %(operation)s"
WRONG = {
    "another agreement holds there at that time": (
        "WITH a AS (SELECT * FROM registry_agreement LIMIT 1), n AS (INSERT INTO registry_agreement "
        f"(id, service_point_id, account_id, customer_id, valid_from, {_MADE}) SELECT 1, service_point_id, account_id, "
        f"customer_id, '2026-02-20', {_OURS} FROM a) INSERT INTO registry_agreement_terms (id, agreement_id, "
        f"tariff_code, sanctioned_load_w, category, payment_mode, metering_mode, valid_from, {_MADE}) "
        f"SELECT 1, 1, 'x', 1, '', 'prepaid', 'forward', '2026-02-20', {_OURS}"
    ),
    "other terms hold at that time": (
        "INSERT INTO registry_agreement_terms (id, agreement_id, tariff_code, sanctioned_load_w, category, payment_mode, "
        f"metering_mode, valid_from, {_MADE}) SELECT 1, agreement_id, 'x', 1, '', 'prepaid', 'forward', '2026-02-20', "
        f"{_OURS} FROM registry_agreement_terms LIMIT 1"
    ),
    "the service point hangs somewhere else in that tree at that time": (
        f"INSERT INTO registry_placement (id, service_point_id, tree, node_id, phase, valid_from, {_MADE}) "
        f"SELECT 1, service_point_id, tree, node_id, phase, '2026-02-20', {_OURS} FROM registry_placement LIMIT 1"
    ),
    "there is another with consumer_number 7": (
        f"INSERT INTO registry_service_point (id, premise_id, commodity, purpose, consumer_number, {_MADE}) "
        f"SELECT 1, premise_id, commodity, purpose, '7', {_OURS} FROM registry_service_point LIMIT 1"
    ),
    "rows of registry_placement stand on what would go": (
        "INSERT INTO registry_placement (id, service_point_id, tree, node_id, phase, valid_from, valid_to, "
        f"{_MADE}) SELECT 1, service_point_id, tree, 99, phase, '2025-02-20', '2025-02-21', {_OURS} "
        "FROM registry_placement LIMIT 1"
    ),
    "registry_placed_in_its_tree": (
        "WITH s AS (INSERT INTO registry_service_point (id, premise_id, commodity, purpose, consumer_number, "
        f"{_MADE}) SELECT 1, premise_id, commodity, purpose, 'other', {_OURS} FROM registry_service_point LIMIT 1) "
        f"INSERT INTO registry_placement (id, service_point_id, tree, node_id, phase, valid_from, {_MADE}) "
        f"SELECT 1, 1, 'grid', id, '', '2025-02-20', {_OURS} FROM registry_node WHERE tree = 'administration'"
    ),
    "the service point is not a consumer's: it carries no agreement": (
        "WITH s AS (INSERT INTO registry_service_point (id, premise_id, commodity, purpose, consumer_number, "
        f"{_MADE}) SELECT 1, premise_id, commodity, 'bulk', 'other', {_OURS} FROM registry_service_point LIMIT 1), "
        f"a AS (INSERT INTO registry_agreement (id, service_point_id, account_id, customer_id, valid_from, {_MADE}) "
        f"SELECT 1, 1, account_id, customer_id, '2026-02-20', {_OURS} FROM registry_agreement LIMIT 1) "
        "INSERT INTO registry_agreement_terms (id, agreement_id, tariff_code, sanctioned_load_w, category, payment_mode, "
        f"metering_mode, valid_from, {_MADE}) SELECT 1, 1, 'x', 1, '', 'prepaid', 'forward', '2026-02-20', {_OURS}"
    ),
    "the terms do not cover the agreement from its beginning to its end": (
        "WITH s AS (INSERT INTO registry_service_point (id, premise_id, commodity, purpose, consumer_number, "
        f"{_MADE}) SELECT 1, premise_id, commodity, purpose, 'other', {_OURS} FROM registry_service_point LIMIT 1) "
        f"INSERT INTO registry_agreement (id, service_point_id, account_id, customer_id, valid_from, {_MADE}) "
        f"SELECT 1, 1, account_id, customer_id, '2026-02-20', {_OURS} FROM registry_agreement LIMIT 1"
    ),
    "does not begin with a balance of zero": (
        "INSERT INTO ledger_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch, "
        "opened_at) SELECT 1, bucket, kind, code, currency, 5, 0, last_hash, 0, opened_at FROM ledger_account LIMIT 1"
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", WRONG)
def test_what_the_database_refuses_it_refuses(load, network, planted, sentence):
    from urja.usecases.loading.running import Interrupted

    before, people = asked(CATALOGUE), asked("SELECT count(*) FROM auth_user")
    planted(WRONG[sentence])
    with pytest.raises(Interrupted, match=sentence):
        load("consumers", [consumer(n) for n in range(ROWS)])
    assert ASIDE in load.told
    assert asked(CATALOGUE) == before
    assert asked("SELECT count(*) FROM registry_service_point") == [(0,)]
    assert asked("SELECT count(*) FROM auth_user") == people


def test_every_fault_is_told_as_ever(load, network):
    rows = [consumer(n) for n in range(ROWS)] + [consumer(3), consumer(50, transformer="nowhere")]
    report = load("consumers", rows)
    assert [(one.n, one.field) for one in report.first] == [
        (ROWS + 2, "consumer_number"),
        (ROWS + 3, "transformer"),
    ]
    assert ASIDE not in load.told


def test_a_dry_run_leaves_everything_as_it_was(load, network):
    before = asked(CATALOGUE)
    report = load("consumers", [consumer(n) for n in range(ROWS)], dry_run=True)
    assert report.counts["placement: new"] == 2 * ROWS
    assert BUILT in load.told
    assert asked(CATALOGUE) == before
    assert asked("SELECT count(*) FROM registry_premise") == [(0,)]


def test_where_somebody_lives_nothing_is_put_aside(load, network):
    load("consumers", [consumer(1000)])
    load("consumers", [consumer(n) for n in range(ROWS)])
    assert ASIDE not in load.told
    assert asked("SELECT count(*) FROM registry_agreement") == [(ROWS + 1,)]


@pytest.mark.parametrize("table", ["registry_person", "registry_node"])
def test_where_somebody_reads_nothing_is_put_aside(load, network, database, table):
    with database.connect(autocommit=False) as other:
        other.execute(f"SELECT FROM {table}")
        load("consumers", [consumer(n) for n in range(ROWS)])
    assert ASIDE not in load.told
    assert "somebody else is using the registry: it is written row by row" in load.told
    assert asked("SELECT count(*) FROM registry_agreement") == [(ROWS,)]


_CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from urja.site.django import options as django_options
django_options.setup(django_options.DjangoOptions(conninfo=sys.argv[1], timezone="Asia/Kolkata"))
from urja.usecases.loading import aside, parse, running
aside.MANY = 10
def told(line):
    print(line, flush=True)
    if line == sys.argv[4]:
        sys.stdin.read()
running.load(running.Order(Path(sys.argv[2]), parse(Path(sys.argv[3]).read_text()), datetime(2026, 3, 2, tzinfo=UTC),
             "test", "INR", told=told))
"""


@pytest.mark.parametrize("line", [ASIDE, BUILT])
def test_who_is_killed_meanwhile_has_changed_nothing(load, network, database, tmp_path, line):
    before = asked(CATALOGUE)
    path, the_map = write(tmp_path / "many.csv", [consumer(n) for n in range(ROWS)]), tmp_path / "map.toml"
    the_map.write_text(
        "\n".join(['kind = "consumers"', "[fields]", *(f'{name} = "{name}"' for name in consumer(0))])
    )
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, database.conninfo(), str(path), str(the_map), line],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    while child.stdout.readline().strip() != line:
        assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert asked(CATALOGUE) == before
    assert asked("SELECT count(*) FROM registry_service_point") == [(0,)]
    report = load("consumers", path, some_map("consumers", *consumer(0)))
    assert (report.faulty, report.counts["agreement: new"]) == (0, ROWS)
    assert asked(CATALOGUE) == before
