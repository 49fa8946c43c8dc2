"""Staff with rights sign in with a second factor, and gives it again before money and supply."""

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from tests.web.console_staff import answer_requests
from tests.web.reading import text_of
from tests.web.test_sign_in import newest_code

FACTOR = "/sign-in/second/"
ONE_STEP_S = 10**10
"""A time step of codes that does not end between a code and its answer."""


@pytest.fixture(autouse=True)
def demanded(django):
    from django.test import override_settings

    with override_settings(URJA_STAFF_SECOND_FACTOR=True, MFA_TOTP_PERIOD=ONE_STEP_S):
        yield


def code_of(secret):
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

    return format_hotp_value(hotp_value(secret, int(time.time()) // ONE_STEP_S))


def set_up(client):
    """An app's secret, as the page shows it, confirmed by its first code."""
    client.get(f"{FACTOR}app/")
    secret = client.session["mfa.totp.secret"]
    response = client.post(f"{FACTOR}app/", {"code": code_of(secret)})
    assert response.status_code == 302, text_of(response)
    return secret


def give(client, secret, *, page="again/", **more):
    """The factor once more; a code is good once, so that a test that gives it again takes a recovery code."""
    return client.post(f"{FACTOR}{page}", {"code": code_of(secret), **more})


def pass_time(client, seconds):
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def test_without_a_second_factor_the_console_leads_to_setting_one_up(colleague):
    clerk = colleague("clerk")
    response = clerk.get("/console/search/")
    assert (response.status_code, response.headers["Location"]) == (302, FACTOR)
    assert "Set up an authenticator app" in text_of(clerk.get(FACTOR))


def test_who_only_reads_needs_none(colleague):
    assert colleague("auditor").get("/console/search/").status_code == 200


def test_a_consumer_needs_none(browser, person):
    assert browser(user_id=person.user_id).get("/").status_code == 200


def test_an_app_is_set_up_and_opens_the_console(colleague):
    clerk = colleague("clerk")
    page = clerk.get(f"{FACTOR}app/")
    assert "<svg" in page.content.decode()
    assert "style=" not in page.content.decode(), "the content security policy forbids it"
    secret = set_up(clerk)
    response = clerk.get("/console/search/")
    assert response.headers["Location"] == f"{FACTOR}again/?next=%2Fconsole%2Fsearch%2F"
    assert give(clerk, secret, next="/console/search/").headers["Location"] == "/console/search/"
    assert clerk.get("/console/search/").status_code == 200
    codes = clerk.get(f"{FACTOR}codes/")
    assert codes.content.decode().count("<code>") == 10
    assert "[NOT IN" not in text_of(codes)


def test_the_secret_is_not_kept_in_the_clear(colleague, database_of_town):
    secret = set_up(colleague("clerk"))
    with database_of_town("urja_owner") as owner:
        kept = owner.execute("SELECT data::text FROM mfa_authenticator").fetchall()
    assert len(kept) == 2
    assert secret not in str(kept)


@pytest.mark.usefixtures("demo")
def test_signing_in_takes_the_second_factor_too(colleague, someone, staff):
    secret = set_up(colleague("clerk"))
    client = someone()
    client.post("/sign-in/", {"email": "clerk@urja.example"})
    response = client.post("/sign-in/code/", {"code": newest_code()})
    assert response.headers["Location"] == f"{FACTOR}give/"
    assert client.get("/console/search/").status_code == 302, "not signed in yet"
    assert "The code is wrong" in text_of(client.post(f"{FACTOR}give/", {"code": "000000"}))
    assert give(client, secret, page="give/").status_code == 302
    assert client.get("/console/search/").status_code == 200
    expires = client.session.get_expiry_date()
    assert timedelta(hours=11.9) < expires - datetime.now(UTC) <= timedelta(hours=12)


@pytest.mark.usefixtures("demo")
def test_a_code_is_good_once_and_a_recovery_code_stands_for_it_once(colleague, someone, staff):
    clerk = colleague("clerk")
    secret = set_up(clerk)
    give(clerk, secret)
    codes = [
        part.split("</code>")[0] for part in clerk.get(f"{FACTOR}codes/").content.decode().split("<code>")[1:]
    ]
    assert "already been used" in text_of(give(clerk, secret))
    for expected in (302, 200):
        assert clerk.post(f"{FACTOR}again/", {"code": codes[0]}).status_code == expected


def dry_run_of(client, kind, **fields):
    response = client.post(f"/console/operations/{kind}/", fields)
    assert response.status_code == 302, text_of(response)
    answer_requests()
    return response.headers["Location"]


def test_money_and_supply_take_it_again_after_a_quarter_of_an_hour(colleague):
    from urja.apps.journal.models import Request

    clerk = colleague("clerk")
    secret = set_up(clerk)
    give(clerk, secret)
    pass_time(clerk, 901)
    hold = {"consumer_number": "URJ00000001", "reason": "request", "note": "asked for"}
    page = dry_run_of(clerk, "disconnect_temporarily", **hold)
    assert "Carry out" in text_of(clerk.get(page)), "looking needs no fresh one"
    response = clerk.post(f"{page}do/")
    assert response.headers["Location"] == f"{FACTOR}again/?next={quote(page, safe='')}"
    assert not Request.objects.filter(dry_run=False).exists()
    codes = set_of_recovery_codes(clerk)
    clerk.post(f"{FACTOR}again/", {"code": codes[0], "next": page})
    assert clerk.post(f"{page}do/").headers["Location"] != response.headers["Location"]
    assert Request.objects.filter(dry_run=False).count() == 1


def set_of_recovery_codes(client):
    from allauth.mfa.models import Authenticator

    user_id = int(client.session["_auth_user_id"])
    return Authenticator.objects.get(user_id=user_id, type="recovery_codes").wrap().get_unused_codes()


def test_a_work_order_takes_none_again(colleague):
    clerk = colleague("clerk")
    secret = set_up(clerk)
    give(clerk, secret)
    pass_time(clerk, 901)
    page = dry_run_of(
        clerk, "open_work_order", consumer_number="URJ00000001", kind_of_work="inspect", note="look"
    )
    assert FACTOR not in clerk.post(f"{page}do/").headers["Location"]


def test_factors_that_come_and_go_are_written_down(colleague, database_of_town):
    clerk = colleague("clerk")
    secret = set_up(clerk)
    give(clerk, "A" * 32)
    give(clerk, secret)
    assert clerk.post(f"{FACTOR}app/remove/").status_code == 302
    with database_of_town("urja_owner") as owner:
        kinds = [kind for (kind,) in owner.execute("SELECT kind FROM identity_sign_in ORDER BY id")]
    assert kinds == [
        "factor_added",
        "factor_added",
        "second_factor_failed",
        "factor_removed",
        "factor_removed",
    ]
    assert clerk.get("/console/search/").headers["Location"] == FACTOR


def test_pages_speak_hindi(colleague):
    clerk = colleague("clerk", "hi")
    for path, said in (("", "दूसरा सत्यापन"), ("app/", "ऑथेंटिकेटर ऐप सेट करें"), ("keys/add/", "सुरक्षा कुंजी जोड़ें")):
        assert said in text_of(clerk.get(f"{FACTOR}{path}"))


def test_the_pages_need_nothing_that_the_policy_forbids(colleague):
    clerk = colleague("clerk")
    secret = set_up(clerk)
    give(clerk, secret)
    for path in ("", "again/", "codes/", "codes/new/", "keys/add/", "app/remove/"):
        page = clerk.get(f"{FACTOR}{path}").content.decode()
        assert "style=" not in page
        assert "onclick" not in page
        for script in page.split("<script")[1:]:
            assert "src=" in script[:80] or 'type="application/json"' in script[:160]


def test_the_demonstration_asks_for_none():
    from urja.demo.command import demo_settings

    assert not demo_settings(None).web.staff_second_factor


def test_who_was_hired_while_signed_in_is_signed_out_after_twelve_hours(colleague):
    auditor = colleague("auditor")
    assert auditor.session.get_expiry_date() - datetime.now(UTC) > timedelta(days=80)
    auditor.get("/console/search/")
    expires = auditor.session.get_expiry_date()
    assert expires - datetime.now(UTC) <= timedelta(hours=12)
    auditor.get("/console/search/")
    assert auditor.session.get_expiry_date() == expires, "it does not move"
