"""Sign-in codes by the pipeline: what the web requested reaches a relay that demands encryption and a login."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.one_setup import with_one_setup
from tests.providers.relay import LOGIN, issued_in, mailers, open_relay

ASHA = "asha@example.org"


@pytest.fixture
def asha(database):
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user("asha", ASHA)


@pytest.fixture
def provider(tmp_path, monkeypatch):
    """A relay as mail providers have them: nothing without encryption and a login."""
    from django.test import override_settings

    certificate, authority = issued_in(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with open_relay(certificate) as relay:
        relay.login_for_mail = True
        with override_settings(**mailers(relay, security="starttls", username=LOGIN[0], password=LOGIN[1])):
            yield relay


class Wall:
    """A wall clock that a test moves."""

    speed = 1.0

    def __init__(self):
        self.ahead = timedelta()

    def now(self):
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def stage(database):
    from urja.pipeline.sign_in_codes import SignInCodes

    wall = Wall()
    made = SignInCodes("नीम समिति", wall)
    made.wall = wall

    def run(*, later_s=0.0):
        wall.ahead += timedelta(seconds=later_s)
        made._again_s = -1.0
        return made.run_once(datetime.now(UTC))

    return run


def request(user, code="123456", language="en"):
    from urja.apps.identity.requests import request_sign_in_code

    assert request_sign_in_code(None if user is None else user.pk, code, language)


def rows():
    from urja.apps.identity.models import SignInCode

    return list(SignInCode.objects.order_by("id").values_list("code", "outcome"))


def fails():
    from urja.apps.identity.queries.sign_ins import relay_fails

    return relay_fails()


def test_a_code_leaves_by_the_login_and_is_blanked(asha, provider, stage):
    request(asha, language="hi")
    assert stage().lag == 0
    [mail] = provider.arrived
    assert (mail["to"], mail["from"]) == (ASHA, "urja@utility.example")
    assert mail["subject"] == "123456 नीम समिति के लिए आपका साइन-इन कोड है"
    assert "123456" in mail.get_content()
    assert provider.encrypted == [True]
    assert rows() == [("", "sent")]
    assert stage().done == 0
    assert len(provider.arrived) == 1, "once"


def test_an_unknown_address_asks_the_relay_and_mails_nothing(provider, stage):
    request(None)
    stage()
    assert provider.arrived == []
    assert len(provider.logins) == 1
    assert rows() == [("", "unknown")]


def test_a_relay_that_is_away_is_asked_until_the_code_expires_and_the_page_can_say_so(asha, stage):
    from django.test import override_settings
    from tests.providers.relay import Relay

    from urja.base.ports import free_port

    with override_settings(**mailers(Relay(free_port()))):
        for user in (asha, None):
            request(user)
            assert not fails()
            report = stage()
            assert report.ill
            assert "the mail relay took nothing: ConnectionRefusedError" in report.detail
            assert report.lag == 1
            assert fails(), "also where no account has the address"
            stage(later_s=301)
            assert not fails()
            stage(later_s=-301)
    assert rows() == [("", "expired")] * 2


def test_a_relay_that_is_back_takes_what_waits(asha, provider, stage):
    request(asha)
    provider.refusal, provider.at = "451 not now", "MAIL"
    assert stage().ill
    assert fails()
    provider.refusal = ""
    assert not stage().ill
    assert not fails()
    assert rows() == [("", "sent")]


@pytest.mark.parametrize(
    ("answer", "at", "outcome"),
    [
        ("550 no such mailbox", "RCPT", "refused"),
        ("554 spam", "DATA", "refused"),
        ("451 greylisted", "RCPT", ""),
    ],
)
def test_one_refused_address_keeps_no_other_waiting_and_is_not_shown(
    asha, provider, stage, answer, at, outcome
):
    from django.contrib.auth import get_user_model

    request(asha)
    provider.refusal, provider.at = answer, at
    stage()
    provider.refusal = ""
    request(get_user_model().objects.create_user("bela", "bela@example.org"), "654321")
    assert not stage().ill
    assert not fails()
    assert provider.to[-1:] == ["bela@example.org"]
    assert rows() == [("" if outcome else "123456", outcome), ("", "sent")]
    stage(later_s=16)
    assert ASHA in provider.to if not outcome else rows()[0] == ("", outcome)


def test_a_login_that_is_refused_is_reported_and_no_code_is_lost(asha, tmp_path, monkeypatch, stage):
    from django.test import override_settings

    certificate, authority = issued_in(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    request(asha)
    with open_relay(certificate) as relay:
        with override_settings(**mailers(relay, security="starttls", username=LOGIN[0], password="wrong")):
            assert "SMTPAuthenticationError" in stage().detail
        with override_settings(**mailers(relay, security="starttls", username=LOGIN[0], password=LOGIN[1])):
            assert not stage().ill
    assert relay.to == [ASHA]


def test_a_pause_after_a_failure_and_none_before(asha, stage):
    from django.test import override_settings
    from tests.providers.relay import Relay

    from urja.base.ports import free_port
    from urja.pipeline.sign_in_codes import SignInCodes

    made = SignInCodes("Urja", Wall())
    request(asha)
    with open_relay() as relay, override_settings(**mailers(relay)):
        with override_settings(**mailers(Relay(free_port()))):
            made.run_once(datetime.now(UTC))
        made.run_once(datetime.now(UTC))
        assert relay.arrived == [], "not within a second"
        assert stage().done == 1


def test_what_ended_a_day_ago_is_deleted(asha, provider, stage):
    from urja.pipeline.email_changes import delete_old_sign_ins

    request(asha)
    stage()
    request(asha, "222222")
    delete_old_sign_ins(datetime.now(UTC) + timedelta(hours=25))
    assert rows() == [("222222", "")]


@with_one_setup("stored", ["ravi..k@gmail.com", "ravi.@x.in", "रवि@x.org", "a@x..in"])
def test_a_stored_address_that_cannot_be_mailed_ends_its_code_and_no_other(asha, provider, stage, stored):
    from django.contrib.auth import get_user_model

    provider.to.clear()
    request(get_user_model().objects.create_user(stored, stored))
    request(asha, "654321")
    assert not stage().ill
    assert not fails()
    assert rows()[-2:] == [("", "refused"), ("", "sent")]
    assert provider.to == [ASHA]
