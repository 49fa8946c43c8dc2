"""The ledger on PostgreSQL: postings, replays, and what the database itself refuses."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from types import SimpleNamespace

import psycopg
import pytest
from tests.one_setup import with_one_setup

from urja.base.ids import compose_id

NOW = datetime(2026, 4, 2, 1, 0, tzinfo=UTC)
APRIL = date(2026, 4, 1)


@pytest.fixture
def ledger(database):
    from urja.apps.billing.posting import post_credit_requests
    from urja.apps.books.operations import open_account, request_credit
    from urja.apps.books.posting import Draft, post_entries

    return SimpleNamespace(
        Draft=Draft,
        open_account=open_account,
        post_credit_requests=post_credit_requests,
        post_entries=post_entries,
        request_credit=request_credit,
    )


def opened(ledger, bucket=7):
    return ledger.open_account(bucket=bucket, currency="INR", opened_at=NOW).id


def draft(ledger, account, amount, key, *, contra="revenue:energy", **more):
    return ledger.Draft(
        account_id=account,
        contra=contra,
        amount_minor=amount,
        origin=more.pop("origin", "manual"),
        line=contra.partition(":")[2],
        accounting_month=APRIL,
        idempotency_key=key,
        **more,
    )


def book(database) -> str:
    """Return the bucket's ledger as text: entries, then balances."""
    with database.connect() as connection:
        entries = connection.execute(
            "SELECT seq, line, amount_minor, balance_after_minor FROM books_entry ORDER BY account_id, seq"
        ).fetchall()
        balances = connection.execute(
            "SELECT coalesce(nullif(code, ''), 'consumer'), balance_minor FROM books_account ORDER BY 1, id"
        ).fetchall()
    lines = [f"{seq} {line:8} {amount:>7} -> {after:>7}" for seq, line, amount, after in entries]
    return "\n".join([*lines, *(f"{name:17} {balance:>7}" for name, balance in balances)])


def test_entries_and_balances(database, ledger):
    account = opened(ledger)
    ledger.post_entries(
        7, [draft(ledger, account, 50000, "a", contra="clearing:payment", origin="credit")], NOW
    )
    ledger.post_entries(
        7, [draft(ledger, account, -3500, "b"), draft(ledger, account, -175, "c", contra="duty:duty")], NOW
    )
    ledger.post_entries(7, [draft(ledger, account, -60000, "d")], NOW)
    assert book(database) == "\n".join(
        [
            "1 payment    50000 ->   50000",
            "2 energy     -3500 ->   46500",
            "3 duty        -175 ->   46325",
            "4 energy    -60000 ->  -13675",
            "clearing:payment   -50000",
            "consumer           -13675",
            "duty:duty             175",
            "revenue:energy      63500",
        ]
    )


def test_a_replay_gives_the_first_answer_and_other_content_is_refused(database, ledger):
    from urja.apps.books.errors import IdempotencyError

    account = opened(ledger)
    first = ledger.post_entries(7, [draft(ledger, account, -10, "k")], NOW)
    again = ledger.post_entries(
        7, [draft(ledger, account, -5, "other"), draft(ledger, account, -10, "k")], NOW
    )
    assert [answer.seq for answer in first] == [1]
    assert [(answer.seq, answer.replayed) for answer in again] == [(2, False), (1, True)]
    before = book(database)
    with pytest.raises(IdempotencyError, match="'k' was used before with other content"):
        ledger.post_entries(7, [draft(ledger, account, -1, "new"), draft(ledger, account, -11, "k")], NOW)
    assert book(database) == before


def test_a_replay_is_compared_in_all_that_was_asked_for(ledger):
    from dataclasses import replace

    from urja.apps.books.errors import IdempotencyError

    account = opened(ledger)
    asked = draft(
        ledger,
        account,
        -10,
        "k",
        origin="engine",
        inputs={"at": NOW, "day": APRIL, "rows": ({"wh": 2**60, "note": None, "text": "₹ ä"},)},
        agreement_id=5,
        period_start=APRIL,
        service_date=APRIL,
    )
    ledger.post_entries(7, [asked], NOW)
    assert ledger.post_entries(7, [asked], NOW)[0].replayed
    for change in (
        {"account_id": opened(ledger)},
        {"contra": "duty:energy"},
        {"amount_minor": -11},
        {"origin": "manual"},
        {"line": "duty"},
        {"accounting_month": date(2026, 5, 1)},
        {"inputs": {**asked.inputs, "rows": ()}},
        {"agreement_id": 6},
        {"period_start": date(2026, 3, 1)},
        {"service_date": None},
    ):
        with pytest.raises(IdempotencyError):
            ledger.post_entries(7, [replace(asked, **change)], NOW)


def test_what_is_not_an_entry_is_refused(ledger):
    from urja.apps.books.errors import LedgerError, UnknownAccountError

    account = opened(ledger)
    with pytest.raises(LedgerError, match="amount of zero"):
        ledger.post_entries(7, [draft(ledger, account, 0, "z")], NOW)
    with pytest.raises(UnknownAccountError, match="not in bucket 8"):
        ledger.post_entries(8, [draft(ledger, account, 1, "z")], NOW)
    with pytest.raises(UnknownAccountError, match="no consumer's account"):
        ledger.post_entries(7, [draft(ledger, compose_id(7, 999), 1, "z")], NOW)


def test_credit_requests_are_posted_once(database, ledger):
    from urja.apps.books.errors import IdempotencyError, LedgerError

    account = opened(ledger)
    ask = {"account_id": account, "kind": "opening-credit", "idempotency_key": "open", "requested_at": NOW}
    first = ledger.request_credit(amount_minor=50000, **ask)
    assert ledger.request_credit(amount_minor=50000, **ask).id == first.id
    with pytest.raises(IdempotencyError):
        ledger.request_credit(amount_minor=60000, **ask)
    with pytest.raises(LedgerError, match="positive"):
        ledger.request_credit(amount_minor=0, **ask)
    assert [ledger.post_credit_requests(7, APRIL, NOW) for _ in range(2)] == [1, 0]
    first.refresh_from_db()
    assert (first.posted_seq, first.posted_at) == (1, NOW)
    assert "1 opening-credit   50000 ->   50000" in book(database)


def test_many_post_at_once(database, ledger):
    """Eight writers on two accounts of one bucket: sequences without gaps, unbroken chains, no deadlock."""
    from django.db import connections

    accounts = [opened(ledger), opened(ledger)]

    def post(number):
        try:
            for turn in range(5):
                order = accounts if number % 2 else accounts[::-1]
                drafts = [draft(ledger, account, -1, f"{number}/{turn}/{account}") for account in order]
                ledger.post_entries(7, drafts, NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(post, range(8)))
    with database.connect() as connection:
        found = connection.execute(
            "SELECT balance_minor, last_seq FROM books_account WHERE kind = 'consumer'"
        ).fetchall()
        total = connection.execute("SELECT sum(balance_minor) FROM books_account").fetchone()
    assert found == [(-40, 40), (-40, 40)]
    assert total == (0,)


def test_the_same_key_from_two_sides_is_posted_once(database, ledger):
    from django.db import connections

    account = opened(ledger)

    def post(_):
        try:
            return ledger.post_entries(7, [draft(ledger, account, -10, "same")], NOW)[0].replayed
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(post, range(4))) == [False, True, True, True]


@pytest.fixture
def posted(ledger):
    """An account with one entry."""
    account = opened(ledger)
    return ledger.post_entries(7, [draft(ledger, account, -10, "a")], NOW)


@with_one_setup(
    "statement",
    [
        "UPDATE books_entry SET amount_minor = -1",
        "DELETE FROM books_entry",
        "TRUNCATE books_entry",
        "UPDATE books_account SET balance_minor = balance_minor + 1 WHERE kind = 'consumer'",
        "UPDATE books_account SET balance_minor = balance_minor + 1 WHERE kind = 'contra'",
        "UPDATE books_account SET last_seq = last_seq + 1 WHERE kind = 'consumer'",
        "UPDATE books_account SET last_hash = decode(repeat('11', 32), 'hex') WHERE kind = 'consumer'",
        (
            "INSERT INTO books_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch, opened_at)"
            " SELECT id + 1, bucket, kind, code, currency, 5, 0, last_hash, 0, opened_at "
            "FROM books_account WHERE kind = 'consumer'"
        ),
        # An entry whose balances were not moved, and one that breaks the chain.
        (
            "INSERT INTO books_entry (bucket, account_id, seq, contra_id, amount_minor, balance_after_minor, origin, line,"
            " agreement_id, period_start, service_date, posted_at, accounting_month, batch, inputs, idempotency_key,"
            " input_hash, previous_hash, hash) SELECT bucket, account_id, seq + 1, contra_id, amount_minor, "
            "balance_after_minor + amount_minor, origin, line, agreement_id, period_start, service_date, posted_at, "
            "accounting_month, batch + 1, inputs, 'other', input_hash, hash, hash FROM books_entry"
        ),
        (
            "INSERT INTO books_entry (bucket, account_id, seq, contra_id, amount_minor, balance_after_minor, origin, line,"
            " agreement_id, period_start, service_date, posted_at, accounting_month, batch, inputs, idempotency_key,"
            " input_hash, previous_hash, hash) SELECT bucket, account_id, seq + 2, contra_id, amount_minor, "
            "balance_after_minor + amount_minor, origin, line, agreement_id, period_start, service_date, posted_at, "
            "accounting_month, batch + 1, inputs, 'other', input_hash, hash, hash FROM books_entry"
        ),
    ],
)
def test_the_database_refuses_what_breaks_a_law_even_to_the_owner(database, posted, statement):
    before = book(database)
    with pytest.raises(psycopg.errors.IntegrityError), database.connect() as connection:
        connection.execute(statement)
    assert book(database) == before


MOVED = """
UPDATE books_account a SET balance_minor = a.balance_minor + e.amount_minor, last_seq = e.seq + 1, last_hash = e.hash
FROM books_entry e WHERE a.id = e.account_id AND e.seq = 2;
UPDATE books_account a SET last_batch = {batch}, balance_minor = a.balance_minor - e.amount_minor
FROM books_entry e WHERE a.id = e.contra_id AND e.seq = 2
"""
FORGED = """
INSERT INTO books_entry SELECT bucket, account_id, seq + 1, contra_id, amount_minor, balance_after_minor + amount_minor, origin,
    line, agreement_id, period_start, service_date, posted_at, accounting_month, {batch}, inputs, 'forged', input_hash, hash, hash
FROM books_entry WHERE seq = 2
"""


@pytest.mark.parametrize("role", ["urja_pipeline", "urja_owner"])
@pytest.mark.parametrize(
    ("before", "batch", "says"),
    [
        # Under an older number, whatever else moves.
        (MOVED.format(batch=1), 1, "batch 1 is not the newest one of bucket 7"),
        (MOVED.format(batch=2), 2, "batch 2 is not the newest one of bucket 7, or has entries already"),
        # Of a batch that was begun, and no contra account moved with it.
        (
            "UPDATE books_bucket SET last_batch = 3;" + MOVED.partition(";")[0],
            3,
            "without the balance of its contra account",
        ),
        # The contra account is moved by a later batch than the entry's.
        (
            "UPDATE books_bucket SET last_batch = 3;" + MOVED.format(batch=4),
            3,
            "without the balance of its contra",
        ),
    ],
    ids=["an old one", "the last one again", "a new one alone", "a later one"],
)
def test_an_entry_is_of_the_newest_batch_and_all_of_it(database, ledger, role, before, batch, says):
    account = opened(ledger)
    for key in ("a", "b"):
        ledger.post_entries(7, [draft(ledger, account, -10, key)], NOW)
    with database.connect(role, autocommit=False) as thief:
        for statement in before.split(";"):
            thief.execute(statement)
        with pytest.raises(psycopg.errors.IntegrityError, match=says):
            thief.execute(FORGED.format(batch=batch))


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "UPDATE books_bucket SET last_batch = 1",
            "batches of bucket 7 are numbered upwards: 1 is not after 2",
        ),
        # Ready for a batch that comes with entries, and does not move it again.
        ("UPDATE books_account SET last_batch = 3 WHERE kind = 'contra'", "its entries of batch 3 by 0"),
        (
            (
                "INSERT INTO books_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch,"
                " opened_at) SELECT id + 1, bucket, kind, 'revenue:other', currency, 0, 0, last_hash, 3, opened_at"
                " FROM books_account WHERE kind = 'contra'"
            ),
            "does not begin with a balance of zero",
        ),
    ],
)
def test_nothing_is_made_ready_for_a_batch_without_its_entries(database, ledger, statement, says):
    account = opened(ledger)
    for key in ("a", "b"):
        ledger.post_entries(7, [draft(ledger, account, -10, key)], NOW)
    with (
        pytest.raises(psycopg.errors.IntegrityError, match=says),
        database.connect("urja_pipeline") as thief,
    ):
        thief.execute(statement)


def test_a_batch_moves_the_contra_account_of_its_currency_alone(database, ledger):
    nepal = ledger.open_account(bucket=7, currency="NPR", opened_at=NOW).id
    india = opened(ledger)
    ledger.post_entries(7, [draft(ledger, nepal, -5, "a")], NOW)
    ledger.post_entries(7, [draft(ledger, india, -10, "b")], NOW)
    ledger.post_entries(7, [draft(ledger, nepal, -7, "c")], NOW)
    with database.connect() as connection:
        found = connection.execute(
            "SELECT currency, balance_minor, last_batch FROM books_account WHERE kind = 'contra' ORDER BY 1"
        ).fetchall()
    assert found == [("INR", 10, 2), ("NPR", 12, 3)]


def test_who_may_write(database, ledger):
    """The web reads and may not request a credit; the pipeline posts and may not change."""
    account = opened(ledger)
    ledger.post_entries(7, [draft(ledger, account, -10, "a")], NOW)
    copied = "INSERT INTO books_entry SELECT * FROM books_entry"
    refused = {
        "urja_web": [copied, "UPDATE books_account SET balance_minor = 0", "DELETE FROM books_credit_request",
                     "INSERT INTO books_credit_request SELECT * FROM books_credit_request"],
        "urja_pipeline": ["UPDATE books_entry SET amount_minor = 0", "DELETE FROM books_entry",
                          "UPDATE books_account SET kind = 'contra'"],
    }  # fmt: skip
    for role, statements in refused.items():
        with database.connect(role) as connection:
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
