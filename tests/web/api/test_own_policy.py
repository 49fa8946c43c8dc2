"""The API shows which policy an agreement has for its own, and gives it one."""

from tests.web.api.conftest import as_owner
from tests.web.house import NOW


def load_policies():
    from urja.usecases.policies import load_bundled_policy

    for name in ("plain.toml", "demo.toml"):
        load_bundled_policy(name, recorded_at=NOW, actor="test")


def asked(api, flat, **more):
    number = api("clerk").get(f"/service-points/{flat.service_point_id}").json()["consumer_number"]
    return {"consumer_number": number, "effective_on": "2026-03-10", "reason": "agreed"} | more


def test_it_is_given_shown_and_taken_away(api, society, stage):
    as_owner(load_policies)
    flat = society.flats[0]

    def shown():
        terms = api("consumer").get(f"/agreements/{flat.agreement_id}").json()["terms"]
        return [one["policy"] for one in terms]

    assert shown() == [""]
    content = asked(api, flat, policy="demo")
    dry_run_of = api("clerk").post("change_policy", content, query="?dry_run=true").json()
    assert (dry_run_of["state"], dry_run_of["effects"]["postings"], shown()) == ("done", [], [""])
    assert api("revenue_officer").post("change_policy", content, key="k2").status_code == 200
    assert shown() == ["", "demo"]
    back = asked(api, flat, effective_on="2026-03-12")
    assert api("clerk").post("change_policy", back, key="k3").status_code == 200
    assert shown() == ["", "demo", ""]


def test_the_role_that_sets_a_category_sets_a_policy_and_no_other_role(api, society, stage):
    as_owner(load_policies)
    content = asked(api, society.flats[0], policy="demo")
    for role in ("consumer", "field_engineer", "control_room", "auditor", "administrator"):
        answer = api(role).post("change_policy", content)
        assert (role, answer.status_code) == (role, 403)


def test_a_code_of_no_policy_is_refused_in_a_sentence(api, society, stage):
    as_owner(load_policies)
    answer = api("clerk").post("change_policy", asked(api, society.flats[0], policy="kind"))
    assert answer.status_code == 409
    assert answer.json()["faults"] == ["there is no policy 'kind': load it first (urja policy load)"]
