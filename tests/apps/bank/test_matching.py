"""A transfer is credited once by the bank's statement; what no rule settles a clerk decides, and may take back."""

import psycopg
import pytest
from tests.apps.approvals.office import NOW, state_of
from tests.apps.bank.cast import (
    UTR,
    account_of,
    claim,
    csv_of,
    day,
    match,
    money,
    returned,
    society,
    state,
    upi,
)
from tests.conftest import begun_with


def with_society(database):
    return society()


database, installation = begun_with(with_society)


def differences():
    from urja.apps.payments.models import Unmatched

    return [(one.payment_id, one.reason) for one in Unmatched.objects.filter(closed_at=None).order_by("id")]


def decide(one, entry=None, decision="credit"):
    from urja.usecases.operations import DecideClaim

    return DecideClaim(
        claim_id=one.id, decision=decision, bank_entry_id=entry, reason="the payer showed the receipt"
    )


def entry_of(minor=500_00):
    from urja.apps.bank.models import Entry

    return Entry.objects.get(amount_minor=minor).pk


def test_a_claim_is_credited_whether_it_comes_before_the_statement_or_after(installation):
    early = claim(500_00)
    assert (match(), state(early)) == (0, "waiting")
    installation.load(csv_of(upi(500_00), upi(700_00, utr="412345678902")))
    late = claim(700_00, 2, "412345678902")
    match()
    assert (state(early), state(late)) == ("credited", "credited")
    assert money() == [(1, 500_00), (2, 700_00)]
    assert (match(), money()) == (0, [(1, 500_00), (2, 700_00)])


def test_the_credit_reaches_the_balance_as_a_recharge(installation):
    from urja.apps.books.models import Account, CreditRequest
    from urja.pipeline.credits import post_credits

    claim(500_00)
    installation.load(csv_of(upi(500_00)))
    request = CreditRequest.objects.get(idempotency_key=f"bank:{entry_of()}")
    assert (request.kind, request.reference) == ("recharge", UTR)
    post_credits(NOW)
    assert Account.objects.get(id=account_of(1)).balance_minor == 500_00


def receipts(database):
    """Number, amount and state of each receipt, and what the law of the counter finds."""
    from urja.apps.counter.models import Receipt
    from urja.laws import counter

    with database.connect() as connection:
        found = list(counter.examine(connection))
    return list(Receipt.objects.order_by("number").values_list("number", "amount_minor", "state")), found


def test_each_credit_has_a_numbered_receipt_that_is_returned_with_it(installation, database):
    claim(500_00)
    claim(700_00, 2, "412345678902")
    installation.load(csv_of(upi(500_00), upi(700_00, utr="412345678902")))
    match()
    assert receipts(database) == ([(1, 500_00, "taken"), (2, 700_00, "taken")], [])
    installation.load(csv_of(returned(500_00, 3), opening=1_200_00))
    assert receipts(database) == ([(1, 500_00, "returned"), (2, 700_00, "taken")], [])
    with database.connect() as owner:
        owner.autocommit = False
        owner.execute("ALTER TABLE counter_receipt DISABLE TRIGGER USER")
        owner.execute("UPDATE counter_receipt SET state = 'taken'")
        from urja.laws import counter

        assert list(counter.examine(owner)), "a receipt that stands without its credit"
        owner.rollback()


def test_a_statement_again_or_overlapping_credits_nothing_twice(installation):
    claim(500_00)
    first = csv_of(upi(500_00), (day(2), 100_00, "CASH"))
    installation.load(first)
    again = installation.ask(first)
    assert state_of(again) == "refused"
    assert "is loaded already" in str(again.faults[0])
    done = installation.load(
        csv_of(upi(500_00), (day(2), 100_00, "CASH"), (day(2), 100_00, "CASH"), (day(3), 5, "B"))
    )
    from urja.apps.bank.models import Entry, Statement

    statement = Statement.objects.get(operation_id=done.operation_id)
    assert (statement.entries, statement.repeated) == (4, 2)
    assert [*Entry.objects.order_by("id").values_list("amount_minor", "nth")] == [
        (500_00, 1),
        (100_00, 1),
        (100_00, 2),
        (5, 1),
    ]
    assert money() == [(1, 500_00)]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (csv_of(upi(500_00)).replace(b"500.00\n", b"501.00\n"), "the balances do not add up|the balance is"),
        (b"Account No: 999999999999\n" + csv_of(upi(500_00)), "it is a statement of account 999999999999"),
        (b"%PDF", "this is a PDF"),
    ],
)
def test_a_wrong_file_is_refused_before_a_passkey_is_asked_for(installation, body, says):
    import re

    request = installation.ask(body)
    assert state_of(request) == "refused"
    assert re.search(says, str(request.faults[0]))


def test_two_accounts_that_claim_one_transfer_go_to_a_clerk_who_decides_and_may_take_it_back(installation):
    from urja.usecases.operations import ReverseClaim

    first, second = claim(500_00, 1), claim(500_00, 2)
    installation.load(csv_of(upi(500_00)))
    assert (state(first), state(second)) == (("clerk", "bank_competing"),) * 2
    assert differences() == [
        (f"claim-{second.id}", "bank_competing"),
        (f"claim-{first.id}", "bank_competing"),
    ]
    assert money() == []
    assert state_of(installation.do(decide(second, entry_of()))) == "done"
    assert state_of(installation.do(decide(first, decision="refuse"))) == "done"
    assert (state(first)[0], state(second), differences()) == ("refused", "credited", [])
    # It was wrong.
    taken = installation.do(decide(first, entry_of()))
    assert "take that back first with reverse_claim" in str(taken.faults[0])
    assert state_of(installation.do(ReverseClaim(claim_id=second.id, reason="another flat"))) == "done"
    assert state_of(installation.do(decide(first, entry_of()))) == "done"
    assert (state(first), state(second)) == ("credited", "reversed")
    assert sorted(money()) == [(1, 500_00), (2, -500_00), (2, 500_00)]


def test_a_large_decision_waits_for_a_passkey(installation):
    from urja.usecases.operations import ReverseClaim

    large = 10_000_00
    one, other = claim(large, 1), claim(large, 2)
    installation.load(csv_of(upi(large)))
    assert (state_of(installation.do(decide(one, entry_of(large)))), money()) == ("approval", [])
    assert state_of(installation.do(decide(other, decision="refuse"))) == "done"
    assert state_of(installation.do(ReverseClaim(claim_id=one.id, reason="x"))) == "refused"


def test_a_claim_of_what_is_credited_goes_to_a_clerk(installation):
    claim(500_00, 1)
    installation.load(csv_of(upi(500_00)))
    second = claim(500_00, 2)
    match()
    assert (state(second), money()) == (("clerk", "bank_competing"), [(1, 500_00)])


@pytest.mark.parametrize(
    ("minor", "utr", "on", "reason"),
    [
        (500_01, UTR, 2, "bank_other_amount"),
        (500_00, "412345678999", 2, "bank_not_found"),
    ],
)
def test_another_amount_and_a_wrong_reference_wait_alike_until_the_days_are_covered(
    installation, minor, utr, on, reason
):
    one = claim(minor, 1, utr, on)
    installation.load(csv_of(upi(500_00), through=day(6)))
    assert state(one) == "waiting"
    installation.load(csv_of((day(7), 1_00, "X"), opening=500_00, through=day(7)))
    assert (state(one), money()) == (("clerk", reason), [])


def test_another_day_goes_to_a_clerk(installation):
    from urja.apps.bank.models import Claim

    one = claim(500_00)
    Claim.objects.filter(id=one.id).update(paid_on=day(20).replace(month=1))
    installation.load(csv_of(upi(500_00)))
    assert state(one) == ("clerk", "bank_other_day")


@pytest.mark.parametrize("on", [day(4), day(2).replace(year=2025, month=11)])
def test_a_day_in_the_future_or_of_long_ago_goes_to_a_clerk_though_the_web_let_it_pass(installation, on):
    from urja.apps.bank.models import Claim

    one = claim(500_00)
    Claim.objects.filter(id=one.id).update(paid_on=on)
    match()
    installation.load(csv_of((on, 500_00, f"UPI/CR/{UTR}/RAVI/"), through=day(9)))
    assert (state(one), money()) == (("clerk", "bank_other_day"), [])


def test_a_reversal_on_a_later_statement_debits_once_what_was_credited(installation):
    one = claim(500_00)
    installation.load(csv_of(upi(500_00)))
    installation.load(csv_of(returned(500_00, 3), (day(3), -1_00, "CHARGES"), opening=500_00))
    assert (state(one), money()) == ("reversed", [(1, 500_00), (1, -500_00)])
    installation.load(
        csv_of(returned(500_00, 3), (day(3), -1_00, "CHARGES"), (day(4), 5, "X"), opening=500_00)
    )
    assert (match(), len(money())) == (0, 2)


def test_what_was_taken_back_before_it_was_claimed_is_not_credited(installation):
    installation.load(csv_of(upi(500_00), returned(500_00, 3), through=day(9)))
    one = claim(500_00)
    match()
    assert (state(one), money()) == (("clerk", "bank_taken_back"), [])


def test_another_currency_is_credited_by_nothing(installation, database):
    with database.connect() as owner:
        owner.execute("UPDATE bank_account SET currency = 'USD'")
    one = claim(500_00)
    installation.account.refresh_from_db()
    installation.load(csv_of(upi(500_00), through=day(9)))
    assert (state(one), money()) == (("clerk", "bank_other_amount"), [])
    assert "is not a payment to the account" in str(installation.do(decide(one, entry_of())).faults[0])


def test_an_account_that_guesses_is_credited_by_a_clerk_alone(installation):
    installation.load(csv_of(upi(500_00), through=day(9)))
    for number in range(3):
        wrong = claim(500_00, 1, f"41234567880{number}")
        match()
        assert state(wrong) == ("clerk", "bank_not_found")
    right = claim(500_00)
    match()
    assert (state(right), money()) == (("clerk", "bank_many_not_found"), [])


def test_a_cashiers_claim_is_an_operation(installation):
    from urja.usecases.operations import ClaimTransfer

    asked = ClaimTransfer(
        consumer_number="URJ00000001", utr="4123 4567 8901", paid_minor=500_00, paid_on=day(2)
    )
    assert state_of(installation.do(asked)) == "done"
    installation.load(csv_of(upi(500_00)))
    assert money() == [(1, 500_00)]
    wrong = installation.do(
        ClaimTransfer(consumer_number="URJ00000009", utr="12", paid_minor=0, paid_on=day(20))
    )
    assert len(wrong.faults) == 2


MATCH = (
    "INSERT INTO bank_match (entry_id, claim_id, account_id, amount_minor, credit_id, matched_at)"
    " VALUES (%s, %s, %s, %s, 99, now())"
)
CREDIT = (
    "INSERT INTO books_credit_request (id, account_id, amount_minor, kind, reference, idempotency_key, input_hash,"
    " correlation, requested_at) VALUES (99, %s, %s, 'recharge', '', %s, '', 0, now())"
)


def planted(database, credit, match_of):
    """Insert as the pipeline's role does, past its code."""
    account, minor, _key = credit
    with database.connect("urja_pipeline") as pipeline, pipeline.transaction():
        pipeline.execute(CREDIT, credit)
        if match_of is not None:
            pipeline.execute(MATCH, [*match_of, account, minor])


def test_the_database_refuses_a_second_credit_and_a_credit_without_an_entry(installation, database):
    first, second = claim(500_00, 1), claim(100_00, 2, "412345678902")
    installation.load(csv_of(upi(500_00), upi(100_00, utr="412345678903")))
    assert state(first) == "credited"
    entry, free = entry_of(500_00), entry_of(100_00)
    for account, minor, key, match_of in (
        (account_of(2), 500_00, f"bank:{entry}:1", (entry, second.id)),
        (account_of(2), 100_00, "bank:77", (free, second.id)),
        (account_of(2), 200_00, f"bank:{free}", (free, second.id)),
        (account_of(1), 100_00, f"bank:{free}", (free, second.id)),
        (account_of(2), 100_00, f"bank:{free}", None),
    ):
        with pytest.raises(psycopg.errors.IntegrityError):
            planted(database, [account, minor, key], match_of)
