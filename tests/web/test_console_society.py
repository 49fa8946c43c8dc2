"""A secretary's page: a society's totals by tower, flat and month, without hourly data or telephone numbers."""

import numpy as np
import pytest
from tests.apps import street
from tests.apps.street import START, by_hand
from tests.web import town_cast
from tests.web.reading import Page, text_of


@pytest.fixture
def society(staff, at_noon, database_of_town):
    """Neem and Jamun House are flats of tower A, Amla House is in no tower; T2's meter is its bulk supply."""
    from urja.apps.journal.operation import next_id
    from urja.apps.network.models import Premise, ServicePoint
    from urja.usecases.operations import employ

    stamp = {"recorded_at": START, "actor": "test"}
    whole = Premise.objects.create(id=next_id(7), kind="society", name="Green Park", code="GP", **stamp)
    tower = Premise.objects.create(id=next_id(7), kind="tower", name="Tower A", parent=whole, **stamp)
    with by_hand():
        Premise.objects.filter(name__in=["Neem House", "Jamun House"]).update(parent=tower, kind="flat")
        Premise.objects.filter(name="Amla House").update(parent=whole, kind="flat")
        Premise.objects.filter(name="Transformer T2").update(parent=whole)
        ServicePoint.objects.filter(consumer_number="URJ00000902").update(purpose="bulk")
    with database_of_town("urja_pipeline") as pipeline:
        # Each has taken 400 Wh by the register.
        reads = [street.registers(house, (town_cast.READ_TO, 10_400)) for house in at_noon.adopted[:3]]
        street.store_registers(pipeline, np.concatenate(reads), now=town_cast.NOW)
    staff.users["secretary"] = employ(
        "secretary@urja.example", "Secretary", "secretary", "premise GP", **stamp
    ).pk
    return whole.id


def test_totals_by_tower_and_flat(society, colleague):
    client = colleague("secretary")
    led = client.get("/console/society/")
    assert led["Location"] == f"/console/society/{society}/"
    page = Page(client.get(led["Location"]))
    assert page.cells("sums", "tbody tr") == [
        "Bulk supply––0.86",
        "Diesel generator–––",
        "Flats and shops––1.2",
        "Common area–––",
        "Difference: losses or unmetered energy––−0.34",
    ]
    assert "Tower A" in page.text
    assert "Neem House URJ00000001 – – 0.4" in page.text
    assert "Total – – 0.8" in page.text
    assert "Outside the towers" in page.text
    assert "Amla House URJ00000003 – – 0.4" in page.text


def test_another_month(society, colleague):
    client = colleague("secretary")
    text = text_of(client.get(f"/console/society/{society}/?month=2026-01"))
    assert "November 2025 December 2025 January 2026" in text
    assert "Next month" in text
    for month in ("2026-04", "soon", "0000-01"):
        assert "January 2026 February 2026 March 2026" in text_of(
            client.get(f"/console/society/{society}/?month={month}")
        )


def test_neither_hours_nor_people(society, colleague):
    from urja.apps.identity.models import PersonalRead

    client = colleague("secretary")
    page = client.get(f"/console/society/{society}/").content.decode()
    for hidden in ("Ramesh", "98290", "neem@", ":30", "svg class"):
        assert hidden not in page
    assert PersonalRead.objects.count() == 0
    for address in ("search/?q=Neem", "connections/URJ00000001/", "trees/", "work/", "operations/"):
        assert client.get(f"/console/{address}").status_code == 404
    assert client.get("/console/")["Location"] == "/console/society/"
    assert client.get("/")["Location"] == "/console/"


def test_ones_own_society_alone(society, colleague, at_noon):
    from urja.apps.network.models import Premise

    other = Premise.objects.get(name="Kadam House")
    assert colleague("secretary").get(f"/console/society/{other.id}/").status_code == 404
    assert colleague("clerk").get(f"/console/society/{other.id}/").status_code == 200
    assert colleague("fitter_north").get("/console/society/").status_code == 404


def test_who_has_no_society(staff, colleague):
    assert "There is no society in your area." in text_of(colleague("clerk").get("/console/society/"))


def test_in_hindi(society, colleague):
    text = text_of(colleague("secretary", "hi").get(f"/console/society/{society}/"))
    assert "ऊर्जा: आपूर्ति और खपत" in text
