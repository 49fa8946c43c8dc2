"""A thief who holds the web's database role, and nothing else, tries to send mail: spam, phishing, floods."""

from datetime import UTC, datetime

import psycopg
import pytest
from tests.one_setup import with_one_setup
from tests.providers.relay import mailers, open_relay

INSERT = "INSERT INTO identity_sign_in_code (user_id, code, language) VALUES (%s, %s, %s)"


@pytest.fixture
def victim(database):
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user("asha", "asha@example.org")


@pytest.fixture
def thief(database, victim):
    with database.connect("urja_web") as connection:
        yield connection


@pytest.fixture
def relay():
    from django.test import override_settings

    with open_relay() as relay, override_settings(**mailers(relay)):
        yield relay


def run():
    from urja.base.clock import WallClock
    from urja.pipeline.sign_in_codes import SignInCodes

    return SignInCodes("Urja", WallClock()).run_once(datetime.now(UTC))


def test_it_names_digits_and_a_user_and_nothing_else(thief, victim, relay):
    for code, language in [
        ("Pay at evil.example", "en"), ("12345", "en"), ("1234567", "en"), ("123456\nBcc: x@y.z", "en"),
        ("123456\n", "en"), ("\u0967\u0968\u0969\u096a\u096b\u096c", "en"), ("", "en"),
        ("123456", "../../../secrets"), ("123456", "EN"), ("123456", "en\n"),
    ]:  # fmt: skip
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.StringDataRightTruncation)):
            thief.execute(INSERT, (victim.pk, code, language))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        thief.execute(INSERT, (victim.pk + 999, "123456", "en"))
    run()
    assert relay.arrived == []


def test_the_address_is_the_users_and_not_the_thiefs(thief, victim, relay):
    for statement in (
        "UPDATE auth_user SET email = 'victim@elsewhere.example'",
        "INSERT INTO auth_user (username, email) VALUES ('x', 'victim@elsewhere.example')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute(statement)
    thief.execute(INSERT, (victim.pk, "123456", "en"))
    run()
    [mail] = relay.arrived
    assert relay.to == ["asha@example.org"]
    assert mail["subject"] == "123456 is your sign-in code for Urja"


@with_one_setup(
    "statement",
    [
        "SELECT code FROM identity_sign_in_code",
        "SELECT user_id FROM identity_sign_in_code",
        "UPDATE identity_sign_in_code SET ended_at = NULL, code = '123456', outcome = ''",
        "DELETE FROM identity_sign_in_code",
        "INSERT INTO identity_sign_in_code (user_id, code, language, requested_at) VALUES (1, '123456', 'en', now())",
        "INSERT INTO identity_sign_in_code (user_id, code, language, outcome) VALUES (1, '123456', 'en', '')",
        "INSERT INTO notices_message (sender, recipient, subject, body, sent_at) VALUES ('', 'x@y.z', '', '', now())",
    ],
)
def test_no_right_that_goes_further(thief, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement.encode())


def test_one_user_gets_a_limited_number_in_an_hour(thief, victim, relay):
    from urja.pipeline.sign_in_codes import USER_LIMIT

    for number in range(USER_LIMIT + 30):
        thief.execute(INSERT, (victim.pk, f"{number:06}", "en"))
    while run().done:
        pass
    assert len(relay.arrived) == USER_LIMIT


def test_all_together_get_a_limited_number_in_an_hour(thief, victim, relay, monkeypatch):
    from django.contrib.auth import get_user_model

    from urja.pipeline import sign_in_codes

    monkeypatch.setitem(sign_in_codes.TOTAL_LIMITS, "email", 5)
    for number in range(8):
        user = get_user_model().objects.create_user(f"u{number}", f"u{number}@example.org")
        thief.execute(INSERT, (user.pk, "123456", "en"))
    while run().done:
        pass
    assert len(relay.arrived) == 5


def test_the_table_is_bounded(thief, victim):
    thief.execute(
        "INSERT INTO identity_sign_in_code (user_id, code, language) "
        "SELECT %s, '123456', 'en' FROM generate_series(1, 2100)", [victim.pk],
    )  # fmt: skip
    assert thief.execute(INSERT, (victim.pk, "123456", "en")).rowcount == 0
    assert thief.execute("SELECT count(*) FROM identity_sign_in_code").fetchone() == (2000,)


def test_the_process_of_the_web_can_send_nothing_itself(database):
    """Its settings hold no relay, so a page that tries fails instead of finding a second way out."""
    from django.core.mail import MailerDoesNotExist, mailers as of_process
    from django.test import override_settings

    from urja.web.settings import web_settings

    with override_settings(MAILERS=web_settings(secure=True, demo=False)["MAILERS"]):
        for alias in ("default", "relay"):
            with pytest.raises(MailerDoesNotExist):
                of_process[alias]
