"""The three records of one society by their tables: drawers, slips, a gateway's payout, transfers and the bank's statement."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from tests.apps.approvals.office import NOW, Person, state_of
from tests.apps.bank.cast import account_of, claim, csv_of, day, society, upi
from tests.apps.counter_cast import ask, cheque, opened, receipt, take

from urja.core.money_trail import BankEntry, Bucket, Reason, trail

ZONE = ZoneInfo("Asia/Kolkata")
PAYOUT_UTR = "HDFC261234567890"


def gateway(database):
    """A payment of 1,000.00 that was paid out less a fee of 23.60, and one of 50.00 that was not."""
    from urja.apps.books.operations import request_credit

    with database.connect() as owner:
        for number, minor in ((1, 1_000_00), (2, 50_00)):
            credit = request_credit(
                account_id=account_of(2),
                amount_minor=minor,
                kind="recharge",
                idempotency_key=f"main:pay_{number}",
                requested_at=NOW,
            )
            owner.execute(
                "INSERT INTO payments_order (id, account_id, amount_minor, currency, provider, correlation, created_at)"
                " VALUES (%s, %s, %s, 'INR', 'main', 0, %s)",
                [number, account_of(2), minor, NOW],
            )
            owner.execute(
                "INSERT INTO payments_payment (provider, payment_id, order_id, account_id, amount_minor, currency, state,"
                " method, error, created_at, captured_at, credit_id, seen_at, refunded_minor)"
                " VALUES ('main', %s, %s, %s, %s, 'INR', 'captured', 'upi', '', %s, %s, %s, %s, 0)",
                [f"pay_{number}", number, account_of(2), minor, NOW, NOW, credit.id, NOW],
            )
        owner.execute(
            "INSERT INTO payments_settlement_row (provider, entity_id, kind, payment_id, settlement_id, utr, day, amount_minor,"
            " currency, fee_minor, tax_minor, credit_minor, debit_minor, created_at, settled_at, seen_at) VALUES"
            " ('main', 'pay_1', 'payment', 'pay_1', 'setl_1', %s, %s, 100000, 'INR', 2360, 360, 97640, 0, %s, %s, %s)",
            [PAYOUT_UTR, day(3), NOW, NOW, NOW],
        )


@pytest.fixture
def found(database):
    """All records of a day on which everything went right."""
    from urja.apps.bank.queries.reconciliation import records
    from urja.usecases.kinds.counter import DrawerCash, Pieces
    from urja.usecases.operations import ClearCheque, CloseDrawer, DepositTakings

    installation = society()
    meena = Person("meena")
    meena.drawer = opened(meena)
    take(meena, 700_00)
    paid = receipt(cheque(meena, 300_00))
    kept = receipt(cheque(meena, 20_00, cheque_number="004712"))
    ask(meena, CloseDrawer(drawer_id=meena.drawer, counts=(Pieces(value_minor=100_00, pieces=7),)))
    slip = DepositTakings(
        deposited_on=day(3),
        cash=(DrawerCash(drawer_id=meena.drawer, cash_minor=600_00),),
        receipt_ids=(paid.id,),
    )
    assert state_of(ask(meena, slip)) == "done"
    assert state_of(ask(meena, ClearCheque(receipt_id=paid.id, cleared_on=day(3)))) == "done"
    gateway(database)
    claim(500_00)
    installation.load(
        csv_of(
            upi(500_00),
            (day(3), 600_00, "CASH DEPOSIT"),
            (day(3), 300_00, "CHQ DEPOSIT 004711"),
            (day(3), 976_40, f"NEFT RAZORPAY {PAYOUT_UTR}"),
            through=day(9),
        )
    )
    assert kept.amount_minor == 20_00
    with database.connect():
        return records(ZONE)


def test_every_rupee_of_the_tables_is_in_one_bucket(found):
    money = trail(found)
    assert money.breaks == ()
    assert money.totals() == {
        Bucket.IN_DRAWER: 100_00 + 20_00,
        Bucket.IN_TRANSIT: 0,
        Bucket.AT_GATEWAY: 50_00,
        Bucket.IN_BANK: 600_00 + 300_00 + 976_40 + 500_00,
        Bucket.FEES: 23_60,
        Bucket.UNEXPLAINED: 0,
    }
    assert money.taken_minor == 700_00 + 320_00 + 1_050_00 + 500_00
    assert [one.entry_id is not None for one in found.payouts] == [True], "found by its reference"
    less = [replace(one, amount_minor=900_00) if one.amount_minor == 976_40 else one for one in found.entries]
    (short,) = trail(replace(found, entries=less)).breaks
    assert (short.reason, short.subject, short.amount_minor) == (Reason.OTHER_PAYOUT, "setl_1", 76_40)
    returned = [*found.entries, BankEntry(999, day(6), -300_00, "CHQ RTN 004711 unpaid")]
    (bounced,) = trail(replace(found, entries=returned)).breaks
    assert (bounced.reason, bounced.amount_minor) == (Reason.CHEQUE_RETURNED, 300_00)
    assert "cheque 004711" in bounced.subject


def test_the_command_says_the_same(found):
    from urja.site.cli.bank import sentences, to_json

    money = trail(found)
    assert to_json(money)["totals_minor"]["in_bank"] == 2_376_40
    assert sentences(money)[-1] == "everything fits"
