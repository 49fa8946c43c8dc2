"""A thief of the web's database role tries to sign off opening balances, or to have them charged unseen."""

import psycopg
import pytest
from tests.apps.approvals.office import Person, state_of, work
from tests.one_setup import with_one_setup
from tests.pipeline.test_opening_balances import listed, load, sign_off, two_flats  # noqa: F401 - fixtures

FORGED = """INSERT INTO billing_opening_balance (id, agreement_id, content_sha256, recorded_at, actor)
SELECT 1, agreement_id, repeat('0', 64), now(), 'thief' FROM billing_opening_balance"""


@with_one_setup(
    "statement",
    [
        FORGED,
        "UPDATE billing_opening_balance SET content_sha256 = repeat('0', 64)",
        "DELETE FROM billing_opening_balance",
    ],
)
def test_the_web_writes_no_sign_off(database, two_flats, statement):  # noqa: F811
    with database.connect("urja_web") as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement)


@with_one_setup(
    "statement", ["UPDATE billing_opening_balance SET actor = ''", "DELETE FROM billing_opening_balance"]
)
def test_the_owner_changes_none(database, two_flats, statement):  # noqa: F811
    with (
        database.connect() as owner,
        pytest.raises(psycopg.errors.IntegrityError, match="a changed balance is signed off"),
    ):
        owner.execute(statement)


def test_a_smaller_sum_in_the_request_does_not_pass_the_threshold(two_flats, load):  # noqa: F811
    """The amounts are the request's own: what differs from the list is refused when it is carried out."""
    load("balances", [{"consumer_number": "F-002", "credit": "900000.00"}])
    person = Person("manager", "administrator", enrolled=False)
    request = person.ask(sign_off(credit_minor=0, dues_minor=0))
    work()
    assert state_of(request) == "refused"
    assert len(listed().rows) == 2


def test_a_role_without_the_right_is_refused(two_flats):  # noqa: F811
    request = Person("clerk").ask(sign_off())
    work()
    assert state_of(request) == "refused"
