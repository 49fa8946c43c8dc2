"""Signing in by mobile number: the code's way through the pipeline to an SMS service, families, staff, limits."""

import json
import re
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection, transaction
from django.test import override_settings
from tests.apps.notices.cast import sms_channel
from tests.apps.payments.till import as_role
from tests.web.reading import text_of
from tests.web.test_sign_in_limits import other_device

NUMBER = "98765 43210"
KEPT = ("+919876543210", "9876543210", "09876543210")


@pytest.fixture
def service():
    """An SMS service with the sandbox's interface: takes everything, or answers with `status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if server.status == 202:
                server.messages.append(message)
            body = json.dumps({"id": "m1", "ref": message["ref"], "status": "accepted"}).encode()
            self.send_response(server.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Tests read no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.messages, server.status = [], 202
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with override_settings(URJA_CHANNELS=(sms_channel(f"http://127.0.0.1:{server.server_port}"),)):
            yield server
        server.shutdown()
        thread.join()


class Wall:
    speed = 1.0
    ahead = timedelta()

    def now(self):
        return datetime.now(UTC) + self.ahead


def send(ahead=timedelta()):
    """What the pipeline does, with its rights."""
    from urja.pipeline.sign_in_codes import MessagedCodes
    from urja.web.shared.clock import business_now

    wall = Wall()
    wall.ahead = ahead
    with as_role("urja_pipeline"):
        return MessagedCodes("Neem Society", wall).run_once(business_now())


def has_number(user_id, phone=KEPT[0]):
    """Give a user's person a number as if it had been theirs ever since there is a login: without a row in the history."""
    from urja.apps.people.models import Person

    with as_role("urja_owner"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE people_person DISABLE TRIGGER journal_remember")
        assert Person.objects.filter(user_id=user_id).update(phone=phone)
        cursor.execute("ALTER TABLE people_person ENABLE TRIGGER journal_remember")


def outcomes():
    from urja.apps.identity.models import SignInCode

    with as_role("urja_owner"):
        return list(SignInCode.objects.order_by("id").values_list("medium", "outcome", "code"))


def asked(client, number=NUMBER):
    """Ask for a code; the pipeline sends it."""
    answer = client.post("/sign-in/mobile/", {"number": number})
    assert answer.headers["Location"] == "/sign-in/mobile/code/", text_of(answer)
    return send()


def code_in(service):
    return re.search(r"\b\d{6}\b", service.messages[-1]["text"]).group()


@pytest.mark.parametrize("stored", KEPT)
def test_a_code_by_sms_opens_the_page_once(home, browser, service, stored):
    has_number(home.owner_id, stored)
    client = browser()
    assert 'href="/sign-in/mobile/"' in client.get("/sign-in/").content.decode()
    asked(client)
    [message] = service.messages
    assert message["to"] == "+919876543210"
    assert re.fullmatch(
        r"\d{6} is your sign-in code for Neem Society. It works for 5 minutes. Do not share it with anyone.",
        message["text"],
    )
    assert outcomes() == [("sms", "sent", "")]
    answer = client.post("/sign-in/mobile/code/", {"code": code_in(service)})
    assert answer.headers["Location"] == "/"
    assert "device" in answer.cookies
    assert "Flat 12, Neem Street" in text_of(client.get("/"))
    again = browser()
    assert (
        again.post("/sign-in/mobile/code/", {"code": code_in(service)}).headers["Location"]
        == "/sign-in/mobile/"
    )


def test_a_family_with_one_number_is_asked_who_it_is_after_the_code(home, browser, service):
    for user_id in (home.owner_id, home.landlord_id):
        has_number(user_id)
    client = browser(language="hi")
    asked(client)
    begun = client.cookies["sessionid"].value
    assert "साइन-इन कोड" in service.messages[0]["text"]
    assert client.get("/sign-in/mobile/person/").headers["Location"] == "/sign-in/mobile/"
    assert (
        client.post("/sign-in/mobile/code/", {"code": code_in(service)}).headers["Location"]
        == "/sign-in/mobile/person/"
    )
    choice = client.get("/sign-in/mobile/person/")
    assert "यह नंबर कई लोगों का है।" in text_of(choice)
    assert f'value="{home.owner_id}"' in choice.content.decode()
    assert f'value="{home.outsider_id}"' not in choice.content.decode()
    assert client.post("/sign-in/mobile/person/", {"user": home.outsider_id}).status_code == 200
    assert client.get("/").status_code == 302, "who does not share the number is not chosen"
    shared_device = browser()
    shared_device.cookies["sessionid"] = begun
    assert shared_device.get("/sign-in/mobile/person/").headers["Location"] == "/sign-in/mobile/"
    client.post("/sign-in/mobile/person/", {"user": home.owner_id})
    assert client.get(f"/accounts/{home.account_id}/").status_code == 200


def noting(statements):
    """Note the text of each statement, without its values."""

    def execute(run, sql, params, many, context):
        statements.append(re.sub(r"(%s, )+%s", "%s", sql))
        return run(sql, params, many, context)

    return execute


def test_an_unknown_number_is_answered_like_a_known_one_and_sent_nothing(home, browser, service):
    has_number(home.owner_id)
    seen = []
    for number in (NUMBER, "91234 56789"):
        client = browser()
        statements: list[str] = []
        with connection.execute_wrapper(noting(statements)):
            answer = client.post("/sign-in/mobile/", {"number": number})
            pages = [client.get("/sign-in/mobile/code/"), client.post("/sign-in/mobile/code/", {"code": "x"})]
        words = [re.sub(r"\+91\d{10}", "N", text_of(page)) for page in pages]
        seen.append((answer.headers["Location"], [page.status_code for page in pages], words, statements))
    known, unknown = seen
    assert known == unknown
    assert len(known[3]) > 5
    send()
    assert [message["to"] for message in service.messages] == ["+919876543210"]
    assert [outcome for _medium, outcome, _code in outcomes()] == ["sent", "unknown"]


def test_a_code_can_be_tried_three_times_and_a_number_asks_three_times(home, browser, service):
    has_number(home.owner_id)
    client = browser()
    asked(client)
    right = code_in(service)
    for _ in range(3):
        assert client.post("/sign-in/mobile/code/", {"code": "x"}).status_code == 422
    assert client.post("/sign-in/mobile/code/", {"code": right}).headers["Location"] == "/sign-in/mobile/"
    assert client.get("/").status_code == 302
    # Asked once and mistyped three times: this network waits for this number, and not for another one.
    refused = browser().post("/sign-in/mobile/", {"number": NUMBER})
    assert refused.status_code == 422
    assert "seconds" in text_of(refused) or "minute" in text_of(refused)
    assert browser().post("/sign-in/mobile/", {"number": "91234 56789"}).status_code == 302


def test_other_device_cookies_give_no_more_tries_at_a_code(home, browser, service):
    has_number(home.owner_id)
    client = browser()
    asked(client)
    right = code_in(service)
    for number in range(3):
        other_device(client, number)
        assert client.post("/sign-in/mobile/code/", {"code": "x"}).status_code == 422
    other_device(client, 3)
    assert client.post("/sign-in/mobile/code/", {"code": right}).headers["Location"] == "/sign-in/mobile/"
    assert client.get("/").status_code == 302, "a code has three tries, whatever cookies they bring"


def test_a_code_lives_for_five_minutes(home, browser, service, monkeypatch):
    from urja.web.shared import mobile_sign_in

    has_number(home.owner_id)
    client = browser()
    asked(client)
    monkeypatch.setattr(mobile_sign_in, "CODE_EXPIRES_AFTER", timedelta())
    assert (
        client.post("/sign-in/mobile/code/", {"code": code_in(service)}).headers["Location"]
        == "/sign-in/mobile/"
    )
    assert client.get("/").status_code == 302


def test_a_service_that_is_away_is_asked_again_until_the_code_expires(home, browser, service):
    has_number(home.owner_id)
    service.status = 503
    report = asked(browser())
    assert (report.ill, report.detail) == (True, "the SMS service took nothing: answered 503")
    assert outcomes()[0][1] == ""
    service.status = 202
    assert not send(timedelta(seconds=16)).ill
    assert [outcome for _medium, outcome, _code in outcomes()] == ["sent"]
    service.status = 503
    asked(browser())
    send(timedelta(minutes=6))
    service.status = 400
    asked(browser())
    assert [outcome for _medium, outcome, _code in outcomes()] == ["sent", "expired", "refused"]


@pytest.mark.parametrize("number", ["", "12345", "asha@example.org", "98765 43210 1"])
def test_what_is_no_number_is_refused(home, browser, service, number):
    answer = browser().post("/sign-in/mobile/", {"number": number})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()


def test_without_an_sms_channel_there_is_no_such_page(home, browser):
    client = browser()
    assert "/sign-in/mobile/" not in client.get("/sign-in/").content.decode()
    for path in ("", "code/", "person/"):
        assert client.get(f"/sign-in/mobile/{path}").status_code == 404
