"""The law of the catalogue: what differs from the source is found, by whichever role and way it was changed."""

import pytest
from tests.conftest import catalogue_of
from tests.one_setup import with_one_setup

from urja.laws import database_catalogue
from urja.site import database as site_database


@pytest.fixture(scope="session")
def expected(postgres):
    """What the source makes, read from the migrated database before any change."""
    return database_catalogue.stored_expectation(catalogue_of(postgres))


@pytest.fixture(autouse=True)
def _rights_on_the_copy(postgres, database):
    """A copy of a database is without the rights on the whole of it."""
    site_database.create_database(postgres.conninfo(), database.name)


def differences(database, expected):
    with database.connect() as connection:
        return list(database_catalogue.differences(connection, expected))


CHANGES = [
    (
        "ALTER TABLE books_entry DISABLE TRIGGER books_entry_append_only",
        "books_entry_append_only on books_entry, DISABLED",
    ),
    ("DROP TRIGGER books_entry_chain ON books_entry", "missing: trigger books_entry_chain"),
    ("ALTER TABLE books_entry DISABLE TRIGGER ALL", "books_entry_chain on books_entry, DISABLED"),
    (
        "CREATE OR REPLACE FUNCTION books_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "not of the source: function books_refuse_change()",
    ),
    (
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "not of the source: everybody may EXECUTE on function mine()",
    ),
    ("GRANT INSERT ON books_entry TO urja_web", "not of the source: urja_web may INSERT on books_entry"),
    (
        "GRANT UPDATE (balance_minor) ON books_account TO urja_web",
        "not of the source: urja_web may UPDATE on books_account(balance_minor)",
    ),
    (
        "GRANT SELECT ON assets_device TO PUBLIC",
        "not of the source: everybody may SELECT on assets_device",
    ),
    (
        "GRANT SELECT ON books_entry TO urja_web WITH GRANT OPTION",
        "not of the source: urja_web may SELECT on books_entry and grant it",
    ),
    ("REVOKE SELECT ON books_entry FROM urja_web", "missing: urja_web may SELECT on books_entry"),
    ("GRANT CREATE ON SCHEMA public TO urja_web", "not of the source: urja_web may CREATE on schema public"),
    ("ALTER TABLE books_entry ENABLE ROW LEVEL SECURITY", "books_entry belongs to urja_owner, by row"),
    (
        "CREATE POLICY mine ON books_entry USING (account_id = 1)",
        "not of the source: policy mine on books_entry",
    ),
    (
        "CREATE RULE nothing AS ON INSERT TO payments_refund DO INSTEAD NOTHING",
        "not of the source: rule nothing on payments_refund",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO urja_web",
        "not of the source: by default urja_owner grants",
    ),
    (
        "ALTER TABLE books_entry DROP CONSTRAINT books_entry_bucket_idempotency_key_key",
        "missing: constraint books_entry_bucket_idempotency_key_key on books_entry: UNIQUE (bucket, idempotency_key)",
    ),
    (
        "ALTER TABLE books_credit_request DROP CONSTRAINT books_credit_is_positive",
        "missing: constraint books_credit_is_positive on books_credit_request",
    ),
    (
        "DROP INDEX readings_exception_once",
        "missing: unique index on readings_exception: CREATE UNIQUE INDEX readings_exception_once",
    ),
    ("CREATE TABLE mine (n int)", "not of the source: mine belongs to urja_owner"),
]


@with_one_setup("change, told", CHANGES)
def test_a_change_is_found(database, expected, change, told):
    with database.connect(autocommit=False) as connection:
        connection.execute(change)
        found = list(database_catalogue.differences(connection, expected))
        connection.rollback()
    assert any(told in line for line in found), found


def test_what_a_superuser_changes_is_found(database, expected):
    with database.connect("urja_admin", autocommit=False) as connection:
        connection.execute("ALTER TABLE books_entry OWNER TO urja_web")
        connection.execute("GRANT urja_owner TO urja_web")
        found = list(database_catalogue.differences(connection, expected))
        connection.rollback()
    assert any("books_entry belongs to urja_web" in line for line in found)
    assert any("urja_web is a member of urja_owner" in line for line in found)


def test_days_that_were_made_since_and_another_start_are_no_difference(database, expected):
    with database.connect("urja_pipeline") as connection:
        connection.execute("SELECT readings_make_days('2026-03-01', '2026-03-03')")
    site_database.apply_grants(database.conninfo())
    assert differences(database, expected) == []


def test_a_right_on_one_day_is_found(database, expected):
    with database.connect("urja_pipeline") as connection:
        connection.execute("SELECT readings_make_days('2026-03-01', '2026-03-03')")
        connection.execute("SET ROLE urja_partitions")
        connection.execute("GRANT DELETE ON readings_interval_20260302 TO urja_pipeline")
    assert differences(database, expected) == [
        "not of the source: urja_pipeline may DELETE on a day of readings_interval"
    ]


def test_the_pipeline_sees_what_the_owner_sees(database, expected):
    with database.connect("urja_pipeline") as connection:
        assert list(database_catalogue.differences(connection, expected)) == []
