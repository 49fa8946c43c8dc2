"""What is outside of a person's area does not exist for them; what is personal is written down."""

from datetime import timedelta

import pytest
from tests.apps.town import START, by_hand
from tests.logs import logged
from tests.web.api.conftest import as_owner


def numbers(program, path, name="consumer_number"):
    return sorted(item[name][-3:] for item in program.get(path).json()["items"])


def test_staff_see_the_service_points_of_their_area(api):
    clerk, somebody = api("clerk"), api("clerk-n1")
    assert numbers(clerk, "/service-points") == ["001", "002", "003", "004", "801", "802"]
    assert numbers(somebody, "/service-points") == ["001", "002"]
    assert numbers(somebody, "/devices", "serial") == ["001", "002"]
    assert numbers(somebody, "/agreements") == ["001", "002"]
    assert numbers(somebody, "/work-orders") == ["001"]
    names = [item["name"] for item in somebody.get("/consumers").json()["items"]]
    assert sorted(names) == ["Asha Devi", "Bina", "Meena"]


def test_of_the_trees_staff_sees_what_leads_to_their_area(api):
    """Counted is what is theirs; of the past too, by their area of now."""
    clerk, somebody = api("clerk"), api("clerk-n1")
    (division,) = clerk.get("/nodes?code=D").json()["items"]
    (elsewhere,) = clerk.get("/nodes?code=S1").json()["items"]
    for moment in ("", "?valid_at=2026-03-03T00:00:00Z"):
        whole = clerk.get(f"/nodes/{division['id']}{moment}").json()
        part = somebody.get(f"/nodes/{division['id']}{moment}").json()
        assert [below["code"] for below in whole["children"]] == ["N1", "S1"]
        assert [(below["code"], below["consumer_service_points"]) for below in part["children"]] == [
            ("N1", 2)
        ]
        assert part["node"]["consumer_service_points"] == 2 < whole["node"]["consumer_service_points"]
        money = [whole["node"][f"{name}_minor"] for name in ("credit", "owed", "gas_credit", "gas_owed")]
        assert all((amount is None) == bool(moment) for amount in money), "balances are known of now alone"
        for address in (f"/nodes/{elsewhere['id']}", f"/nodes/{elsewhere['id']}/service-points"):
            assert somebody.get(address + moment).status_code == 404
            assert clerk.get(address + moment).status_code == 200
    assert api("consumer").get("/nodes").json()["items"] == []


@pytest.mark.parametrize("who", ["clerk-n1", "division", "premise", "consumer"])
def test_a_large_area_is_looked_at_row_by_row_and_gives_the_same(api, who, monkeypatch):
    from urja.apps.overviews.queries import areas as access

    areas = {"division": "division D", "premise": "premise NEEM"}
    program = api(who, role="clerk", area=areas[who]) if who in areas else api(who)
    paths = ("/service-points", "/consumers", "/devices", "/agreements", "/audit", "/work-orders")
    small = [program.get(path).content for path in paths]
    assert all(b'"id"' in content for content in small[:4])
    monkeypatch.setattr(access, "_FEW", 0)
    assert [program.get(path).content for path in paths] == small


def test_what_is_elsewhere_is_not_there_and_it_is_logged(api, society):
    program, there = api("clerk-n1"), society.elsewhere
    addresses = [
        f"/consumers/{society.people['Chetan']}",
        f"/consumers/{society.people['Chetan']}/export",
        f"/service-points/{there.service_point_id}",
        f"/devices/{there.device_id}",
        f"/agreements/{there.agreement_id}",
        f"/accounts/{there.account_id}/balance",
        f"/accounts/{there.account_id}/entries",
        "/totals?premise=901&month=2026-03",
    ]
    with logged() as logs:
        told = [program.get(address) for address in addresses]
    assert [answer.status_code for answer in told] == [404] * len(addresses)
    refusals = [line for line in logs if line["event"] == "access refused"]
    assert [line["path"] for line in refusals] == [
        f"/api/v1{address.partition('?')[0]}" for address in addresses
    ]
    missing = program.get("/service-points/77").json()
    elsewhere = told[2].json()
    assert missing["detail"] == "service point 77 is not found in your area"
    assert elsewhere["detail"] == f"service point {there.service_point_id} is not found in your area"


def test_an_operation_outside_of_the_area_is_not_recorded(api, society):
    from urja.apps.journal.models import Request

    answer = api("clerk-n1").post(
        "remove_meter", {"serial": "URJ00000003", "removed_at": "2026-03-20T13:00:00+05:30"}
    )
    assert (answer.status_code, answer.json()["detail"]) == (
        404, "what the content names is not found in your area",
    )  # fmt: skip
    assert not as_owner(Request.objects.exists)


def test_a_consumer_sees_their_own(api, society):
    own, other = society.flats
    program = api("consumer")
    assert numbers(program, "/service-points") == ["001"]
    assert numbers(program, "/devices", "serial") == ["001"]
    assert [item["name"] for item in program.get("/consumers").json()["items"]] == ["Asha Devi"]
    assert program.get(f"/accounts/{own.account_id}/balance").status_code == 200
    for address in (
        f"/consumers/{society.people['Meena']}", f"/service-points/{other.service_point_id}", f"/devices/{other.device_id}",
        f"/agreements/{other.agreement_id}", f"/accounts/{other.account_id}/entries",
    ):  # fmt: skip
        assert program.get(address).status_code == 404


def test_a_new_tenant_sees_nothing_of_the_old_one(api, society):
    """Chetan's flat is let to Asha from the third day on."""
    from urja.apps.contracts.models import Agreement, AgreementTerms

    there, moved_at = society.elsewhere, START + timedelta(days=1)
    own = society.flats[0]

    def let():
        with by_hand():
            Agreement.objects.filter(id=there.agreement_id).update(valid_to=moved_at)
            AgreementTerms.objects.filter(agreement_id=there.agreement_id).update(valid_to=moved_at)
            stamp = {"valid_from": moved_at, "recorded_at": START, "actor": "test"}
            Agreement.objects.create(
                id=990, service_point_id=there.service_point_id, account_id=own.account_id,
                customer_id=society.people["Asha Devi"], **stamp,
            )  # fmt: skip
            AgreementTerms.objects.create(
                id=991, agreement_id=990, tariff_code="demo-domestic", sanctioned_load_w=5000, **stamp
            )

    as_owner(let)
    asha, chetan = api("consumer"), api("outsider")
    both = "begins_at=2026-03-01T18:30:00Z&ends_at=2026-03-04T18:30:00Z"
    assert asha.get(f"/agreements/{there.agreement_id}").status_code == 404
    assert asha.get(f"/agreements/{there.agreement_id}/readings?{both}").status_code == 404
    hers = asha.get(f"/agreements/990/readings?{both}").json()["items"]
    assert (len(hers), hers[0]["start_at"]) == (48, "2026-03-03T00:00:00+05:30")
    his = chetan.get(f"/agreements/{there.agreement_id}/readings?{both}").json()["items"]
    assert (len(his), his[-1]["start_at"]) == (48, "2026-03-02T23:30:00+05:30")
    # The meter has measured for both; where it is installed now is hers to know.
    assert asha.get(f"/devices/{there.device_id}").json()["installation"]["consumer_number"] == "URJ00000003"
    assert chetan.get(f"/devices/{there.device_id}").json()["installation"] is None


def read_by(society, who):
    from urja.apps.identity.models import PersonalRead

    return as_owner(
        lambda: list(
            PersonalRead.objects.filter(user__email=who).order_by("id").values_list("person_id", "what")
        )
    )


def test_reading_another_is_written_down(api, society):
    clerk, asha = api("clerk"), society.people["Asha Devi"]
    own = society.flats[0]
    clerk.get(f"/consumers/{asha}")
    clerk.get(f"/consumers/{asha}/export")
    clerk.get(f"/accounts/{own.account_id}/balance")
    clerk.get(
        f"/agreements/{own.agreement_id}/readings?begins_at=2026-03-02T00:00:00Z&ends_at=2026-03-03T00:00:00Z"
    )
    clerk.get(f"/consumers?service_point={own.service_point_id}")
    clerk.get(f"/service-points/{own.service_point_id}")
    assert read_by(society, "clerk@utility.example") == [
        (asha, "GET /consumers/{id}"),
        (asha, "GET /consumers/{id}/export"),
        (asha, "GET /accounts/{id}/balance"),
        (asha, "GET /agreements/{id}/readings"),
        (950, "GET /consumers"),
        (asha, "GET /consumers"),
    ]


def test_an_export_needs_the_rights_to_all_that_is_in_it(api, society):
    """A cashier, a fitter or a token for names gets no ledger of a person by the file of everything."""
    from urja.apps.identity.models import AccountAccess

    own, asha = society.flats[0], society.people["Asha Devi"]
    address = f"/consumers/{asha}/export"
    for who in ("cashier", "field_engineer"):
        assert api(who).get(f"/consumers/{asha}").status_code == 200
        assert api(who).get(address).status_code == 403
    names = api("clerk", scopes=("read:consumer",))
    assert (names.get(f"/consumers/{asha}").status_code, names.get(address).status_code) == (200, 403)

    def also_elsewhere():
        stamp = {"recorded_at": START, "actor": "test"}
        AccountAccess.objects.create(
            id=951, person_id=asha, account_id=society.elsewhere.account_id, role="owner", **stamp
        )

    as_owner(also_elsewhere)
    both = {own.account_id, society.elsewhere.account_id}
    for who, there in (("clerk", both), ("consumer", both), ("clerk-n1", {own.account_id})):
        accounts = api(who).get(address).json()["accounts"]
        assert {account["account_id"] for account in accounts} == there


def test_where_a_meter_was_before_it_came_into_the_area_is_not_there(api, society):
    from urja.apps.assets.models import Device, DevicePeriod
    from urja.apps.journal.operation import next_number

    def installed_here():
        with by_hand():
            Device.objects.filter(id=society.stock_id).update(stock="installed")
            DevicePeriod.objects.create(
                id=next_number(), device_id=society.stock_id, service_point_id=society.flats[0].service_point_id,
                role=2, valid_from=START + timedelta(days=2), recorded_at=START, actor="test",
            )  # fmt: skip

    as_owner(installed_here)
    address = f"/devices/{society.stock_id}"
    before = f"{address}?valid_at=2026-03-02T12:00:00Z"
    assert api("clerk").get(before).json()["installation"]["consumer_number"] == "URJ00000004"
    assert api("clerk-n1").get(before).json()["installation"] is None
    assert api("clerk-n1").get(address).json()["installation"]["consumer_number"] == "URJ00000001"


def test_reading_oneself_is_not(api, society):
    asha, own = api("consumer"), society.flats[0]
    asha.get("/consumers")
    asha.get(f"/accounts/{own.account_id}/entries")
    assert read_by(society, "asha@example.org") == []


def test_a_programs_reads_are_under_its_key_and_auditors_see_them(api, society):
    program = api("billing", role="revenue_officer")
    program.get(f"/consumers/{society.people['Bina']}")
    (row,) = api("auditor").get(f"/personal-reads?consumer={society.people['Bina']}").json()["items"]
    assert (row["user_id"], row["what"]) == (None, "GET /consumers/{id}")
    assert row["token_id"] is not None


def test_nothing_is_answered_that_was_not_written_down(api, society, owner_of):
    clerk = api("clerk")
    owner_of.execute("REVOKE INSERT ON identity_personal_read FROM urja_web")
    assert clerk.get(f"/consumers/{society.people['Bina']}").status_code == 500


@pytest.mark.parametrize("wanted", ["/consumers", "/agreements", "/devices"])
def test_a_secretary_sees_totals_and_no_person(api, wanted):
    secretary = api("secretary")
    assert secretary.get(wanted).status_code == 403
    assert "Asha" not in secretary.get("/totals?premise=901&month=2026-03").content.decode()


def test_a_secretary_of_this_society_alone(api, society):
    from urja.apps.network.models import Premise

    as_owner(
        lambda: Premise.objects.create(
            id=950, kind="society", name="Other", recorded_at="2026-03-01T00:00Z", actor="test"
        )
    )
    assert api("secretary").get("/totals?premise=950&month=2026-03").status_code == 404
