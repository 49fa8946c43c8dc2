"""What each operation moves, disconnects and leaves unprotected, as the thresholds count it."""

from datetime import date, timedelta

import msgspec
import pytest
from tests.apps.approvals.office import NOW, home, move_in
from tests.apps.town import START, protect, registers, store_registers

from urja.core.approvals import OperationMeasure

DAY = timedelta(days=1)
_TARIFF = """
format = 1
code = "{code}"
version = "1"
title = "Energy alone"
currency = "INR"
valid_from = 2026-01-01
[[line]]
name = "energy"
title = "Energy"
accrues = "slabs"
prorate = "none"
slabs = [ {{from = 0, rate = "{price}"}} ]
"""


def measured(operation, now=NOW):
    from urja.usecases.approval_measures import measure

    return measure(operation, actor="test", now=now)


@pytest.fixture
def operations(database):
    from urja.usecases import operations

    return operations


def pay(account_id, amount_minor):
    from urja.apps.billing import posting as billing
    from urja.apps.books import operations as books
    from urja.base.ids import bucket_of

    books.request_credit(
        account_id=account_id,
        amount_minor=amount_minor,
        kind="recharge",
        idempotency_key=f"r{account_id}",
        requested_at=NOW,
    )
    billing.post_credit_requests(bucket_of(account_id), NOW.date(), NOW)


def test_an_opening_credit_and_what_lies_on_the_old_account(operations):
    house = home(credit_minor=0)
    pay(house.account_id, 300_00)
    given = measured(move_in(credit_minor=70_00))
    assert given == OperationMeasure("transfer_ownership", 370_00)


def test_moving_out_refunds_the_remaining_balance_and_disconnects_where_it_is_held_vacant(operations):
    house = home(credit_minor=0)
    pay(house.account_id, 300_00)
    leave = operations.MoveOut(consumer_number="URJ00000001", at=START + DAY / 2, register_wh=10_000)
    assert measured(leave) == OperationMeasure("move_out", 300_00, 1)
    assert measured(msgspec.structs.replace(leave, hold_vacant=False)) == OperationMeasure(
        "move_out", 300_00, 0
    )


def test_a_protected_household_is_counted_also_where_it_is_protected_later(operations):
    home(1)
    home(2)
    protect(1, at=NOW + 3 * DAY)
    for number, protected in ((1, 1), (2, 0)):
        cut = operations.DisconnectTemporarily(
            consumer_number=f"URJ{number:08}", reason="safety", note="a lineman"
        )
        assert measured(cut) == OperationMeasure("disconnect_temporarily", 0, 1, protected)


def test_what_is_taken_back_counts_as_what_it_takes_back(operations):
    from urja.apps.journal.models import AuditEntry

    home(credit_minor=0)
    given = operations.perform(move_in(credit_minor=70_00), recorded_at=NOW, actor="test")
    assert measured(operations.Undo(entry_id=given.pk, reason="no")) == OperationMeasure("undo", 70_00)
    hold = operations.DisconnectTemporarily(consumer_number="URJ00000001", reason="safety", note="x")
    operations.perform(hold, recorded_at=NOW, actor="test")
    back = operations.Reconnect(consumer_number="URJ00000001", reason="safety")
    released = operations.perform(back, recorded_at=NOW, actor="test")
    assert measured(operations.Undo(entry_id=released.pk, reason="no")) == OperationMeasure("undo", 0, 1)
    assert AuditEntry.objects.filter(undone_by=None).count() >= 3


def test_the_amount_of_a_difference_that_is_closed(operations):
    from django.db import transaction

    from urja.apps.payments.models import Unmatched

    found = Unmatched.objects.create(
        provider="x", payment_id="p", amount_minor=-55_00, reason="other_amount", seen_at=NOW
    )
    close = operations.CloseDifference(difference_id=found.pk, reason="the bank has paid")
    with transaction.atomic():
        assert measured(close) == OperationMeasure("close_difference", 55_00)
    assert measured(operations.NoteDifference(difference_id=found.pk, note="x")) == OperationMeasure(
        "note_difference"
    )


def test_a_conversion_moves_its_bills(operations):
    from tests.apps.town import by_hand

    from urja.apps.contracts.models import AgreementTerms

    home(credit_minor=0)
    with by_hand():
        AgreementTerms.objects.update(payment_mode="postpaid")
    bills = (
        operations.Bill(bill="B-1", due_on=date(2026, 2, 1), principal_minor=40_00, surcharge_minor=2_00),
    )
    convert = operations.ConvertToPrepaid(
        consumer_number="URJ00000001", effective_on=date(2026, 3, 5), bills=bills, billed_here=False
    )
    assert measured(convert) == OperationMeasure("convert_to_prepaid", 42_00)


def test_a_tariff_for_past_days_moves_what_the_next_close_would_post(operations, database):
    """100 kWh of 2 March at 5.00 become 100 kWh at 8.00: 300.00, though no field says an amount."""
    from urja.apps.rulebook.operations import load_tariff
    from urja.pipeline import post

    for code, price in (("demo", "5.00"), ("shop", "8.00")):
        load_tariff(_TARIFF.format(code=code, price=price), START)
    house = home(credit_minor=0)
    with database.connect("urja_pipeline") as connection:
        store_registers(connection, registers(house, (START + DAY, 110_000)))
    post.run_once(START + DAY + timedelta(hours=2), timedelta(hours=1))
    dearer = operations.ChangeCategory(
        consumer_number="URJ00000001", effective_on=date(2026, 3, 2), tariff_code="shop"
    )
    assert measured(dearer) == OperationMeasure("change_category", 300_00)


def test_operations_that_move_nothing_count_nothing(operations):
    home()
    for operation in (
        operations.Commission(serial="URJ00000001"),
        operations.Reconnect(consumer_number="URJ00000001", reason="safety"),
        operations.Employ(email="a@b.example", name="A", role="clerk"),
    ):
        assert measured(operation) == OperationMeasure(operation.kind())


def test_every_field_of_money_is_counted(operations):
    """A new operation that carries an amount and may be asked for has to say what it moves."""
    from urja.apps.identity.queries.roles import roles_allowed, write_scope

    carrying = {
        operation.kind()
        for operation in operations.BY_KIND.values()
        if any(name.endswith("_minor") for name in operation.__struct_fields__)
        and roles_allowed(write_scope(operation.kind()))
    }
    assert carrying == {
        "move_in",
        "transfer_ownership",
        "convert_to_prepaid",
        "convert_to_postpaid",
        "change_modes",
        "agree_instalments",
        "open_drawer",
        "take_receipt",
        # Moves nothing: a statement of the bank credits it.
        "claim_transfer",
        # By its entries: the opening balance moves nothing.
        "load_statement",
        "return_cheque",
        "adjust_balance",
        "waive_charges",
        "write_off",
        "record_subsidy_payment",
        "refund_credit",
        "sign_off_opening_balances",
        "post_maintenance",
    }


def test_no_operation_has_a_field_that_has_no_canonical_form(operations):
    """What is approved is hashed: floats have more than one form."""
    fields = [
        str(field.type)
        for operation in operations.BY_KIND.values()
        for field in msgspec.structs.fields(operation)
    ]
    assert [one for one in fields if "float" in one] == []
