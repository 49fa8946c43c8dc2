"""A lone person, or a thief of the web in their name, debits accounts below zero so that their supplies are disconnected."""

from datetime import timedelta

from tests.apps.approvals.office import NOW, Person, home, state_of
from tests.apps.bank.cast import claim, csv_of, day, returned, society, upi
from tests.apps.counter_cast import ask, cheque, opened, receipt, take
from tests.apps.town import (
    HALF_HOUR,
    START,
    blocks,
    by_hand,
    protect,
    registers,
    store_blocks,
    store_registers,
)


def measured(operation, actor="user 1"):
    from django.db import transaction

    from urja.usecases.approval_measures import measure

    with transaction.atomic():
        return measure(operation, actor=actor, now=NOW)


def counts(operation):
    """The disconnections that an operation counts."""
    return measured(operation).disconnections


def adjust(minor, number=1):
    from urja.usecases.operations import AdjustBalance

    return AdjustBalance(consumer_number=f"URJ{number:08}", adjustment_minor=minor, reason="correction")


def post():
    from urja.pipeline.credits import post_credits

    post_credits(NOW)


def test_small_debits_of_many_accounts_come_to_the_threshold(database):
    """Twenty accounts with a rupee each are debited by two: below every threshold of money."""
    clerk = Person("ravi", "revenue_officer")
    for number in range(1, 21):
        home(number, credit_minor=1_00)
    post()
    states = [state_of(ask(clerk, adjust(-2_00, number))) for number in range(1, 21)]
    assert states == ["done"] * 19 + ["approval"]


def test_a_debit_that_leaves_credit_disconnects_no_supply(database):
    home(1, credit_minor=5_00)
    post()
    assert [counts(adjust(minor)) for minor in (-4_99, -5_00, -5_01, 5_00)] == [0, 0, 1, 0]


def test_debits_that_wait_to_be_posted_count_together(database):
    clerk = Person("ravi", "revenue_officer")
    home(1, credit_minor=5_00)
    post()
    assert state_of(ask(clerk, adjust(-4_00))) == "done"
    assert counts(adjust(-4_00)) == 1


def test_a_postpaid_supply_is_not_disconnected_by_its_balance(database):
    from urja.apps.contracts.models import AgreementTerms

    home(1, credit_minor=0)
    with by_hand():
        AgreementTerms.objects.update(payment_mode="postpaid")
    assert counts(adjust(-1_00)) == 0


def test_a_protected_household_needs_a_passkey(database):
    home(1, credit_minor=1_00)
    post()
    protect(1)
    found = measured(adjust(-2_00))
    assert (found.disconnections, found.protected) == (1, 1)


def test_a_receipt_and_a_cheque_that_are_taken_back(database):
    from urja.usecases.operations import CancelReceipt, ClearCheque, DepositTakings, ReturnCheque

    home(1, credit_minor=0)
    meena, officer = Person("meena"), Person("ravi", "revenue_officer")
    meena.drawer = opened(meena)
    cash = receipt(take(meena, 50_00))
    paid = receipt(cheque(meena, 30_00))
    post()
    assert counts(CancelReceipt(receipt_id=cash.id, reason="wrong")) == 0
    assert counts(ReturnCheque(receipt_id=paid.id, reason="no funds", charge_minor=50_00)) == 0
    assert counts(ReturnCheque(receipt_id=paid.id, reason="no funds", charge_minor=51_00)) == 1
    ask(meena, DepositTakings(deposited_on=day(3), cash=(), receipt_ids=(paid.id,)))
    assert state_of(ask(meena, ClearCheque(receipt_id=paid.id, cleared_on=day(3)))) == "done"
    post()
    ask(officer, adjust(-60_00))
    assert counts(CancelReceipt(receipt_id=cash.id, reason="wrong")) == 1
    assert counts(ReturnCheque(receipt_id=paid.id, reason="no funds", charge_minor=0)) == 1


def test_a_claim_that_is_taken_back_by_hand_or_by_an_invented_statement(database):
    from urja.usecases.operations import LoadStatement, ReverseClaim

    bank = society()
    own = claim(500_00)
    bank.load(csv_of(upi(500_00)))
    post()
    ask(bank.treasurer, adjust(-1_00))
    assert counts(ReverseClaim(claim_id=own.id, reason="wrong")) == 1
    body = csv_of(returned(500_00, on=3), opening=500_00)
    stored = bank.upload(body)
    assert counts(LoadStatement(**bank.content(stored))) == 1


def test_an_undone_credit(database):
    from urja.usecases.operations import Undo, perform

    home(1, credit_minor=0)
    given = perform(adjust(70_00), recorded_at=NOW, actor="test")
    post()
    assert counts(Undo(entry_id=given.pk, reason="no")) == 0
    perform(adjust(-1_00), recorded_at=NOW, actor="test")
    assert counts(Undo(entry_id=given.pk, reason="no")) == 1


def test_a_refund_of_what_is_used_and_not_posted_yet(database):
    """The posted balance is refunded whole, as the database lets it; a day's use of 100 kWh at 5.00 is not posted."""
    from urja.apps.rulebook.operations import load_tariff
    from urja.usecases.operations import RefundCredit

    load_tariff(TARIFF, START)
    house = home(1, credit_minor=500_00)
    post()
    refund = RefundCredit(
        consumer_number="URJ00000001", refunded_minor=500_00, payout_reference="UTR1", reason="left"
    )
    assert counts(refund) == 0
    with database.connect("urja_pipeline") as connection:
        store_registers(connection, registers(house, (START + timedelta(days=1), 110_000)))
    assert counts(refund) == 1


def test_a_debit_that_leaves_ordinary_use_to_disconnect_counts(database):
    """10 kWh a day at 5.00: what a debit leaves above zero is used up within the week, by the consumer's own use."""
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF, START)
    house = home(1, credit_minor=1000_00)
    post()
    assert counts(adjust(-999_00)) == 0, "of a supply without any use yet nothing is expected"
    with database.connect("urja_pipeline") as connection:
        store_registers(connection, registers(house, (START + timedelta(days=1), 20_000)))
    balance_minor, week_minor = 950_00, 7 * 50_00
    assert counts(adjust(week_minor - balance_minor)) == 0
    assert counts(adjust(week_minor - balance_minor - 1)) == 1
    assert counts(adjust(1_00)) == 0


def test_an_interval_that_is_raised_counts_where_it_leaves_the_balance_short(database):
    """Until a register read bills, the policy disconnects by the intervals: raised ones would empty a balance unseen."""
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF, START)
    house = home(1, credit_minor=20_00)
    post()
    start_at = NOW - timedelta(hours=10)
    with database.connect("urja_pipeline") as connection:
        store_registers(connection, registers(house, (start_at, 10_000)))
        store_blocks(connection, blocks(house, (start_at, 1_000), (start_at + HALF_HOUR, 1_000)))
    officer, clerk = Person("ravi", "revenue_officer"), Person("meena")

    def edit(energy_wh):
        from urja.usecases.operations import EditInterval

        return EditInterval(
            serial="URJ00000001", start_at=start_at, energy_wh=energy_wh, reason="a test load"
        )

    # 10.00 of 20.00 are used by the two intervals.
    assert [counts(edit(wh)) for wh in (500, 2_000, 2_999, 3_001)] == [0, 0, 0, 1]
    assert database_value(database) == 1_000, "a measure changes nothing"
    assert state_of(ask(clerk, edit(2_000))) == "refused", "a clerk edits none"
    assert state_of(ask(officer, edit(2_000))) == "done"
    protect(1)
    assert state_of(ask(officer, edit(3_001))) == "approval", "of a protected household each one waits"
    assert database_value(database) == 2_000


def database_value(database):
    """The first interval as it counts."""
    with database.connect() as connection:
        return connection.execute(
            "SELECT values[1] FROM readings_interval ORDER BY start_at, version DESC LIMIT 1"
        ).fetchone()[0]


TARIFF = """
format = 1
code = "demo"
version = "1"
title = "Energy alone"
currency = "INR"
valid_from = 2026-01-01
[[line]]
name = "energy"
title = "Energy"
accrues = "slabs"
prorate = "none"
slabs = [ {from = 0, rate = "5.00"} ]
"""
