"""How often a person may ask for a code, as seen from behind a proxy, by a stranger, and by the owner of an address."""

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from tests.web.reading import text_of
from tests.web.test_sign_in import newest_code, outbox

ASHA = "asha@example.org"
PROXY = "10.1.2.3"


@pytest.fixture
def behind_a_proxy():
    from django.test import override_settings

    with override_settings(URJA_TRUSTED_PROXIES=("10.0.0.0/8",)):
        yield


def ask(client, email=ASHA, *, client_ip=None, peer="127.0.0.1"):
    more = {} if client_ip is None else {"headers": {"x-forwarded-for": client_ip}}
    return client.post("/sign-in/", {"email": email}, REMOTE_ADDR=peer, **more)


def sent(response):
    """Whether the page goes on to where the code is typed."""
    return response.status_code == 302


def sign_in(client, **where):
    assert sent(ask(client, **where))
    return client.post("/sign-in/code/", {"code": newest_code()}, REMOTE_ADDR=where.get("peer", "127.0.0.1"))


def wrong_code():
    return "000000" if newest_code() != "000000" else "111111"


@contextmanager
def later(database, seconds):
    """What has happened lies so much further back."""
    with database.connect() as owner:
        owner.execute("ALTER TABLE identity_sign_in DISABLE TRIGGER identity_sign_ins_stay")
        owner.execute("UPDATE identity_sign_in SET at = at - make_interval(secs => %s)", [seconds])
        owner.execute("ALTER TABLE identity_sign_in ENABLE TRIGGER identity_sign_ins_stay")
    yield


# -- where a request comes from -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (PROXY, "198.51.100.1", "198.51.100.1"),
        (PROXY, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (PROXY, "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        (PROXY, "10.9.9.9", "10.9.9.9"),
        (PROXY, "nonsense", PROXY),
        (PROXY, "198.51.100.1, nonsense", PROXY),
        (PROXY, "", PROXY),
        (PROXY, "2001:db8::1", "2001:db8::1"),
        ("::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_rightmost_address_that_is_no_proxys_is_the_clients(peer, forwarded_for, client):
    from ipaddress import ip_network

    from urja.web.shared.client import client_address

    assert client_address(peer, forwarded_for, [ip_network("10.0.0.0/8")]) == client


def test_half_of_an_ipv6_address_is_one_place():
    from urja.web.shared.client import place_of

    assert place_of("2001:db8:1:2:3:4:5:6") == place_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert place_of("198.51.100.1") == place_of("::ffff:198.51.100.1") == "198.51.100.1"
    assert place_of("nonsense") == "nowhere"


@pytest.mark.usefixtures("demo", "behind_a_proxy")
def test_behind_a_proxy_one_person_locks_no_other_out(browser, person):
    for number in range(20):
        assert sent(ask(browser(), f"nobody{number}@example.org", client_ip="198.51.100.1", peer=PROXY))
    assert not sent(ask(browser(), "nobody@example.org", client_ip="198.51.100.1", peer=PROXY))
    assert sent(ask(browser(), client_ip="198.51.100.2", peer=PROXY))


@pytest.mark.usefixtures("demo", "behind_a_proxy")
def test_who_writes_the_header_themselves_is_not_believed(browser, person):
    for number in range(20):
        assert sent(
            ask(
                browser(), f"nobody{number}@example.org", client_ip=f"198.51.100.{number}", peer="203.0.113.9"
            )
        )
    assert not sent(ask(browser(), client_ip="198.51.100.99", peer="203.0.113.9"))


def test_only_a_trusted_proxy_says_that_it_was_tls(browser, behind_a_proxy):
    from django.test import override_settings

    by_tls = {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"), "SECURE_SSL_REDIRECT": True}
    with override_settings(**by_tls):
        said = {"x-forwarded-proto": "https"}
        assert browser().get("/sign-in/", headers=said, REMOTE_ADDR="203.0.113.9").status_code == 301
        assert browser().get("/sign-in/", headers=said, REMOTE_ADDR=PROXY).status_code == 200


# -- delays --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("demo")
def test_a_stranger_who_hammers_an_address_does_not_keep_its_owner_out(browser, person):
    for _ in range(30):
        ask(browser(), peer="203.0.113.9")
    assert len(outbox()) == 3
    client = browser()
    assert sign_in(client, peer="198.51.100.2").headers["Location"] == "/"


@pytest.mark.usefixtures("demo")
def test_nor_from_the_owners_own_network_where_the_browser_has_signed_in_before(browser, person):
    client = browser()
    sign_in(client, peer="203.0.113.9")
    client.post("/sign-out/")
    for number in range(30):
        ask(browser(), peer="203.0.113.9")
        ask(browser(), f"nobody{number}@example.org", peer="203.0.113.9")
    assert not sent(ask(browser(), peer="203.0.113.9"))
    assert sign_in(client, peer="203.0.113.9").headers["Location"] == "/"


@pytest.mark.usefixtures("demo")
def test_a_browser_is_known_for_the_address_it_has_signed_in_with_alone(browser, person, database):
    from django.contrib.auth import get_user_model
    from tests.web.conftest import connected_as

    with connected_as("urja_owner"):
        get_user_model().objects.create_user("thief", "thief@example.org")
    thief = browser()
    sign_in(thief, email="thief@example.org")

    def again():
        """The same browser, with nothing under way."""
        client = browser()
        client.cookies["device"] = thief.cookies["device"].value
        return client

    for _ in range(3):
        assert sent(ask(again()))
    assert not sent(ask(again())), "a browser of its own makes no person known for another's address"


@pytest.mark.usefixtures("demo")
def test_the_delay_grows(browser, person, database):
    for _ in range(3):
        assert sent(ask(browser()))
    for seconds in (30, 60, 120):
        with later(database, seconds - 10):
            response = ask(browser())
            assert not sent(response)
            assert "Too many attempts" in text_of(response)
        with later(database, 15):
            assert sent(ask(browser()))
    with later(database, 86_400):
        assert sent(ask(browser()))


def test_what_a_place_has_to_wait_is_bounded_and_ends():
    from urja.web.shared.sign_in import Event, delay_s

    now = datetime(2026, 3, 2, tzinfo=UTC)

    def events(*kinds):
        return [Event(now, kind, "n", None) for kind in kinds]

    assert delay_s(events("asked", "wrong_code"), now) == 0
    assert delay_s(events("asked", "wrong_code", "wrong_code"), now) == 30
    assert delay_s(events("asked", "wrong_code", "wrong_code", "signed_in", "asked"), now) == 0
    assert delay_s(events(*["asked"] * 50), now) == 3600
    assert delay_s(events(*["asked"] * 50), now + timedelta(hours=1)) == 0
    assert delay_s(events("limited", "limited", "limited", "limited"), now) == 0


# -- codes ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("demo")
def test_a_code_is_the_browsers_that_asked_for_it(browser, person):
    owner, stranger = browser(), browser()
    ask(owner)
    code = newest_code()
    ask(stranger, peer="203.0.113.9")
    stranger.post("/sign-in/code/", {"code": code})
    assert stranger.get("/").status_code == 302


@pytest.mark.usefixtures("demo")
def test_tries_at_once_are_counted_one_by_one(browser, person, database):
    """Each of many requests at once has read a session in which none has failed yet."""
    client = browser()
    ask(client)
    wrong, right = wrong_code(), newest_code()
    with database.connect() as owner:
        before = owner.execute("SELECT session_data FROM django_session").fetchone()[0]

        def try_one(code):
            owner.execute("UPDATE django_session SET session_data = %s", [before])
            return client.post("/sign-in/code/", {"code": code})

        for _ in range(3):
            try_one(wrong)
        try_one(right)
    assert client.get("/").status_code == 302, "the fourth try is none, whatever the session says"


def other_device(client, number):
    """The session of a client, with a signed cookie of another browser."""
    from django.core import signing

    client.cookies["device"] = signing.TimestampSigner(salt="urja.web.sign-in").sign(f"browser {number}")


@pytest.mark.usefixtures("demo")
def test_other_device_cookies_give_no_more_tries_at_a_code(browser, person, database):
    client = browser()
    ask(client)
    wrong, right = wrong_code(), newest_code()
    with database.connect() as owner:
        before = owner.execute("SELECT session_data FROM django_session").fetchone()[0]
        for number, code in enumerate([wrong, wrong, wrong, right]):
            # As many requests at once: each has read a session in which none has failed yet.
            owner.execute("UPDATE django_session SET session_data = %s", [before])
            other_device(client, number)
            client.post("/sign-in/code/", {"code": code})
    assert client.get("/").status_code == 302, "a code has three tries, whatever cookies they bring"


@pytest.mark.usefixtures("demo")
def test_guessing_from_many_networks_makes_codes_long_and_locks_no_person_out(browser, person):
    for number in range(7):
        stranger = browser()
        ask(stranger, peer=f"203.0.113.{number}")
        for _ in range(3):
            stranger.post("/sign-in/code/", {"code": wrong_code()}, REMOTE_ADDR=f"203.0.113.{number}")
    client = browser()
    assert sent(ask(client, peer="198.51.100.2"))
    code = re.search(r"\b\d{7,}\b", outbox()[0].body).group()
    assert len(code) == 12
    assert client.post("/sign-in/code/", {"code": code}).headers["Location"] == "/"


# -- who is known --------------------------------------------------------------------------------------------------


@contextmanager
def counted_statements():
    """The shape of every statement that Django sends meanwhile."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        shapes = []
        yield shapes
    shapes += [
        re.sub(r"^QUERY = '|'[^']*'|-?\d+", "?", query["sql"])[:60] for query in captured.captured_queries
    ]


def test_the_same_is_asked_of_the_database_for_both(browser, person):
    """What takes time at a page are the statements: the pipeline sends mail."""
    shapes = []
    for email in (ASHA, "nobody@example.org"):
        client = browser()
        client.get("/sign-in/")
        steps = []
        code = "/sign-in/code/"
        for path, form in (
            ("/sign-in/", {"email": email}), (code, None), (code, {"action": "resend"}), (code, {"code": "1"}),
        ):  # fmt: skip
            with counted_statements() as asked:
                client.get(path) if form is None else client.post(path, form)
            steps.append(sorted(asked))
        shapes.append(steps)
    assert shapes[0] == shapes[1]
    inserts = [sum("INSERT INTO identity_sign_in_code" in one for one in step) for step in shapes[0]]
    assert inserts == [1, 0, 1, 0]


# -- what is written down ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("demo")
def test_what_happens_at_the_door_is_written_down_with_where_it_came_from(browser, person, database):
    client = browser()
    ask(client, peer="198.51.100.2")
    client.post("/sign-in/code/", {"code": wrong_code()}, REMOTE_ADDR="198.51.100.2")
    client.post("/sign-in/code/", {"code": newest_code()}, REMOTE_ADDR="198.51.100.2")
    for _ in range(5):
        ask(browser(), "nobody@example.org", peer="2001:db8::1")
    with database.connect() as owner:
        rows = owner.execute(
            "SELECT kind, user_id, host(ip), network FROM identity_sign_in ORDER BY id"
        ).fetchall()
    here, there = ("198.51.100.2", "198.51.100.2"), ("2001:db8::1", "2001:db8::/64")
    assert rows == [
        ("asked", person.user_id, *here),
        ("wrong_code", person.user_id, *here),
        ("signed_in", person.user_id, *here),
        *[("asked", None, *there)] * 3,
        ("limited", None, *there),
    ]


@pytest.mark.usefixtures("demo")
def test_the_web_removes_and_changes_nothing_of_it(browser, person, database):
    import psycopg

    ask(browser())
    with database.connect("urja_web") as thief:
        for statement in ("DELETE FROM identity_sign_in", "UPDATE identity_sign_in SET network = ''"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                thief.execute(statement)
