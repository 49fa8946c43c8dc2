"""Maintenance dues: one operation over a society, an account of its own, and its law."""

from datetime import date

from tests.apps.approvals.office import NOW, Person, state_of, work
from tests.apps.bank.cast import UTR, Society, csv_of, day, returned, upi
from tests.apps.counter_cast import ask, cheque, opened, receipt, take
from tests.apps.maintenance_cast import MARCH, account_of, dues, electricity, of, post, society


def said(request):
    assert request.state == "refused"
    return str(request.faults[0])


def found(connection):
    from urja.laws import maintenance

    return list(maintenance.examine(connection))


def test_one_operation_posts_to_each_flat_and_moves_no_electricity(database):
    from urja.apps.journal.models import AuditEntry
    from urja.laws.verify import laws
    from urja.usecases.operations import dry_run_changes

    tara = society(credit_minor=500_00)
    listed = dry_run_changes(dues(2500_00, (2, 3200_00)), recorded_at=NOW, actor=tara.actor)
    rows = [one.after for one in listed if one.table == "maintenance_due"]
    assert [row["amount_minor"] for row in rows] == [2500_00, 3200_00]
    assert of(1) is None
    request = post(tara, dues(2500_00, (2, 3200_00)))
    outcome = AuditEntry.objects.get(id=request.operation_id).outcome
    assert {name: outcome[name] for name in ("flats", "dues_minor", "without_agreement")} == {
        "flats": 2, "dues_minor": 5700_00, "without_agreement": 1,
    }  # fmt: skip
    assert [(of(n).owed_minor, of(n).since, electricity(n)) for n in (1, 2)] == [
        (2500_00, MARCH, 500_00), (3200_00, MARCH, 500_00),
    ]  # fmt: skip
    with database.connect() as owner:
        assert {law for law, holds in laws(owner).items() if not holds} == set()


def test_a_due_of_a_name_is_posted_once_for_a_month_and_undone_whole(database):
    from urja.pipeline.credits import post_credits
    from urja.usecases.operations import Undo

    tara = society()
    first = post(tara, dues())
    assert said(post(tara, dues(1, month=date(2026, 3, 31), due_name=" maintenance "))) == (
        "maintenance of 2026-03 is posted to URJ00000001 already: undo that, or give another name"
    )
    assert post(tara, dues(100_00, due_name="Sinking fund")).state == "done"
    assert of().owed_minor == 2600_00
    undo = tara.ask(Undo(entry_id=first.operation_id, reason="wrong amount"))
    work()
    assert state_of(undo) == "approval", "an undo of dues needs a passkey as the dues do"
    tara.approve(undo)
    work()
    post_credits(NOW)
    assert of().owed_minor == 100_00
    assert post(tara, dues(2600_00)).state == "done"
    assert of().owed_minor == 2700_00
    with database.connect() as owner:
        assert found(owner) == []


def test_what_cannot_be_is_a_sentence(database):
    tara = society()
    for changed, fault in (
        ({"premise_code": "GPX"}, "there is no society with the code 'GPX'"),
        ({"month": date(2027, 3, 1)}, "the month 2027-03 is too far from today"),
        ({"due_name": " "}, "give the dues a name, such as Maintenance"),
        ({"each_minor": 0}, "no flat of Green Park would owe anything"),
        ({"each_minor": -1}, "an amount is 0 or more, and below 1000000000000"),
    ):
        assert said(post(tara, dues(**changed))) == fault


def test_listed_flats_are_the_societys_and_inhabited(database):
    tara = society()
    assert said(post(tara, dues(0, (9, 1)))) == "URJ00000009 is no flat of GP"
    assert said(post(tara, dues(0, (3, 1)))) == "URJ00000003 has no agreement in force that could owe it"
    assert said(post(tara, dues(0, (1, 1), (1, 2)))) == "URJ00000001 is listed twice"


def test_it_counts_towards_the_thresholds_with_its_total(database):
    from urja.usecases.approval_measures import measure

    society()
    assert measure(dues(2500_00, (2, 3200_00)), actor="user 1", now=NOW).money_minor == 5700_00


def test_a_secretary_posts_to_the_own_society_alone(database):
    from urja.apps.network.models import Premise
    from urja.usecases.operations import employ

    society()
    Premise.objects.create(id=950, kind="society", name="Other", code="OT", recorded_at=NOW, actor="test")
    mona = Person("mona", "auditor")
    employ(mona.email, "Mona", "secretary", area="premise GP", recorded_at=NOW, actor="test")
    assert said(post(mona, dues(premise_code="OT"))) == "it names something outside of the sender's area"
    assert post(mona, dues()).state == "done"
    assert of().owed_minor == 2500_00


def test_the_oldest_due_is_paid_first():
    from urja.core.maintenance import Due, remaining_dues

    given = [Due(date(2026, 4, 1), "B", 100), Due(date(2026, 3, 1), "A", 50), Due(date(2026, 4, 1), "A", 20)]
    assert [(one.due.amount_minor, one.left_minor) for one in remaining_dues(given, 60)] == [
        (50, 0),
        (20, 10),
        (100, 100),
    ]
    assert [one.left_minor for one in remaining_dues(given, 0)] == [50, 20, 100]
    assert [one.left_minor for one in remaining_dues(given, 999)] == [0, 0, 0]


UNGUARDED = ("maintenance_due", "maintenance_account", "books_account", "books_entry", "books_debit_request", "books_credit_request", "journal_operation")  # fmt: skip
PLANTED = [
    ("DELETE FROM maintenance_due WHERE amount_minor = 250000", "maintenance dues of 0 (250000 requested)"),
    ("UPDATE maintenance_due SET amount_minor = 1 WHERE amount_minor = 250000", "maintenance dues of 1 (250000 requested)"),
    (
        "UPDATE books_account SET balance_minor = balance_minor + 5 WHERE kind = 'maintenance'",
        "less 0 paid are not the outstanding 249995",
    ),
    (
        ("UPDATE books_entry SET contra_id = (SELECT min(id) FROM books_account WHERE code = 'clearing:maintenance') "
        "WHERE line = 'opening-credit'"),
        "moves 50000 between maintenance and electricity (clearing:maintenance)",
    ),
    (
        ("UPDATE books_entry SET contra_id = (SELECT min(id) FROM books_account WHERE code = 'clearing:opening-credit') "
        "WHERE line = 'maintenance-due'"),
        "moves -250000 between maintenance and electricity (clearing:opening-credit)",
    ),
    (
        "UPDATE books_account SET kind = 'consumer' WHERE id = (SELECT account_id FROM maintenance_account LIMIT 1)",
        "between maintenance and electricity (clearing:maintenance-due)",
    ),
    ("DELETE FROM maintenance_due; DELETE FROM maintenance_account", "stands beside no account for electricity"),
    ("UPDATE journal_operation SET kind = 'x' WHERE kind = 'post_maintenance'", "was posted by no operation"),
    (
        ("INSERT INTO supply_decision (account_id, decided_at, standing, reason, policy, balance_minor) "
        "SELECT account_id, now(), 'cut', '{}', 'x', 0 FROM maintenance_account LIMIT 1"),
        "rests on maintenance",
    ),
    (
        ("INSERT INTO supply_decision (account_id, decided_at, standing, reason, policy, balance_minor) "
        "SELECT electricity_id, now(), 'cut', '{\"params\": {\"maintenance_minor\": 1}}', 'x', 0 FROM maintenance_account LIMIT 1"),
        "rests on maintenance",
    ),
]  # fmt: skip


def test_the_law_holds_and_each_planted_break_is_found(database):
    tara = society(credit_minor=500_00)
    post(tara, dues())
    with database.connect() as owner:
        assert found(owner) == []
        for table in UNGUARDED:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute(
            "INSERT INTO books_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, last_batch, opened_at) "
            "SELECT 1, 7, 'contra', 'clearing:maintenance', 'INR', 0, 0, '', 0, now() "
            "WHERE NOT EXISTS (SELECT FROM books_account WHERE code = 'clearing:maintenance')"
        )
        for statement, says in PLANTED:
            with owner.transaction(force_rollback=True):
                owner.execute(statement)
                assert any(says in one for one in found(owner)), (statement, found(owner))
        assert found(owner) == []


def test_a_receipt_says_what_it_is_for_and_pays_nothing_else(database):
    from urja.apps.notices.models import Notice
    from urja.laws.verify import laws
    from urja.pipeline.credits import post_credits
    from urja.usecases.operations import CancelReceipt, ClearCheque, DepositTakings, ReturnCheque

    tara = society(credit_minor=500_00)
    meena = Person("meena", "cashier")
    meena.drawer = opened(meena)
    assert said(take(meena, 1_00, paid_for="maintenance")) == (
        "no maintenance was posted to URJ00000001: a payment for it has nothing to pay"
    )
    post(tara, dues())
    paid = receipt(take(meena, 1000_00, paid_for="maintenance"))
    take(meena, 300_00)
    deposited = cheque(meena, 200_00, paid_for="maintenance")
    post_credits(NOW)
    assert (paid.account_id, of().owed_minor, of().since, electricity()) == (
        of().account_id,
        1500_00,
        MARCH,
        800_00,
    )
    ask(meena, CancelReceipt(receipt_id=paid.id, reason="wrong flat"))
    slip = DepositTakings(deposited_on=NOW.date(), receipt_ids=(receipt(deposited).id,))
    ask(meena, slip)
    ask(tara, ClearCheque(receipt_id=receipt(deposited).id, cleared_on=NOW.date()))
    post_credits(NOW)
    assert (of().owed_minor, electricity()) == (2300_00, 800_00)
    returned = ReturnCheque(receipt_id=receipt(deposited).id, reason="no funds", charge_minor=50_00)
    assert said(ask(tara, returned)).endswith(
        "is for maintenance: post the bank's charge as a maintenance due"
    )
    # Notices of maintenance are the maintenance account's: decisions read those of electricity alone.
    told = dict(Notice.objects.filter(account_id=of().account_id).values_list("kind", "params__amount_minor"))
    assert told == {"maintenance": 200_00, "receipt_cancelled": 1000_00, "cheque": 200_00}
    assert set(Notice.objects.filter(account_id=account_of()).values_list("kind", flat=True)) == {"recharge"}
    with database.connect() as owner:
        assert {law for law, holds in laws(owner).items() if not holds} == set()


def test_a_transfer_for_maintenance_is_credited_by_the_statement_and_reconciled(database):
    from zoneinfo import ZoneInfo

    from urja.apps.bank import accounts, requests
    from urja.apps.bank.models import Claim
    from urja.apps.bank.queries.reconciliation import reconciled
    from urja.apps.counter.models import Receipt
    from urja.core.money_trail import Bucket
    from urja.laws.verify import laws
    from urja.pipeline.credits import post_credits
    from urja.usecases.operations import ClaimTransfer

    post(society(credit_minor=500_00), dues())
    number = "50100012345678"
    account = accounts.open_account(
        name="society", holder="GP", number=number, ifsc="", vpa="", currency="INR", now=NOW, actor="test"
    )
    installation = Society(account, Person("uma", "revenue_officer"))
    given = {
        "bank_account_id": account.pk, "utr": UTR, "amount_minor": 2500_00, "paid_on": day(2),
        "actor": "user 1", "now": NOW, "today": day(3),
    }  # fmt: skip
    requests.claim(account_id=of().account_id, **given)
    again = ClaimTransfer(
        consumer_number="URJ00000001", utr=UTR, paid_minor=2500_00, paid_on=day(2), paid_for="maintenance"
    )
    assert installation.do(again).state == "done"
    assert Claim.objects.count() == 1
    installation.load(csv_of(upi(2500_00)))
    post_credits(NOW)
    assert [one.state for one in Claim.objects.all()] == ["credited"]
    assert (of().owed_minor, electricity()) == (0, 500_00)
    assert Receipt.objects.get().consumer_number == "URJ00000001"
    found = reconciled(ZoneInfo("Asia/Kolkata"))
    assert (found.totals()[Bucket.IN_BANK], found.breaks) == (2500_00, ())
    # The bank takes it back: the maintenance is owed again, and electricity has no part in it.
    installation.load(csv_of(returned(2500_00, 3), opening=2500_00))
    post_credits(NOW)
    assert (of().owed_minor, electricity()) == (2500_00, 500_00)
    with database.connect() as owner:
        assert {law for law, holds in laws(owner).items() if not holds} == set()
