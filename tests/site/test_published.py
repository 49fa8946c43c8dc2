"""Views that apps publish: whose tables they show, by whose rights, and when they are made again."""

import psycopg
import pytest
from tests.contracts.tables import owners

from urja.site import database as site_database

VIEWS = """
SELECT n.nspname, c.relname, c.oid, coalesce('security_invoker=true' = ANY(reloptions), false)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE n.nspowner = 'urja_owner'::regrole AND n.nspname <> 'public'
"""
BEHIND = """
SELECT DISTINCT view.relnamespace::regnamespace::text, view.oid::regclass::text, t.relname, t.relkind
FROM pg_rewrite r
JOIN pg_class view ON view.oid = r.ev_class AND view.relnamespace <> 'public'::regnamespace
JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
JOIN pg_class t ON t.oid = d.refobjid AND t.oid <> view.oid
WHERE view.relowner = 'urja_owner'::regrole
"""


@pytest.fixture
def owner(database):
    with database.connect() as connection:
        yield connection


def test_a_view_asks_for_the_rights_of_its_reader(owner):
    """A view without this is read by the rights of the tables' owner."""
    views = owner.execute(VIEWS).fetchall()
    assert len(views) > 40
    assert [(schema, name) for schema, name, _oid, invoker in views if not invoker] == []


def test_an_app_publishes_its_own_tables(owner):
    behind = owner.execute(BEHIND).fetchall()
    assert len(behind) > 40
    others = [
        (view, table)
        for schema, view, table, kind in behind
        if kind != "v" and owners()[table] != f"urja.apps.{schema}"
    ]
    assert others == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT number FROM assets.new_keys",  # no right on the table
        "SELECT wrapped_guek FROM assets.device",  # not published
        "UPDATE assets.device SET serial = 'x'",
        "INSERT INTO journal.revision VALUES (7)",
        "DELETE FROM books.entry",
        "CREATE VIEW books.mine AS SELECT 1",
    ],
)
def test_the_web_may_by_views_what_it_may_without_them(database, statement):
    with (
        database.connect("urja_web") as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedColumn)),
    ):
        connection.execute(statement)


def test_a_view_by_the_owners_rights_would_show_keys(owner, database):
    """So that the tests above are seen to fail."""
    owner.execute("ALTER VIEW assets.new_keys SET (security_invoker = false)")
    with database.connect("urja_web") as connection:
        connection.execute("SELECT number FROM assets.new_keys")


def test_a_right_on_a_view_that_was_given_by_hand_is_taken_away(owner, database):
    owner.execute("GRANT UPDATE ON books.bucket TO urja_web; GRANT CREATE ON SCHEMA books TO urja_web")
    site_database.apply_grants(database.conninfo())
    given = "SELECT has_table_privilege('urja_web', 'books.bucket', 'UPDATE'), has_schema_privilege('urja_web', 'books', 'CREATE')"
    assert owner.execute(given).fetchone() == (False, False)


def test_views_are_made_again_where_their_file_has_changed(owner, database, monkeypatch):
    before = {(schema, name): oid for schema, name, oid, _ in owner.execute(VIEWS)}
    site_database.migrate(database.conninfo())
    assert {(schema, name): oid for schema, name, oid, _ in owner.execute(VIEWS)} == before

    changed = site_database.published_views() | {"work": "CREATE VIEW work.photo AS SELECT 1 AS id"}
    del changed["rulebook"]
    monkeypatch.setattr(site_database, "published_views", lambda: changed)
    site_database.publish(database.conninfo())
    after = {(schema, name): oid for schema, name, oid, _ in owner.execute(VIEWS)}
    assert {schema for schema, _ in before.keys() - after.keys()} == {"work", "rulebook"}
    assert after.keys() - before.keys() == {("work", "photo")}
    assert all(after[view] == oid for view, oid in before.items() if view in after)


def test_a_column_changes_when_the_views_are_withdrawn(owner, database):
    change = "ALTER TABLE work_order ALTER kind TYPE varchar(64)"
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="used by a view"):
        owner.execute(change)
    site_database.withdraw(database.conninfo())
    assert owner.execute(VIEWS).fetchall() == []
    owner.execute(change)
    site_database.publish(database.conninfo())
    assert owner.execute("SELECT count(kind) FROM work.order").fetchone() == (0,)
