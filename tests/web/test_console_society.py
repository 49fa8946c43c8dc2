"""A secretary's page: a society's totals by tower, flat and month, without hourly data or telephone numbers."""

import re

import numpy as np
import pytest
from tests.apps import town
from tests.apps.town import START, by_hand
from tests.web import town_cast
from tests.web.conftest import connected_as
from tests.web.reading import Page, text_of
from tests.web.test_console_operations import dry_run


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
        reads = [town.registers(house, (town_cast.READ_TO, 10_400)) for house in at_noon.adopted[:3]]
        town.store_registers(pipeline, np.concatenate(reads), now=town_cast.NOW)
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


def test_gas_has_tables_of_its_own_and_is_never_added_to_energy(society, colleague):
    from urja.apps.network.models import ServicePoint

    with connected_as("urja_owner"), by_hand():
        ServicePoint.objects.filter(consumer_number="URJ00000002").update(commodity="gas")
    page = Page(colleague("secretary").get(f"/console/society/{society}/"))
    assert page.cells("sums", "tbody tr")[2] == "Flats and shops––0.8"
    assert page.cells("gas-sums", "thead tr") == ["m³January 2026February 2026March 2026"]
    assert page.cells("gas-sums", "tbody tr") == ["Flats and shops––0.400"]
    assert "Neem House URJ00000001 – – 0.4" in page.text
    assert "Jamun House URJ00000002 – – 0.400" in page.text
    assert "Total – – 0.4 " in page.text
    assert "Tower A, m³" in page.text
    assert "0.800" not in page.text


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
    for address in ("search/?q=Neem", "connections/URJ00000001/", "trees/", "work/"):
        assert client.get(f"/console/{address}").status_code == 404
    # The only operation of a secretary.
    operations = client.get("/console/operations/").content.decode()
    assert re.findall(r'href="/console/operations/(\w+)/', operations) == ["post_maintenance"]
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


def test_maintenance_is_shown_apart_with_the_form_that_posts_it(society, colleague):
    from urja.apps.books.operations import request_credit
    from urja.apps.maintenance.models import MaintenanceAccount
    from urja.pipeline.credits import post_credits
    from urja.usecases.operations import PostMaintenance, perform

    client = colleague("secretary")
    address = f"/console/society/{society}/money/"
    before = client.get(address)
    month = town_cast.NOW.date().replace(day=1)
    form = f"/console/operations/post_maintenance/?premise_code=GP&amp;month={month}"
    assert f'href="{form}"' in before.content.decode()
    assert "Posted in the month" not in text_of(before)
    filled = client.get(form.replace("&amp;", "&")).content.decode()
    assert 'value="GP"' in filled
    with connected_as("urja_owner"):
        dues = PostMaintenance(premise_code="GP", month=month, each_minor=2500_00)
        perform(dues, recorded_at=town_cast.NOW, actor="test")
        account_id = MaintenanceAccount.objects.order_by("account_id").values_list("account_id", flat=True)[0]
        request_credit(
            account_id=account_id, amount_minor=2500_00, kind="maintenance", idempotency_key="m",
            requested_at=town_cast.NOW,
        )  # fmt: skip
        post_credits(town_cast.NOW)
    after = client.get(address)
    words = text_of(after)
    assert "Posted in the month ₹7,500.00 Collected in the month ₹2,500.00 Outstanding ₹5,000.00" in words
    assert len(Page(after).cells("maintenance", "tbody tr")) == 2
    # What flats paid for electricity is what it was.
    collected = "Collected in the month {} from flats"
    assert [collected.format(amount) in words for amount in ("₹0.00", "₹2,500.00")] == [
        collected.format(amount) in text_of(before) for amount in ("₹0.00", "₹2,500.00")
    ]
    assert "महीने में लगाया" in text_of(colleague("secretary", "hi").get(address))


def test_a_dry_run_lists_the_flats_and_their_total(society, colleague, monkeypatch):
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.0)
    client = colleague("secretary")
    asked = {
        "premise_code": "GP", "month": "2026-03-10", "due_name": "Maintenance", "each_minor": "2500",
        "flats": "URJ00000002, 3200\nURJ00000003, 0",
    }  # fmt: skip
    _at, shown = dry_run(client, "/console/operations/post_maintenance/", asked)
    words = text_of(shown)
    assert "2 flats together owe ₹5,700.00." in words
    assert "service point: URJ00000002" in words
    assert "month: March 2026" in words
    assert "amount: ₹3,200.00" in words
    assert words.count("Maintenance due new") == 2
