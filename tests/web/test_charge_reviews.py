"""Reviews of abnormal charges and refused charges: on the console, on the consumer's pages and in the API."""

import html
import re

import pytest
from tests.web.reading import text_of

PAGE = "/console/charge-reviews/"


def put(connection, account_id=None, ended=""):
    """A review and a refused charge of an account, the first one where none is given."""
    (account,) = connection.execute(
        "SELECT account_id FROM contracts_agreement WHERE account_id = coalesce(%s, account_id) ORDER BY id LIMIT 1",
        [account_id],
    ).fetchone()
    outcome = (
        "'confirmed', '2026-03-07 12:00+05:30'::timestamptz, 5, 'read again'"
        if ended
        else "'', NULL, NULL, ''"
    )
    connection.execute(
        "INSERT INTO billing_review (id, agreement_id, account_id, day, charge_minor, before_minor, days, policy, undecided, "
        "opened_at, due_at, ends_at, outcome, ended_at, operation_id, note) "
        "SELECT (id >> 40 << 40) | 77, id, account_id, '2026-03-01', 123400, 210000, 14, 'plain 3', 'credited', "
        "'2026-03-02 00:10+05:30', '2026-03-02 00:20+05:30', '2027-03-12 00:10+05:30', "
        f"{outcome} FROM contracts_agreement WHERE account_id = %s",
        [account],
    )
    connection.execute(
        "INSERT INTO billing_refusal SELECT id, '2025-01-01', 1, account_id, '2026-03-02 00:10+05:30', '2026-03-01', "
        "'2025-03-02', 12, 'plain 3', 'readings', '{\"energy\": 5600}', 5600 FROM contracts_agreement WHERE account_id = %s",
        [account],
    )


@pytest.fixture
def reviewed(at_noon, staff, database_of_town):
    with database_of_town("urja_owner") as owner:
        put(owner)


def test_who_may_decide_sees_the_list_and_fills_in_the_operation(reviewed, colleague):
    officer = colleague("revenue_officer")
    assert PAGE in officer.get("/console/payments/").content.decode()
    page = officer.get(PAGE)
    text = text_of(page)
    assert "₹1,234.00" in text
    assert "usually ₹150.00" in text
    assert "Overdue since" in text
    assert "₹56.00 (1)" in text
    assert "a reading came late or was corrected" in text
    (form,) = re.findall(r'href="(/console/operations/decide_review/[^"]*)"', page.content.decode())
    filled = officer.get(html.unescape(form)).content.decode()
    assert "Decide the review of a charge" in filled
    hindi = text_of(officer.get(PAGE, headers={"Accept-Language": "hi"}))
    assert "निर्णय" in hindi
    assert "Not charged" not in hindi


def test_the_control_room_is_told_of_what_is_overdue(reviewed, colleague):
    room = colleague("control_room")
    page = room.get("/console/")
    assert "1 review of an abnormal charge is overdue" in text_of(page)
    assert '<p class="notice wide" role="alert"><a href="/console/charge-reviews/">' in page.content.decode()
    page = room.get(PAGE)
    assert "decide_review" not in page.content.decode(), "it decides none"


@pytest.mark.parametrize("role", ["clerk", "field_engineer"])
def test_the_page_is_for_who_sees_the_utilitys_money(reviewed, colleague, role):
    assert colleague(role).get(PAGE).status_code == 404


def test_a_page_without_reviews_says_so(at_noon, staff, colleague):
    text = text_of(colleague("revenue_officer").get(PAGE))
    assert "No charge is being reviewed." in text
    assert "No charge was refused." in text


@pytest.mark.parametrize(
    ("language", "running", "refused"),
    [
        (
            "en",
            "is unusually high and is being reviewed",
            "₹56.00 more for the billing period from 1 January 2025 is not",
        ),
        ("hi", "उसकी जाँच हो रही है", "और ₹56.00 नहीं लिए जाते"),
    ],
)
def test_the_consumer_reads_it_in_a_sentence(home, browser, database_of, language, running, refused):
    with database_of("urja_owner") as owner:
        put(owner, home.account_id)
    client = browser(user_id=home.owner_id, language=language)
    entries = text_of(client.get(f"/accounts/{home.account_id}/entries/"))
    assert running in entries
    assert refused in entries


def test_the_first_page_says_it_while_it_runs(home, browser, database_of):
    from urja.apps.rulebook.queries.policies import policy_book

    client = browser(user_id=home.owner_id)
    assert "being reviewed" not in text_of(client.get("/"))
    with database_of("urja_owner") as owner:
        put(owner, home.account_id)
    said = "being reviewed" in text_of(client.get("/"))
    assert said == bool(policy_book()), "where a policy governs the account"


def test_an_ended_review_says_how(home, browser, database_of):
    with database_of("urja_owner") as owner:
        put(owner, home.account_id, ended="confirmed")
    client = browser(user_id=home.owner_id)
    assert "was reviewed. It is right." in text_of(client.get(f"/accounts/{home.account_id}/entries/"))
    assert "reviewed" not in text_of(client.get("/"))
