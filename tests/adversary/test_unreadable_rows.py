"""A thief of the web's database role stores rows that the pipeline cannot read or post, so that it stops at them."""

import asyncio

import psycopg
import pytest
from tests.apps.bank.cast import match, money, society
from tests.apps.town import START, adopt

UNREADABLE = ("infinity", "-infinity", "0044-03-15 BC", "1899-12-31", "2200-01-02", "12026-03-02")

WRITTEN_BY_THE_WEB = """
SELECT DISTINCT p.table_name, p.column_name
FROM information_schema.column_privileges p
JOIN information_schema.columns c USING (table_schema, table_name, column_name)
JOIN pg_type t ON t.typname = ltrim(c.udt_name, '_')
WHERE p.grantee = 'urja_web' AND p.privilege_type IN ('INSERT', 'UPDATE') AND p.table_schema = 'public'
    -- Dates, times, intervals and ranges: Python has none of the infinite ones.
    AND t.typcategory IN ('D', 'T', 'R')
    AND p.table_name <> 'web_cache'
ORDER BY 1, 2
"""


def test_no_column_that_the_web_writes_holds_a_date_that_python_does_not_have(database):
    with database.connect() as owner:
        columns = owner.execute(WRITTEN_BY_THE_WEB).fetchall()
        open_columns = [column for column in columns if not all(_refused(owner, *column))]
    assert {
        ("bank_claim", "paid_on"),
        ("bank_claim", "claimed_at"),
        ("journal_request", "requested_at"),
        ("approvals_answer", "given_at"),
        ("commands_cut_release", "cancelled_at"),
        ("django_session", "expire_date"),
    } <= set(columns)
    assert not open_columns, "give these columns a CHECK, see urja.site.database.bound_dates"


ONLY_DATES = """
SELECT format('ALTER %I DROP NOT NULL', attname) FROM pg_attribute
WHERE attrelid = 'probe'::regclass AND attnum > 0 AND attnotnull
UNION ALL
SELECT format('DROP CONSTRAINT %I', conname) FROM pg_constraint
WHERE conrelid = 'probe'::regclass AND contype = 'c' AND conname NOT LIKE '%\\_is\\_in\\_range'
"""


def _refused(owner, table, column):
    """In a copy of the table that has its checks and is otherwise empty."""
    with owner.transaction(force_rollback=True):
        owner.execute(f"CREATE TEMP TABLE probe (LIKE {table} INCLUDING CONSTRAINTS)".encode())
        for (change,) in owner.execute(ONLY_DATES).fetchall():
            owner.execute(f"ALTER TABLE probe {change}".encode())
        for value in UNREADABLE:
            try:
                with owner.transaction():
                    owner.execute(f'INSERT INTO probe ("{column}") VALUES (%s)'.encode(), [value])
            except psycopg.errors.CheckViolation as refusal:
                yield refusal.diag.constraint_name == f"{column}_is_in_range"
            else:
                yield False


CLAIM = (
    "INSERT INTO bank_claim (id, account_id, bank_account_id, utr, amount_minor, paid_on, actor, claimed_at)"
    " VALUES (1, %s, 1, 'N0123456789', 900000, %s, 'x', %s)"
)
REQUEST = (
    "INSERT INTO journal_request (id, kind, content, dry_run, actor, requested_at, idempotency_key)"
    " VALUES (1, 'post_letter', '{}', false, 'x', %s, 'x')"
)
ANSWER = (
    "INSERT INTO approvals_answer (waiting_id, user_id, action, credential_id, client_data, authenticator_data,"
    " signature, given_at) VALUES (1, 1, 'approve', '', '', '', '', %s)"
)


@pytest.mark.parametrize("value", UNREADABLE)
def test_the_web_stores_no_date_that_stops_a_stage(database, value):
    with database.connect("urja_web") as thief:
        for statement, values in (
            (CLAIM, (1, value, START)),
            (CLAIM, (1, START, value)),
            (REQUEST, (value,)),
            (ANSWER, (value,)),
        ):
            with pytest.raises(psycopg.errors.CheckViolation, match="_is_in_range"):
                thief.execute(statement.encode(), values)


@pytest.fixture
def contra(database):
    """A contra account, which the web can read."""
    society()
    adopt(3, credit_minor=50_000)
    from urja.apps.billing import posting
    from urja.apps.books.models import Account, CreditRequest
    from urja.base.ids import bucket_of

    for request in CreditRequest.objects.filter(posted_at=None):
        posting.post_credit_requests(bucket_of(request.account_id), START.date(), START)
    return Account.objects.filter(kind="contra").values_list("id", flat=True)[0]


def test_no_transfer_is_claimed_for_a_contra_account(database, contra):
    with database.connect("urja_web") as thief:
        # A temporary table in front of the real one deceives no trigger.
        thief.execute("CREATE TEMP TABLE books_account (id bigint, kind text)")
        with pytest.raises(psycopg.errors.IntegrityError, match="no consumer's account"):
            thief.execute(CLAIM.encode(), [contra, START, START])
    match()
    assert money() == []


@pytest.mark.parametrize("request_name", ["request_credit", "request_debit"])
def test_no_credit_or_debit_is_requested_for_a_contra_account(contra, request_name):
    from django.db import IntegrityError

    from urja.apps.books import operations

    more = {"reverses": "recharge"} if request_name == "request_debit" else {}
    with pytest.raises(IntegrityError, match="no consumer's account"):
        getattr(operations, request_name)(
            account_id=contra,
            amount_minor=100,
            kind="recharge",
            idempotency_key="x",
            requested_at=START,
            **more,
        )


async def test_a_row_that_cannot_be_read_ends_no_process(database, stepped_clock, monkeypatch):
    """Should a row come in another way: its stage is tried again and is not ready, and the others go on."""
    from urja.pipeline import runner
    from urja.pipeline.stage import Report, Stage

    monkeypatch.setattr(runner, "FIRST_PAUSE_S", 0.001)
    stopping, seen = asyncio.Event(), []

    async def unreadable(now):
        if loop.progress.failures_in_a_row:
            seen.append(loop.progress.error)
            stopping.set()
            return Report()
        with database.connect() as owner:
            return owner.execute("SELECT 'infinity'::timestamptz").fetchone()

    loop = runner.StageLoop(Stage("unreadable", "main", 1.0, unreadable), stepped_clock)
    await loop.run(stopping)
    assert seen == ["DataError: timestamp too large (after year 10K): 'infinity'"]
