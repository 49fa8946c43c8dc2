"""Odd requests, made from the description of the API: none of them is the server's fault."""

from collections import Counter
from http import HTTPStatus

import pytest
import schemathesis
from django.core.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, given, settings

ODD = settings(
    max_examples=6,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
ASKERS = (
    "auditor",
    "administrator",
    "clerk",
    "control_room",
    "revenue_officer",
    "field_engineer",
    "consumer",
)


def test_no_request_is_the_server_s_fault(society, web_role, standing_clock, monkeypatch):
    """Each operation is asked by all who work here until one may: what is refused for its asker tries little."""
    monkeypatch.setattr("urja.web.api.operating.WAIT_S", 0)
    schema = schemathesis.openapi.from_wsgi(
        "/api/v1/openapi.json", WSGIHandler(), base_url="http://localhost/"
    )
    keys = [society.keys[who] for who in ASKERS]
    may, faults, statuses = {}, {}, Counter()

    def ask(case):
        for key in sorted(keys, key=lambda key: key != may.get(case.operation.label)):
            answer = case.call(headers={"Authorization": f"Bearer {key}"})
            if answer.status_code != HTTPStatus.FORBIDDEN:
                may[case.operation.label] = key
                break
        statuses[answer.status_code] += 1
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            faults[case.method, case.path] = case.as_curl_command()

    for operation in schema.get_all_operations():
        ODD(given(operation.ok().as_strategy())(ask))()
    assert not faults
    assert statuses[HTTPStatus.FORBIDDEN] < sum(statuses.values()) / 10, statuses


@pytest.mark.parametrize(
    "instant", ["0118-11-29T00:07:43-18:18", "0040-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"]
)
def test_an_instant_of_another_era_is_refused_in_a_parameter_and_in_a_body(api, instant):
    says = f"the year {instant[:4]} is not taken"
    answer = api("auditor").get(f"/nodes/1?known_at={instant}")
    assert (answer.status_code, says in answer.json()["detail"]) == (HTTPStatus.BAD_REQUEST, True)
    content = {
        "consumer_number": "1",
        "at": instant,
        "primary": 5,
        "secondary": 5,
        "register_wh": 0,
        "reason": "x",
    }
    answer = api("field_engineer").post("change_ratio", content)
    assert (answer.status_code, says in answer.content.decode()) == (HTTPStatus.UNPROCESSABLE_ENTITY, True)


def test_months_and_numbers_that_no_calendar_and_no_table_has_are_refused(api, society):
    clerk, auditor, flat = api("clerk"), api("auditor"), society.flats[0]
    for month in ("0000-01", "1899-12", "9999-12"):
        answer = clerk.get(f"/totals?premise={society.premises['society']}&month={month}")
        assert answer.status_code == HTTPStatus.BAD_REQUEST
        assert auditor.get(f"/subsidy-claims/{month}").status_code == HTTPStatus.NOT_FOUND
    answer = clerk.get(f"/accounts/{flat.account_id}/proof?before={2**63}")
    assert answer.status_code == HTTPStatus.BAD_REQUEST


def test_the_character_nul_is_refused_wherever_it_is(api):
    from urja.web.api import cursors

    node = api("clerk").get("/nodes").json()["items"][0]["id"]
    path = f"/nodes/{node}/service-points"
    cursor = cursors.encode(f"/api/v1{path}", {"valid_at": None, "known_at": None}, "a\0b")
    assert api("clerk").get(f"{path}?cursor={cursor}").status_code == HTTPStatus.BAD_REQUEST
    assert api("clerk").get("/consumers?phone=a%00b").status_code == HTTPStatus.BAD_REQUEST
    assert api("clerk").get("/consumers/a%00b").status_code == HTTPStatus.NOT_FOUND
    assert (
        api("clerk").get("/consumers/1", authorization="Bearer a\0b").status_code == HTTPStatus.UNAUTHORIZED
    )
    assert api("clerk").get("/consumers/1", authorization="Basic YQBi").status_code == HTTPStatus.UNAUTHORIZED
    sent = {"cookie": 'sessionid="\\000bcdefghijk"'}
    answer = api("clerk").client.get("/api/v1/accounts/1/balance", headers=sent)
    assert (answer.status_code, answer.json()["detail"]) == (
        HTTPStatus.UNAUTHORIZED,
        "the request has no token",
    )
    answer = api("clerk").post("correct_consumer", {"consumer_id": 1, "name": "a\0b"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "NUL" in answer.content.decode()
