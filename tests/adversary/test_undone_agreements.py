"""A clerk undoes the beginning of an agreement whose account has received money since: the payment would be no household's."""

import pytest
from tests.apps import maintenance_cast
from tests.apps.approvals.office import NOW, Person, move_in, state_of
from tests.apps.bank.cast import claim, csv_of, society, upi
from tests.apps.counter_cast import cheque, opened, take


@pytest.fixture
def moved(database):
    """A supply with a new owner, who was given an opening credit of 70.00, and the operation that did it."""
    from urja.usecases.operations import perform

    installation = society()
    done = perform(move_in(credit_minor=70_00), recorded_at=NOW, actor="test")
    return installation, done.pk


def undo_of(entry_id):
    from urja.usecases.operations import Undo

    return Undo(entry_id=entry_id, reason="a mistake")


def undone(entry_id):
    """Why the undo is refused."""
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import perform

    try:
        perform(undo_of(entry_id), recorded_at=NOW, actor="test")
    except RefusedError as refused:
        return " ".join(map(str, refused.faults))
    return ""


def test_money_that_was_received_since_stops_the_undo_until_it_is_settled(moved):
    from urja.usecases.operations import RefundCredit, perform

    _installation, entry = moved
    meena = Person("meena")
    meena.drawer = opened(meena)
    assert state_of(take(meena, 50_00)) == "done"
    assert "has 50.00 that operation" in undone(entry)
    assert "refund_credit" in undone(entry)
    post()
    refund = RefundCredit(
        consumer_number="URJ00000001", refunded_minor=50_00, payout_reference="UTR1", reason="wrong flat"
    )
    perform(refund, recorded_at=NOW, actor="test")
    assert undone(entry) == ""


def test_a_credited_transfer_stops_the_undo(moved):
    installation, entry = moved
    claim(500_00)
    installation.load(csv_of(upi(500_00)))
    assert "has 500.00 that operation" in undone(entry)


def test_a_reported_transfer_and_a_cheque_stop_the_undo(moved):
    _installation, entry = moved
    claim(500_00)
    assert "has reported transfers or cheques" in undone(entry)


def test_a_cheque_that_may_clear_stops_the_undo(moved):
    _installation, entry = moved
    meena = Person("meena")
    meena.drawer = opened(meena)
    assert state_of(cheque(meena, 30_00)) == "done"
    assert "has reported transfers or cheques" in undone(entry)


def test_money_for_maintenance_stops_the_undo(database):
    """Its account has no consumer without the account for electricity."""
    from urja.usecases.operations import perform

    clerk = maintenance_cast.society()
    entry = perform(move_in(), recorded_at=NOW, actor="test").pk
    posted = maintenance_cast.post(clerk, maintenance_cast.dues())
    meena = Person("meena")
    meena.drawer = opened(meena)
    assert state_of(take(meena, 2500_00, paid_for="maintenance")) == "done"
    assert "maintenance was posted or paid" in undone(entry)
    perform(undo_of(posted.operation_id), recorded_at=NOW, actor="test")
    assert "maintenance was posted or paid" in undone(entry)
    assert state_of(cheque(meena, 30_00, paid_for="maintenance")) == "done"
    assert "has reported transfers or cheques" in undone(entry)


def test_its_own_credit_stops_no_undo(moved):
    _installation, entry = moved
    assert undone(entry) == ""


def post():
    from urja.pipeline.credits import post_credits

    post_credits(NOW)
