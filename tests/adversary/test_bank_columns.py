"""A thief of the web's role tries to be credited by a statement whose columns are named otherwise than was approved."""

import psycopg
import pytest
from tests.apps.approvals.office import NOW, challenge, state_of, work
from tests.apps.bank.cast import claim, csv_of, day, match, money, society, upi

from urja.usecases.kinds.bank import NamedColumn

UTR_OUT = "412345678902"
HONEST = (NamedColumn("debit", "Ausgang"), NamedColumn("credit", "Eingang"))
SWAPPED = (NamedColumn("debit", "Eingang"), NamedColumn("credit", "Ausgang"))


def foreign(*rows, opening=0):
    return csv_of(*rows, opening=opening).replace(b"Debit,Credit", b"Ausgang,Eingang")


STATEMENT = foreign((day(2), -500_00, f"UPI/DR/{UTR_OUT}/THIEF/"), upi(300_00), opening=1_000_00)
"""500.00 were paid out, which the thief would like to be a payment, and 300.00 came in."""


@pytest.fixture
def installation(database):
    return society()


def test_a_statement_of_named_columns_is_credited_and_remembers_them(installation):
    from urja.apps.bank import queries

    claim(300_00)
    assert "no row has headings such as" in str(installation.ask(STATEMENT, headings=()).faults[0])
    installation.load(STATEMENT, now=NOW, headings=HONEST)
    assert money() == [(1, 300_00)]
    assert [tuple(one.values()) for one in queries.named_columns(installation.account.pk)] == [
        one.pair for one in HONEST
    ]


def test_the_columns_are_in_the_content_that_the_passkey_signs(installation):
    request = installation.ask(STATEMENT, headings=HONEST)
    assert state_of(request) == "approval"
    assert request.content["headings"][1] == {"column": "credit", "heading": "Eingang"}


def test_columns_swapped_or_changed_after_the_question_credit_nothing(installation, database):
    from urja.apps.bank.models import Statement

    claim(500_00, 2, UTR_OUT)
    claim(300_00)
    request = installation.ask(STATEMENT, headings=HONEST)
    with database.connect("urja_web") as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute("UPDATE journal_request SET content = '{}'")
    given = installation.treasurer.passkey.approve(challenge(request))
    # Even where a role could.
    with database.connect() as owner:
        owner.execute(
            "UPDATE journal_request SET content = jsonb_set(content, '{headings}', %s::jsonb) WHERE id = %s",
            [
                '[{"column": "debit", "heading": "Eingang"}, {"column": "credit", "heading": "Ausgang"}]',
                request.pk,
            ],
        )
        owner.execute(
            "INSERT INTO approvals_answer (waiting_id, user_id, action, credential_id, client_data, authenticator_data,"
            " signature, given_at) VALUES (%s, %s, 'approve', %s, %s, %s, %s, %s)",
            [
                request.pk,
                installation.treasurer.id,
                given.credential_id,
                given.client_data,
                given.authenticator_data,
                given.signature,
                NOW,
            ],
        )
    work()
    match()
    assert not Statement.objects.exists()
    assert money() == []


def test_swapped_columns_are_refused_before_a_passkey_is_asked_for(installation):
    """The balances of the file contradict them, also for one who would approve without reading."""
    request = installation.ask(STATEMENT, headings=SWAPPED)
    assert state_of(request) == "refused"
    assert "the balance is" in str(request.faults[0])
    known = installation.ask(
        csv_of(upi(100_00)), headings=(NamedColumn("debit", "Credit"), NamedColumn("credit", "Debit"))
    )
    assert "'Credit' says credit: it cannot be named debit" in str(known.faults[0])


def test_the_web_writes_no_columns_of_an_account(installation, database):
    installation.load(STATEMENT, now=NOW, headings=HONEST)
    with database.connect("urja_web") as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute("UPDATE bank_statement SET headings = '[]'")
