"""Conversion from postpaid to prepaid and back: dues, balance, and the use of the deposit."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, adopt
from tests.conftest import begun_with
from tests.pipeline.test_post import Town
from tests.usecases.test_terms import NOW, day, do, load_tariff, refusal, terms, wished

from urja.apps.contracts.kinds import ModeChangeState

TODAY = 21
"""Of the agreement's days, at `NOW`."""


def billed_house(database):
    """A supply that is paid for by bills; 100 rupees were posted and are owed."""
    from urja.apps.contracts.models import AgreementTerms

    load_tariff("demo")
    adopted = adopt()
    with town.by_hand():
        AgreementTerms.objects.update(payment_mode="postpaid")
    with database.connect() as connection:
        house = Town(connection, adopted)
        charged(house, 10_000, "used")
    town.closed(adopted, day(TODAY))
    return adopted


database, adopted = begun_with(billed_house)


@pytest.fixture
def house(database, adopted):
    with database.connect() as connection:
        yield Town(connection, adopted)


def charged(house, minor, key):
    from urja.apps.books.posting import Draft, post_entries

    used = Draft(
        account_id=house.adopted.account_id,
        contra="revenue:energy",
        amount_minor=-minor,
        origin="manual",
        line="energy",
        accounting_month=date(2026, 3, 1),
        idempotency_key=key,
        agreement_id=house.adopted.agreement_id,
    )
    post_entries(7, [used], START)


def bill(number, due, principal, surcharge=0):
    from urja.usecases.operations import Bill

    return Bill(
        bill=number, due_on=date.fromisoformat(due), principal_minor=principal, surcharge_minor=surcharge
    )


def to_prepaid(n=TODAY, **more):
    from urja.usecases.operations import ConvertToPrepaid

    return ConvertToPrepaid(consumer_number="URJ00000001", effective_on=day(n), **more)


def to_postpaid(n=TODAY, **more):
    from urja.usecases.operations import ConvertToPostpaid

    return ConvertToPostpaid(consumer_number="URJ00000001", effective_on=day(n), **more)


def deposit(house, amount):
    from urja.apps.billing.models import Deposit

    return Deposit.objects.create(
        id=(7 << 40) + 999_999,
        agreement_id=house.adopted.agreement_id,
        amount_minor=amount,
        taken_at=START,
        recorded_at=START,
        actor="test",
    )


def charged_deposit(house, amount):
    """One that was demanded and is charged to the account here: its balance owes it until it is paid."""
    from urja.apps.billing.models import DepositDemand
    from urja.usecases.operations import ChargeDeposit

    demand = DepositDemand.objects.create(
        id=(7 << 40) + 999_998,
        agreement_id=house.adopted.agreement_id,
        amount_minor=amount,
        due_on=START.date(),
        recorded_at=START,
        actor="test",
    )
    do(ChargeDeposit(demand_id=demand.id))
    balance(house)


def arrears():
    from urja.apps.billing.models import Arrear

    return [
        f"{a.bill} {a.due_on} {a.principal_minor}+{a.surcharge_minor}"
        for a in Arrear.objects.order_by("due_on")
    ]


def balance(house):
    from urja.pipeline.credits import post_credits

    post_credits(NOW)
    return house.connection.execute(
        "SELECT balance_minor FROM books_account WHERE kind = 'consumer'"
    ).fetchone()[0]


BILLS = (("B-2", "2026-02-15", 6000, 0), ("B-1", "2026-01-15", 2000, 300))


def test_bills_leave_the_balance_for_the_arrears_each_with_its_due_date(house):
    do(to_prepaid(bills=tuple(bill(*each) for each in BILLS)))
    assert arrears() == ["B-1 2026-01-15 2000+300", "B-2 2026-02-15 6000+0"]
    assert balance(house) == -10_000 + 8_300
    assert [line.rsplit(" ", 2)[0] for line in terms()] == ["02 Mar 00:00: demo", "22 Mar 00:00: demo"]
    assert wished("payment_mode") == [("prepaid", None)]


def test_bills_of_another_system_do_not_touch_the_balance(house):
    do(to_prepaid(bills=(bill("OLD-7", "2025-12-15", 50_000, 700),), billed_here=False))
    assert arrears() == ["OLD-7 2025-12-15 50000+700"]
    assert balance(house) == -10_000


def test_a_deposit_pays_the_oldest_dues_first_and_the_surcharge_before_the_principal(house):
    deposit(house, 3_000)
    do(to_prepaid(bills=tuple(bill(*each) for each in BILLS)))
    assert arrears() == ["B-1 2026-01-15 0+0", "B-2 2026-02-15 5300+0"]
    assert balance(house) == -10_000 + 8_300


def test_the_remainder_of_a_deposit_comes_to_the_balance(house):
    deposit(house, 9_000)
    do(to_prepaid(bills=(bill("B-1", "2026-01-15", 2000, 300),)))
    assert arrears() == ["B-1 2026-01-15 0+0"]
    assert balance(house) == -10_000 + 2_300 + 6_700


@pytest.mark.parametrize(("what", "left"), [("keep", 0), ("balance", 9_000)])
def test_a_deposit_is_kept_or_credited_as_the_utility_asks(house, what, left):
    from urja.apps.billing.models import Deposit

    deposit(house, 9_000)
    do(to_prepaid(bills=(bill("B-1", "2026-01-15", 2000),), deposit=what))
    assert arrears() == ["B-1 2026-01-15 2000+0"]
    assert balance(house) == -10_000 + 2_000 + left
    assert (Deposit.objects.get().returned_at is None) == (what == "keep")


def test_a_bill_of_a_deposit_that_is_given_back_becomes_no_dues(house):
    """The account owes 100.00, of which 40.00 is an unpaid deposit: 60.00 can become dues, and no more."""
    town.pay(house.adopted.account_id, 4_000, "pay_1", START)
    balance(house)
    charged_deposit(house, 4_000)
    refused = to_prepaid(bills=(bill("B-1", "2026-01-15", 6_001),))
    said = "the bills come to 60.01, but only 60.00 is owed beside 40.00 of the security deposit, which is not paid"
    assert refusal(refused) == [f"{said} and goes back to the balance: leave out bills of it"]
    do(to_prepaid(bills=(bill("B-1", "2026-01-15", 6_000),)))
    assert arrears() == ["B-1 2026-01-15 6000+0"]
    assert balance(house) == 0


@pytest.mark.parametrize(
    ("paid", "taken_back", "unpaid"), [(11_000, 0, 3_000), (14_000, 0, 0), (14_000, 5_000, 4_000)]
)
def test_of_a_deposit_that_is_paid_nothing_is_taken_off_the_bills(house, paid, taken_back, unpaid):
    """100.00 of use and then a deposit of 40.00 are charged, and paid oldest first; 60.00 of use follow."""
    charged_deposit(house, 4_000)
    payment = town.pay(house.adopted.account_id, paid, "pay_1", START)
    balance(house)
    if taken_back:
        town.give_back(payment, taken_back, "rfnd_1", START)
    charged(house, 6_000, "later")
    owed = 20_000 - paid + taken_back
    assert balance(house) == -owed
    most = owed - unpaid
    if unpaid:
        assert "leave out bills of it" in refusal(to_prepaid(bills=(bill("B-1", "2026-01-15", most + 1),)))[0]
    do(to_prepaid(bills=(bill("B-1", "2026-01-15", most),)))
    assert arrears() == [f"B-1 2026-01-15 {most}+0"]
    assert balance(house) == 4_000 - unpaid, "the deposit comes back whole"


def test_undoing_a_conversion_puts_everything_back(house):
    from urja.apps.billing.models import Deposit
    from urja.usecases.operations import Undo

    deposit(house, 9_000)
    entry = do(to_prepaid(bills=tuple(bill(*each) for each in BILLS)))
    balance(house)
    do(Undo(entry_id=entry.id, reason="another connection was meant"))
    assert arrears() == []
    assert balance(house) == -10_000
    assert Deposit.objects.get().returned_at is None
    assert len(terms()) == 1


def test_back_to_bills_the_credit_stays_and_a_deposit_is_taken(house):
    from urja.apps.billing.models import Deposit
    from urja.apps.contracts.models import AgreementTerms

    do(to_prepaid(10, credit_minor=2_500))
    do(to_postpaid(20, deposit_minor=4_000))
    rows = AgreementTerms.objects.order_by("valid_from").values_list("payment_mode", "converted_at")
    assert list(rows) == [
        ("postpaid", None),
        ("prepaid", START + timedelta(days=9)),
        ("postpaid", None),
    ]
    assert Deposit.objects.get().amount_minor == 4_000
    assert balance(house) == -7_500
    assert wished("payment_mode") == [("postpaid", None)]


def waits(house):
    """The day before is closed provisionally; a conversion is requested that gives a bill."""
    town.closed(house.adopted, day(TODAY - 1), provisional=True)
    return do(to_prepaid(bills=(bill("B-1", "2026-01-15", 2000, 300),)))


def run(now):
    from urja.pipeline import mode_changes

    return mode_changes.run_once(now).done


def row(entry):
    from urja.apps.contracts.models import ModeChangeRow
    from urja.base.sentences import from_plain

    (found,) = ModeChangeRow.objects.filter(mode_change_id=entry.id)
    return found.state, str(from_plain(found.detail))


def test_a_supply_waits_for_the_read_that_closes_the_day_before(house):
    from urja.apps.journal.models import AuditEntry

    entry = waits(house)
    assert entry.outcome["mode_change_id"] == entry.id
    run(NOW)
    assert (row(entry)[0], len(terms()), arrears(), balance(house)) == ("waiting", 1, [], -10_000)
    town.closed(house.adopted, day(TODAY - 1))
    run(NOW + timedelta(hours=1))
    assert row(entry)[0] == "done"
    assert arrears() == ["B-1 2026-01-15 2000+300"]
    assert balance(house) == -10_000 + 2_300
    assert [line.rsplit(" ", 2)[0] for line in terms()] == ["02 Mar 00:00: demo", "22 Mar 00:00: demo"]
    done = AuditEntry.objects.get(idempotency_key=f"mode-change:{entry.id}:1")
    assert (done.kind, done.actor, done.content) == ("convert_to_prepaid", entry.actor, entry.content)


def test_without_a_read_it_is_refused_after_thirty_days_as_an_order_is(house):
    entry = waits(house)
    run(NOW)
    late = START + timedelta(days=TODAY - 1 + 30)
    run(late - timedelta(seconds=1))
    assert row(entry)[0] == "waiting"
    run(late)
    assert row(entry)[0] == "refused"
    assert "not closed with a register read after 30 days" in row(entry)[1]
    assert len(terms()) == 1
    with pytest.raises(Exception, match="not closed with a register read after 30 days"):
        do(to_prepaid(), now=late)


def test_one_that_waits_is_no_second_time_requested_and_is_undone_or_stopped(house):
    from urja.usecases.operations import StopModeChange, Undo

    entry = waits(house)
    assert refusal(to_prepaid()) == [f"order {entry.id} is to convert it already: stop that one first"]
    do(Undo(entry_id=entry.id, reason="another connection was meant"))
    assert row(entry)[0] == "left"
    again = waits(house)
    do(StopModeChange(mode_change_id=again.id, reason="not wanted"))
    assert row(again)[0] == "left"
    over = Undo(entry_id=again.id, reason="late")
    assert "which has ended: undo the conversion that it made" in str(refusal(over))
    assert len(terms()) == 1


def test_an_undo_while_its_supply_is_converted_waits_for_it_and_is_refused(house):
    from django.db import connection, connections, transaction

    from urja.apps.contracts import mode_changes
    from urja.apps.contracts.models import ModeChangeRow
    from urja.usecases.operations import Undo

    entry = waits(house)

    def undo():
        try:
            return str(refusal(Undo(entry_id=entry.id, reason="another connection was meant")))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            converted = ModeChangeRow.objects.select_for_update().get(mode_change_id=entry.id)
            mode_changes.end_row(converted, ModeChangeState.DONE, NOW, operation_id=entry.id, result={})
            refused = pool.submit(undo)
            with connection.cursor() as cursor:
                blocked = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
                while not cursor.execute(blocked).fetchone():
                    assert not refused.done()
        assert "which has ended: undo the conversion that it made" in refused.result()


def test_a_dry_run_says_that_the_supply_waits(house):
    from urja.usecases.dry_run import dry_run_effects

    town.closed(house.adopted, day(TODAY - 1), provisional=True)
    found = dry_run_effects(to_prepaid(), recorded_at=NOW, actor="clerk").mode_change
    assert (found["waits"], found["agreements"], found["set_apart_minor"]) == (True, 1, 0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (to_postpaid, "service point URJ00000001 is postpaid already on 2026-03-22"),
        (
            lambda: to_prepaid(bills=(bill("B-1", "2026-01-15", 20_000),)),
            (
                "the bills come to 200.00, but the postings here owe only 100.00: "
                "set billed_here = false where another system billed them"
            ),
        ),
        (
            lambda: to_prepaid(bills=(bill("B-1", "2026-01-15", 0),)),
            "bill B-1: a principal of 0.00 and a surcharge of 0.00 are no valid dues",
        ),
        (
            lambda: to_prepaid(bills=(bill("B-1", "2026-04-15", 100),)),
            "bill B-1 is due on 2026-04-15, after the conversion: leave it out",
        ),
        (
            lambda: to_prepaid(bills=(bill("B-1", "2026-01-15", 100), bill("B-1", "2026-01-15", 100))),
            "bill B-1 is given twice",
        ),
        (
            lambda: to_prepaid(bills=(bill("B-1", "2026-01-15", 100),), credit_minor=5),
            "give either a credit or dues of the last bill, not both",
        ),
        (
            lambda: to_prepaid(tariff_code="bakery"),
            "no version of tariff 'bakery' is in force on 2026-03-22: load it first (urja tariff load)",
        ),
    ],
)
def test_what_stands_against_a_conversion(house, change, sentence):
    assert refusal(change()) == [sentence]
    assert arrears() == []
