"""A clerk records one payout for two refunds, and a revenue officer undoes what is not theirs."""

import psycopg
import pytest
from tests.apps.approvals.office import NOW, Person, home, move_in, state_of
from tests.apps.counter_cast import ask

REFUND = (
    "INSERT INTO books_debit_request (id, account_id, amount_minor, kind, reverses, reference, idempotency_key, input_hash,"
    " correlation, requested_at) VALUES (%s, %s, 1, 'refund', 'refund', %s, %s, '', 0, now())"
)


def test_the_database_records_a_payout_once_whatever_code_asks(database):
    account = home(1).account_id
    other = home(2).account_id
    with database.connect("urja_pipeline") as pipeline:
        pipeline.execute(REFUND, [1, account, "UTR412345", "refund:1"])
        for number, to, written in ((2, account, "UTR412345"), (3, other, " utr412345 ")):
            with (
                pytest.raises(psycopg.errors.UniqueViolation, match="is recorded already as a refund"),
                pipeline.transaction(),
            ):
                pipeline.execute(REFUND, [number, to, written, f"refund:{number}"])
        # Final settlements have no reference.
        pipeline.execute(REFUND, [4, account, "", "final:1"])
        pipeline.execute(REFUND, [5, other, "", "final:2"])


def test_a_revenue_officer_undoes_adjustments_and_no_move(database):
    from urja.usecases.operations import AdjustBalance, Undo, perform

    officer = Person("ravi", "revenue_officer")
    home(1)
    home(2)
    adjust = AdjustBalance(consumer_number="URJ00000001", adjustment_minor=1_00, reason="x")
    given = ask(officer, adjust)
    assert state_of(ask(officer, Undo(entry_id=given.operation_id, reason="typo"))) == "done"
    moved = perform(move_in(2), recorded_at=NOW, actor="test")
    refused = ask(officer, Undo(entry_id=moved.pk, reason="no"))
    assert state_of(refused) == "refused"
