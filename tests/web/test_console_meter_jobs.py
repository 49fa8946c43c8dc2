"""Meter jobs: started by a form, followed on their own page, read, cancelled."""

import csv
import io
import re

import pytest
from tests.web import town_cast
from tests.web.console_staff import answer_requests, as_pipeline
from tests.web.reading import text_of
from tests.web.test_console_operations import done, dry_run

READ = "/console/operations/read_meters/"
PASTED = "URJ00000001\nURJ00000002"
SHOWN = {
    "profile": "1.0.94.91.0.255",
    "columns": [
        {"name": "Clock", "unit": "", "instant": True},
        {"name": "Voltage", "unit": "V", "instant": False, "scaler": -2},
        {"name": "Neutral current", "unit": "A", "instant": False},
    ],
    "rows": [["2026-03-03T06:30:00+00:00", "231.50", None]],
    "of": 1,
}


@pytest.fixture(autouse=True)
def _impatient(database_template, monkeypatch):
    """No stage answers while a page waits: the test answers afterwards."""
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.0)


def asked(client, **more):
    """A job by the form; the address of its page."""
    at, shown = dry_run(
        client, READ, {"meters": PASTED, "what": "instantaneous", "reason": "a complaint"} | more
    )
    after = done(client, at)
    return number_on(after), text_of(shown)


def number_on(page):
    """The job that a page leads to."""
    return re.search(r'href="/console/meter-jobs/(\d+)/"', page.content.decode())[1]


def page_of(client, number, query=""):
    return client.get(f"/console/meter-jobs/{number}/{query}")


def led(**ends):
    """Run the stage as the pipeline; what is under way ends, as `ends` says of its device."""

    def work():
        from tests.pipeline.test_meter_jobs import progress

        from urja.apps.commands.kinds import UNFINISHED
        from urja.apps.commands.models import Command
        from urja.pipeline import meter_jobs

        now = town_cast.NOW
        meter_jobs.run_once(now, 1)
        for command in Command.objects.filter(state__in=UNFINISHED, kind__startswith="read_").select_related(
            "device"
        ):
            state = ends.get(command.device.serial, "confirmed")
            said = {"rows": 1, "shown": [SHOWN]} if state == "confirmed" else None
            progress(command, state, now, said, "" if said else "no listener")
        meter_jobs.run_once(now, 1)

    as_pipeline(work)


def test_the_form_says_that_one_of_two_fields_is_needed(colleague):
    form = text_of(colleague("clerk").get(READ))
    assert "Meters this or “All under this node” is required" in form
    assert "All under this node this or “Meters” is required" in form


def test_asked_by_the_form_and_followed_on_a_page(colleague):
    client = colleague("clerk")
    number, effects = asked(client)
    assert "The job has 2 meters." in effects
    assert "No change to supply" not in effects
    page = page_of(client, number)
    assert "0 of 2 finished" in text_of(page)
    html = page.content.decode()
    assert 'hx-trigger="every 5s"' in html
    assert '<noscript><meta http-equiv="refresh"' in html
    led(URJ00000002="expired")
    page = page_of(client, number)
    text, html = text_of(page), page.content.decode()
    assert "2 of 2 finished" in text
    assert "hx-trigger" not in html
    assert 'http-equiv="refresh"' not in html
    assert "Voltage, V" in text
    assert "231.50" in text
    assert "2026-03-03 12:00:00" in text, "the meter's time, as clocks here show it"
    assert "the meter was not reached in time (no listener)" in text
    assert "Requested by Clerk" in text
    listed = text_of(client.get("/console/meter-jobs/"))
    assert "Read meters now: current values" in listed
    assert "1 done, 1 expired" in listed


def file_of(client, number, query=""):
    return client.get(f"/console/meter-jobs/{number}/answers.csv{query}")


def test_what_the_meters_said_is_a_file_with_each_values_time_unit_and_scaler(colleague):
    client = colleague("clerk")
    number, _ = asked(client)
    assert "answers.csv" not in page_of(client, number).content.decode(), "nothing has been said yet"
    led(URJ00000002="expired")
    assert f'href="/console/meter-jobs/{number}/answers.csv?"' in page_of(client, number).content.decode()
    answer = file_of(client, number)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="job-{number}.csv"'
    voltage, neutral = csv.DictReader(io.StringIO(answer.content.decode()))
    assert (voltage["meter"], voltage["state"], voltage["captured_at"]) == (
        "URJ00000001",
        "done",
        "2026-03-03T06:30:00+00:00",
    )
    assert (voltage["name"], voltage["value"], voltage["unit"], voltage["scaler"]) == (
        "Voltage",
        "231.50",
        "V",
        "-2",
    )
    assert neutral["value"] == "", "not measured is no zero"
    assert file_of(client, number, "?state=expired").content.decode().count("\n") == 1
    assert file_of(client, number, "?after=x").status_code == 404


def test_a_file_keeps_from_the_control_room_what_its_page_does(colleague):
    room = colleague("control_room")
    number, _ = asked(room, what="block")
    led()
    assert "231.50" not in file_of(room, number).content.decode()
    assert "231.50" in file_of(colleague("clerk"), number).content.decode()


def test_rows_by_their_state(colleague):
    client = colleague("clerk")
    number, _ = asked(client)
    led(URJ00000002="failed")
    text = text_of(page_of(client, number, "?state=failed"))
    assert "2. URJ00000002" in text
    assert "1. URJ00000001" not in text
    assert page_of(client, number, "?after=x").status_code == 404


def test_further_meters_are_on_the_next_page(colleague, monkeypatch):
    from urja.web.console import row_progress

    monkeypatch.setattr(row_progress, "ROWS_AT_ONCE", 1)
    client = colleague("clerk")
    number, _ = asked(client)
    first = page_of(client, number).content.decode()
    assert f'href="/console/meter-jobs/{number}/?after=1"' in first
    assert "2. URJ00000002" in text_of(page_of(client, number, "?after=1"))


def test_a_bad_row_is_said_and_the_good_ones_go_ahead_where_asked(colleague):
    client = colleague("clerk")
    more = {"meters": "URJ00000001\nNONE", "what": "instantaneous", "reason": "x"}
    _at, shown = dry_run(client, READ, more)
    assert "row 2: there is no meter and no service point NONE" in text_of(shown)
    assert "URJ00000001, NONE" in shown.content.decode(), "what was typed is kept"
    number, effects = asked(client, meters="URJ00000001;NONE", good_rows_only="yes")
    assert "1 row will be left out." in effects
    assert "there is no meter and no service point NONE" in text_of(page_of(client, number))


def test_cancelled_from_its_page(colleague):
    client = colleague("clerk")
    number, _ = asked(client)
    form = f"/console/operations/cancel_meter_job/?job_id={number}"
    assert form in page_of(client, number).content.decode()
    at, _ = dry_run(client, "/console/operations/cancel_meter_job/", {"job_id": number, "reason": "enough"})
    after = done(client, at)
    assert "Open the meter job" in text_of(after)
    text = text_of(page_of(client, number))
    assert "Cancelled" in text
    assert form not in page_of(client, number).content.decode()


def test_load_curves_are_kept_from_the_control_room(colleague):
    room = colleague("control_room")
    number, _ = asked(room, what="block")
    led()
    text = text_of(page_of(room, number))
    assert "The meter&#x27;s data are shown only to users who may read load profiles." in text
    assert "231.50" not in text
    assert "231.50" in text_of(page_of(colleague("clerk"), number))


def test_a_job_elsewhere_is_a_missing_page(colleague):
    number, _ = asked(colleague("clerk"), meters="URJ00000005")
    north = colleague("clerk_north")
    assert page_of(north, number).status_code == 404
    assert "No meter jobs yet." in text_of(north.get("/console/meter-jobs/"))


def test_a_connection_leads_there(colleague):
    page = colleague("clerk").get("/console/connections/URJ00000001/").content.decode()
    assert "/console/operations/read_meters/?meters=URJ00000001" in page


def test_a_node_of_a_tree_leads_there(colleague):
    from html import unescape

    clerk = colleague("clerk")
    page = unescape(clerk.get("/console/trees/transformer/T1/").content.decode())
    assert "/console/operations/read_meters/?under=transformer+T1" in page
    assert "operations/set_clocks" not in page, "that is not the clerk's"
    form = clerk.get("/console/operations/read_meters/?under=transformer+T1").content.decode()
    assert 'name="under" value="transformer T1"' in form


def test_in_hindi(colleague):
    client = colleague("clerk", "hi")
    led_to = client.post(READ, {"meters": PASTED, "what": "nameplate", "reason": "शिकायत"})
    answer_requests()
    again = client.post(f"{led_to['Location']}do/")
    answer_requests()
    number = number_on(client.get(again["Location"]))
    text = text_of(page_of(client, number))
    assert "मीटर अभी पढ़ें: नामपट्ट" in text
    assert "2 में से 0 पूरे हुए" in text
