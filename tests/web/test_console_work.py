"""Work orders on a phone: location, work and meter; closed with the findings, without JavaScript."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.web.console_staff import PNG, answer_requests
from tests.web.reading import text_of

ORDER = "/console/work/3/"


def picture(content=PNG, name="meter.png"):
    return SimpleUploadedFile(name, content, "image/png")


@pytest.fixture(autouse=True)
def _impatient(database_template, monkeypatch):
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.0)


@pytest.fixture
def given(staff, at_noon, database_of_town):
    """An order at the second house is the fitter's; seal S-77 is on its meter; a meter is to be exchanged at the fourth."""
    house = at_noon.adopted[1]
    other = at_noon.adopted[3]
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "INSERT INTO work_order (id, kind, device_id, service_point_id, state, assignee_id, opened_at, due_at, asked, "
            "result) VALUES (3, 'inspect', %s, %s, 'assigned', %s, '2026-03-02 06:00Z', '2026-03-02 07:00Z', "
            "'{\"note\": \"Look behind the box\"}', '{}')",
            [house.device_id, house.service_point_id, staff["fitter_north"]],
        )
        owner.execute(
            "INSERT INTO assets_seal (id, device_id, number, place, applied_at, recorded_at, actor) "
            "VALUES (1, %s, 'S-77', 'cover', '2026-03-01 18:30Z', '2026-03-01 18:30Z', 'test')",
            [house.device_id],
        )
        owner.execute(
            "INSERT INTO work_order (id, kind, device_id, service_point_id, state, opened_at, asked, result) "
            "VALUES (2, 'exchange', %s, %s, 'open', '2026-03-02 06:00Z', '{}', '{}')",
            [other.device_id, other.service_point_id],
        )


def test_a_fitter_begins_with_their_own(given, colleague):
    text = text_of(colleague("fitter_north").get("/console/work/"))
    assert "Mine 1 All open 2" in text
    assert "Jamun House Inspect the site" in text
    assert "due today, 12:30" in text
    assert "Kadam House" not in text


def test_the_clerk_sees_all_that_is_open(given, colleague):
    text = text_of(colleague("clerk").get("/console/work/"))
    assert "Jamun House" in text
    assert "Kadam House" in text


def test_an_order_says_where_what_and_which_meter(given, colleague):
    page = colleague("fitter_north").get(ORDER)
    text = text_of(page)
    assert "2 Gulmohar Street, Jhotwara 302012" in text
    assert 'href="geo:26.9' in page.content.decode()
    assert "Look behind the box" in text
    assert "Meter URJ00000002" in text
    assert "Seals: S-77" in text
    assert "Sunita Devi · +919829000002" in text
    assert "assigned to you" in text


def test_whose_telephone_was_read_is_written_down(given, colleague, staff):
    from urja.apps.identity.models import PersonalRead

    colleague("fitter_north").get(ORDER)
    (read,) = PersonalRead.objects.all()
    assert (read.user_id, read.what) == (staff["fitter_north"], "console work order")


def test_the_control_room_assigns_orders_without_telephones(given, colleague):
    page = colleague("control_room").get(ORDER)
    assert "98290" not in text_of(page)
    assert 'href="/console/operations/assign_work_order/?work_order_id=3"' in page.content.decode()
    assert "Report the result" not in text_of(page)
    assert colleague("control_room").post(ORDER, {"note": "x"}).status_code == 404


def test_closed_with_register_seals_and_a_photograph(given, colleague):
    from urja.apps.assets.models import Seal
    from urja.apps.work.models import WorkOrder

    client = colleague("fitter_north")
    led = client.post(
        ORDER,
        {
            "note": "The wire is gone",
            "register_wh": "10.5",
            "seals": "S-78",
            "removed_seals": ["S-77"],
            "photo": [picture()],
        },
    )
    assert led.status_code == 302
    assert "In progress." in text_of(client.get(led["Location"]))
    answer_requests()
    text = text_of(client.get(led["Location"]))
    assert "Result done today, 13:42 The wire is gone register 10.5 kWh seals S-78" in text
    order = WorkOrder.objects.get(id=3)
    assert order.done
    (photo_id,) = order.result["photos"]
    assert list(Seal.objects.filter(removed_at=None).values_list("number", flat=True)) == ["S-78"]
    picture_of = client.get(f"/console/photos/{photo_id}/")
    assert (picture_of.content, picture_of["Content-Type"]) == (PNG, "image/png")
    assert colleague("revenue_officer").get(f"/console/photos/{photo_id}/").status_code == 404


def test_what_is_refused_is_said_and_nothing_is_lost(given, colleague):
    client = colleague("fitter_north")
    led = client.post(ORDER, {"note": "Looked", "register_wh": "9", "seals": "S-77, S-78"})
    answer_requests()
    page = client.get(led["Location"])
    assert "The work order was not closed:" in text_of(page)
    assert "seal S-77 was put on meter URJ00000002" in text_of(page)
    content = page.content.decode()
    assert 'value="S-77, S-78"' in content
    assert 'value="9"' in content
    assert ">Looked</textarea>" in content


def test_what_is_no_picture_or_no_number(given, colleague):
    page = colleague("fitter_north").post(
        ORDER, {"note": "", "register_wh": "ten", "photo": [picture(b"GIF89a", "cat.gif")]}
    )
    assert page.status_code == 422
    text = text_of(page)
    assert "cat.gif: a photo must be a JPEG or a PNG image" in text
    assert "This field is required." in text
    assert "Enter a number such as 12.5." in text
    assert 'value="ten"' in page.content.decode()


def test_an_exchange_is_closed_by_the_exchange(given, colleague):
    client = colleague("clerk")
    page = client.get("/console/work/2/").content.decode()
    assert 'href="/console/operations/exchange_meter/?consumer_number=URJ00000004"' in page
    assert "Report the result" not in page
    led = client.post("/console/work/2/photos/", {"photo": [picture()]})
    assert led["Location"] == "/console/work/2/#photos"
    assert "Photographs 1" in text_of(client.get("/console/work/2/"))
    assert client.post("/console/work/2/", {"note": "x"}).status_code == 404


def test_an_order_about_an_unread_meter_leads_to_its_last_read(given, colleague, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute("DELETE FROM work_order WHERE id = 3")
        owner.execute(
            "INSERT INTO work_order (id, kind, device_id, service_point_id, state, opened_at, asked, result) SELECT "
            "3, 'inspect', device_id, service_point_id, 'open', '2026-03-02 06:00Z', "
            """'{"unread_since": "2026-03-02T05:00:00+00:00"}', '{}' FROM assets_device_period d """
            "WHERE device_id = (SELECT id FROM assets_device WHERE serial = 'URJ00000002')"
        )
    client = colleague("clerk")
    page = client.get(ORDER)
    assert "The meter was removed on 2 March 2026 without a register read" in text_of(page)
    assert 'href="/console/operations/correct_last_read/?serial=URJ00000002"' in page.content.decode()
    assert "All open 3" in text_of(client.get("/console/work/"))


def test_an_order_elsewhere_does_not_exist(given, colleague):
    assert colleague("fitter_north").get("/console/work/2/").status_code == 404
    assert colleague("clerk").get("/console/work/77/").status_code == 404
    assert colleague("revenue_officer").get("/console/work/").status_code == 404


def test_an_assignee_may_close_an_order_of_another_area(given, colleague, staff, database_of_town):
    with database_of_town("urja_owner") as owner:
        owner.execute(
            "UPDATE work_order SET state = 'assigned', assignee_id = %s WHERE id = 2", [staff["fitter_north"]]
        )
    assert colleague("fitter_north").get("/console/work/2/").status_code == 200


def test_in_hindi(given, colleague):
    text = text_of(colleague("fitter_north", "hi").get(ORDER))
    assert "परिणाम दर्ज करें" in text
