"""Pages of the society's bank account: a consumer reports a transfer, staff load statements and decide."""

import re
from base64 import urlsafe_b64encode
from datetime import timedelta
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.apps.bank.cast import csv_of
from tests.authenticator import Authenticator
from tests.web import console_staff, house, town_cast
from tests.web.conftest import connected_as
from tests.web.reading import text_of

UTR = "412345678901"


def account(now):
    """Register the society's account, as its command does on the machine itself."""
    from urja.apps.bank import accounts

    with connected_as("urja_owner"):
        return accounts.open_account(
            name="society",
            holder="Neem Residents",
            number="50100012345678",
            ifsc="HDFC0001234",
            vpa="neem@okbank",
            currency="INR",
            now=now,
            actor="test",
        )


def claims():
    from urja.apps.bank.models import Claim

    return list(Claim.objects.order_by("id"))


def test_a_consumer_reports_a_transfer_without_javascript(home, browser):
    person = browser(user_id=home.owner_id)
    address = f"/accounts/{home.account_id}/transfer/"
    assert person.get(address).status_code == 404, "no account is registered"
    account(house.NOW)
    words = text_of(person.get(address))
    assert "Neem Residents Account number 50100012345678 IFSC HDFC0001234 UPI address neem@okbank" in words
    form = {"utr": "4123 4567 8901", "amount": "1,500", "paid_on": "2026-03-19"}
    for changed, says in (
        ({"utr": "123"}, "This is not a reference number: a UTR has 16 or 22 letters and digits"),
        ({"amount": "x"}, "Enter the amount as digits"),
        ({"paid_on": ""}, "Enter the day of the transfer."),
        ({"paid_on": "2026-03-21"}, "The day of the transfer is in the future."),
        ({"paid_on": "2025-03-21"}, "more than 90 days old"),
    ):
        refused = person.post(address, form | changed)
        assert (refused.status_code, says in text_of(refused)) == (422, True)
    assert claims() == []
    assert person.post(address, form)["Location"] == address
    person.post(address, form)
    (one,) = claims()
    assert (one.account_id, one.utr, one.amount_minor) == (home.account_id, UTR, 1_500_00)
    assert "Reported. It is credited when the bank" in text_of(person.get(address))
    again = text_of(person.post(address, form | {"amount": "1,600"}))
    assert "This reference is reported already with another amount or day: ask the office." in again
    hindi = text_of(browser(user_id=home.owner_id, language="hi").get(address))
    assert "सूचना दर्ज है।" in hindi
    for number in range(1, 5):
        person.post(address, form | {"utr": f"41234567899{number}"})
    assert "5 transfers are being checked already" in text_of(
        person.post(address, form | {"utr": "412345678999"})
    )
    assert browser(user_id=home.outsider_id).get(address).status_code == 404
    assert browser(user_id=home.outsider_id).post(address, form).status_code == 404


@pytest.fixture
def treasurer(staff, colleague, monkeypatch):
    """The browser and the passkey of a revenue officer; pages do not wait for the pipeline."""
    from django.contrib.auth import get_user_model

    from urja.apps.approvals import passkeys, requests
    from urja.pipeline.approve import run_once as judge_approvals
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.01)
    client = colleague("revenue_officer")
    phone = Authenticator(rp_id="localhost", origin="http://localhost")
    with connected_as("urja_owner"):
        user = get_user_model().objects.get(pk=staff["revenue_officer"])
        code = passkeys.invite(user, now=town_cast.NOW, lasts=timedelta(days=1), actor="test")
        requests.enrol(
            user.pk,
            "telephone",
            phone.register(passkeys.enrolment_challenge(passkeys.code_hash(code), user.pk)),
            now=town_cast.NOW,
        )
        judge_approvals(town_cast.NOW)
    return client, phone


def pipeline():
    from urja.pipeline.approve import run_once as judge_approvals
    from urja.pipeline.match_transfers import run_once as match

    console_staff.answer_requests()
    with connected_as("urja_pipeline"):
        judge_approvals(town_cast.NOW)
        match(town_cast.NOW)


def posted(client, address, form):
    """Post a form, let the pipeline answer, and return where the page then leads."""
    asked = client.post(address, form)
    assert asked.status_code == 302, text_of(asked)
    pipeline()
    return asked["Location"]


def test_staff_load_a_statement_with_a_passkey_and_decide_a_competing_transfer(treasurer, at_noon):
    from urja.apps.approvals import queries as approvals
    from urja.apps.bank import requests

    client, phone = treasurer
    assert "No bank account is registered." in text_of(client.get("/console/bank/"))
    ours = account(town_cast.NOW)
    today = (town_cast.NOW + timedelta(hours=5, minutes=30)).date()
    accounts = [one.account_id for one in at_noon.adopted[:2]]
    for account_id in accounts:
        requests.claim(
            account_id=account_id,
            bank_account_id=ours.pk,
            utr=UTR,
            amount_minor=500_00,
            paid_on=today,
            actor="user 1",
            now=town_cast.NOW,
            today=today,
        )
    body = csv_of((today, 500_00, f"UPI/CR/{UTR}/RAVI/"), (today, 700_00, "CASH BY SELF"))
    upload = {"account": str(ours.pk), "file": SimpleUploadedFile("march.csv", body)}
    assert "choose the account and the file" in text_of(client.post("/console/bank/", {"account": "7"}))
    wrong = {"account": str(ours.pk), "file": SimpleUploadedFile("x.pdf", b"%PDF")}
    refused = text_of(client.get(posted(client, "/console/bank/", wrong)))
    assert "The statement was not loaded: the file is refused: line 1: this is a PDF" in refused

    approval = client.get(posted(client, "/console/bank/", upload))["Location"]
    page = text_of(client.get(approval))
    assert "SHA-256 of the file" in page
    answer = phone.approve(approvals.approval_of(int(approval.split("/")[3])).challenge)
    names = ("credential_id", "client_data", "authenticator_data", "signature")
    encoded = {name: urlsafe_b64encode(getattr(answer, name)).rstrip(b"=").decode() for name in names}
    posted(client, f"{approval}answer/", encoded)
    page = text_of(client.get("/console/bank/"))
    assert "Transfers to decide 2" in page
    assert "Two accounts claim one transfer, or it is credited already" in page
    assert "UPI/CR/…/RAVI/" in page
    assert UTR not in page.split("Payments that no account has")[1], "a reference of an entry"
    assert "Entries on statements: 2, credited to accounts: 0" in page

    first, second = claims()
    address = f"/console/bank/claims/{second.id}/"
    entry = client.get(address).content.decode().split('name="entry" value="')[1].split('"')[0]
    said = client.get(posted(client, address, {"entry": entry, "reason": " ", "credit": ""}))
    assert "The decision was not carried out: give a reason" in text_of(said)
    done = posted(client, address, {"entry": entry, "reason": "shown at the desk", "credit": ""})
    assert "Credited by the entry of" in text_of(client.get(done))
    posted(client, f"/console/bank/claims/{first.id}/", {"reason": "of the other flat", "refuse": ""})
    assert [one.state for one in claims()] == ["refused", "credited"]
    posted(client, address, {"reason": "a mistake", "reverse": ""})
    assert [one.state for one in claims()] == ["refused", "reversed"]


FOREIGN = "Tag,Wortlaut,Ausgang,Eingang,Stand"
CHOICES = {
    "column-date": "Tag",
    "column-narration": "Wortlaut",
    "column-debit": "Ausgang",
    "column-credit": "Eingang",
    "column-balance": "Stand",
}


def foreign_file(*rows, opening=0):
    body = csv_of(*rows, opening=opening).replace(b"Date,Narration,Debit,Credit,Balance", FOREIGN.encode())
    return SimpleUploadedFile("tag.csv", body)


def carried(page):
    """The hidden fields of a form, as a browser without JavaScript posts them."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode())
    return {name: unescape(value) for name, value in found}


def test_columns_are_named_by_hand_once_and_later_files_are_read_alike(treasurer, colleague):
    from urja.apps.approvals import queries as approvals
    from urja.apps.bank.models import Statement

    client, phone = treasurer
    ours = account(town_cast.NOW)
    today = (town_cast.NOW + timedelta(hours=5, minutes=30)).date()

    def upload():
        return {"account": str(ours.pk), "file": foreign_file((today, 500_00, f"UPI/CR/{UTR}/RAVI/"))}

    asked = client.post("/console/bank/", upload())
    words = text_of(asked)
    assert asked.status_code == 422
    assert "The headings of this file are not known." in words
    assert f"{today:%d/%m/%Y} UPI/CR/{UTR}/RAVI/ 500.00 500.00" in words
    hindi = text_of(colleague("revenue_officer", "hi").post("/console/bank/", upload()))
    assert "इस फ़ाइल के शीर्षक पहचाने नहीं गए।" in hindi
    assert "प्रविष्टि के बाद शेष राशि" in hindi
    hidden = carried(asked)
    wrong = client.post("/console/bank/", hidden | CHOICES | {"column-credit": "Ausgang"})
    assert "each from a column of its own" in text_of(wrong)
    assert 'value="Ausgang" selected' in wrong.content.decode(), "what was chosen stays"
    assert "choose the account and the file" in text_of(
        client.post("/console/bank/", hidden | {"carried": "%"})
    )

    approval = client.get(posted(client, "/console/bank/", carried(wrong) | CHOICES))["Location"]
    assert "Columns named by hand" in text_of(client.get(approval))
    assert "credit, Eingang" in text_of(client.get(approval))
    answer = phone.approve(approvals.approval_of(int(approval.split("/")[3])).challenge)
    names = ("credential_id", "client_data", "authenticator_data", "signature")
    encoded = {name: urlsafe_b64encode(getattr(answer, name)).rstrip(b"=").decode() for name in names}
    posted(client, f"{approval}answer/", encoded)
    with connected_as("urja_owner"):
        assert [one["heading"] for one in Statement.objects.get().headings] == FOREIGN.split(",")

    later = {
        "account": str(ours.pk),
        "file": foreign_file((today, 700_00, "CASH BY SELF"), opening=500_00),
    }
    approval = client.get(posted(client, "/console/bank/", later))["Location"]
    assert "credit, Eingang" in text_of(client.get(approval)), "signed again, and not asked for again"


def test_a_file_too_large_for_a_form_is_asked_for_in_parts(treasurer, monkeypatch):
    monkeypatch.setattr("urja.web.console.bank_page.LARGEST_CARRIED", 10)
    client, _phone = treasurer
    ours = account(town_cast.NOW)
    form = {"account": str(ours.pk), "file": foreign_file((house.NOW.date(), 5_00, "X"))}
    assert "export a shorter period first" in text_of(client.post("/console/bank/", form))


def test_who_may_not(colleague):
    assert colleague("auditor").get("/console/bank/").status_code == 200
    assert colleague("auditor").post("/console/bank/", {}).status_code == 404
    page = text_of(colleague("auditor").get("/console/bank/reconciliation/"))
    assert "Taken in all ₹0.00" in page
    assert "What does not fit 0 Everything fits." in page
    assert "मिलान" in text_of(colleague("auditor", "hi").get("/console/bank/reconciliation/"))
    assert colleague("clerk").get("/console/bank/reconciliation/").status_code == 404
    assert colleague("clerk").get("/console/bank/").status_code == 404
