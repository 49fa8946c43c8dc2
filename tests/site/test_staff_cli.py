"""`urja staff` and `urja token`, over a database of the test's own."""

import json
from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from tests.apps.town import START, adopt, by_hand

from urja.site.admin import Administration
from urja.site.cli.staff import staff
from urja.site.cli.token import token
from urja.site.command_errors import CommandError, database_refusal


@pytest.fixture
def installation(database, monkeypatch):
    clock = SimpleNamespace(now=lambda: START)
    settings = SimpleNamespace(utility=SimpleNamespace(timezone="Asia/Kolkata"))
    installation = SimpleNamespace(setup_django=lambda: None, clock=clock, settings=settings)
    monkeypatch.setattr(Administration, "of", lambda _data: installation)
    return installation


def run(command, *arguments):
    done = CliRunner().invoke(command, arguments)
    if isinstance(done.exception, CommandError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def society():
    from urja.apps.network.models import Premise

    return Premise.objects.create(
        id=7, kind="society", code="NEEM", name="Neem", recorded_at=START, actor="test"
    )


def test_a_missing_table_means_that_the_first_start_goes_on(database):
    from django.db import DatabaseError, connection

    for missing in ("nothing.at_all", "no_such_table"):
        with pytest.raises(DatabaseError) as raised, connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {missing}")
        assert "still starting" in str(database_refusal(raised.value))
    with pytest.raises(DatabaseError) as raised, connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert "the database refused: division by zero" in str(database_refusal(raised.value))


def test_a_staff_member_comes_and_goes(installation):
    from django.contrib.auth import get_user_model

    assert run(staff, "list") == "There are no staff members.\n"
    run(staff, "add", "Meera@Example.org", "--name", "Meera", "--role", "clerk")
    (row,) = json.loads(run(staff, "list", "--json"))["staff"]
    assert row == {
        "email": "meera@example.org", "name": "Meera", "role": "clerk", "area": "everywhere",
        "from": START.isoformat(), "to": None,
    }  # fmt: skip
    assert not get_user_model().objects.get(email="meera@example.org").has_usable_password()
    installation.clock.now = lambda: START + timedelta(days=1)
    run(staff, "end", "meera@example.org", "--role", "clerk")
    assert run(staff, "list") == "There are no staff members.\n"
    assert "clerk            everywhere" in run(staff, "list", "--all")


def test_a_role_in_an_area(installation):
    society()
    run(staff, "add", "s@example.org", "--name", "S", "--role", "secretary", "--area", "society neem")
    with pytest.raises(CommandError, match="there is no society 'Oak'"):
        run(staff, "add", "t@example.org", "--name", "T", "--role", "secretary", "--area", "society Oak")
    assert "secretary        premise NEEM" in run(staff, "list")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--role", "king"), "a role is secretary, clerk, .*, not 'king'"),
        (("--role", "secretary"), "a secretary belongs to a society: give its premise as the area"),
        (("--role", "clerk", "--area", "premise 9"), "there is no premise '9'"),
        (("--role", "clerk", "--area", "section X"), "there is no section 'X'"),
        (
            ("--role", "clerk", "--area", "feeder X"),
            "an area is a level .zone, .*section. or premise, and a code",
        ),
        (("--role", "clerk", "--name", " "), "no person is known by a@example.org: give a name"),
    ],
)
def test_who_cannot_be_employed(installation, options, why):
    with pytest.raises(CommandError, match=why):
        run(staff, "add", "a@example.org", "--name", "A", *options)


def test_twice_is_once_too_often(installation):
    run(staff, "add", "a@example.org", "--name", "A", "--role", "clerk")
    with pytest.raises(CommandError, match="has the role clerk there already"):
        run(staff, "add", "A@example.org", "--name", "A", "--role", "clerk")
    with pytest.raises(CommandError, match="does not have the role auditor everywhere"):
        run(staff, "end", "a@example.org", "--role", "auditor")


def new(*options):
    return run(token, "new", "--name", "billing", "--scopes", "read:ledger, read:agreement", *options).strip()


def test_the_day_on_which_a_key_expires_is_the_utilitys(installation):
    """In zones of which one has another day than UTC at any time."""
    from urja.apps.identity.queries.tokens import all_tokens

    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        installation.settings.utility.timezone = zone
        asked = ("new", "--name", zone, "--scopes", "read:ledger", "--role", "auditor")
        said = CliRunner().invoke(token, asked).stderr
        (kept,) = (one for one in all_tokens() if one.name == zone)
        expires_at = kept.expires_at.astimezone(ZoneInfo(zone))
        assert said == f"This is shown once. It expires on {expires_at.date()}.\n"
        (listed,) = (line for line in run(token, "list").splitlines() if zone in line)
        assert f"expires {expires_at.date()}" in listed


def test_a_key_is_shown_once_and_its_hash_is_kept(installation, database):
    from urja.apps.identity.queries import tokens
    from urja.apps.journal.models import AuditEntry

    text = new("--role", "auditor", "--expires", "30", "--per-minute", "60")
    found = tokens.token_of(text)
    assert (found.name, found.role, found.scopes, found.per_minute) == (
        "billing", "auditor", ["read:ledger", "read:agreement"], 60,
    )  # fmt: skip
    assert tokens.token_of(text[:-1] + ("A" if text[-1] != "A" else "Q")) is None
    assert tokens.token_of("urja_" + "a" * 8 + "_" + "A" * 43) is None
    assert tokens.token_of("something") is None
    secret = text.rsplit("_", 1)[1] if text.count("_") == 2 else text[14:]
    with database.connect() as connection:
        kept = connection.execute("SELECT to_jsonb(t)::text FROM identity_token t").fetchone()[0]
    assert secret not in kept
    assert "digest" not in AuditEntry.objects.get(kind="issue_token").content
    assert f"{found.prefix}  billing" in run(token, "list")
    assert secret not in run(token, "list", "--json")


def test_a_key_is_revoked(installation):
    prefix = new("--role", "clerk")[5:13]
    run(token, "revoke", prefix)
    (row,) = json.loads(run(token, "list", "--json"))["tokens"]
    assert row["revoked_at"] == START.isoformat()
    with pytest.raises(CommandError, match=f"token {prefix} was revoked on 2026-03-01"):
        run(token, "revoke", prefix)
    with pytest.raises(CommandError, match="there is no token aaaaaaaa"):
        run(token, "revoke", "aaaaaaaa")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--scopes", "read:nothing", "--role", "clerk"), "there is no scope 'read:nothing'"),
        (
            ("--scopes", "write:employ", "--role", "administrator"),
            "write:employ is only possible by a command",
        ),
        (("--scopes", ",", "--role", "clerk"), "a token needs at least one scope"),
        (("--scopes", "read:*"), "a token belongs to a person or has a role of its own: give one of the two"),
        (("--scopes", "read:*", "--role", "clerk", "--user", "a@b.in"), "give one of the two"),
        (("--scopes", "read:*", "--user", "a@b.in"), "no user signs in with a@b.in"),
        (("--scopes", "read:*", "--role", "secretary"), "a secretary belongs to a society"),
    ],
)
def test_keys_that_are_not_made(installation, options, why):
    with pytest.raises(CommandError, match=why):
        run(token, "new", "--name", "x", *options)


def test_scopes_are_listed_with_who_may(installation):
    listed = run(token, "scopes")
    assert "read:personal_reads          auditor" in listed
    assert "write:employ" not in listed


def test_the_token_of_an_anonymised_person_opens_nothing(installation):
    from urja.apps.contracts.models import Agreement, AgreementTerms
    from urja.apps.identity.models import Token
    from urja.apps.people.models import Person
    from urja.usecases.operations import AnonymiseConsumer, perform

    made = adopt(1)
    new("--user", "person1@example.org")
    with by_hand():
        later = START + timedelta(days=1)
        AgreementTerms.objects.update(valid_to=later)
        Agreement.objects.update(valid_to=later)
    person = Person.objects.get(user_id=made.user_id)
    perform(AnonymiseConsumer(consumer_id=person.id), recorded_at=START + timedelta(days=2), actor="test")
    assert Token.objects.get().revoked_at is not None


def test_an_address_too_long_to_be_kept(installation):
    with pytest.raises(CommandError, match="a text is longer than the 150 characters that can be stored"):
        run(staff, "add", f"a@{'.'.join(['b' * 50] * 3)}.example", "--name", "A", "--role", "clerk")


def test_an_address_and_a_name_are_changed_by_a_command_and_the_address_is_confirmed(installation):
    from django.contrib.auth import get_user_model

    from urja.apps.identity.models import AddressChange

    run(staff, "add", "meera@example.org", "--name", "Meera", "--role", "clerk")
    told = run(staff, "change", "meera@example.org", "--email", "Devi@example.org", "--name", "Meera Devi")
    assert "until both have done so, meera@example.org signs in" in told
    user = get_user_model().objects.get()
    assert (user.email, user.first_name) == ("meera@example.org", "Meera Devi")
    assert AddressChange.objects.get().new_email == "devi@example.org"
    with pytest.raises(CommandError, match="no member of staff has the address x@"):
        run(staff, "change", "x@example.org", "--name", "X")


def test_lost_factors_are_forgotten(installation):
    from allauth.mfa.models import Authenticator
    from django.contrib.auth import get_user_model

    from urja.apps.identity.models import SignIn

    run(staff, "add", "meera@example.org", "--name", "Meera", "--role", "clerk")
    user = get_user_model().objects.get()
    Authenticator.objects.create(user=user, type="totp", data={"secret": "x"})
    assert "(1 removed)" in run(staff, "forget-factors", "Meera@example.org")
    assert not Authenticator.objects.exists()
    assert SignIn.objects.get().kind == "factor_removed"
    with pytest.raises(CommandError, match="no account has the address x@"):
        run(staff, "forget-factors", "x@example.org")
