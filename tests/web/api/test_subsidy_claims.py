"""Claims of subsidies by the API."""

from tests.web.api.conftest import as_owner
from tests.web.test_subsidy_claims import pay, subsidise

ADDRESS = "/subsidy-claims/2026-02"


def test_a_claim_is_for_those_who_may_see_settlements_everywhere(api, society):
    as_owner(lambda: (subsidise(society.flats), pay()))
    assert api("clerk").get(ADDRESS).status_code == 403
    assert api("revenue_officer-n1@utility.example").get(ADDRESS).status_code == 404
    found = api("revenue_officer").get(ADDRESS).json()
    assert (found["month"], found["final_on"], found["is_final"]) == ("2026-02", "2026-03-05", True)
    (row,) = found["rows"]
    assert (row["body"], row["consumers"], row["net_minor"]) == ("State", 2, 45_000)
    assert found["sums"] == [
        {
            "body": "State",
            "currency": "INR",
            "net_minor": 45_000,
            "through_minor": 45_000,
            "paid_minor": 30_000,
            "outstanding_minor": 15_000,
        }
    ]
    assert [(one["amount_minor"], one["paid_on"], one["reference"]) for one in found["payments"]] == [
        (30_000, "2026-03-01", "UTR1")
    ]
    for month in ("nonsense", "2026-2", "2026-13"):
        assert api("revenue_officer").get(f"/subsidy-claims/{month}").status_code == 404
