"""What each role may do, asked of PostgreSQL itself."""

import io
from datetime import UTC, date, datetime

import psycopg
import pytest
from psycopg import sql

from urja.site import database as site_database

AT = datetime(2026, 3, 2, tzinfo=UTC)

ENTRY = """
INSERT INTO books_entry
SELECT bucket, account_id, seq + 1, contra_id, amount_minor, balance_after_minor + amount_minor, origin, line,
    agreement_id, period_start, service_date, posted_at, accounting_month, batch + 1, inputs, 'forged', input_hash,
    hash, hash
FROM books_entry
"""


@pytest.fixture
def posted(database):
    """A ledger with one posting."""
    from urja.apps.billing import posting as billing
    from urja.apps.books import operations as books

    account = books.open_account(bucket=5, currency="INR", opened_at=AT)
    books.request_credit(
        account_id=account.id,
        amount_minor=500_00,
        kind="opening",
        reference="test",
        idempotency_key="k1",
        correlation=0,
        requested_at=AT,
    )
    assert billing.post_credit_requests(5, date(2026, 3, 2), AT) == 1
    return database


def refuses(database, role, statement):
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_the_web_inserts_no_entry(posted):
    refuses(posted, "urja_web", ENTRY)


@pytest.mark.parametrize("role", ["urja_web", "urja_pipeline"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE books_entry SET amount_minor = 1",
        "DELETE FROM books_entry",
        "TRUNCATE books_entry",
        "DROP TABLE books_entry",
        "ALTER TABLE books_entry DISABLE TRIGGER ALL",
        "DELETE FROM books_account",
        "DELETE FROM readings_interval",
        "UPDATE readings_interval SET version = 9",
        "UPDATE journal_history SET row = '{}'",
        "CREATE TABLE mine (n int)",
        "SET session_replication_role = replica",
    ],
)
def test_no_process_changes_recorded_rows(posted, role, statement):
    refuses(posted, role, statement)


def test_the_web_changes_no_balance_and_sees_no_keys(posted):
    refuses(posted, "urja_web", "UPDATE books_account SET balance_minor = 0")
    refuses(posted, "urja_web", "SELECT wrapped_guek FROM assets_device")


def test_the_pipeline_may_not_be_the_owner_and_is_the_partitions_role_only_when_it_asks(database):
    refuses(database, "urja_pipeline", "SET ROLE urja_owner")
    with database.connect("urja_pipeline") as connection:
        connection.execute("SET ROLE urja_partitions")
    refuses(database, "urja_web", "SET ROLE urja_partitions")


def test_the_head_end_has_no_role(database):
    with database.connect() as connection:
        roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin")}
    assert roles == {"urja_admin", "urja_owner", "urja_pipeline", "urja_web"}


def test_even_the_owner_changes_no_entry_by_mistake(posted):
    with posted.connect() as connection, pytest.raises(psycopg.errors.IntegrityError, match="never changed"):
        connection.execute("UPDATE books_entry SET amount_minor = 1")


def test_a_right_that_no_app_names_any_more_is_taken_away(database):
    with database.connect() as connection:
        connection.execute("GRANT ALL ON books_entry TO urja_web")
        connection.execute("GRANT SELECT (wrapped_guek) ON assets_device TO urja_web")
    site_database.apply_grants(database.conninfo())
    refuses(database, "urja_web", ENTRY)
    refuses(database, "urja_web", "SELECT wrapped_guek FROM assets_device")


def test_every_table_is_the_owners_and_every_grant_is_repeatable(database):
    site_database.migrate(database.conninfo())
    with database.connect() as connection:
        strangers = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p') AND relowner NOT IN ('urja_owner'::regrole, 'urja_partitions'::regrole)"
        ).fetchall()
        public = connection.execute(
            "SELECT table_name FROM information_schema.table_privileges WHERE grantee = 'PUBLIC' "
            "AND table_schema = 'public'"
        ).fetchall()
    assert (strangers, public) == ([], [])


def test_models_and_migrations_agree(database):
    from django.core.management import call_command

    shown = io.StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, verbosity=3, stdout=shown)
    except SystemExit:
        pytest.fail(shown.getvalue())


def test_roles_and_database_are_made_once_and_their_passwords_renewed(postgres, database_template):
    passwords = dict.fromkeys(site_database.LOGIN_ROLES, "only-for-tests")
    site_database.create_roles(postgres.conninfo(), {**passwords, "urja_web": 'it\'s "new"'})
    site_database.create_database(postgres.conninfo(), database_template)
    renewed = postgres.conninfo(dbname=database_template, user="urja_web", password='it\'s "new"')
    psycopg.connect(renewed).close()
    site_database.create_roles(postgres.conninfo(), passwords)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(renewed)
    with psycopg.connect(postgres.conninfo()) as connection:
        count = connection.execute(
            sql.SQL("SELECT count(*) FROM pg_database WHERE datname = {}").format(database_template)
        ).fetchone()
    assert count == (1,)


def test_an_entry_between_two_currencies_is_refused(posted):
    """Also where every balance moves as it should: by the pipeline's role, and by the owner's."""
    with posted.connect() as connection:
        connection.execute(
            "INSERT INTO books_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch,"
            " opened_at) SELECT id + 1000, bucket, kind, code, 'NPR', 0, 0, last_hash, 0, opened_at FROM books_account"
            " WHERE kind = 'contra'"
        )
    for role in ("urja_pipeline", "urja_owner"):
        with posted.connect(role, autocommit=False) as connection:
            connection.execute(
                "UPDATE books_account a SET balance_minor = 2 * e.balance_after_minor, last_seq = 2, last_hash = e.hash,"
                " last_batch = e.batch + 1 FROM books_entry e WHERE e.account_id = a.id"
            )
            connection.execute(
                "UPDATE books_account a SET balance_minor = -e.amount_minor, last_batch = e.batch + 1 FROM books_entry e"
                " WHERE a.currency = 'NPR'"
            )
            of_npr = "(SELECT id FROM books_account WHERE currency = 'NPR'),"
            with pytest.raises(psycopg.errors.IntegrityError, match=r"in INR has a contra account in NPR"):
                connection.execute(ENTRY.replace("contra_id,", of_npr, 1))


def test_an_entry_needs_both_balances_moved_before_it(posted):
    """Whichever of them stands in a temporary table of the same name."""
    of_consumer = (
        "UPDATE books_account SET balance_minor = 2 * balance_minor, last_seq = 2 WHERE kind = 'consumer'"
    )
    hidden = (
        "CREATE TEMP TABLE books_account AS SELECT * FROM public.books_account;"
        "UPDATE pg_temp.books_account SET last_seq = 2, last_batch = 2"
    )
    for before, says in (
        ("SELECT", "without the balance of the account"),
        (of_consumer, "without the balance of its contra account"),
        (hidden, "without the balance of the account"),
    ):
        with posted.connect("urja_pipeline", autocommit=False) as connection:
            connection.execute(before)
            with pytest.raises(psycopg.errors.IntegrityError, match=says):
                connection.execute(ENTRY)


def test_an_account_stays_in_its_currency(posted):
    with (
        posted.connect() as connection,
        pytest.raises(psycopg.errors.IntegrityError, match="does not become one in NPR"),
    ):
        connection.execute("UPDATE books_account SET currency = 'NPR' WHERE kind = 'consumer'")
