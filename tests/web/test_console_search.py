"""The console's search: what is found by which field, for whom, and what is recorded."""

import pytest
from tests.web.reading import text_of

FOUND = [
    ("URJ00000002", "Jamun House", "by number"),
    ("urj 00000002", "Jamun House", "by number"),
    ("+91 98290 00004", "Imran Qureshi", "by telephone"),
    ("9829000004", "Imran Qureshi", "by telephone"),
    ("ramesh", "Ramesh Kumar", "by name"),
    ("kumar rame", "Ramesh Kumar", "by name"),
    ("लता", "लता मीणा", "by name"),
    ("3 gulmohar", "Amla House", "by address"),
    ("palash", "Palash House", "by address"),
]
MISSPELT = [
    ("URJ0000002", "Jamun House"),
    ("URJ00000020", "Jamun House"),
    ("98290000O4", "Imran Qureshi"),
    ("+918929000004", "Imran Qureshi"),
    ("982900004", "Imran Qureshi"),
    ("ramseh kumar", "Ramesh Kumar"),
    ("Sunitta", "Sunita Devi"),
    ("Qureshy", "Imran Qureshi"),
    ("मीना लता", "लता मीणा"),
    ("4 Gulmoher Street", "Kadam House"),
    ("URJ000", "Palash House"),
]


@pytest.mark.parametrize(("asked", "thing", "matched"), FOUND)
def test_found_as_typed(colleague, asked, thing, matched):
    page = text_of(colleague("clerk").get("/console/search/", {"q": asked}))
    assert thing in page
    assert matched in page
    assert "No exact match" not in page


@pytest.mark.parametrize(("asked", "thing"), MISSPELT)
def test_found_with_a_typing_error(colleague, asked, thing):
    page = text_of(colleague("clerk").get("/console/search/", {"q": asked}))
    assert "Similar results:" in page
    assert thing in page


def test_nothing_is_said_to_be_nothing(colleague):
    page = text_of(colleague("clerk").get("/console/search/", {"q": "<Unknown> of that name"}))
    assert "No match for “&lt;Unknown&gt; of that name" in page


def test_a_connection_leads_to_its_page_and_a_person_to_their_connections(colleague):
    page = colleague("clerk").get("/console/search/", {"q": "Sunita"}).content.decode()
    assert '<a href="/console/connections/URJ00000002/">Jamun House</a>' in page


def test_only_in_ones_own_area(colleague):
    client = colleague("clerk_north")
    assert "Jamun House" in text_of(client.get("/console/search/", {"q": "URJ00000002"}))
    for asked in ("URJ00000004", "Imran", "9829000004", "Kadam House"):
        assert "Kadam" not in text_of(client.get("/console/search/", {"q": asked})).replace(f"“{asked}”", "")


def test_the_control_room_finds_places_and_meters_and_no_people(colleague):
    page = text_of(colleague("control_room").get("/console/search/", {"q": "URJ00000002"}))
    assert "Service points" in page
    assert "Meters" in page
    for asked in ("Ramesh", "+919829000004"):
        page = text_of(colleague("control_room").get("/console/search/", {"q": asked}))
        assert "No match for" in page


def test_who_is_looked_at_is_written_down(colleague, staff):
    from urja.apps.identity.models import PersonalRead
    from urja.apps.people.models import Person

    colleague("clerk").get("/console/search/", {"q": "Sunita"})
    (read,) = PersonalRead.objects.all()
    assert (read.user_id, read.what) == (staff["clerk"], "console search")
    assert Person.objects.get(id=read.person_id).name == "Sunita Devi"
    colleague("control_room").get("/console/search/", {"q": "URJ00000002"})
    assert PersonalRead.objects.count() == 1


@pytest.mark.parametrize("who", [None, "consumer"])
def test_other_roles_get_a_missing_page(someone, at_noon, who):
    response = someone(at_noon.consumer_id if who else None).get("/console/search/?q=Ramesh")
    assert response.status_code == (404 if who else 302)


def test_in_hindi(colleague):
    page = text_of(colleague("clerk", "hi").get("/console/search/", {"q": "Ramseh"}))
    assert "मिलते-जुलते परिणाम" in page


@pytest.mark.parametrize("path", ["/console/search/?q=a%00b", "/console/connections/a%00b/"])
def test_the_character_nul_is_a_bad_request(colleague, path):
    answer = colleague("clerk").get(path)
    assert answer.status_code == 400
    assert "<h1" in answer.content.decode()


@pytest.mark.parametrize("year", ["0040", "0001", "9999"])
def test_a_page_of_another_era_asks_for_a_day(colleague, year):
    answer = colleague("auditor").get(f"/console/connections/URJ00000002/?valid_at={year}-01-01+12:00")
    assert answer.status_code == 422
    assert "Enter a date and time" in text_of(answer)


def test_narrowed_by_commodity_phases_and_type(at_noon, staff, colleague):
    """The houses have single-phase meters, and the transformers meters of three phases."""
    client = colleague("clerk")

    def found(**typed):
        return text_of(client.get("/console/search/", typed))

    assert "URJ00000901 by its meter urja-dt" in found(type="urja-dt")
    assert "URJ00000002" not in found(type="urja-dt")
    assert "URJ00000002 by its meter urja-d1" in found(phases="1")
    assert "Jamun House" in found(q="jamun", commodity="electricity", phases="1")
    assert "No match" in found(q="jamun", commodity="gas")
    assert "No match" in found(q="jamun", phases="3")
    assert "Ramesh Kumar" in found(q="ramesh", type="urja-d1")
    assert "No match" in found(q="ramesh", type="urja-d2")
    assert "No installed meter in your area is of this kind." in found(commodity="gas")
    assert "by its meter" not in found(phases="two", commodity="steam", type="x")
    north = text_of(colleague("clerk_north").get("/console/search/", {"type": "urja-d1"}))
    assert "URJ00000002" in north
    assert "URJ00000004" not in north
