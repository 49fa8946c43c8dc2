"""The pages of approvals and passkeys: who sees what, what they are asked, and what is recorded of them."""

import re
from base64 import urlsafe_b64encode
from datetime import timedelta

import pytest
from tests.apps.town import protect
from tests.authenticator import Authenticator
from tests.web import console_staff, town_cast
from tests.web.conftest import connected_as

DISCONNECT = {"consumer_number": "URJ00000001", "reason": "safety", "note": "a lineman is at work"}


@pytest.fixture
def passkeys(staff):
    """Passkeys of the clerk and of the control room, and a protected household."""
    from django.contrib.auth import get_user_model

    from urja.apps.approvals import passkeys, requests
    from urja.pipeline.approve import run_once as judge_approvals

    protect(1)
    found = {}
    for role in ("clerk", "control_room"):
        user = get_user_model().objects.get(pk=staff[role])
        code = passkeys.invite(user, now=town_cast.NOW, lasts=timedelta(days=1), actor="test")
        phone = found[role] = Authenticator(rp_id="localhost", origin="http://localhost")
        challenge = passkeys.enrolment_challenge(passkeys.code_hash(code), user.pk)
        requests.enrol(user.pk, "telephone", phone.register(challenge), now=town_cast.NOW)
    judge_approvals(town_cast.NOW)
    return found


def pipeline():
    """The pipeline's turn."""
    from urja.pipeline.approve import run_once as judge_approvals

    console_staff.answer_requests()
    with connected_as("urja_pipeline"):
        judge_approvals(town_cast.NOW)


def as_owner(work):
    with connected_as("urja_owner"):
        return work()


def text(response):
    return re.sub(r"\s+", " ", response.content.decode())


def ask(client, monkeypatch):
    """The operation as a form asks for it; the address of its approval."""
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.01)
    dry_run = client.post("/console/operations/disconnect_temporarily/", DISCONNECT).headers["location"]
    pipeline()
    assert "Approval by passkey is required:" in text(client.get(dry_run))
    asked = client.post(f"{dry_run}do/").headers["location"]
    pipeline()
    return client.get(asked).headers["location"]


def form(answer):
    names = ("credential_id", "client_data", "authenticator_data", "signature")
    return {name: urlsafe_b64encode(getattr(answer, name)).rstrip(b"=").decode() for name in names}


def challenge(address):
    from urja.apps.approvals import queries

    return queries.approval_of(int(address.split("/")[3])).challenge


def test_the_actor_is_asked_and_its_answer_is_recorded(passkeys, colleague, monkeypatch):
    clerk = colleague("clerk")
    address = ask(clerk, monkeypatch)
    page = text(clerk.get(address))
    assert "Needs the requester&#x27;s passkey." in page
    assert 'data-passkey="get"' in page
    assert "a lineman is at work" in page
    assert "Disconnect temporarily" in text(clerk.get("/console/approvals/"))
    clerk.post(f"{address}answer/", form(passkeys["clerk"].approve(challenge(address))))
    assert "Your answer is being verified." in text(clerk.get(address))
    pipeline()
    page = text(clerk.get(address))
    assert "Approved and carried out." in page
    assert "Approved by: Clerk" in page
    assert "No operation is waiting for approval." in text(clerk.get("/console/approvals/"))


def test_an_answer_that_is_refused_is_told(passkeys, colleague, monkeypatch):
    clerk = colleague("clerk", "hi")
    address = ask_in_english(colleague, monkeypatch)
    clerk.post(f"{address}answer/", form(passkeys["clerk"].approve(bytes(32))))
    pipeline()
    page = text(clerk.get(address))
    assert "आपका उत्तर स्वीकार नहीं हुआ:" in page
    assert "पासकी का उत्तर किसी और सामग्री या किसी और प्रश्न के लिए है" in page


def ask_in_english(colleague, monkeypatch):
    return ask(colleague("clerk"), monkeypatch)


def test_who_may_do_it_may_look_and_cancel_and_is_not_asked(passkeys, colleague, monkeypatch):
    """One passkey is needed, and it is not theirs."""
    address = ask_in_english(colleague, monkeypatch)
    operator = colleague("control_room")
    page = text(operator.get(address))
    assert "Requested by Clerk" in page
    assert "data-passkey" not in page
    operator.post(f"{address}answer/", {"cancel": "yes"})
    pipeline()
    assert "it was cancelled before it was carried out" in text(operator.get(address))


def test_to_who_may_not_do_it_it_does_not_exist(passkeys, colleague, monkeypatch):
    address = ask_in_english(colleague, monkeypatch)
    engineer = colleague("field_engineer")
    assert engineer.get(address).status_code == 404
    assert engineer.post(f"{address}answer/", {"cancel": "yes"}).status_code == 404
    assert "No operation is waiting for approval." in text(engineer.get("/console/approvals/"))
    assert colleague("auditor").get("/console/approvals/").status_code == 404


def test_without_a_passkey_the_page_says_how_to_get_one(staff, colleague, monkeypatch):
    """Refused, with what to do, in the reader's language."""
    as_owner(lambda: protect(1))
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.01)
    clerk = colleague("clerk")
    dry_run = clerk.post("/console/operations/disconnect_temporarily/", DISCONNECT).headers["location"]
    pipeline()
    asked = clerk.post(f"{dry_run}do/").headers["location"]
    pipeline()
    page = text(clerk.get(asked))
    assert "get a code from the administrator (urja passkey invite)" in page
    assert "The operation was not carried out:" in page


@pytest.mark.parametrize("broken", [{}, {"signature": ""}, {"signature": "ä"}, {"client_data": "A" * 30_000}])
def test_what_is_no_answer_is_not_recorded(passkeys, colleague, monkeypatch, broken):
    from urja.apps.approvals.models import Answer

    clerk = colleague("clerk")
    address = ask(clerk, monkeypatch)
    given = form(passkeys["clerk"].approve(challenge(address))) if broken else {}
    assert clerk.post(f"{address}answer/", {**given, **broken}).status_code == 400
    assert Answer.objects.count() == 0


def test_a_passkey_is_enrolled_by_a_code(staff, colleague):
    from django.contrib.auth import get_user_model

    from urja.apps.approvals import passkeys

    user = get_user_model().objects.get(pk=staff["clerk"])
    code = as_owner(lambda: passkeys.invite(user, now=town_cast.NOW, lasts=timedelta(days=1), actor="test"))
    clerk = colleague("clerk")
    assert "No passkeys yet." in text(clerk.get("/console/passkeys/"))
    page = text(clerk.post("/console/passkeys/", {"code": code, "name": "My telephone"}))
    assert 'data-passkey="create"' in page
    assert 'value="My telephone"' in page
    phone = Authenticator(rp_id="localhost", origin="http://localhost")
    made = phone.register(passkeys.enrolment_challenge(passkeys.code_hash(code), user.pk))
    given = {
        "name": "My telephone",
        "client_data": urlsafe_b64encode(made.client_data).decode(),
        "attestation": urlsafe_b64encode(made.attestation).decode(),
    }
    clerk.post("/console/passkeys/", given)
    assert "Your passkey is being verified." in text(clerk.get("/console/passkeys/"))
    pipeline()
    assert "My telephone" in text(clerk.get("/console/passkeys/"))
    clerk.post("/console/passkeys/", given)
    pipeline()
    assert "The passkey was not enrolled:" in text(clerk.get("/console/passkeys/"))
    assert clerk.post("/console/passkeys/", {"attestation": "", "client_data": "A"}).status_code == 400


def test_elsewhere_the_page_says_where_passkeys_work(staff, colleague):
    from django.test import override_settings

    with override_settings(URJA_PUBLIC_ORIGIN="https://console.urja.example"):
        page = text(colleague("clerk").get("/console/passkeys/"))
    assert "Passkeys work only at https://console.urja.example" in page
    assert "Passkeys work only" not in text(colleague("clerk").get("/console/passkeys/"))


@pytest.fixture
def strict(staff):
    """Thresholds by which a protected household takes two people."""
    from urja.apps.approvals import thresholds
    from urja.core.approvals import bundled_thresholds

    document = bundled_thresholds().replace("default-1", "ours-1")
    document = document.replace('protected = "actor"', 'protected = "second"')
    thresholds.load(document, recorded_at=town_cast.NOW, actor="test")


def test_two_people_approve_where_two_are_needed(strict, passkeys, colleague, monkeypatch):
    clerk, operator = colleague("clerk"), colleague("control_room")
    address = ask(clerk, monkeypatch)
    for client, role in ((operator, "control_room"), (clerk, "clerk")):
        page = text(client.get(address))
        assert "and that of a second authorised person." in page
        assert 'data-passkey="get"' in page
        client.post(f"{address}answer/", form(passkeys[role].approve(challenge(address))))
        pipeline()
    page = text(operator.get(address))
    assert "Approved by: Clerk, Control_Room" in page
    assert "Approved and carried out." in page
    # A request is shown to who has asked for it.
    assert "Show the result" not in page
    assert "Show the result" in text(clerk.get(address))
