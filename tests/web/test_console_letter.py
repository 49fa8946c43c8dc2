"""The letter of a service point: what is printed, for which notices, in whose language, and who may see it."""

import html
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.web import town_cast
from tests.web.console_staff import answer_requests
from tests.web.reading import text_of
from tests.web.test_console_society import society  # noqa: F401 - a fixture

CONNECTION, PAGE = "/console/connections/URJ00000003/", "/console/letters/URJ00000003/"
LINK = "Print the disconnection notice as a letter"
INDIA = ZoneInfo("Asia/Kolkata")
HOUR = timedelta(hours=1)


@pytest.fixture
def notify(at_noon, database_of_town, staff):
    """Store a notice to the third house, as the pipeline leaves it."""

    def notify_(kind, text, at=town_cast.NOW - HOUR, **given):
        values = {
            "state": "unconfirmed",
            "failure": "",
            "channel": "email",
            "delivered_at": None,
            "sent_at": at,
            "detail": "",
        }
        with database_of_town("urja_owner") as owner:
            (id_,) = owner.execute(
                "INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, text, language, recipient,"
                " provider_id, attempts, questions, state, failure, channel, delivered_at, sent_at, detail)"
                " VALUES (%(account)s, %(kind)s, '{}', gen_random_uuid()::text, %(at)s, %(text)s, 'en', '', '', 1, 0,"
                " %(state)s, %(failure)s, %(channel)s, %(delivered_at)s, %(sent_at)s, %(detail)s) RETURNING id",
                {"account": notify_.house.account_id, "kind": kind, "at": at, "text": text} | values | given,
            ).fetchone()
        return id_

    notify_.house = at_noon.adopted[2]
    return notify_


def test_a_mail_that_proves_nothing_is_printed(notify, colleague):
    from urja.apps.identity.models import PersonalRead

    notify("zero", "Your credit is used up: an older one.", town_cast.NOW - 3 * HOUR)
    notify("zero", "Your credit is used up: your balance is ₹0.")
    last = notify(
        "cut", "Your supply may be disconnected.", state="failed", failure="no_service", sent_at=None
    )
    notify("low-30", "Your credit is low.")
    client = colleague("clerk")
    assert LINK in text_of(client.get(CONNECTION))
    answer = client.get(PAGE)
    text = text_of(answer)
    for said in (
        "Your credit is used up: your balance is ₹0.", "Your supply may be disconnected.", f"Letter L-{last}",
        "Your electricity supply, consumer number URJ00000003", "लता मीणा", "Served by (name)", "Received by (name)",
        f"{town_cast.NOW.astimezone(INDIA):%-d %B %Y}",
    ):  # fmt: skip
        assert said in text, said
    assert "an older one" not in text
    assert "Your credit is low." not in text
    form = f"/console/operations/record_letter/?consumer_number=URJ00000003&reference=L-{last}"
    assert form in html.unescape(answer.content.decode())
    assert [read.what for read in PersonalRead.objects.order_by("id")] == [
        "console connection",
        "console letter",
    ]
    filled = client.get(form).content.decode()
    assert f'value="L-{last}"' in filled


def test_in_the_consumers_language_and_not_the_clerks(notify, colleague, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute("ALTER TABLE people_person DISABLE TRIGGER USER")
        owner.execute("UPDATE people_person SET language = 'hi'")
    notify("cut", "आपकी बिजली बंद की जा सकती है।")
    page = colleague("clerk").get(PAGE).content.decode()
    sheet = page.split("<article", 1)[1].split("</article>")[0]
    assert 'lang="hi"' in sheet
    assert "आपकी बिजली आपूर्ति, उपभोक्ता संख्या URJ00000003" in sheet
    assert "सौंपने वाले का नाम" in sheet
    assert "Served by" not in sheet
    assert "Record this letter" in page


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ({"state": "delivered", "delivered_at": town_cast.NOW}, town_cast.NOW - HOUR),
        ({"state": "failed", "failure": "outdated", "sent_at": None}, town_cast.NOW - HOUR),
        ({}, town_cast.NOW - 50 * HOUR),
    ],
    ids=["delivered", "outdated", "before the letter"],
)
def test_what_needs_no_letter_is_not_printed(notify, colleague, given, at):
    notify("letter", "", town_cast.NOW - 40 * HOUR, channel="letter", detail="L-1")
    notify("cut", "Your supply may be disconnected.", at, **given)
    client = colleague("clerk")
    assert LINK not in text_of(client.get(CONNECTION))
    assert client.get(PAGE).status_code == 404


def test_a_letter_entered_by_mistake_serves_nothing(notify, colleague):
    notify("cut", "Your supply may be disconnected.", town_cast.NOW - 2 * HOUR)
    notify("letter", "", channel="letter", detail="L-1", state="failed", failure="withdrawn")
    assert colleague("clerk").get(PAGE).status_code == 200


def test_a_recharge_outdates_it(notify, colleague, database_of_town):
    notify("cut", "Your supply may be disconnected.")
    with database_of_town("urja_owner") as owner:
        owner.execute("ALTER TABLE books_credit_request DISABLE TRIGGER USER")
        changed = owner.execute(
            "UPDATE books_credit_request SET posted_at = %s WHERE account_id = %s",
            [town_cast.NOW, notify.house.account_id],
        )
        assert changed.rowcount
    assert colleague("clerk").get(PAGE).status_code == 404


@pytest.mark.parametrize("role", ["control_room", "field_engineer"])
def test_roles_that_see_no_names_or_no_agreements_see_no_letter(notify, colleague, role):
    notify("cut", "Your supply may be disconnected.")
    assert colleague(role).get(PAGE).status_code == 404
    assert LINK not in text_of(colleague(role).get(CONNECTION))


def test_an_auditor_prints_and_does_not_record(notify, colleague):
    notify("cut", "Your supply may be disconnected.")
    page = colleague("auditor").get(PAGE)
    assert page.status_code == 200
    assert "Record this letter" not in text_of(page)


def test_elsewhere_there_is_no_such_letter(notify, colleague, database_of_town):
    notify("cut", "Your supply may be disconnected.")
    assert colleague("clerk_north").get(PAGE).status_code == 200
    assert colleague("clerk_north").get("/console/letters/URJ00000004/").status_code == 404
    assert colleague("clerk").get("/console/letters/NO/SUCH/").status_code == 404


def test_a_disconnected_supply_is_not_threatened(notify, colleague, at_noon):
    notify.house = at_noon.adopted[1]
    notify("cut", "Your supply may be disconnected.")
    assert LINK not in text_of(colleague("clerk").get("/console/connections/URJ00000002/"))
    assert colleague("clerk").get("/console/letters/URJ00000002/").status_code == 404


def test_once_recorded_with_who_served_it_there_is_nothing_to_print(notify, colleague):
    """The way of a clerk: print, serve, record by the number, done by the pipeline; the consumer's record says by whom."""
    last = notify("cut", "Your supply may be disconnected.")
    client = colleague("clerk")
    form = "/console/operations/record_letter/"
    typed = {
        "consumer_number": "URJ00000003",
        "posted_at": (town_cast.NOW - HOUR / 2).astimezone(INDIA).strftime("%Y-%m-%dT%H:%M"),
        "reference": f"L-{last}, served by R. Kumar",
    }
    shown = client.post(form, typed)
    assert shown.status_code == 302, text_of(shown)
    answer_requests()
    client.post(f"{shown.url}do/")
    answer_requests()
    text = text_of(client.get(CONNECTION))
    assert f"Letter number: L-{last}, served by R. Kumar." in text
    assert LINK not in text
    assert client.get(PAGE).status_code == 404


def test_the_letters_of_a_society_on_a_sheet_each(notify, society, colleague, at_noon):  # noqa: F811 - the fixture
    """Amla and Neem House belong to it; Jamun House does too, and is disconnected."""
    for house in at_noon.adopted[:4]:
        notify.house = house
        notify("cut", f"Your supply may be disconnected: {house.account_id}.")
    address = f"/console/society/{society}/letters/"
    client = colleague("clerk")
    assert address in client.get(f"/console/society/{society}/").content.decode()
    page = client.get(address).content.decode()
    assert [f"consumer number URJ0000000{number}" in page for number in (1, 2, 3, 4)] == [
        True,
        False,
        True,
        False,
    ]
    assert page.count("<article") == 2
    assert len(set(re.findall(r'id="(slip-[^"]+)"', page))) == 2
    for role in ("secretary", "control_room", "fitter_north"):
        assert colleague(role).get(address).status_code == 404
        assert address not in colleague(role).get(f"/console/society/{society}/").content.decode()
    assert client.get("/console/society/77/letters/").status_code == 404


def test_a_society_of_which_a_part_is_elsewhere(notify, society, colleague, database_of_town):  # noqa: F811 - the fixture
    """Its bulk supply is in no section; without that all of it is in the clerk's."""
    notify("cut", "Your supply may be disconnected.")
    address = f"/console/society/{society}/letters/"
    assert colleague("clerk_north").get(address).status_code == 404
    with database_of_town("urja_owner") as owner:
        owner.execute("ALTER TABLE network_premise DISABLE TRIGGER USER")
        owner.execute("UPDATE network_premise SET parent_id = NULL WHERE name = 'Transformer T2'")
    assert colleague("clerk_north").get(address).status_code == 200


def test_a_society_without_letters(society, colleague):  # noqa: F811 - the fixture
    text = text_of(colleague("clerk").get(f"/console/society/{society}/letters/"))
    assert "No disconnection notice waits to be served on paper." in text
