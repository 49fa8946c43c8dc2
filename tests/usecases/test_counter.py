"""A day at the counter: drawers, cash, cheques and slips, with what each does to the ledger; and their law."""

from datetime import timedelta

import pytest
from tests.apps.approvals.office import NOW, Person, home
from tests.apps.counter_cast import (
    ask,
    balance,
    cashier,
    cheque,
    credits_requested,
    opened,
    receipt,
    take,
)


@pytest.fixture
def operations(database):
    from urja.usecases import operations

    return operations


def said(request):
    assert request.state == "refused"
    return str(request.faults[0])


def close(person, *counts, drawer=None, explanation=""):
    from urja.usecases.kinds.counter import Pieces
    from urja.usecases.operations import CloseDrawer

    counted = tuple(Pieces(value_minor=value, pieces=pieces) for value, pieces in counts)
    return ask(
        person,
        CloseDrawer(drawer_id=drawer or person.drawer, counts=counted, explanation=explanation),
    )


def slip(person, cash_minor=0, *cheques, drawer=None):
    from urja.usecases.kinds.counter import DrawerCash
    from urja.usecases.operations import DepositTakings

    cash = (DrawerCash(drawer_id=drawer or person.drawer, cash_minor=cash_minor),) if cash_minor else ()
    receipts = tuple(receipt(one).id for one in cheques)
    return ask(person, DepositTakings(deposited_on=NOW.date(), cash=cash, receipt_ids=receipts))


def broken(database):
    """What the law of the counter finds, the ledger posted."""
    from urja.laws import counter, payments

    balance()
    with database.connect() as connection:
        buckets = [row[0] for row in connection.execute("SELECT DISTINCT bucket FROM books_account")]
        unpaid = [one for bucket in buckets for one in payments.unpaid(connection, bucket, 0)]
        return [*counter.examine(connection), *unpaid, *payments.revenue(connection)]


def test_cash_is_on_the_account_with_its_receipt_and_supply_is_decided_at_once(operations, database):
    meena = cashier()
    with database.connect() as connection:
        connection.execute("DELETE FROM supply_changed")
    paid = receipt(take(meena, 500_00))
    assert (paid.series, paid.number, paid.state, paid.instrument) == ("", 1, "taken", "cash")
    with database.connect() as connection:
        woken = connection.execute("SELECT account_id FROM supply_changed").fetchall()
    assert (paid.account_id,) in woken
    assert balance() == 500_00
    assert receipt(take(meena, 20_00)).number == 2
    assert broken(database) == []


def test_numbers_follow_each_other_in_each_society(operations):
    from tests.apps.town import START, by_hand

    from urja.apps.network.models import Premise, ServicePoint

    meena = cashier()
    home(2)
    stamp = {"recorded_at": START, "actor": "test"}
    society = Premise.objects.create(id=900, kind="society", name="Green Park", code="GP", **stamp)
    tower = Premise.objects.create(id=901, kind="tower", name="T", parent=society, **stamp)
    with by_hand():
        flat = ServicePoint.objects.get(consumer_number="URJ00000002").premise_id
        Premise.objects.filter(id=flat).update(parent=tower)
    given = [receipt(take(meena, 1_00, number)) for number in (1, 2, 2, 1)]
    assert [(one.series, one.number) for one in given] == [("", 1), ("GP", 1), ("GP", 2), ("", 2)]
    close(meena, (1_00, 4))
    meena.drawer = opened(meena, premise_code="GP")
    assert said(take(meena, 1_00, 1)) == "your drawer is for Green Park, and URJ00000001 is not there"
    assert take(meena, 1_00, 2).state == "done"


def test_a_count_that_differs_is_explained_and_stored(operations, database):
    from urja.apps.counter.models import Drawer

    meena = cashier(float_minor=100_00)
    take(meena, 500_00)
    assert (
        said(close(meena, (500_00, 1)))
        == "the count differs by -100.00 from the receipts: count again, or explain it"
    )
    done = close(meena, (500_00, 1), (10_00, 9), explanation="ten rupees short")
    assert done.state == "done"
    closed = Drawer.objects.get(id=meena.drawer)
    assert (closed.counted_minor, closed.difference_minor) == (590_00, -10_00)
    assert closed.counts == [{"value_minor": 500_00, "pieces": 1}, {"value_minor": 10_00, "pieces": 9}]
    assert said(close(meena, (590_00, 1))).startswith(f"drawer {closed.id} was closed at")
    assert opened(meena) != closed.id
    assert broken(database) == []


def test_a_drawer_is_closed_by_its_cashier_or_a_revenue_officer(operations):
    meena = cashier()
    ravi, asha = Person("ravi", "cashier"), Person("asha", "revenue_officer")
    assert said(close(ravi, drawer=meena.drawer)).endswith(
        "is another cashier's: a revenue officer closes it"
    )
    assert close(asha, drawer=meena.drawer).state == "done"


def test_a_cashier_has_one_drawer(operations):
    meena = cashier()
    again = ask(meena, operations.OpenDrawer(ceiling_minor=1_00))
    assert said(again) == f"your drawer {meena.drawer} is not closed: close it first"
    assert (
        said(ask(Person("ravi"), operations.OpenDrawer(ceiling_minor=0))) == "the ceiling must be more than 0"
    )


def test_a_cancelled_receipt_is_taken_back_by_a_new_entry(operations, database):
    meena = cashier()
    paid = receipt(take(meena, 500_00))
    assert balance() == 500_00
    cancelled = ask(meena, operations.CancelReceipt(receipt_id=paid.id, reason="wrong flat"))
    assert (cancelled.state, balance()) == ("done", 0)
    again = ask(meena, operations.CancelReceipt(receipt_id=paid.id, reason="wrong flat"))
    assert said(again) == "receipt 1 is cancelled already"
    assert close(meena).state == "done"
    assert broken(database) == []


def test_a_cheque_is_credited_when_it_has_cleared(operations, database):
    meena = cashier()
    assert said(cheque(meena, cheque_number=" ")) == "give the number, the bank and the date of the cheque"
    first, second = cheque(meena, 300_00), cheque(meena, 200_00)
    assert (balance(), credits_requested()) == (0, [])
    deposited = slip(meena, 0, first, second)
    assert deposited.state == "done"
    assert said(slip(meena, 0, first)) == "the cheque of receipt 1 is on a deposit slip already"
    clear = operations.ClearCheque(receipt_id=receipt(first).id, cleared_on=NOW.date())
    assert (ask(meena, clear).state, balance()) == ("done", 300_00)
    assert said(ask(meena, clear)) == "receipt 1 is cleared already"
    returned = operations.ReturnCheque(receipt_id=receipt(second).id, reason="funds insufficient")
    assert (ask(meena, returned).state, balance()) == ("done", 300_00)
    assert broken(database) == []


def test_the_consumer_is_notified_of_each_with_the_receipts_number(operations):
    from zoneinfo import ZoneInfo

    from urja.apps.notices import wording
    from urja.apps.notices.models import Notice

    meena = cashier()
    take(meena, 500_00)
    one = receipt(cheque(meena, 300_00))
    balance()
    ask(meena, operations.ReturnCheque(receipt_id=one.id, reason="funds insufficient"))
    cash = receipt(take(meena, 20_00))
    ask(meena, operations.CancelReceipt(receipt_id=cash.id, reason="wrong flat"))
    told = Notice.objects.filter(
        kind__in=["recharge", "cheque", "cheque_returned", "receipt_cancelled"]
    ).order_by("id")
    texts = [
        wording.text(
            notice.kind, notice.params | {"currency": "INR"}, now=NOW.astimezone(ZoneInfo("Asia/Kolkata"))
        )
        for notice in told
    ]
    assert texts == [
        "We have received your cheque of ₹300: it is credited when the bank has paid it. Receipt 2.",
        "We have received your payment of ₹500. Receipt 1.",
        "The bank has returned your cheque of ₹300: please pay in another way. Receipt 2.",
        "Receipt 3 of ₹20 has been cancelled: if your money was not returned, please contact the office.",
    ]
    hindi = wording.text("cheque", told[0].params | {"currency": "INR"}, now=NOW, language="hi")
    assert hindi == "आपका ₹300 का चेक मिल गया है: बैंक से पारित होने पर राशि जुड़ेगी। रसीद 2।"


def test_a_cheque_that_clears_counts_as_money_moved_by_hand(operations):
    from urja.usecases.approval_measures import measure

    meena = cashier()
    paid = cheque(meena, 300_00)
    slip(meena, 0, paid)
    clear = operations.ClearCheque(receipt_id=receipt(paid).id, cleared_on=NOW.date())
    assert measure(clear, actor=meena.actor, now=NOW).money_minor == 300_00
    assert ask(meena, clear).state == "done"
    assert measure(clear, actor=meena.actor, now=NOW).money_minor == 0


def test_a_large_cheque_clears_with_a_passkey_alone(operations):
    meena = cashier(ceiling_minor=12_000_00)
    paid = cheque(meena, 10_000_00)
    slip(meena, 0, paid)
    clear = operations.ClearCheque(receipt_id=receipt(paid).id, cleared_on=NOW.date())
    assert (ask(meena, clear).state, credits_requested()) == ("approval", [])


def test_a_late_return_reverses_and_passes_the_banks_charge_on(operations, database):
    from urja.apps.books.models import DebitRequest

    meena = cashier()
    paid = cheque(meena, 300_00)
    slip(meena, 0, paid)
    one = receipt(paid)
    ask(meena, operations.ClearCheque(receipt_id=one.id, cleared_on=NOW.date()))
    late = operations.ReturnCheque(receipt_id=one.id, reason="signature differs", charge_minor=59_00)
    assert (ask(meena, late).state, balance()) == ("done", -59_00)
    assert sorted(DebitRequest.objects.values_list("kind", "reverses", "amount_minor")) == [
        ("bank-charge", "bank-charge", 59_00),
        ("reversal", "recharge", 300_00),
    ]
    assert said(ask(meena, late)) == "receipt 1 is returned already"
    assert broken(database) == []


def test_cash_is_deposited_once_before_the_count_or_after_it(operations, database):
    from urja.apps.counter import queries

    meena = cashier(float_minor=100_00)
    take(meena, 500_00)
    assert slip(meena, 400_00).state == "done"
    assert said(slip(meena, 201_00)) == f"drawer {meena.drawer} has 200.00 to deposit, not 201.00"
    assert close(meena, (200_00, 1)).state == "done"
    assert said(slip(meena, 200_01)) == f"drawer {meena.drawer} has 200.00 to deposit, not 200.01"
    assert slip(meena, 100_00).state == "done"
    assert [(one.number, one.total_minor) for one in queries.deposits()] == [(2, 100_00), (1, 400_00)]
    assert queries.drawer(meena.drawer).held_minor == 100_00
    assert broken(database) == []


def test_a_receipt_is_cancelled_and_not_undone(operations):
    meena = cashier()
    paid = take(meena, 500_00)
    undo = operations.Undo(entry_id=paid.operation_id, reason="a mistake")
    assert "cancel the receipt with cancel_receipt" in said(ask(meena, undo))


def test_a_drawer_dies_of_age_and_is_closed_late(operations):
    meena = cashier(hours=2)
    late = NOW + timedelta(hours=2)
    assert "is over: close it and open another" in said(take(meena, now=late))
    assert close(meena).state == "done"


MUTATIONS = {
    "a credit of another amount": "UPDATE books_credit_request SET amount_minor = amount_minor + 1",
    "a credit without a receipt": "UPDATE books_credit_request SET idempotency_key = 'counter:5' WHERE amount_minor = 20000",
    "a receipt whose credit is gone": "UPDATE books_credit_request SET idempotency_key = 'other' WHERE amount_minor = 20000",
    "a receipt beyond the ceiling": "UPDATE counter_drawer SET ceiling_minor = 1",
    "a drawer without a passkey": "UPDATE approvals_waiting SET actor_credential_id = NULL",
    "a count that does not add up": "UPDATE counter_drawer SET difference_minor = difference_minor + 1, explanation = 'x'",
    "a number left out": "UPDATE counter_receipt SET number = 9 WHERE number = 2",
    "a receipt of another actor": "UPDATE counter_receipt SET actor = 'user 999'",
    "a slip without its drawers": "UPDATE counter_deposit SET cash_minor = 1",
    "a cancelled receipt that stays credited": "UPDATE counter_receipt SET state = 'cancelled'",
}


def test_the_law_sees_each_mutation(operations, database):
    meena = cashier()
    take(meena, 300_00)
    take(meena, 200_00)
    slip(meena, 100_00)
    close(meena, (400_00, 1))
    assert broken(database) == []
    from urja.laws import counter

    for name, change in MUTATIONS.items():
        with database.connect() as owner:
            owner.autocommit = False
            owner.execute(f"ALTER TABLE {change.split()[1]} DISABLE TRIGGER USER")
            owner.execute(change)
            assert list(counter.examine(owner)), name
            owner.rollback()
