"""A thief has a person's mobile number (SIM swap), has it changed to their own, or has the web's role."""

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection
from django.test import override_settings
from tests.apps import town
from tests.apps.payments.till import as_role
from tests.web import conftest, fixtures, test_mobile_sign_in as mobile, town_cast
from tests.web.reading import text_of

from urja.base.clock import Anchor, write_anchor

django, standing_clock, web_role = conftest.django, conftest.standing_clock, conftest.web_role
browser, staff, at_noon = conftest.browser, conftest.staff, conftest.at_noon
house_template, home, database_of = fixtures.house_template, fixtures.home, fixtures.database_of
town_template, town_books = fixtures.town_template, fixtures.town_books
staffed_template = fixtures.staffed_template
service = mobile.service

INSERT = "INSERT INTO identity_sign_in_code (user_id, code, language, medium) VALUES (%s, %s, %s, %s)"


def test_a_number_that_was_taken_over_opens_no_page_of_staff(town_books, staff, browser, service):
    """A thief has the SIM of a clerk who consumes as well."""
    from urja.apps.identity.models import SignInCode

    clerk = staff["clerk"]
    with as_role("urja_owner"):
        from urja.apps.people.models import Person

        Person.objects.create(
            id=99, user_id=clerk, name="Clerk", phone=mobile.KEPT[0], recorded_at=town_cast.NOW, actor="test"
        )
    thief = browser()
    assert thief.post("/sign-in/mobile/", {"number": mobile.NUMBER}).status_code == 302
    # And the web, taken over too, names the clerk.
    with as_role("urja_web"):
        from urja.apps.identity.requests import request_sign_in_code

        assert request_sign_in_code(clerk, "123456", "en", "sms")
    mobile.send()
    assert service.messages == []
    with as_role("urja_owner"):
        assert set(SignInCode.objects.values_list("outcome", flat=True)) == {"unknown"}
    assert thief.post("/sign-in/mobile/code/", {"code": "123456"}).status_code == 422


def test_who_is_hired_later_needs_a_session_by_mail(home, browser, service):
    mobile.has_number(home.owner_id)
    client = browser()
    mobile.asked(client)
    client.post("/sign-in/mobile/code/", {"code": mobile.code_in(service)})
    for path in ("/sign-in/second/app/", "/sign-in/second/keys/add/"):
        assert client.get(path).status_code == 403, "no second factor is set up"
    with as_role("urja_owner"), town.by_hand():
        from urja.apps.identity.models import Employment

        Employment.objects.create(
            id=999,
            user_id=home.owner_id,
            role="auditor",
            valid_from=datetime(2020, 1, 1, tzinfo=UTC),
            recorded_at=datetime(2020, 1, 1, tzinfo=UTC),
            actor="test",
        )
    led = client.get("/console/").headers["Location"]
    assert led.startswith("/sign-in/?next=/console/")
    assert client.get(led).status_code == 200, "signed out, and asked for the e-mail address"


def test_a_stolen_web_names_digits_and_a_user_and_no_number_or_text(home, web_role, service, database_of):
    mobile.has_number(home.owner_id)
    with database_of("urja_web") as thief:
        for medium, code in (("fax", "123456"), ("sms", "Pay at evil.example"), ("", "123456")):
            with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.StringDataRightTruncation)):
                thief.execute(INSERT, (home.owner_id, code, "en", medium))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute("UPDATE people_person SET phone = '+919000000000'")
        thief.execute(INSERT, (home.owner_id, "123456", "en", "sms"))
        thief.execute(INSERT, (home.outsider_id, "123456", "en", "sms"))  # has no number
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute("SELECT FROM journal_history")
    mobile.send()
    [message] = service.messages
    assert (message["to"], message["text"][:6]) == ("+919876543210", "123456")


def test_a_stolen_web_sends_as_many_as_the_limits_allow(home, web_role, service, database_of, monkeypatch):
    from urja.pipeline import sign_in_codes

    monkeypatch.setattr(sign_in_codes, "USER_LIMIT", 3)
    monkeypatch.setitem(sign_in_codes.TOTAL_LIMITS, "sms", 4)
    for user_id in (home.owner_id, home.landlord_id):
        mobile.has_number(user_id)
    with database_of("urja_web") as thief:
        for user_id in [home.owner_id] * 5 + [home.landlord_id] * 5:
            thief.execute(INSERT, (user_id, "123456", "en", "sms"))
            mobile.send()
    assert len(service.messages) == 4
    assert [outcome for _medium, outcome, _code in mobile.outcomes()].count("limited") == 6


THIEFS = "91234 56789"


def _correct(user_id, phone):
    """A clerk, or a stolen web in a clerk's name, corrects a person's number."""
    from urja.apps.people.models import Person
    from urja.usecases.operations import CorrectConsumer, perform

    with as_role("urja_owner"):
        person = Person.objects.get(user_id=user_id)
        perform(CorrectConsumer(consumer_id=person.id, phone=phone), recorded_at=town_cast.NOW, actor="test")
        assert Person.objects.get(user_id=user_id).phone == phone


def _by_sheet(user_id, phone):
    """A secretary's list names a present resident with another number."""
    from urja.apps.people.models import Person
    from urja.usecases.legacy_takeover import PutPerson
    from urja.usecases.operations import perform

    with as_role("urja_owner"):
        person = Person.objects.get(user_id=user_id)
        perform(
            PutPerson(consumer_id=person.id, system="sheet", phone=phone),
            recorded_at=town_cast.NOW,
            actor="test",
        )
        assert Person.objects.get(user_id=user_id).phone == phone


def _signs_in(client, service, number):
    """Whether a number opens a page; the pipeline is also asked in the stolen web's own way."""
    mobile.asked(client, number)
    if not service.messages:
        assert client.post("/sign-in/mobile/code/", {"code": "123456"}).status_code == 422
        return False
    client.post("/sign-in/mobile/code/", {"code": mobile.code_in(service)})
    return client.get("/").status_code == 200


def _nothing_is_sent(user_id, service, *before):
    """The web, taken over, names the user all the same; `before` are outcomes of earlier codes."""
    with as_role("urja_web"):
        from urja.apps.identity.requests import request_sign_in_code

        assert request_sign_in_code(user_id, "123456", "en", "sms")
    mobile.send()
    assert service.messages == []
    assert {outcome for _medium, outcome, _code in mobile.outcomes()} == {"unknown", *before}


@pytest.mark.parametrize("change", [_correct, _by_sheet])
@pytest.mark.parametrize("before", [mobile.KEPT[0], None], ids=["changed", "added later"])
def test_a_number_that_was_changed_or_added_opens_no_session(home, browser, service, change, before):
    """A clerk, a secretary or a stolen web sets the victim's number to the thief's."""
    if before:
        mobile.has_number(home.owner_id, before)
    change(home.owner_id, "+919123456789")
    assert not _signs_in(browser(), service, THIEFS)
    _nothing_is_sent(home.owner_id, service)
    if before:
        # Put right again it signs in no longer either: both changes are in the history.
        change(home.owner_id, before)
        assert not _signs_in(browser(), service, mobile.NUMBER)


def test_a_changed_number_is_answered_like_an_unknown_one(home, browser, service):
    _correct(home.owner_id, "+919123456789")
    seen = []
    for number in (THIEFS, "91234 56780"):
        client, statements = browser(), []
        with connection.execute_wrapper(mobile.noting(statements)):
            answer = client.post("/sign-in/mobile/", {"number": number})
            pages = [client.get("/sign-in/mobile/code/"), client.post("/sign-in/mobile/code/", {"code": "x"})]
        words = [re.sub(r"\+91\d{10}", "N", text_of(page)) for page in pages]
        seen.append((answer.headers["Location"], [page.status_code for page in pages], words, statements))
    assert seen[0] == seen[1]


def test_a_session_ends_when_the_number_that_opened_it_is_corrected(home, browser, service):
    """The thief's number opened it while it was the person's; the correction ends it."""
    mobile.has_number(home.owner_id)
    client = browser()
    assert _signs_in(client, service, mobile.NUMBER)
    _correct(home.owner_id, "+919000000000")
    assert client.get("/").status_code == 302
    assert client.get(f"/accounts/{home.account_id}/").status_code == 302


@pytest.mark.parametrize(("people", "signs_in"), [(5, True), (6, False)])
def test_a_number_of_more_people_than_a_family_opens_no_session(home, browser, service, people, signs_in):
    from django.contrib.auth import get_user_model

    from urja.apps.people.models import Person

    mobile.has_number(home.owner_id)
    with as_role("urja_owner"):
        for number in range(1, people):
            user = get_user_model().objects.create(
                username=f"r{number}@example.org", email=f"r{number}@example.org"
            )
            Person.objects.create(
                id=900 + number, user=user, name=f"R {number}", phone=mobile.KEPT[number % 3],
                recorded_at=town_cast.NOW, actor="test",
            )  # fmt: skip
    client = browser()
    mobile.asked(client)
    assert bool(service.messages) == signs_in
    if not signs_in:
        _nothing_is_sent(home.owner_id, service)


def test_a_user_with_a_second_factor_gets_no_code_by_sms(home, browser, service):
    from allauth.mfa.models import Authenticator

    mobile.has_number(home.owner_id)
    with as_role("urja_owner"):
        Authenticator.objects.create(user_id=home.owner_id, type="totp", data={})
    assert not _signs_in(browser(), service, mobile.NUMBER)
    _nothing_is_sent(home.owner_id, service)


# -- people without an e-mail address -------------------------------------------------------------------------


@pytest.fixture
def by_number(home):
    """The owner has no e-mail address and signs in by number alone."""
    mobile.has_number(home.owner_id)
    _without_address(home.owner_id)
    return home.owner_id


def _without_address(user_id):
    from django.contrib.auth import get_user_model

    from urja.apps.people.models import Person

    with as_role("urja_owner"), town.by_hand():
        Person.objects.filter(user_id=user_id).update(email="")
        get_user_model().objects.filter(pk=user_id).update(email="", username=f"person-{user_id}")


@contextmanager
def _later(tmp_path, days):
    """The clock, some days after the number was changed."""
    anchor = tmp_path / f"{days}.json"
    write_anchor(anchor, Anchor(0.0, (town_cast.NOW + timedelta(days=days)).timestamp(), 0.0))
    with override_settings(URJA_CLOCK_ANCHOR=anchor):
        yield


@pytest.mark.parametrize("change", [_correct, _by_sheet])
def test_without_an_address_a_changed_number_waits_for_fourteen_days(
    by_number, browser, service, change, tmp_path
):
    """The victim has time to notice; a consumer with a new SIM is not locked out forever."""
    assert _signs_in(browser(), service, mobile.NUMBER)
    change(by_number, "+919123456789")
    service.messages.clear()
    with _later(tmp_path, 13):
        assert not _signs_in(browser(), service, THIEFS)
        _nothing_is_sent(by_number, service, "sent")
    with _later(tmp_path, 15):
        assert _signs_in(browser(), service, THIEFS)


def test_without_an_address_a_number_that_is_given_first_waits_as_well(home, browser, service, tmp_path):
    """A clerk, or a stolen web, gives a number to a person who had neither number nor address."""
    from urja.apps.people.models import Person

    with as_role("urja_owner"), town.by_hand():
        Person.objects.filter(user_id=home.owner_id).update(user_id=None, email="")
        person = Person.objects.get(user_id=None, phone=None)
    from urja.usecases.operations import CorrectConsumer, perform

    with as_role("urja_owner"):
        perform(
            CorrectConsumer(consumer_id=person.id, phone="+919123456789"),
            recorded_at=town_cast.NOW,
            actor="test",
        )
    with _later(tmp_path, 13):
        assert not _signs_in(browser(), service, THIEFS)
    with _later(tmp_path, 15):
        assert _signs_in(browser(), service, THIEFS)


def test_a_login_by_number_that_was_used_takes_no_address_of_a_file(by_number, browser, service):
    """A thief loads a spreadsheet with an address of theirs, and asks for a code by mail."""
    from django.contrib.auth import get_user_model
    from django.db import ProgrammingError

    from urja.apps.people.models import Person
    from urja.usecases.legacy_takeover import PutPerson
    from urja.usecases.operations import perform

    assert _signs_in(browser(), service, mobile.NUMBER)
    with as_role("urja_owner"):
        person = Person.objects.get(user_id=by_number)
        perform(
            PutPerson(consumer_id=person.id, system="sheet", email="thief@example.org"),
            recorded_at=town_cast.NOW,
            actor="test",
        )
        assert Person.objects.get(user_id=by_number).email == "thief@example.org", "notices go there"
        assert get_user_model().objects.get(pk=by_number).email == ""
    with as_role("urja_pipeline"), pytest.raises(ProgrammingError, match="is not confirmed"):
        get_user_model().objects.filter(pk=by_number).update(
            email="thief@example.org", username="thief@example.org"
        )


def test_no_address_is_the_address_of_no_user(by_number, browser):
    """Neither by mail nor among the users of addresses is a login found that has none."""
    from urja.apps.identity.queries.identities import user_of

    assert user_of("") is None
    assert browser().post("/sign-in/", {"login": ""}).status_code != 302


def test_one_source_does_not_use_up_the_codes_of_all(home, browser, service):
    """A stranger asks for codes to many numbers from many addresses of one block; elsewhere people still sign in."""

    def asks(number, ip):
        answer = browser().post("/sign-in/mobile/", {"number": str(number)}, REMOTE_ADDR=ip)
        return answer.status_code

    assert {asks(9_000_000_000 + number, f"203.0.113.{number}") for number in range(50)} == {302}
    assert asks(9_000_000_099, "203.0.113.99") == 422, "the share of the block is used up"
    mobile.has_number(home.owner_id)
    assert asks(mobile.KEPT[1], "203.0.112.1") == 302
    while mobile.send().done:
        pass
    assert [one["to"] for one in service.messages] == [mobile.KEPT[0]]


def test_a_page_that_reads_no_user_asks_the_database_nothing_of_a_session_by_sms(home, browser, service):
    """So that it answers while the database is away."""
    from django.test.utils import CaptureQueriesContext

    mobile.has_number(home.owner_id)
    client = browser()
    mobile.asked(client)
    client.post("/sign-in/mobile/code/", {"code": mobile.code_in(service)})
    with CaptureQueriesContext(connection) as asked:
        assert client.get("/api/v1/openapi.json").status_code == 200
        assert client.get("/healthz").status_code == 200
    assert asked.captured_queries == []
    assert client.get("/").status_code == 200
