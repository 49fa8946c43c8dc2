"""Jobs of meters by the API: asked for as operations, their progress and their answers read, each in its area."""

import itertools

import pytest
from tests.web import house
from tests.web.api.test_roles import apart

_keys = itertools.count(1)
ASKED = {"meters": ["URJ00000001", "URJ00000002"], "reason": "a complaint"}
TABLE = {
    "profile": "1.0.98.1.0.255",
    "columns": [
        {
            "obis": "0.0.0.1.2.255",
            "attribute": 2,
            "name": "Billing date",
            "unit": "",
            "scaler": None,
            "instant": True,
        },
        {
            "obis": "1.0.1.8.0.255",
            "attribute": 2,
            "name": "Import",
            "unit": "Wh",
            "scaler": 1,
            "instant": False,
        },
    ],
    "rows": [["2026-03-31T18:30:00+00:00", "2310"]],
    "of": 1,
}
"""Each row with its capture time, each column with its unit and scaler."""


def led(**ends):
    """Run the stage in the pipeline's rights; each command that is under way ends as `ends` says of its device."""

    def work():
        from tests.pipeline.test_meter_jobs import progress

        from urja.apps.commands.kinds import UNFINISHED
        from urja.apps.commands.models import Command
        from urja.pipeline import meter_jobs

        meter_jobs.run_once(house.NOW, 1)
        for command in Command.objects.filter(state__in=UNFINISHED).select_related("device"):
            state = ends.get(command.device.serial, "confirmed")
            shown = {"rows": 1, "shown": [TABLE]} if state == "confirmed" else None
            progress(command, state, house.NOW, shown, "" if shown else "no listener")
        meter_jobs.run_once(house.NOW, 1)

    apart("urja_pipeline", work)


def asked(program, kind="read_meters", **more):
    answer = program.post(kind, ASKED | more, key=f"k{next(_keys)}")
    assert answer.status_code == 200, answer.json()
    return answer.json()["outcome"]


def test_asked_followed_and_read(api, stage):
    clerk = api("clerk")
    outcome = asked(clerk)
    assert (outcome["meters"], outcome["refused"]) == (2, 0)
    at = f"/meter-jobs/{outcome['job_id']}"
    job = clerk.get(at).json()
    assert (job["kind"], job["reason"], job["ended_at"]) == ("read_meters", "a complaint", None)
    assert {state: count for state, count in job["states"].items() if count} == {"waiting": 2}
    led(URJ00000002="expired")
    job = clerk.get(at).json()
    assert job["ended_at"] is not None
    assert {state: count for state, count in job["states"].items() if count} == {"done": 1, "expired": 1}
    first, second = clerk.get(f"{at}/results").json()["items"]
    assert (first["row"], first["serial"], first["state"]) == (1, "URJ00000001", "done")
    assert first["result"]["shown"] == [TABLE]
    assert second["detail"].startswith("the meter was not reached in time (no listener)")
    assert [one["id"] for one in clerk.get("/meter-jobs?kind=read_meters").json()["items"]] == [job["id"]]
    entry = api("auditor").get(f"/audit/{job['id']}").json()
    assert (entry["kind"], entry["outcome"]["job_id"]) == ("read_meters", job["id"])


def test_results_come_in_pages_and_by_state(api, stage):
    clerk = api("clerk")
    at = f"/meter-jobs/{asked(clerk)['job_id']}/results"
    first = clerk.get(f"{at}?limit=1").json()
    second = clerk.get(f"{at}?limit=1&cursor={first['next']}").json()
    assert [first["items"][0]["row"], second["items"][0]["row"], second["next"]] == [1, 2, None]
    led(URJ00000002="failed")
    assert [one["row"] for one in clerk.get(f"{at}?state=failed").json()["items"]] == [2]
    assert clerk.get(f"{at}?colour=red").status_code == 400


def test_bad_rows_are_a_problem_with_a_sentence_each(api, stage):
    clerk = api("clerk")
    told = clerk.post("read_meters", ASKED | {"meters": ["URJ00000001", "NONE"]})
    assert (told.status_code, told.json()["type"]) == (409, "/api/v1/#refused")
    assert told.json()["faults"] == ["row 2: there is no meter and no service point NONE"]
    outcome = asked(clerk, meters=["URJ00000001", "NONE"], good_rows_only=True)
    assert (outcome["meters"], outcome["refused"]) == (1, 1)
    rows = clerk.get(f"/meter-jobs/{outcome['job_id']}/results").json()["items"]
    assert [(one["state"], one["detail"]) for one in rows] == [
        ("waiting", ""), ("refused", "there is no meter and no service point NONE"),
    ]  # fmt: skip


def test_sent_twice_with_one_key_it_is_one_job(api, stage):
    clerk = api("clerk")
    first, again = (clerk.post("read_meters", ASKED, key="k").json() for _ in range(2))
    assert first["outcome"]["job_id"] == again["outcome"]["job_id"]
    assert len(clerk.get("/meter-jobs").json()["items"]) == 1


def test_cancelled_by_the_api(api, stage):
    clerk = api("clerk")
    job_id = asked(clerk)["job_id"]
    told = clerk.post("cancel_meter_job", {"job_id": job_id, "reason": "enough"}, key="c").json()
    assert told["outcome"] == {"job_id": job_id, "cancelled": 2}
    assert clerk.get(f"/meter-jobs/{job_id}").json()["states"]["cancelled"] == 2


def test_intervals_take_the_right_to_load_curves(api, stage):
    """The control room may have blocks read, and does not see when a household uses how much."""
    room, clerk = api("control_room"), api("clerk")
    job_id = asked(room, what="block")["job_id"]
    led()
    hidden = room.get(f"/meter-jobs/{job_id}/results").json()["items"]
    assert [(one["state"], one["result"], one["withheld"]) for one in hidden] == [("done", {}, True)] * 2
    shown = clerk.get(f"/meter-jobs/{job_id}/results").json()["items"]
    assert [(one["result"]["rows"], one["withheld"]) for one in shown] == [(1, False)] * 2
    read = api("auditor").get("/personal-reads").json()["items"]
    assert {one["what"] for one in read} == {"GET /meter-jobs/{id}/results"}


@pytest.fixture
def of_both_sections(api, stage):
    """A job of a meter in each of two sections, requested by a person with the right everywhere."""
    return asked(api("clerk"), meters=["URJ00000001", "URJ00000003"])["job_id"]


def test_of_a_job_one_sees_the_rows_of_ones_area(api, of_both_sections):
    north = api("clerk-n1")
    rows = north.get(f"/meter-jobs/{of_both_sections}/results").json()["items"]
    assert [one["serial"] for one in rows] == ["URJ00000001"]
    assert north.get(f"/meter-jobs/{of_both_sections}").json()["states"]["waiting"] == 1


def test_a_job_elsewhere_does_not_exist(api, stage):
    job_id = asked(api("clerk"), meters=["URJ00000003"])["job_id"]
    north = api("clerk-n1")
    for path in (f"/meter-jobs/{job_id}", f"/meter-jobs/{job_id}/results", "/meter-jobs/5"):
        assert north.get(path).status_code == 404
    assert north.get("/meter-jobs").json()["items"] == []
    told = north.post("cancel_meter_job", {"job_id": job_id, "reason": "x"})
    assert told.status_code == 404
    told = north.post("read_meters", ASKED | {"meters": ["URJ00000001", "URJ00000003"]}, key="e")
    assert told.status_code == 404
