"""Changes of payment modes by the API: asked for as an operation, followed and read, each in its area."""

import itertools

from tests.web import house
from tests.web.api.test_roles import apart

_keys = itertools.count(1)
ASKED = {
    "payment_mode": "postpaid",
    "effective_on": f"{house.NOW:%Y-%m-%d}",
    "consumer_numbers": ["URJ00000001"],
    "reason": "ordered",
}


def converted():
    def work():
        from urja.pipeline import mode_changes

        mode_changes.run_once(house.NOW)

    apart("urja_pipeline", work)


def test_asked_followed_and_read(api, stage):
    officer = api("revenue_officer")
    answer = officer.post("change_modes", ASKED, key=f"k{next(_keys)}")
    assert answer.status_code == 200, answer.json()
    outcome = answer.json()["outcome"]
    assert (outcome["agreements"], outcome["refused"]) == (1, 0)
    at = f"/mode-changes/{outcome['mode_change_id']}"
    order = officer.get(at).json()
    assert (order["payment_mode"], order["reason"], order["ended_at"]) == ("postpaid", "ordered", None)
    assert order["states"] == {"waiting": 1, "done": 0, "refused": 0, "left": 0}
    converted()
    order = officer.get(at).json()
    assert order["states"]["done"] == 1
    [row] = officer.get(f"{at}/rows?state=done").json()["items"]
    assert (row["consumer_number"], row["result"]["plan"]) == ("URJ00000001", "")
    assert officer.get(f"/audit/{row['operation_id']}").json()["kind"] == "convert_to_postpaid"
    assert [one["id"] for one in officer.get("/mode-changes").json()["items"]] == [order["id"]]
    assert api("field_engineer").get(at).status_code == 403
