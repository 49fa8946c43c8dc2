"""Adjustments, waivers, write-offs and refunds: what each posts, what limits it, and that thresholds count it."""

from datetime import timedelta

from tests.apps.approvals.office import NOW, Person, home, state_of, work
from tests.apps.counter_cast import ask, balance
from tests.apps.town import START, pay
from tests.conftest import begun_with

NUMBER = "URJ00000001"


def with_officer(database):
    home(credit_minor=0)
    return Person("asha", "revenue_officer", enrolled=False)


database, officer = begun_with(with_officer)


def request(officer, kind, **fields):
    from urja.usecases import operations

    return ask(
        officer, getattr(operations, kind)(**({"consumer_number": NUMBER, "reason": "a mistake"} | fields))
    )


def said(done):
    assert done.state == "refused"
    return str(done.faults[0])


def entries():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT line, amount_minor, inputs->>'reference' FROM books_entry ORDER BY seq")
        return cursor.fetchall()


def account_id():
    from urja.apps.books.models import Account

    return Account.objects.get(kind="consumer").id


def test_an_adjustment_goes_both_ways_and_is_undone_by_a_new_entry(officer):
    assert request(officer, "AdjustBalance", adjustment_minor=120_00).state == "done"
    off = request(officer, "AdjustBalance", adjustment_minor=-20_00, reason="charged twice")
    assert balance() == 100_00
    assert entries() == [("adjustment", 120_00, "a mistake"), ("adjustment", -20_00, "charged twice")]
    assert said(request(officer, "AdjustBalance", adjustment_minor=0)) == "the adjustment must not be 0"
    assert said(request(officer, "AdjustBalance", adjustment_minor=1, reason=" ")) == "give a reason"
    from urja.usecases.operations import Undo, employ

    undo = Undo(entry_id=off.operation_id, reason="it was right")
    clerk = Person("ravi")
    assert "revenue_officer" in said(ask(clerk, undo)) or "not allowed" in said(ask(clerk, undo))
    employ(clerk.email, "Ravi", "revenue_officer", recorded_at=START, actor="test")
    assert ask(clerk, undo).state == "done"
    assert balance() == 120_00


def test_a_refund_is_no_more_than_the_balance_and_names_its_payout(officer):
    pay(account_id(), 300_00, "pay_1", NOW)
    assert said(request(officer, "RefundCredit", refunded_minor=1, payout_reference="")).startswith(
        "give the proof"
    )
    too_much = request(officer, "RefundCredit", refunded_minor=300_01, payout_reference="UTR 1")
    assert said(too_much) == "the posted balance is 300.00, less than 300.01"
    assert request(officer, "RefundCredit", refunded_minor=200_00, payout_reference="UTR 1").state == "done"
    again = request(officer, "RefundCredit", refunded_minor=100_01, payout_reference="UTR 2")
    assert said(again) == "the posted balance is 100.00, less than 100.01"
    assert balance() == 100_00
    assert entries()[-1] == ("refund", -200_00, "UTR 1")
    twice = request(officer, "RefundCredit", refunded_minor=1_00, payout_reference=" utr 1 ")
    assert said(twice) == "the payout utr 1 is recorded already as a refund"


def test_a_refund_is_never_undone(officer):
    from urja.usecases.operations import Undo, employ

    pay(account_id(), 300_00, "pay_1", NOW)
    paid_out = request(officer, "RefundCredit", refunded_minor=200_00, payout_reference="UTR 1")
    employ(officer.email, "Asha", "clerk", recorded_at=START, actor="test")
    undone = ask(officer, Undo(entry_id=paid_out.operation_id, reason="no"))
    assert "cannot be undone: a payout stays" in said(undone)
    assert balance() == 100_00


def test_a_waiver_is_no_more_than_what_was_charged(officer, database):
    from tests.apps.town import registers, store_registers

    from urja.apps.overviews.queries import service_points
    from urja.pipeline import post

    assert "charges of 0.00 in the last twelve months" in said(
        request(officer, "WaiveCharges", waived_minor=1)
    )
    agreement = service_points.agreements_of_account(account_id())[0]

    class House:
        service_point_id, agreement_id = agreement.service_point_id, agreement.id

    from urja.apps.assets.models import Device

    House.device_id = Device.objects.get().id
    from tests.apps.approvals.test_measuring import _TARIFF

    from urja.apps.rulebook.operations import load_tariff

    load_tariff(_TARIFF.format(code="demo", price="5.00"), START)
    with database.connect("urja_pipeline") as connection:
        store_registers(connection, registers(House, (START + timedelta(days=1), 110_000)))
    post.run_once(START + timedelta(days=1, hours=2), timedelta(hours=1))
    assert said(request(officer, "WaiveCharges", waived_minor=500_01)).startswith("charges of 500.00")
    assert request(officer, "WaiveCharges", waived_minor=400_00).state == "done"
    assert said(request(officer, "WaiveCharges", waived_minor=100_01)).startswith("charges of 100.00")
    assert balance() == -100_00
    owed = request(officer, "WriteOff", written_off_minor=100_00)
    assert "is in force: waive charges, or adjust the balance" in said(owed)


def owing(*bills):
    """Old bills: their number is their month; principal and surcharge."""
    from datetime import date

    from urja.apps.billing.models import Arrear

    for month, (principal, surcharge) in enumerate(bills, 1):
        Arrear.objects.create(
            id=account_id() + 500 + month,
            account_id=account_id(),
            bill=f"B{month}",
            due_on=date(2025, month, 1),
            principal_minor=principal,
            surcharge_minor=surcharge,
            recorded_at=START,
            actor="test",
        )


def bills():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT surcharge_minor, principal_minor FROM billing_arrear_left ORDER BY due_on")
        return cursor.fetchall()


def test_old_dues_are_waived_beside_the_balance_and_an_undo_brings_them_back(officer, database):
    from urja.usecases.operations import Undo

    owing((100_00, 20_00), (50_00, 0))
    assert (
        said(request(officer, "WaiveCharges", waived_dues_minor=170_01))
        == "old dues of 170.00 remain, not 170.01"
    )
    assert said(request(officer, "WaiveCharges")).startswith("give the amount to be waived")
    assert said(request(officer, "WaiveCharges", waived_dues_minor=-1)) == "an amount must not be less than 0"
    done = request(officer, "WaiveCharges", waived_dues_minor=130_00)
    assert done.state == "done"
    assert bills() == [(0, 0), (0, 40_00)], "the oldest bill first"
    assert (balance(), entries()) == (0, []), "dues that are not paid are no part of the ledger"
    undone = ask(officer, Undo(entry_id=done.operation_id, reason="not agreed"))
    assert undone.state == "done", undone.faults
    assert bills() == [(20_00, 100_00), (0, 50_00)]


def test_thresholds_count_waived_dues(officer, database):
    """Old bills of any size are not waived by one person in one form."""
    owing((50_000_00, 0))
    assert request(officer, "WaiveCharges", waived_dues_minor=50_000_00).state != "done"


def test_a_debt_is_written_off_once_the_consumer_has_left(officer):
    from tests.apps.town import by_hand

    from urja.apps.contracts.models import Agreement, AgreementTerms

    request(officer, "AdjustBalance", adjustment_minor=-80_00)
    with by_hand():
        AgreementTerms.objects.update(valid_to=NOW - timedelta(hours=2))
        Agreement.objects.update(valid_to=NOW - timedelta(hours=2))
    assert (
        said(request(officer, "WriteOff", written_off_minor=80_01))
        == "80.00 are owed on the account, not 80.01"
    )
    assert request(officer, "WriteOff", written_off_minor=80_00).state == "done"
    assert balance() == 0
    assert said(request(officer, "WriteOff", written_off_minor=1)) == "0.00 are owed on the account, not 0.01"


def test_many_small_ones_are_one_large_one_and_clerks_may_none(officer):
    """A thief of the web asks in the officer's name: what thresholds leave, and no more."""
    from urja.usecases.operations import AdjustBalance

    for _ in range(11):
        officer.ask(AdjustBalance(consumer_number=NUMBER, adjustment_minor=1_000_00, reason="x"))
    work()
    assert balance() == 9_000_00
    clerk = Person("ravi").ask(AdjustBalance(consumer_number=NUMBER, adjustment_minor=1, reason="x"))
    work()
    assert state_of(clerk) == "refused"
