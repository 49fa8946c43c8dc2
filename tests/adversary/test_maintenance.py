"""A thief of the web's database role, and a faulty pipeline, mix maintenance with electricity.

The web's role neither posts dues nor marks them as paid. The database refuses a request or an entry that moves money
between an account for electricity and one for maintenance, by any code. Policy has nothing by which it could see one.
"""

import dataclasses
from pathlib import Path

import psycopg
import pytest
from tests.adversary.test_approvals import insert, record, thief  # noqa: F401 - a fixture
from tests.apps.approvals.office import NOW, authenticator, challenge, state_of, work
from tests.apps.maintenance_cast import account_of, dues, electricity, of, post, society

SOURCE = Path(__file__).resolve().parents[2] / "src/urja"


WRITES = (
    "INSERT INTO maintenance_due SELECT * FROM maintenance_due",
    "UPDATE maintenance_due SET amount_minor = 1",
    "DELETE FROM maintenance_due",
    "INSERT INTO maintenance_account SELECT * FROM maintenance_account",
    "DELETE FROM maintenance_account",
    "INSERT INTO books_credit_request SELECT * FROM books_credit_request",
    "INSERT INTO books_debit_request SELECT * FROM books_debit_request",
    "UPDATE books_debit_request SET account_id = account_id",
    "UPDATE books_account SET kind = 'maintenance'",
)


def test_the_webs_role_writes_no_due_no_payment_and_no_account(database, thief):  # noqa: F811
    for statement in WRITES:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute(statement)


def test_dues_need_the_passkey_of_their_actor_however_small_they_are(database, thief):  # noqa: F811
    from urja.apps.maintenance.models import MaintenanceDue

    tara = society()
    record(thief, dues(1), tara.actor)
    work()
    assert not MaintenanceDue.objects.exists()
    request = tara.ask(dues(1))
    work()
    assert state_of(request) == "approval"
    forger = authenticator()
    forger.id = tara.passkey.id
    insert(thief, request, tara.id, forger.approve(challenge(request), counter=99))
    assert (state_of(request), MaintenanceDue.objects.exists()) == ("approval", False)


def test_nothing_marks_a_due_as_paid_without_a_cashiers_drawer(database, thief):  # noqa: F811
    from urja.apps.journal.models import Request
    from urja.usecases.operations import TakeReceipt

    tara = society()
    post(tara, dues())
    paid = TakeReceipt(consumer_number="URJ00000001", received_minor=2500_00, paid_for="maintenance")
    record(thief, paid, tara.actor)
    work()
    assert str(Request.objects.latest("id").faults[0]).startswith("you have no open drawer")
    assert of().owed_minor == 2500_00


def test_no_request_moves_money_between_maintenance_and_electricity(database):
    from django.db.utils import IntegrityError

    from urja.apps.books.operations import request_credit, request_debit

    tara = society(credit_minor=500_00)
    post(tara, dues())
    here, there = account_of(), of().account_id
    for account, kind in (
        (here, "maintenance"),
        (here, "maintenance-due"),
        (there, "recharge"),
        (there, "adjustment"),
    ):
        with pytest.raises(IntegrityError, match="between maintenance and electricity"):
            request_credit(
                account_id=account, amount_minor=1, kind=kind, idempotency_key="x", requested_at=NOW
            )
        with pytest.raises(IntegrityError, match="between maintenance and electricity"):
            request_debit(
                account_id=account,
                amount_minor=1,
                kind="x",
                reverses=kind,
                idempotency_key="x",
                requested_at=NOW,
            )


@pytest.mark.parametrize(("from_electricity", "contra"), [(True, "maintenance"), (False, "adjustment")])
def test_no_entry_does_either_though_it_is_posted_without_a_request(database, from_electricity, contra):
    from psycopg import IntegrityError

    from urja.apps.books.posting import Draft, post_entries
    from urja.base.ids import bucket_of

    tara = society(credit_minor=500_00)
    post(tara, dues())
    account = account_of() if from_electricity else of().account_id
    draft = Draft(account, f"clearing:{contra}", -1, "credit", "x", NOW.date().replace(day=1), "x")
    with pytest.raises(IntegrityError, match="would move money between maintenance and electricity"):
        post_entries(bucket_of(account), [draft], NOW)
    assert (electricity(), of().owed_minor) == (500_00, 2500_00)


def test_no_statement_of_what_decides_names_it():
    """The import contract `policy-without-maintenance` sees modules; this sees their SQL."""
    deciding = (
        "apps/billing",
        "apps/commands",
        "apps/supply",
        "core/policy",
        "pipeline/decide.py",
        "pipeline/dispatch.py",
    )
    for path in (SOURCE / one for one in deciding):
        files = (
            [path]
            if path.is_file()
            else [one for one in path.rglob("*") if one.suffix in {".py", ".sql", ".toml"}]
        )
        # Migrations name each other; of their SQL, one keeps payments for maintenance out of the inbox of decisions.
        named = {
            one.name
            for one in files
            if (one.parent.name != "migrations" or one.suffix == ".sql")
            and "maintenance" in one.read_text().lower()
        }
        assert named <= {"0004_maintenance.sql"}, path


def test_policy_has_no_field_for_it_and_decides_as_without_it(database):
    from tests.pipeline.test_decide import load_policy
    from tests.pipeline.test_post import load as load_tariff

    from urja.apps.books.operations import request_credit
    from urja.apps.supply.models import State
    from urja.core.policy.facts import Facts
    from urja.pipeline.decide import decide_due

    # What policy knows, by name and type: a field added for dues of a society has to be added here as well.
    assert not [one.name for one in dataclasses.fields(Facts) if "maint" in one.name or "due" in one.name]
    tara = society(credit_minor=500_00)
    load_tariff()
    load_policy()
    post(tara, dues(40_000_00))
    request_credit(
        account_id=of().account_id, amount_minor=1, kind="maintenance", idempotency_key="x", requested_at=NOW
    )
    with database.connect() as owner:
        woken = {row[0] for row in owner.execute("SELECT account_id FROM supply_changed")}
    assert woken == {account_of(1), account_of(2)}, "their opening credits"
    decide_due(NOW, int(NOW.timestamp() * 1000))
    states = {one.account_id: (one.standing, one.balance_minor) for one in State.objects.all()}
    assert set(states) == {account_of(1), account_of(2)}
    assert {standing for standing, _ in states.values()} == {"fine"}
    assert {balance for _, balance in states.values()} <= {500_00, 500_00 - 200}
