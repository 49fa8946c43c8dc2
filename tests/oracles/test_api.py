"""The OpenAPI document as it is served."""

import json


def test_openapi(oracle, database_template):
    from django.test import Client

    answer = Client(headers={"host": "localhost"}).get("/api/v1/openapi.json")
    assert answer.status_code == 200
    oracle("openapi.json", json.dumps(answer.json(), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
