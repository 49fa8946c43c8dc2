"""Signing in by a code that comes by e-mail."""

import re

import pytest
from tests.web.conftest import connected_as
from tests.web.reading import text_of
from tests.web.sign_in_mail import UTILITY, mail_codes

pytestmark = pytest.mark.usefixtures("demo")


def ask_for_code(client, email="asha@example.org"):
    return client.post("/sign-in/", {"email": email})


def outbox():
    from urja.apps.notices.queries import latest_messages

    mail_codes()
    return latest_messages()


def newest_code():
    return re.search(r"\b\d{6}\b", outbox()[0].body).group()


def test_a_stranger_is_sent_to_the_door(browser):
    response = browser().get("/")
    assert response.status_code == 302
    assert response.headers["Location"] == "/sign-in/?next=/"


def test_a_code_opens_the_page(browser, person):
    client = browser()
    assert ask_for_code(client).headers["Location"] == "/sign-in/code/"
    assert outbox()[0].recipient == "asha@example.org"
    response = client.post("/sign-in/code/", {"code": newest_code()})
    assert response.headers["Location"] == "/"
    assert "No supply linked yet" in text_of(client.get("/"))


def test_the_code_speaks_the_readers_language(browser, person):
    ask_for_code(browser(language="hi"))
    message = outbox()[0]
    assert f"{UTILITY} के लिए आपका साइन-इन कोड है" in message.subject
    assert newest_code() in message.subject


def test_an_unknown_address_sees_the_same_and_gets_no_mail(browser, person):
    known, unknown = browser(), browser()
    ask_for_code(known)
    ask_for_code(unknown, "nobody@example.org")
    sides = [text_of(client.get("/sign-in/code/")) for client in (known, unknown)]
    assert sides[0] == sides[1].replace("nobody@", "asha@")
    assert [message.recipient for message in outbox()] == ["asha@example.org"]


def test_a_wrong_code_is_refused_and_the_third_ends_the_attempt(browser, person):
    client = browser()
    ask_for_code(client)
    wrong = "000000" if newest_code() != "000000" else "111111"
    response = client.post("/sign-in/code/", {"code": wrong})
    assert "That is not the code we sent" in text_of(response)
    assert 'aria-invalid="true"' in response.content.decode()
    client.post("/sign-in/code/", {"code": wrong})
    assert client.post("/sign-in/code/", {"code": wrong}).status_code == 302
    client.post("/sign-in/code/", {"code": newest_code()})
    assert client.get("/").status_code == 302


def test_codes_are_limited_by_address(browser, person):
    for _ in range(3):
        assert ask_for_code(browser()).status_code == 302
    response = ask_for_code(browser())
    assert response.status_code == 200
    assert "Too many attempts" in text_of(response)
    assert len(outbox()) == 3


def test_codes_are_limited_by_where_they_are_asked_from(browser, person):
    for number in range(20):
        assert ask_for_code(browser(), f"nobody{number}@example.org").status_code == 302
    assert "Too many attempts" in text_of(ask_for_code(browser()))
    assert outbox() == []


def test_a_mistyped_address_can_be_changed(browser, person):
    client = browser()
    ask_for_code(client, "asah@example.org")
    page = client.get("/sign-in/code/").content.decode()
    assert 'action="/sign-out/"' in page
    back = client.post("/sign-out/", {"next": "/sign-in/"})
    assert back.headers["Location"] == "/sign-in/"
    assert client.get("/sign-in/").status_code == 200
    ask_for_code(client)
    assert outbox()[0].recipient == "asha@example.org"


def test_an_address_is_wanted_and_a_whole_one(browser, person):
    client = browser()
    assert "Please enter your e-mail address" in text_of(ask_for_code(client, ""))
    assert "a complete e-mail address" in text_of(ask_for_code(client, "asha"))


def test_another_code_can_be_sent(browser, person):
    client = browser()
    ask_for_code(client)
    first = newest_code()
    client.post("/sign-in/code/", {"action": "resend"})
    assert len(outbox()) == 2
    assert client.post("/sign-in/code/", {"code": newest_code()}).headers["Location"] == "/"
    assert first


def test_signing_out_ends_the_session(browser, person):
    client = browser(user_id=person.user_id)
    assert client.get("/").status_code == 200
    assert "Sign out?" in text_of(client.get("/sign-out/"))
    assert client.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("key", ['"\\000bcdefghijk"', '"abcdefgh\\000"', '"\\000"'])
def test_a_cookie_with_the_character_nul_is_no_session(browser, key):
    # Of every cookie of ours; the client's own jar does not take such a value.
    names = ("sessionid", "device", "csrftoken", "django_language")
    sent = {"cookie": "; ".join(f"{name}={key}" for name in names)}
    client = browser()
    assert client.get("/", headers=sent).headers["Location"] == "/sign-in/?next=/"
    assert client.get("/sign-in/", headers=sent).status_code == 200
    asked = client.post("/sign-in/", {"email": "asha@example.org"}, headers=sent)
    assert asked.headers["Location"] == "/sign-in/code/"


def test_no_visitor_signs_up_and_there_are_no_passwords(browser):
    client = browser()
    for path in ("/accounts/signup/", "/accounts/login/", "/sign-up/", "/accounts/password/reset/"):
        assert client.get(path).status_code == 404


def test_a_form_without_its_token_is_refused_kindly(browser, person):
    response = browser(checks=True).post("/sign-in/", {"email": "asha@example.org"})
    assert response.status_code == 403
    assert "This page has expired" in text_of(response)


@pytest.mark.parametrize(
    ("came_from", "offered"),
    [
        ("http://localhost/sign-in/?next=/console/", "/sign-in/?next=/console/"),
        ("http://localhost//evil.example/", "/evil.example/"),
        ("http://evil.example/sign-in/", None),
        ("javascript:alert(1)", None),
    ],
)
def test_the_page_of_a_form_without_its_token_is_offered_again(browser, person, came_from, offered):
    page = browser(checks=True).post("/sign-in/", {}, headers={"referer": came_from}).content.decode()
    assert ("Open the page again" in page) is (offered is not None)
    assert "http://evil" not in page
    assert "javascript" not in page
    if offered:
        assert f'href="{offered}"' in page


def test_the_outbox_shows_codes_on_this_machine_only(browser, person):
    client = browser()
    ask_for_code(client)
    assert newest_code() in text_of(client.get("/demo/outbox/"))
    for visitor, headings in ((client, ["1", "2", "3"]), (browser(), ["1", "2"])):
        assert re.findall("<h([1-6])", visitor.get("/demo/outbox/").content.decode()) == headings
    assert client.get("/demo/outbox/", REMOTE_ADDR="192.0.2.7").status_code == 404
    assert client.get("/demo/outbox/", headers={"x-forwarded-for": "127.0.0.1"}).status_code == 404


def test_the_outbox_has_the_visitors_own_code_first(browser, person):
    """Residents of a demonstration sign in all the time: their codes are newer than the visitor's."""
    from django.contrib.auth import get_user_model

    with connected_as("urja_owner"):
        get_user_model().objects.create_user("omar", "omar@example.org")
    visitor, resident = browser(), browser()
    ask_for_code(visitor)
    own = newest_code()
    ask_for_code(resident, "omar@example.org")
    other = newest_code()
    page = text_of(visitor.get("/demo/outbox/"))
    assert page.index("To you, asha@example.org") < page.index(own)
    assert page.index(own) < page.index("To others: simulated residents sign in too") < page.index(other)
    assert "To you" not in text_of(browser().get("/demo/outbox/"))
    # A resident of the same address is no other person to the mail, and its code does not work here.
    ask_for_code(resident)
    assert (theirs := newest_code()) != own
    page = text_of(visitor.get("/demo/outbox/"))
    assert page.index(own) < page.index("To others: simulated residents sign in too") < page.index(theirs)


def test_there_is_no_outbox_outside_a_demonstration(browser):
    from django.test import override_settings

    with override_settings(URJA_DEMO=False):
        assert browser().get("/demo/outbox/").status_code == 404


def test_the_outbox_is_bounded(database):
    from datetime import UTC, datetime

    from urja.apps.notices import operations, queries

    for number in range(operations.OUTBOX_SIZE + 5):
        operations.store_message(
            sender="urja",
            recipient="asha",
            subject=str(number),
            body="",
            sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    kept = queries.latest_messages(operations.OUTBOX_SIZE * 2)
    assert len(kept) == operations.OUTBOX_SIZE
    assert kept[0].subject == str(operations.OUTBOX_SIZE + 4)


WORD = "w" * 43


@pytest.mark.parametrize(("kind", "button"), [("confirm", "Confirm"), ("refuse", "Refuse")])
def test_a_word_from_a_mail_is_written_down_when_the_button_is_pressed(browser, database, kind, button):
    """Programs that look through mail only open the page; the web says nothing of whether the word is one."""
    client = browser()

    def words():
        with database.connect() as owner:
            return owner.execute("SELECT word FROM identity_address_answer ORDER BY id").fetchall()

    before = words()
    assert button in text_of(client.get(f"/address/{kind}/{WORD}/"))
    assert words() == before
    assert "Thank you" in text_of(client.post(f"/address/{kind}/{WORD}/"))
    assert words() == [*before, (WORD,)]
    assert client.get(f"/address/{kind}/short/").status_code == 404


@pytest.mark.usefixtures("database")
def test_words_are_brought_so_often_from_one_place(browser):
    for _ in range(10):
        assert browser().post(f"/address/confirm/{WORD}/").status_code == 200
    response = browser().post(f"/address/confirm/{WORD}/")
    assert response.status_code == 429
    assert "Too many requests" in text_of(response)


@pytest.mark.usefixtures("database")
def test_no_word_of_a_mail_is_in_the_log(browser, caplog):
    """A reader of logs would confirm the change of another person's address."""
    from django.test import Client

    address = f"/address/confirm/{WORD}/"
    client = browser()
    answers = [
        Client(enforce_csrf_checks=True, headers={"host": "localhost"}).post(address),
        client.delete(address),
        client.get(f"{address[:-1]}x/"),
        *(client.post(address) for _ in range(11)),
    ]
    assert {403, 404, 405, 429} <= {answer.status_code for answer in answers}
    said = [record.getMessage() for record in caplog.records]
    assert [one for one in said if WORD in one] == []
    assert "Method Not Allowed (DELETE): /address/confirm/…/" in said
