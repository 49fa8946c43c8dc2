"""A clerk, or the thief of a clerk's session or key, and the thief of the web's database role want to be another person.

What a clerk asks for goes the way of every request of the web: `journal_request`, then the stage `register`.
"""

from datetime import timedelta

import psycopg
import pytest
from tests.apps.town import START, adopt
from tests.one_setup import with_one_setup

from urja.apps.journal.errors import RefusedError

LATER = START + timedelta(days=3)
ADMINISTRATOR = "admin@utility.example"


@pytest.fixture
def works_here(database):
    """A clerk who may everywhere, and an administrator who lives elsewhere."""
    from urja.usecases.operations import employ

    stamp = {"recorded_at": START, "actor": "test"}
    administrator = employ(ADMINISTRATOR, "Administrator", "administrator", **stamp)
    return employ("clerk@utility.example", "Clerk", "clerk", **stamp), administrator


def ask(user, operation, at=LATER):
    """What is said against it; nothing where it was done."""
    from urja.apps.journal import queries, requests
    from urja.pipeline.register import run_once as answer_requests

    asked = requests.submit(operation, actor=f"user {user.pk}", requested_at=at)
    answer_requests(at)
    return queries.request_of(asked.id, asked.actor).faults


def transfer(**more):
    from urja.usecases.operations import TransferOwnership

    return TransferOwnership(consumer_number="URJ00000001", at=LATER, register_wh=20_000, **more)


@pytest.mark.parametrize("written", [ADMINISTRATOR, " Admin@Utility.Example "])
def test_a_clerk_gives_the_administrator_no_consumer_to_be_changed_by(works_here, written):
    from urja.apps.people.models import Person

    clerk, administrator = works_here
    adopt(1)
    (fault,) = ask(clerk, transfer(name="A Person", email=written))
    assert "the address of a present or former member of staff" in fault
    assert not Person.objects.filter(user=administrator).exists()


def test_a_clerk_does_not_rename_who_works_here(works_here):
    """Also where the administrator has a supply of their own: the address and the name are the staff's."""
    from urja.apps.people.models import Person
    from urja.usecases.operations import CorrectConsumer, employ

    clerk, _ = works_here
    adopt(2, email="both@example.org")
    both = employ("both@example.org", "Both", "administrator", recorded_at=START, actor="test")
    person = Person.objects.get(user=both)
    for given in ({"email": "thief@example.org"}, {"name": "Another Person"}):
        (fault,) = ask(clerk, CorrectConsumer(consumer_id=person.id, **given))
        assert "is or was a member of staff" in fault
    both.refresh_from_db()
    assert (both.email, both.username, both.is_active) == ("both@example.org", "both@example.org", True)
    assert ask(clerk, CorrectConsumer(consumer_id=person.id, phone="98123 45678")) == []


def test_who_was_dismissed_is_not_taken_over_either(works_here):
    from urja.apps.people.models import Person
    from urja.usecases.operations import CorrectConsumer, dismiss, employ

    clerk, _ = works_here
    adopt(2, email="both@example.org")
    both = employ("both@example.org", "Both", "administrator", recorded_at=START, actor="test")
    dismiss("both@example.org", "administrator", recorded_at=START + timedelta(days=1), actor="test")
    person = Person.objects.get(user=both)
    (fault,) = ask(clerk, CorrectConsumer(consumer_id=person.id, email="thief@example.org"))
    assert "is or was a member of staff" in fault


@pytest.mark.parametrize("role", ["clerk", "administrator"])
def test_undoing_a_dismissal_gives_no_role(works_here, role):
    """The machine's own commands give roles and take them away; `undo` is not a way around them."""
    from urja.apps.journal.models import AuditEntry
    from urja.usecases.operations import Undo, dismiss, employ

    dismissed = employ("gone@utility.example", "Gone", "administrator", recorded_at=START, actor="test")
    dismiss("gone@utility.example", "administrator", recorded_at=LATER, actor="test")
    who = works_here[0] if role == "clerk" else works_here[1]
    for kind in ("dismiss", "employ"):
        entry = AuditEntry.objects.filter(kind=kind).last()
        (fault,) = ask(who, Undo(entry_id=entry.id, reason="a mistake"))
        assert fault == f"write:{kind} is possible only by a command on the machine itself"
    assert not dismissed.employments.filter(valid_to=None).exists()


def test_no_outside_system_says_who_works_here_is_a_person_of_its_own(works_here):
    from urja.apps.people.models import Person
    from urja.usecases.operations import UpsertFromSystem, employ

    _, administrator = works_here
    adopt(2, email="both@example.org")
    employ("both@example.org", "Both", "clerk", recorded_at=START, actor="test")

    def say(number, **attributes):
        return ask(
            administrator,
            UpsertFromSystem(system="cis", object="person", external_id=number, attributes=attributes),
        )

    for number, email in (("1", ADMINISTRATOR), ("2", "BOTH@example.org")):
        assert "present or former member of staff" in say(number, name="Person 2", email=email)[0]
    assert Person.objects.count() == 1


def test_neither_adoption_nor_a_file_reaches_them(works_here):
    with pytest.raises(RefusedError, match="present or former member of staff"):
        adopt(3, email=ADMINISTRATOR)


@pytest.fixture
def consumer(database):
    """A consumer whose identity can be taken."""
    return adopt(1)


# -- the web's database role ---------------------------------------------------------------------------------------


@with_one_setup(
    "statement",
    [
        "UPDATE auth_user SET email = 'thief@example.org'",
        "UPDATE auth_user SET username = 'thief@example.org'",
        "UPDATE auth_user SET is_active = NOT is_active",
        "UPDATE auth_user SET is_staff = true",
        "UPDATE auth_user SET is_superuser = true",
        "UPDATE auth_user SET password = 'x'",
        "UPDATE auth_user SET first_name = 'Another Person'",
        (
            "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active,"
            " date_joined) VALUES ('', true, 'thief', '', '', 'thief@example.org', true, true, now())"
        ),
        "DELETE FROM auth_user",
        (
            'INSERT INTO account_emailaddress (email, verified, "primary", user_id)'
            " SELECT 'thief@example.org', true, true, id FROM auth_user"
        ),
        "UPDATE account_emailaddress SET verified = true",
        "DELETE FROM account_emailaddress",
        "INSERT INTO account_emailconfirmation SELECT FROM account_emailaddress",
        (
            "INSERT INTO identity_employment (id, user_id, role, valid_from, recorded_at, actor)"
            " SELECT 1, id, 'administrator', now(), now(), '' FROM auth_user"
        ),
        "UPDATE people_person SET user_id = NULL",
        "INSERT INTO auth_user_groups SELECT FROM auth_user",
        "INSERT INTO auth_user_user_permissions SELECT FROM auth_user",
    ],
)
def test_the_webs_role_takes_no_identity(database, consumer, statement):
    with database.connect("urja_web") as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement)


def test_the_webs_role_notes_a_sign_in(database):
    adopt(1)
    with database.connect("urja_web") as web:
        assert web.execute("UPDATE auth_user SET last_login = now()").rowcount == 1


def test_the_webs_role_writes_of_the_door_what_is_now_and_small(database):
    """It can add what did not happen; it cannot date it back, hide what happened, or fill the disk with one row."""
    adopt(1)
    insert = (
        "INSERT INTO identity_sign_in (at, kind, user_id, address_digest, network, device_digest) "
        "SELECT '2020-01-01', 'signed_in', id, %s, 'x', %s FROM auth_user"
    )
    with database.connect("urja_web") as thief:
        thief.execute(insert, [bytes(32), None])
        for digests in ([bytes(10**6), None], [bytes(32), bytes(10**6)]):
            with pytest.raises(psycopg.errors.CheckViolation):
                thief.execute(insert, digests)
    with database.connect() as owner:
        assert owner.execute("SELECT at > now() - interval '1 minute' FROM identity_sign_in").fetchall() == [
            (True,)
        ]


@pytest.mark.parametrize("role", ["urja_pipeline", "urja_owner"])
@pytest.mark.parametrize("column", ["email", "username"])
def test_the_database_itself_refuses_an_address_that_was_not_confirmed(database, role, column):
    """Whatever operation forgets to ask: the only way to another address is a confirmed change."""
    adopt(1)
    statement = f"UPDATE auth_user SET {column} = 'thief@example.org'"
    with (
        database.connect(role) as careless,
        pytest.raises(psycopg.errors.RaiseException, match="not confirmed"),
    ):
        careless.execute(statement)
