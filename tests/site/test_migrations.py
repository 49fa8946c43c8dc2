"""A database that the first set of migrations made, holding a town's five days, is brought to a later one by a start."""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from django.test import override_settings
from tests.apps import town
from tests.conftest import Database, copied, copy_of, pointed_at
from tests.site.first_set import rows
from tests.site.test_installation import refused

from urja.laws.verify import examine
from urja.site import database as site_database
from urja.site.command_errors import CommandError, Exit

FIRST_SET = Path(__file__).parent / "first_set"
ROWS = FIRST_SET / "rows.txt"
NOW = datetime(2026, 3, 6, 14, 30, tzinfo=UTC)
"""When the rows were frozen, in business time."""


def files() -> dict[str, str]:
    """The files of the first set, each with its SHA-256 when it was frozen."""
    return dict(line.split() for line in (FIRST_SET / "digests.txt").read_text().splitlines())


def first_set() -> dict[str, str]:
    """The last migration of each app in the first set."""
    return dict(re.findall(r"(\w+)/migrations/(\w+)\.py", "\n".join(sorted(files()))))


RENAMED = {
    "notices_notice": {"lit": "reconnected", "lit:": "reconnected:"},
    "supply_relight": {"lit": "reconnected", "supply_relight(": "supply_reconnection("},
}
"""What later migrations have renamed in a table's rows: whole cells, and beginnings of a cell or of the heading."""

COLUMNS = {
    "readings_accrual": {
        "anchor_wh": "anchor_value",
        "block_wh": "block_value",
        "carried_wh": "carried_value",
        "estimated_wh": "estimated_value",
        "opening_wh": "opening_value",
    },
    "billing_rated": {"energy_wh": "billed_value"},
    "supply_state": {"seen_energy_wh": "seen_billed_value"},
}
"""Columns that later migrations have renamed, by table."""


def upgraded(frozen: str) -> str:
    """The frozen rows as later migrations leave them."""
    return "\n\n".join(_upgraded(block) for block in frozen.rstrip("\n").split("\n\n")) + "\n"


_ENERGY = ("import_wh", "import_vah", "export_wh", "export_vah")
VALUES = {
    "readings_interval": ("1", (*_ENERGY, "voltage_cv", "current_ca", "health")),
    "readings_register": ("2", (*_ENERGY, None)),
}
"""Tables of which columns became an array, the number of its channel set, and the columns in its order."""


def _with_values(table: str, heading: str, lines: list[str]) -> str:
    """A table's rows with an array in the place of a column for each quantity."""
    number, order = VALUES[table]
    columns = heading.removeprefix(f"{table}(").removesuffix(")").split(", ")
    left = [name for name in columns if name not in order]
    rows = []
    for line in lines:
        cells = dict(zip(columns, line.split("\t"), strict=True))
        values = ",".join(cells.get(name, "\\N").replace("\\N", "NULL") for name in order)
        rows.append("\t".join([*(cells[name] for name in left), number, f"{{{values}}}"]))
    # What the column `channel_set` said is said by `series`.
    named = ["series" if name == "channel_set" else name for name in left]
    return "\n".join([f"{table}({', '.join([*named, 'channel_set', 'values'])})", *sorted(rows)])


def _upgraded(block: str) -> str:
    heading, *lines = block.split("\n")
    if (table := heading.partition("(")[0]) in VALUES:
        return _with_values(table, heading, lines)
    if table in COLUMNS:
        return "\n".join([re.sub(r"\w+", lambda name: COLUMNS[table].get(name[0], name[0]), heading), *lines])
    names = RENAMED.get(heading.partition("(")[0])
    if names is None:
        return block
    words = {out: new for out, new in names.items() if out[-1] not in ":("}
    beginnings = {out: new for out, new in names.items() if out not in words}

    def cell(text: str) -> str:
        for out, new in beginnings.items():
            if text.startswith(out):
                return new + text.removeprefix(out)
        return words.get(text, text)

    return "\n".join([cell(heading), *sorted("\t".join(map(cell, line.split("\t"))) for line in lines)])


def test_the_first_set_stays_as_it_is():
    """Databases were made by it: what changes is another migration."""
    source = Path(__file__).parents[2] / "src" / "urja"
    today = {name: hashlib.sha256((source / name).read_bytes()).hexdigest() for name in files()}
    assert today == files()


@pytest.fixture(scope="session")
def first_database(postgres, database_template) -> str:
    """The name of a database as the first set made it, with the frozen rows; made once a worker."""
    from django.apps import apps
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    database = Database(postgres, "first_set")
    site_database.create_database(postgres.conninfo(), database.name)
    own = {config.label for config in apps.get_app_configs() if config.name.startswith("urja.")}
    with pointed_at(database):
        executor = MigrationExecutor(connection)
        others = [node for node in executor.loader.graph.leaf_nodes() if node[0] not in own]
        executor.migrate([*others, *first_set().items()])
        # There is none left: it adds what Django keeps of all models.
        call_command("migrate", *first_set().popitem(), verbosity=0)
    with database.connect("urja_admin") as admin:
        admin.execute("SELECT readings_make_days('2026-03-01', '2026-03-31')")
        rows.load(admin, ROWS.read_text())
    return database.name


@pytest.fixture
def older(postgres, first_database):
    """A copy of it; Django's connection points there."""
    with copy_of(postgres, first_database) as database:
        yield database


def may(connection, role: str, right: str, table: str) -> bool:
    return connection.execute("SELECT has_table_privilege(%s, %s, %s)", [role, table, right]).fetchone()[0]


OLD_ROWS = """
    INSERT INTO journal_operation (id, kind, content, outcome, actor, recorded_at)
    VALUES (2, 'hanging', '{}', '{}', 'import', now());
    INSERT INTO journal_request (id, kind, content, rehearsal, actor, requested_at, state, faults, effects)
    VALUES (1, 'move_in', '{}', true, 'clerk', now(), 'waiting', '[]', '{}');
    CREATE TEMP TABLE one AS SELECT * FROM supply_relight;
    UPDATE one SET credit_id = 1, outcome = 'never_dark';
    INSERT INTO supply_relight SELECT * FROM one;
    -- The stage was stopped before it closed the row.
    UPDATE one SET credit_id = 2, outcome = '', closed_at = NULL;
    INSERT INTO supply_relight SELECT * FROM one;
"""
"""What the frozen rows have no example of."""

WITHOUT_OLD_ROWS = """
    DELETE FROM journal_operation WHERE id = 2;
    DELETE FROM journal_request WHERE id = 1;
    DELETE FROM supply_reconnection WHERE credit_id IN (1, 2);
"""


@pytest.fixture(scope="session")
def later_database(postgres, first_database) -> str:
    """The name of a copy with `OLD_ROWS` and a right too many, which later migrations and a planted one have changed."""
    database = copied(postgres, first_database)
    with database.connect() as connection:
        assert rows.dump(connection) == ROWS.read_text()
        connection.execute("GRANT INSERT ON books_entry TO urja_web")
    with database.connect("urja_admin") as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(OLD_ROWS)
    planted = override_settings(MIGRATION_MODULES={"books": "tests.site.first_set.planted"})
    with pointed_at(database), planted:
        site_database.migrate(database.conninfo())
    return database.name


@pytest.fixture
def later(postgres, later_database):
    """A copy of it; Django's connection points there."""
    with copy_of(postgres, later_database) as database:
        yield database


def test_a_later_migration_keeps_the_data_of_the_first_set(later):
    with later.connect("urja_admin") as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(WITHOUT_OLD_ROWS)
    with later.connect() as connection:
        expected = upgraded(ROWS.read_text())
        assert rows.dump(connection, rows.tables_in(expected)) == expected
        opened = connection.execute("SELECT DISTINCT opened_by FROM books_account").fetchall()
        planted, posted = connection.execute(
            "SELECT (SELECT sum(entries) FROM books_planted), (SELECT count(*) FROM books_entry)"
        ).fetchone()
        assert (opened, planted) == ([("first set",)], posted)
        assert posted > 0
        # Rights and views are those of the source again, also of a table that a migration has changed under a view.
        assert may(connection, "urja_pipeline", "INSERT", "books_entry")
        assert not may(connection, "urja_web", "INSERT", "books_entry")
        assert not may(connection, "urja_web", "SELECT", "books_planted")
        assert connection.execute("SELECT count(*) FROM books.entry").fetchone() == (posted,)
        # So are the rules, and the laws hold.
        with pytest.raises(psycopg.errors.IntegrityError, match="never changed"):
            connection.execute("UPDATE books_entry SET amount_minor = 1")
        findings = examine(connection, NOW, town.ZONE)
    assert {found.law: found.contradictions for found in findings if found.contradictions} == {}


def test_stored_words_that_went_out_of_use_are_renamed(later):
    with later.connect() as connection:
        outcomes = connection.execute("SELECT outcome FROM supply_reconnection ORDER BY 1").fetchall()
        assert outcomes == [("",), ("never_off",), ("reconnected",)]
        assert connection.execute("SELECT id FROM journal_request WHERE dry_run").fetchall() == [(1,)]
        assert connection.execute("SELECT kind FROM journal_operation WHERE id = 2").fetchall() == [
            ("install_network_meter",)
        ]
        with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
            connection.execute("UPDATE journal_operation SET kind = 'hanging'")


def test_a_reconnection_is_notified_once_across_the_upgrade(later):
    notified = (
        "SELECT kind, dedupe_key FROM notices_notice WHERE dedupe_key LIKE '%%lit:%%' OR kind = 'reconnected'"
    )
    with later.connect("urja_pipeline") as pipeline:
        (command,) = pipeline.execute(
            "SELECT command_id FROM supply_reconnection WHERE credit_id = 2"
        ).fetchone()
        before = pipeline.execute(notified).fetchall()
        pipeline.execute(
            "UPDATE supply_reconnection SET outcome = 'reconnected', closed_at = now() WHERE credit_id = 2"
        )
        assert pipeline.execute(notified).fetchall() == before == [("reconnected", f"reconnected:{command}")]
        pipeline.execute("UPDATE supply_reconnection SET outcome = '' WHERE credit_id = 2")
        pipeline.execute(
            "UPDATE supply_reconnection SET outcome = 'reconnected', command_id = command_id + 1 WHERE credit_id = 2"
        )
        assert len(pipeline.execute(notified).fetchall()) == 2


def test_a_database_from_before_the_tables_began_again_is_refused_untouched(postgres, older):
    with older.connect() as connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('ledger', '0001_initial', now())"
        )
        before = rows.dump(connection)
    with pytest.raises(
        CommandError, match=f"the database {older.name} was written by an earlier Urja"
    ) as refused:
        site_database.check_its_tables(postgres.conninfo(), older.name)
    assert refused.value.code is Exit.OTHER_VERSION
    with older.connect() as connection:
        assert rows.dump(connection) == before


async def test_a_start_says_so_before_it_changes_a_role(postgres, installation_dir):
    """An outside database of an earlier Urja: one sentence, exit code 78, and the passwords of its roles as they were."""
    name = "earlier"
    with psycopg.connect(postgres.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(postgres.conninfo(dbname=name), autocommit=True) as earlier:
        earlier.execute(
            "CREATE TABLE django_migrations (app text); INSERT INTO django_migrations VALUES ('registry')"
        )
    try:
        with psycopg.connect(postgres.conninfo()) as admin:
            roles = admin.execute("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1").fetchall()
        no = await refused(
            installation_dir / "new", URJA_DATABASE_DSN=postgres.conninfo(), URJA_DATABASE_NAME=name
        )
        assert no.code is Exit.OTHER_VERSION
        assert str(no).startswith(f"the database {name} was written by an earlier Urja")
        with psycopg.connect(postgres.conninfo()) as admin:
            assert admin.execute("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1").fetchall() == roles
    finally:
        with psycopg.connect(postgres.conninfo(), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
