"""A thief of the web's database role tries to credit accounts through the counter.

The thief may insert what the web may insert and read what it may read. Without a cashier's open drawer no account is
credited, and with one no more than the ceiling that its cashier's passkey was given over.
"""

from datetime import timedelta

import psycopg
import pytest
from tests.adversary.test_approvals import insert, record, thief, told  # noqa: F401 - a fixture
from tests.apps.approvals.office import NOW, Person, authenticator, challenge, home, state_of, work
from tests.apps.bank.cast import csv_of, day, society
from tests.apps.counter_cast import (
    CEILING,
    LATER,
    ask,
    cashier,
    cheque,
    credits_requested,
    opened,
    receipt,
    take,
)


def operation(kind, **fields):
    from urja.usecases import operations

    return getattr(operations, kind)(**fields)


def payment(amount_minor=100_00, number=1, **fields):
    return operation("TakeReceipt", consumer_number=f"URJ{number:08}", received_minor=amount_minor, **fields)


def no_drawer():
    from urja.apps.counter.models import Drawer

    return not Drawer.objects.exists()


@pytest.fixture
def asked(database):
    """A cashier's drawer that is not approved yet, and a colleague."""
    home(credit_minor=0)
    meena, ravi = Person("meena"), Person("ravi")
    request = meena.ask(operation("OpenDrawer", ceiling_minor=CEILING))
    work()
    assert state_of(request) == "approval"
    return meena, ravi, request


# -- a drawer without its cashier's passkey --------------------------------------------------------------------------


def test_the_smallest_drawer_waits_for_the_passkey_also_where_a_document_asks_for_none(database):
    from urja.apps.approvals.thresholds import load
    from urja.core.approvals import bundled_thresholds

    home(credit_minor=0)
    meena = Person("meena", enrolled=False)
    lax = bundled_thresholds().replace("default-1", "lax").replace('"10000"', '"99999999"')
    lax = lax.replace('"100000"', '"99999999"').replace('"200000"', '"99999999"')
    load(lax, recorded_at=NOW, actor="test")
    small = meena.ask(operation("OpenDrawer", ceiling_minor=1))
    work()
    assert (state_of(small), no_drawer()) == ("refused", True)
    assert "an operation of this kind always needs passkeys" in small.faults


def test_a_forged_assertion_opens_no_drawer(asked, thief):  # noqa: F811
    meena, _ravi, request = asked
    forger = authenticator()
    forger.id = meena.passkey.id
    insert(thief, request, meena.id, forger.approve(challenge(request), counter=99))
    assert (told(), no_drawer()) == ("the passkey's signature is wrong", True)


def test_a_replayed_assertion_opens_no_second_drawer(asked, thief):  # noqa: F811
    meena, _ravi, request = asked
    answer = meena.passkey.approve(challenge(request))
    insert(thief, request, meena.id, answer)
    from urja.apps.counter.models import Drawer

    meena.drawer = Drawer.objects.get().id
    close = meena.ask(operation("CloseDrawer", drawer_id=meena.drawer))
    work()
    assert state_of(close) == "done"
    again = meena.ask(operation("OpenDrawer", ceiling_minor=CEILING))
    work()
    insert(thief, again, meena.id, answer)
    assert told() == "the passkey's answer is for other content, or for another question"
    assert (state_of(again), Drawer.objects.count()) == ("approval", 1)


def test_a_colleagues_passkey_opens_no_drawer_of_anothers(asked, thief):  # noqa: F811
    _meena, ravi, request = asked
    insert(thief, request, ravi.id, ravi.passkey.approve(challenge(request)))
    assert (state_of(request), no_drawer()) == ("approval", True)


def test_a_ceiling_that_was_changed_while_it_waited_opens_nothing(asked, thief, database):  # noqa: F811
    meena, _ravi, request = asked
    with database.connect() as owner:
        owner.execute(
            "UPDATE journal_request SET content = jsonb_set(content, '{ceiling_minor}', '99999900') WHERE id = %s",
            [request.pk],
        )
    request.refresh_from_db()
    insert(thief, request, meena.id, meena.passkey.approve(challenge(request)))
    assert (state_of(request), no_drawer()) == ("refused", True)


# -- receipts beside a drawer ----------------------------------------------------------------------------------------


def refused(thief, actor, asked, now=NOW):  # noqa: F811
    """Record a request past every page; return why it was refused."""
    from urja.apps.journal.models import Request

    before = credits_requested()
    record(thief, asked, actor)
    work(now)
    assert credits_requested() == before
    request = Request.objects.latest("id")
    assert request.state == "refused"
    return str(request.faults[0])


def test_without_an_open_drawer_nothing_is_credited(asked, thief):  # noqa: F811
    meena, *_ = asked
    assert refused(thief, meena.actor, payment()) == "you have no open drawer: open one with open_drawer"


def test_another_actor_takes_no_receipt_into_it(database, thief):  # noqa: F811
    cashier()
    for other in (Person("ravi").actor, Person("asha", "revenue_officer").actor, "token 1", ""):
        assert refused(thief, other, payment()) != ""


def test_above_the_ceiling_nothing_is_credited_however_it_is_split(database, thief):  # noqa: F811
    meena = cashier()
    assert "ceiling leaves 5000.00, not 5000.01" in refused(thief, meena.actor, payment(CEILING + 1))
    for _ in range(7):
        record(thief, payment(1_000_00), meena.actor)
    work()
    assert credits_requested() == [1_000_00] * 5


def test_what_was_cancelled_makes_no_room(database, thief):  # noqa: F811
    meena = cashier()
    first = take(meena, CEILING)
    record(thief, operation("CancelReceipt", receipt_id=receipt(first).id, reason="x"), meena.actor)
    work()
    assert "ceiling leaves 0.00" in refused(thief, meena.actor, payment(1))


def test_after_the_closing_and_after_its_time_nothing_is_credited(database, thief):  # noqa: F811
    meena = cashier()
    assert "is over" in refused(thief, meena.actor, payment(), NOW + LATER)
    record(thief, operation("CloseDrawer", drawer_id=meena.drawer), meena.actor)
    work()
    assert refused(thief, meena.actor, payment()) == "you have no open drawer: open one with open_drawer"


def test_a_receipt_of_another_drawer_is_not_cancelled(database, thief):  # noqa: F811
    taken = receipt(take(cashier()))
    ravi = Person("ravi")
    cancel = operation("CancelReceipt", receipt_id=taken.id, reason="x")
    assert "is not of your drawer" in refused(thief, ravi.actor, cancel)


def test_a_cheque_credits_nothing_before_it_is_on_a_slip_and_never_twice(database, thief):  # noqa: F811
    meena = cashier()
    paid = receipt(cheque(meena))
    clear = operation("ClearCheque", receipt_id=paid.id, cleared_on=NOW.date())
    assert "on no deposit slip" in refused(thief, meena.actor, clear)
    record(thief, operation("DepositTakings", deposited_on=NOW.date(), receipt_ids=(paid.id,)), meena.actor)
    for _ in range(3):
        record(thief, clear, meena.actor)
    work()
    assert credits_requested() == [500_00]


# -- statements ------------------------------------------------------------------------------------------------------


def test_the_web_writes_no_drawer_no_receipt_and_no_credit(database, thief):  # noqa: F811
    for statement in (
        "INSERT INTO counter_drawer DEFAULT VALUES",
        "INSERT INTO counter_receipt DEFAULT VALUES",
        "INSERT INTO counter_deposit DEFAULT VALUES",
        "INSERT INTO counter_deposit_cash DEFAULT VALUES",
        "UPDATE counter_drawer SET ceiling_minor = 99999900",
        "UPDATE counter_drawer SET expires_at = 'infinity'",
        "UPDATE counter_drawer SET closed_at = NULL",
        "UPDATE counter_receipt SET state = 'cleared'",
        "UPDATE counter_receipt SET account_id = 1",
        "DELETE FROM counter_receipt",
        "INSERT INTO books_credit_request DEFAULT VALUES",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute(statement)


RECEIPT = (
    "INSERT INTO counter_receipt (id, series, number, account_id, consumer_number, drawer_id, instrument, amount_minor,"
    " received_at, cheque_number, cheque_bank, source, state, state_at, reason, recorded_at, actor, operation_id)"
    " SELECT 77, '', %(number)s, a.id, 'X', %(drawer)s, 'cash', %(amount)s, %(at)s, '', '', '', 'taken', %(at)s, '',"
    " %(at)s, %(actor)s, 1 FROM books_account a WHERE a.kind = 'consumer'"
)
CREDIT = (
    "INSERT INTO books_credit_request (id, account_id, amount_minor, kind, reference, idempotency_key, input_hash,"
    " correlation, requested_at) SELECT 99, a.id, %(amount)s, %(kind)s, '', %(key)s, '', 0, now()"
    " FROM books_account a WHERE a.kind = 'consumer'"
)


def test_the_database_refuses_a_receipt_that_no_drawer_covers(database):
    """Whatever code the pipeline runs: the role is the pipeline's."""
    meena = cashier()
    right = {"number": 1, "drawer": meena.drawer, "amount": 1, "at": NOW, "actor": meena.actor}
    for wrong, says in (
        ({"amount": CEILING + 1}, "its ceiling is"),
        ({"actor": "user 1"}, "another cashier's"),
        ({"actor": ""}, "another cashier's"),
        ({"at": NOW + LATER}, "is not open"),
        ({"at": NOW - LATER}, "is not open"),
        ({"number": 7}, "leaves a gap"),
    ):
        with (
            database.connect("urja_pipeline") as pipeline,
            pytest.raises(psycopg.errors.IntegrityError, match=says),
        ):
            pipeline.execute(RECEIPT, right | wrong)


def test_the_database_refuses_a_credit_without_its_receipt_or_a_second_one(database):
    meena = cashier()
    paid = receipt(take(meena))
    waiting = receipt(cheque(meena))
    for wrong in (
        {"key": "counter:1"},
        {"key": f"counter:{paid.id}", "amount": 500_01},
        {"key": f"counter:{waiting.id}"},
        {"key": f"counter:{paid.id}", "kind": "opening-credit"},
        {"key": f"counter:{paid.id}"},
        {"key": f"counter:{paid.id}:again"},
    ):
        with database.connect("urja_pipeline") as pipeline, pytest.raises(psycopg.errors.IntegrityError):
            pipeline.execute(CREDIT, {"amount": 500_00, "kind": "recharge"} | wrong)


def test_the_database_refuses_a_drawer_without_the_passkey_of_its_cashier(asked, database):
    _meena, ravi, request = asked
    values = {"request": request.pk, "cashier": ravi.id, "at": NOW, "until": NOW + LATER}
    with (
        database.connect("urja_pipeline") as pipeline,
        pytest.raises(psycopg.errors.IntegrityError, match="not opened by the passkey of its cashier"),
    ):
        pipeline.execute(
            "INSERT INTO counter_drawer (id, cashier_id, approval_id, currency, ceiling_minor, float_minor, opened_at,"
            " expires_at, counts, explanation, closed_by, recorded_at, actor, operation_id) VALUES"
            " (1, %(cashier)s, %(request)s, 'INR', 99999900, 0, %(at)s, %(until)s, '[]', '', '', %(at)s, '', 1)",
            values,
        )


def test_content_of_a_receipt_never_changes(database):
    meena = cashier()
    paid = receipt(take(meena))
    with database.connect() as owner:
        for change in ("amount_minor = 1", "state = 'cleared'", "drawer_id = NULL", "number = 3"):
            with pytest.raises(psycopg.errors.IntegrityError), owner.transaction():
                owner.execute(f"UPDATE counter_receipt SET {change} WHERE id = %s", [paid.id])
        with pytest.raises(psycopg.errors.IntegrityError), owner.transaction():
            owner.execute("DELETE FROM counter_receipt")


# -- a cheque that the bank has not paid ------------------------------------------------------------------------------


@pytest.fixture
def bank(database):
    """A society whose bank statements are loaded, and a cashier with an open drawer."""
    installation = society()
    installation.load(csv_of((day(2), 1_00, "CASH")))
    installation.cashier = Person("meena")
    installation.cashier.drawer = opened(installation.cashier)
    return installation


def deposited(bank, minor=300_00, number="004711", account=1):
    """The receipt of a cheque that is on a slip."""
    paid = receipt(cheque(bank.cashier, minor, cheque_number=number, number=account))
    slip = operation("DepositTakings", deposited_on=day(3), receipt_ids=(paid.id,))
    assert state_of(ask(bank.cashier, slip)) == "done"
    return paid


def cleared(bank, paid):
    """The request that credits a cheque, as it was answered, and why it needs which passkeys."""
    from urja.apps.approvals.models import Waiting

    request = ask(bank.cashier, operation("ClearCheque", receipt_id=paid.id, cleared_on=day(3)))
    waiting = Waiting.objects.filter(pk=request.pk).first()
    return state_of(request), None if waiting is None else (waiting.need, [str(one) for one in waiting.why])


UNPROVEN = ("approval", (2, ["no bank statement shows that the cheque is paid"]))
TEXTS = {
    "another number": (300_00, "BY CLG 004712"),
    "another amount": (299_99, "BY CLG 004711"),
    "a transfer": (300_00, "UPI/CR/412345678901/BY CLG 004711"),
    "taken back": (300_00, "BY CLG 004711"),
}


@pytest.mark.parametrize("wrong", TEXTS)
def test_a_cheque_without_an_entry_of_its_own_needs_a_second_person(bank, wrong):
    """A lone cashier records a cheque that does not exist, or one that the bank did not pay, and credits it."""
    paid = deposited(bank)
    assert cleared(bank, paid) == UNPROVEN
    minor, text = TEXTS[wrong]
    rows = [(day(3), minor, text)] + (
        [(day(3), -minor, "CHQ RETURN 004711")] if wrong == "taken back" else []
    )
    bank.load(csv_of(*rows, opening=1_00))
    assert cleared(bank, paid) == UNPROVEN
    assert credits_requested() == []


@pytest.mark.parametrize("loaded_before", [True, False])
def test_a_receipt_made_up_from_an_entry_is_not_proven_by_it(bank, loaded_before):
    """A lone cashier takes number and amount of another's payment, and dates the slip back: the entry is on a loaded
    statement, or is known to be on the next one.
    """
    before, after = NOW, NOW + timedelta(hours=1)
    of_another = csv_of((day(3 if loaded_before else 2), 300_00, "CASH DEP MACHINE 004711"), opening=1_00)
    if loaded_before:
        bank.load(of_another, now=before)
    made_up = cheque(bank.cashier, 300_00, cheque_number="004711", now=after if loaded_before else before)
    slip = operation("DepositTakings", deposited_on=day(2), receipt_ids=(receipt(made_up).id,))
    assert state_of(ask(bank.cashier, slip, now=after)) == "done"
    if not loaded_before:
        bank.load(of_another, now=after)
    assert cleared(bank, receipt(made_up)) == UNPROVEN
    assert credits_requested() == []


def test_an_entry_pays_one_cheque(bank, database):
    """Its cashier records the same cheque for two supplies."""
    first, second = deposited(bank), deposited(bank, account=2)
    bank.load(csv_of((day(3), 300_00, "BY CLG 004711 SBI"), opening=1_00))
    assert cleared(bank, first) == ("done", None)
    assert cleared(bank, second) == UNPROVEN
    assert credits_requested() == [300_00]
    with (
        database.connect("urja_pipeline") as pipeline,
        pytest.raises(psycopg.errors.IntegrityError, match="proves no payment of the cheque"),
    ):
        pipeline.execute(
            "INSERT INTO bank_cheque_payment SELECT id, %s, 1, now() FROM bank_entry WHERE amount_minor = 100",
            [second.id],
        )


def test_a_cheque_that_was_credited_without_a_statement_is_not_proven_again(bank, database):
    """It was cleared before statements were loaded; the later statement shows its entry for no other receipt."""
    first, second = deposited(bank), deposited(bank, account=2)
    with database.connect() as owner:
        owner.execute("UPDATE counter_receipt SET state = 'cleared' WHERE id = %s", [first.id])
    bank.load(csv_of((day(3), 300_00, "BY CLG 004711"), opening=1_00))
    assert cleared(bank, second) == UNPROVEN


def test_an_entry_that_paid_a_cheque_is_no_transfer_and_the_reverse(bank):
    from urja.apps.bank import queries

    paid = deposited(bank)
    bank.load(csv_of((day(3), 300_00, "BY CLG 004711"), opening=1_00))
    assert cleared(bank, paid) == ("done", None)
    assert [one.amount_minor for one in queries.unclaimed()] == [1_00]


def test_without_statements_a_cheque_counts_by_its_amount_alone(database):
    meena = cashier()
    paid = receipt(cheque(meena, 300_00))
    ask(meena, operation("DepositTakings", deposited_on=day(3), receipt_ids=(paid.id,)))
    request = ask(meena, operation("ClearCheque", receipt_id=paid.id, cleared_on=day(3)))
    assert state_of(request) == "done"
