"""Odd requests, made from the description of the API: none of them is the server's fault."""

from collections import Counter
from http import HTTPStatus

import schemathesis
from django.core.wsgi import WSGIHandler
from hypothesis import HealthCheck, Phase, given, settings
from tests.web.api import cast
from tests.web.api.conftest import as_owner

ODD = settings(
    max_examples=6,
    deadline=None,
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


def test_no_request_is_the_server_s_fault(society, web_role, standing_clock):
    """Each operation is asked by all who work here until one may: what is refused for its asker tries little."""
    schema = schemathesis.openapi.from_wsgi(
        "/api/v1/openapi.json", WSGIHandler(), base_url="http://localhost/"
    )
    keys = [as_owner(lambda who=who: cast.key(who)) for who in ASKERS]
    faults, statuses = {}, Counter()

    def ask(case):
        for key in keys:
            answer = case.call(headers={"Authorization": f"Bearer {key}"})
            if answer.status_code != HTTPStatus.FORBIDDEN:
                break
        statuses[answer.status_code] += 1
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            faults[case.method, case.path] = case.as_curl_command()

    for operation in schema.get_all_operations():
        ODD(given(operation.ok().as_strategy())(ask))()
    assert not faults
    assert statuses[HTTPStatus.FORBIDDEN] < sum(statuses.values()) / 10, statuses
