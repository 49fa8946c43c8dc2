"""The description is the table of routes and the types that serve it: nothing is said twice."""

import json
import re

import msgspec
import pytest
from tests.web.reading import text_of


@pytest.fixture
def described(api):
    answer = api("clerk").client.get("/api/v1/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def methods(described):
    return [
        (path, method, about)
        for path, by_method in described["paths"].items()
        for method, about in by_method.items()
    ]


def test_every_route_is_in_it(described):
    from urja.apps.identity.queries.roles import roles_allowed, write_scope
    from urja.usecases.kinds import ALL
    from urja.web.api.table import ROUTES

    by_request = [one.kind() for one in ALL if roles_allowed(write_scope(one.kind()))]
    wanted = set()
    for route in ROUTES:
        kinds = by_request if "{kind}" in route.path else [None]
        wanted |= {(route.path.replace("{kind}", kind or ""), route.method.lower()) for kind in kinds}
    assert {(path, method) for path, method, _ in methods(described)} == wanted


def test_every_address_of_the_process_is_a_route(described):
    from urja.web.api.urls import urlpatterns

    addresses = {pattern.name for pattern in urlpatterns}
    names = {about["operationId"] for _, _, about in methods(described)}
    assert {"reference", "openapi", "missing"} <= addresses
    assert addresses - {"reference", "openapi", "missing"} <= names | {"operate"}


def test_every_example_validates(described):
    from urja.usecases.operations import BY_KIND
    from urja.web.api.problems import ProblemDocument
    from urja.web.api.table import ROUTES

    answers = {route.name: route.answer for route in ROUTES}
    bodies = {route.name: route.body for route in ROUTES}
    checked = 0
    for _, _, about in methods(described):
        name = about["operationId"]
        example = about["responses"]["200"]["content"]["application/json"]["example"]
        msgspec.convert(example, answers.get(name, answers["operate"]))
        if "requestBody" in about:
            body = about["requestBody"]["content"]["application/json"]["example"]
            msgspec.convert(body, BY_KIND.get(name) or bodies[name])
        for status, answer in about["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if kind == "application/problem+json":
                    problem = msgspec.convert(content["example"], ProblemDocument)
                    assert str(problem.status) == status
        checked += 1
    assert checked > 40


def test_the_example_of_a_body_has_values_that_its_fields_name(described):
    schemas, others, checked = described["components"]["schemas"], [], 0
    for path, _, about in methods(described):
        if "requestBody" not in about:
            continue
        body = about["requestBody"]["content"]["application/json"]
        fields = schemas[body["schema"]["$ref"].rpartition("/")[2]]["properties"]
        for field, value in body["example"].items():
            text = fields[field].get("description", "")
            named = re.findall(r"`([^`]+)`", text)
            one_of_a_list = "enum" in fields[field]
            if (
                isinstance(value, str)
                and value
                and not one_of_a_list
                and (text.startswith("`") or "uch as `" in text)
            ):
                checked += 1
                others += [] if value in named else [(path, field, value)]
    assert others == []
    assert checked > 15


def test_every_reference_leads_somewhere(described):
    text = json.dumps(described)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert named <= {*described["components"]["schemas"]}
    assert named >= {"Consumer", "ProblemDocument", "InstallMeter", "Page_ServicePoint_"}


def test_it_is_openapi_3_1(described):
    assert described["openapi"] == "3.1.0"
    names = [about["operationId"] for _, _, about in methods(described)]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in described["tags"]}
    for path, _, about in methods(described):
        assert {*about["tags"]} <= tags
        parts = set(re.findall(r"{(\w+)}", path))
        assert parts == {one["name"] for one in about["parameters"] if one["in"] == "path"}
        assert {"200", "401", "403", "429"} <= {*about["responses"]}
        assert (
            {"Retry-After"}
            == {*about["responses"]["429"]["headers"]}
            == {*about["responses"]["503"]["headers"]}
        )
        assert "summary" in about


def test_the_parameters_are_those_that_are_taken(described, api):
    about = described["paths"]["/service-points"]["get"]
    taken = [one["name"] for one in about["parameters"]]
    assert taken == [
        "cursor", "limit", "consumer_number", "purpose", "premise", "commodity", "phases", "device_type",
    ]  # fmt: skip
    limit = next(one for one in about["parameters"] if one["name"] == "limit")
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert limit["description"] == "items on a page"


def test_texts_of_a_form_say_so(described):
    from urja.web.api.operating import KEY

    schemas = described["components"]["schemas"]
    instant = {"type": "string", "format": "date-time"}
    assert schemas["Entry"]["properties"]["posted_at"] == instant
    assert schemas["RemoveMeter"]["properties"]["removed_at"] == instant
    assert schemas["WorkOrder"]["properties"]["due_at"]["anyOf"] == [instant, {"type": "null"}]
    assert schemas["Balance"]["properties"]["pending_minor"] == {
        "type": "integer",
        "description": "Charges for use since then, not posted yet.",
    }
    # Of what it extends, too.
    assert "sign" in schemas["MoveIn"]["properties"]["email"]["description"]
    texts = [
        (name, field)
        for name, schema in schemas.items()
        for field, about in schema.get("properties", {}).items()
        if field.endswith("_at") and "date-time" not in json.dumps(about)
    ]
    assert texts == []
    examples, keys = {}, set()
    for _, _, about in methods(described):
        for one in about["parameters"]:
            if one["in"] == "path":
                examples[one["name"]] = one["example"]
            elif one["name"] == "Idempotency-Key":
                keys.add(one["schema"]["pattern"])
    assert examples == {"id": 1, "seq": 1, "number": "7-42", "month": "2026-03"}
    assert keys == {f"^{KEY.pattern}$"}


def test_what_is_secret_is_not_in_it(described):
    paths = {*described["paths"]}
    assert "/operations/install_meter" in paths
    assert "/operations/adoption" not in paths
    assert "/operations/employ" not in paths


def test_it_is_not_sent_again(api):
    client = api("clerk").client
    tag = client.get("/api/v1/openapi.json").headers["ETag"]
    again = client.get("/api/v1/openapi.json", headers={"if-none-match": tag})
    assert again.status_code == 304


def test_the_page_for_people(api, described):
    page = api("clerk").client.get("/api/v1/")
    html = page.content.decode()
    text = text_of(page)
    for path, method, _ in methods(described):
        assert f"{method.upper()} /api/v1{path}" in text
    assert "<script" not in html
    assert "style=" not in html
    fetched = [one for one in re.findall(r'(?:src|href)="([^"#]+)"', html) if one != "/api/v1/openapi.json"]
    assert all(one.startswith("/static/") for one in fetched)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    ids = re.findall(r'id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    anchors = set(re.findall(r'href="#([^"]+)"', html))
    assert anchors <= set(ids)
    assert "too-many-requests" in ids
    assert "Charges for use since then, not posted yet." in text


def test_the_style_knows_the_dark_scheme(api):
    html = api("clerk").client.get("/api/v1/").content.decode()
    address = re.search(r'href="(/static/api/[^"]+)"', html)[1]
    style = b"".join(api("clerk").client.get(address).streaming_content).decode()
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style
