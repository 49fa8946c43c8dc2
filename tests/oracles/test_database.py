"""The database that the migrations make, and the rights of every role in it."""

import pytest
from tests.oracles import database_text
from tests.oracles.conftest import difference_of

from urja.site.database import create_database


@pytest.fixture
def migrated(database, postgres):
    """A database with a day of readings, as a start makes it."""
    create_database(postgres.conninfo(), database.name)  # a copy is without the rights on the whole of it
    with database.connect("urja_pipeline") as connection:
        connection.execute("SELECT readings_make_days('2000-01-01', '2000-01-01')")
    with database.connect() as connection:
        yield connection


@pytest.mark.parametrize("of", [database_text.tables, database_text.functions, database_text.rights])
def test_database(oracle, migrated, of):
    oracle(f"database/{of.__name__}.txt", of(migrated))


PLANTED = [
    ("ALTER TABLE notices_message ALTER recipient DROP NOT NULL, ALTER recipient TYPE text", "+notices_message.recipient text"),
    ("ALTER TABLE books_entry ALTER seq SET DEFAULT 7", "+books_entry.seq bigint NOT NULL DEFAULT 7"),
    ("ALTER TABLE books_credit_request DROP CONSTRAINT books_credit_is_positive", "-constraint books_credit_request"),
    ("DROP INDEX commands_expiring", "-index CREATE INDEX commands_expiring"),
    ("DROP TRIGGER books_entry_chain ON books_entry", "-CREATE TRIGGER books_entry_chain AFTER INSERT"),
    ("ALTER TABLE books_entry SET (fillfactor = 50)", "+relation books_entry: table, with fillfactor=50"),
    ("ALTER FUNCTION books_refuse_change() SECURITY DEFINER", "+ SECURITY DEFINER"),
    ("CREATE VIEW mine AS SELECT 1 AS one", "+CREATE VIEW mine AS"),
    ("CREATE SCHEMA mine CREATE TABLE more (n int)", "+mine.more.n integer"),
    ("ALTER VIEW books.entry SET (security_invoker = false)", "+relation books.entry: view, replica identity n, with security_invoker=false"),
    ("GRANT UPDATE (balance_minor) ON books_account TO urja_web", "+urja_web may UPDATE on books_account(balance_minor)"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told"), PLANTED, ids=[told for _, told in PLANTED])
def test_a_planted_change_is_told(migrated, change, told):
    migrated.execute(change)
    differences = "\n".join(
        difference_of(f"database/{of.__name__}.txt", of(migrated))
        for of in (database_text.tables, database_text.functions, database_text.rights)
    )
    assert any(line.startswith(told) for line in differences.split("\n")), differences


def test_made_up_names_and_the_order_of_columns_make_no_difference(migrated):
    before = database_text.tables(migrated)
    migrated.execute("ALTER TABLE assets_device RENAME CONSTRAINT assets_device_pkey TO old_device_pkey")
    migrated.execute(
        "ALTER TABLE auth_group RENAME CONSTRAINT auth_group_name_key TO auth_group_name_1a2b3c4d_uniq"
    )
    migrated.execute("ALTER TABLE notices_message DROP COLUMN subject, ADD subject text NOT NULL")
    assert database_text.tables(migrated) == before
