"""The law of approvals holds over approved operations, and fails where the code that keeps it is broken on purpose."""

from datetime import timedelta

import pytest
from tests.apps.approvals.office import MONEY, NOW, Person, home, move_in, state_of, work
from tests.apps.town import ZONE


def broken(database):
    from urja.laws import approvals as approval_law

    with database.connect() as connection:
        return list(approval_law.examine(connection, ZONE))


def three_amounts(_database):
    """A small amount, one that its actor has approved, and one that two people have approved."""
    anita, bharat = Person("anita"), Person("bharat")
    for number, amount in enumerate((100_00, MONEY, 10 * MONEY), 1):
        home(number)
        request = anita.ask(move_in(number, credit_minor=amount))
        work()
        if amount > 100_00:
            anita.approve(request)
            bharat.approve(request)
            work()
        assert state_of(request) == "done"


@pytest.fixture
def approved(lived):
    with lived(three_amounts) as (database, _):
        yield database


def test_it_holds(approved):
    assert broken(approved) == []


def test_it_is_a_law_of_the_books(approved):
    from urja.laws.verify import laws

    with approved.connect() as connection:
        assert laws(connection, zone=ZONE)["approvals"] is True


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "UPDATE approvals_waiting SET actor_credential_id = 2, second_credential_id = NULL",
            "its actor's passkey",
        ),
        (
            "UPDATE approvals_waiting SET second_credential_id = NULL WHERE need = 2",
            "without a second person",
        ),
        (
            "UPDATE approvals_credential SET user_id = (SELECT min(user_id) FROM approvals_credential)",
            "one person twice",
        ),
        ("UPDATE approvals_waiting SET nonce = sha256(nonce)", "has not signed it"),
        ("UPDATE approvals_waiting SET content_sha256 = sha256(content_sha256)", "has not signed it"),
        ("DELETE FROM approvals_answer", "has not signed it"),
        ("UPDATE approvals_answer SET state = 'refused'", "has not signed it"),
        ("UPDATE approvals_answer SET signature = sha256(signature)", "has not signed it"),
        ("UPDATE approvals_credential SET public_key = sha256(public_key)", "has not signed it"),
        (
            "DELETE FROM approvals_answer; DELETE FROM approvals_waiting",
            "was performed without approval: money",
        ),
    ],
)
def test_a_changed_row_breaks_it(approved, statement, says):
    with approved.connect() as owner:
        for one in statement.split("; "):
            owner.execute(one)
    assert any(says in sentence for sentence in broken(approved)), broken(approved)


def test_a_gate_that_lets_through_breaks_it(database, monkeypatch):
    from urja.core.approvals import Requirement
    from urja.usecases import operation_approval as waiting

    clerk = Person("anita", enrolled=False)
    with monkeypatch.context() as patched:
        patched.setattr(waiting, "requirement_for", lambda *_arguments: Requirement(()))
        for number in (1, 2):
            home(number)
            clerk.ask(move_in(number, credit_minor=MONEY - 1))
            work()
    (sentence,) = broken(database)
    assert sentence.endswith("(transfer_ownership) was performed without approval: money")


def test_a_delay_that_is_cut_short_breaks_it(database, monkeypatch):
    from urja.usecases import operation_approval as waiting

    home()
    anita = Person("anita")
    request = anita.ask(move_in(credit_minor=10 * MONEY))
    work()
    with monkeypatch.context() as patched:
        patched.setattr(waiting, "_alone", lambda *_arguments: True)
        anita.approve(request)
        work()
    assert broken(database) == [
        f"request {request.pk} was performed without a second person and without the delay"
    ]


def test_what_was_done_under_other_thresholds_was_right_then(database):
    """Stricter thresholds that are loaded later do not apply to the days before."""
    from urja.apps.approvals import thresholds
    from urja.core.approvals import bundled_thresholds

    home()
    request = Person("anita", enrolled=False).ask(move_in(credit_minor=MONEY - 1))
    work()
    assert state_of(request) == "done"
    text = bundled_thresholds().replace("default-1", "strict-1").replace('actor = "10000"', 'actor = "1"')
    thresholds.load(text, recorded_at=NOW + timedelta(hours=1), actor="test")
    assert broken(database) == []
