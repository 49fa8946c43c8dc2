"""Changes of payment modes: a dry run by the form, the order, its page, its stop and its report; and by the API."""

import csv
import io
import re

import pytest
from tests.web import town_cast
from tests.web.console_staff import as_pipeline
from tests.web.reading import text_of
from tests.web.test_console_operations import done, dry_run

from urja.apps.identity.queries.roles import roles_allowed

FORM = "/console/operations/change_modes/"
ASKED = {
    "payment_mode": "postpaid",
    "effective_on": "2026-03-02",
    "consumer_numbers": "URJ00000001\nURJ00000003\nNONE",
    "good_rows_only": "on",
    "instalments": "10",
    "deposit": "arrears",
    "deposit_minor": "400",
    "reason": "ordered by the commission",
}


@pytest.fixture(autouse=True)
def _impatient(database_template, monkeypatch):
    """No stage answers while a page waits: the test answers afterwards."""
    from urja.web.console import operation_page

    monkeypatch.setattr(operation_page, "WAIT_S", 0.0)


def converted():
    def work():
        from urja.pipeline import mode_changes

        mode_changes.run_once(town_cast.NOW)

    as_pipeline(work)


def ordered(client, **more):
    """An order by the form; its number, and what the dry run said."""
    at, shown = dry_run(client, FORM, ASKED | more)
    after = done(client, at)
    return re.search(r'href="/console/mode-changes/(\d+)/"', after.content.decode())[1], text_of(shown)


def test_a_dry_run_says_what_it_comes_to_and_the_page_how_far_it_is(colleague):
    officer = colleague("revenue_officer")
    number, said = ordered(officer)
    for sentence in (
        "2 supplies become postpaid.",
        "In credit: 2, together",
        "Security deposits that are owed: 2, together ₹800.00.",
        "Refused: 1.",
        "Row 3, NONE: there is no service point NONE",
    ):
        assert sentence in said
    page = officer.get(f"/console/mode-changes/{number}/")
    assert "1 of 3 finished" in text_of(page)
    assert '<noscript><meta http-equiv="refresh"' in page.content.decode()
    assert "operations/stop_mode_change/?mode_change_id=" in page.content.decode()
    converted()
    page = officer.get(f"/console/mode-changes/{number}/")
    text = text_of(page)
    assert "3 of 3 finished" in text
    assert "To postpaid from 2 March 2026 on" in text
    assert "Security deposits owed ₹800.00" in text
    assert "hx-trigger" not in page.content.decode()
    assert "stop_mode_change" not in page.content.decode()
    assert "2 converted, 1 refused" in text_of(officer.get("/console/mode-changes/"))
    assert "NONE" not in text_of(officer.get(f"/console/mode-changes/{number}/?state=done"))
    report = officer.get(f"/console/mode-changes/{number}/report.csv")
    assert report["Content-Disposition"] == f'attachment; filename="mode-change-{number}.csv"'
    rows = list(csv.DictReader(io.StringIO(report.getvalue().decode())))
    assert [(row["consumer_number"], row["state"], row["deposit_due_minor"]) for row in rows] == [
        ("URJ00000001", "done", "40000"),
        ("URJ00000003", "done", "40000"),
        ("NONE", "refused", ""),
    ]


def test_it_is_stopped_from_its_page(colleague):
    officer = colleague("revenue_officer")
    number, _ = ordered(officer, effective_on="2026-03-09")
    room = colleague("control_room")
    at, _shown = dry_run(
        room, "/console/operations/stop_mode_change/", {"mode_change_id": number, "reason": "ruled otherwise"}
    )
    after = done(room, at)
    assert f"/console/mode-changes/{number}/" in after.content.decode()
    converted()
    text = text_of(room.get(f"/console/mode-changes/{number}/"))
    assert "3 of 3 finished" in text
    assert "Not converted 2" in text.replace("not converted", "Not converted")
    assert "Stopped" in text


def test_in_hindi(colleague):
    officer = colleague("revenue_officer", "hi")
    led = officer.post(FORM, ASKED)
    from tests.web.console_staff import answer_requests

    answer_requests()
    text = text_of(officer.get(led["Location"]))
    assert "2 कनेक्शन पोस्टपेड होंगे।" in text
    assert "अस्वीकृत: 1।" in text
    assert "भुगतान प्रकार के बदलाव" in text_of(officer.get("/console/mode-changes/"))


def test_who_may_not_see_or_order_one(colleague):
    officer = colleague("revenue_officer")
    number, _ = ordered(officer)
    fitter = colleague("field_engineer")
    assert fitter.get("/console/mode-changes/").status_code in {403, 404}
    assert fitter.get(f"/console/mode-changes/{number}/report.csv").status_code in {403, 404}
    clerk = colleague("clerk")
    assert clerk.get(f"/console/mode-changes/{number}/").status_code == 200
    assert clerk.get(FORM).status_code == 404
    listed = clerk.get("/console/mode-changes/")
    assert "change_modes" not in listed.content.decode()
    assert roles_allowed("write:change_modes") == ["revenue_officer"]
    assert "Only a revenue officer orders a change. Ask one, with the consumer numbers" in text_of(listed)
    assert "You may stop an order that is not finished" in text_of(listed)
    assert "Only a revenue officer" not in text_of(officer.get("/console/mode-changes/"))
    hindi = colleague("auditor", "hi").get("/console/mode-changes/")
    assert "बदलाव का आदेश केवल राजस्व अधिकारी देता है।" in text_of(hindi)
    assert "उसे आप रोक सकते हैं" not in text_of(hindi)
    assert officer.get("/console/mode-changes/4711/").status_code == 404
