"""The law of the bank's statements, and each way to break it, found."""

import pytest
from tests.apps.approvals.office import NOW
from tests.apps.bank.cast import claim, csv_of, day, money, returned, society, upi

UNGUARDED = ("bank_statement", "bank_entry", "bank_match", "bank_claim", "books_credit_request")
PLANTED = [
    ("UPDATE bank_match SET amount_minor = 1", "has 1 entries, or one that says otherwise"),
    ("UPDATE bank_match SET account_id = (SELECT max(id) FROM books_account WHERE kind = 'consumer')", "says otherwise"),
    ("DELETE FROM bank_match WHERE reversed_at IS NULL", "has 0 entries"),
    ("UPDATE bank_match SET entry_id = (SELECT id FROM bank_entry WHERE amount_minor = 100)", "says otherwise"),
    (
        "DROP INDEX bank_match_one_credit; UPDATE bank_match SET reversed_at = NULL, debit_id = NULL",
        "takes back no credit by a statement",
    ),
    (
        """
        INSERT INTO payments_settlement_row (provider, entity_id, kind, payment_id, settlement_id, utr, day, amount_minor,
            currency, fee_minor, tax_minor, credit_minor, debit_minor, created_at, settled_at, seen_at)
        SELECT 'main', 'pay_1', 'payment', 'pay_1', 'setl_1', ' ' || utr, booked_on, 50000, 'INR', 0, 0, 50000, 0, now(),
            now(), now()
        FROM bank_entry WHERE amount_minor = 50000
        """,
        "of 50000 is credited as a transfer, and is a payout of a gateway",
    ),
    (
        """
        ALTER TABLE counter_receipt DISABLE TRIGGER USER; ALTER TABLE counter_receipt DROP CONSTRAINT counter_receipt_of_a_drawer;
        UPDATE counter_receipt SET instrument = 'cheque', cheque_number = '412345678901', cheque_bank = 'X',
            cheque_date = now(), deposit_id = 1 WHERE amount_minor = 50000
        """,
        "of 50000 is credited as a transfer, and is a cheque on a slip",
    ),
    ("UPDATE bank_entry SET amount_minor = 60000 WHERE amount_minor = 50000", "stored entries are not on its file"),
    (
        """
        INSERT INTO bank_entry (bank_account_id, statement_id, booked_on, value_on, amount_minor, utr, narration, shown,
            reversal, reference_sha256, nth)
        SELECT bank_account_id, statement_id, booked_on, value_on, 900000, utr, '', '', false, '\\x00', 1
        FROM bank_entry LIMIT 1
        """,
        "1 stored entries are not on its file",
    ),
    ("UPDATE bank_statement SET closing_minor = 1", "has other balances than its file"),
    ("UPDATE bank_statement SET headings = '[{\"column\": \"date\", \"heading\": \"Date\"}]'", "was not accepted by the passkey"),
    ("UPDATE bank_statement SET approval_id = NULL", "was not accepted by the passkey"),
    ("UPDATE journal_request SET content = content || '{\"sha256\": \"00\"}'", "was not accepted by the passkey"),
    ("UPDATE approvals_waiting SET actor_credential_id = NULL", "was not accepted by the passkey"),
    ("UPDATE books_debit_request SET amount_minor = 1", "is taken back by a debit of 1"),
]  # fmt: skip


def found(connection):
    from urja.laws import bank

    return list(bank.examine(connection))


@pytest.fixture
def books(database):
    """A credit by a statement, and another one that the bank took back."""
    installation = society()
    claim(500_00, 1)
    claim(700_00, 2, "412345678902")
    installation.load(csv_of(upi(500_00), upi(700_00, utr="412345678902"), (day(2), 100, "CASH")))
    installation.load(csv_of(returned(700_00, 3, "412345678902"), opening=1_201_00))
    assert len(money()) == 3
    return database


def test_the_law_holds_and_each_planted_break_is_found(books):
    with books.connect() as owner:
        assert found(owner) == []
        for table in UNGUARDED:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute("ALTER TABLE journal_request DISABLE TRIGGER USER")
        for statement, says in PLANTED:
            with owner.transaction(force_rollback=True):
                owner.execute(statement)
                assert any(says in one for one in found(owner)), (statement, found(owner))
        assert found(owner) == []


def test_posted_credits_satisfy_the_laws_of_payments(books):
    from urja.laws.verify import laws
    from urja.pipeline.credits import post_credits

    post_credits(NOW)
    with books.connect() as owner:
        held = laws(owner)
        assert {law for law, holds in held.items() if not holds} == set()
        owner.execute("ALTER TABLE bank_match DISABLE TRIGGER USER")
        owner.execute("DELETE FROM bank_match WHERE reversed_at IS NULL")
        assert not laws(owner)["payments"]
        assert not laws(owner)["bank"]
