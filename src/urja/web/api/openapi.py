"""The OpenAPI 3.1 description, made of the routes and the types that serve them."""

from functools import cache
from importlib.metadata import version
from typing import Final

import msgspec

from urja.apps.identity.queries.roles import may, roles_allowed, write_scope
from urja.base.untyped_values import JsonObject
from urja.usecases.kinds import ALL, Operation
from urja.web.api import parameters as parameters_of_query
from urja.web.api.examples import example_of
from urja.web.api.operating import KEY
from urja.web.api.problems import KINDS, ProblemDocument
from urja.web.api.resources import summary_of
from urja.web.api.routes import Route
from urja.web.api.schemas import describe_fields
from urja.web.api.table import ROUTES

PREFIX: Final = "/api/v1"
_REF: Final = "#/components/schemas/{name}"
_EVERYWHERE: Final = (
    "bad-request", "unauthenticated", "forbidden", "method-not-allowed", "too-many-requests", "internal-error", "unavailable",
)  # fmt: skip

_LATER: Final = frozenset(KINDS[kind].status for kind in ("too-many-requests", "unavailable"))
"""Statuses of refusals that say after how many seconds to try again."""

_TAG: Final = '"0123456789abcdef0123456789abcdef"'
_HEADERS: Final[dict[str, tuple[str, JsonObject, str]]] = {
    "Idempotency-Key": (
        "A key that you choose. A repeated request with the same key is carried out once.",
        {"type": "string", "pattern": f"^{KEY.pattern}$"},
        "move-4711",
    ),
    "If-Match": ("The ETag of the version that you have read.", {"type": "string"}, _TAG),
    "If-None-Match": (
        "An ETag that you have; the answer is 304 while it is current.",
        {"type": "string"},
        _TAG,
    ),
}
_PARTS: Final[dict[str, object]] = {"number": "7-42", "month": "2026-03"}
"""Examples of the parts of addresses that are texts."""


def by_request() -> list[type[Operation]]:
    """The operations that can be asked for from here at all."""
    able = [operation for operation in ALL if roles_allowed(write_scope(operation.kind()))]
    return sorted(able, key=lambda operation: operation.kind())


@cache
def document() -> JsonObject:
    """The whole description, as plain values."""
    types = _types()
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    describe_fields(types, components)
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        if route.body is Operation:
            for operation in by_request():
                address = route.path.replace("{kind}", operation.kind())
                paths.setdefault(address, {})["post"] = _operation(route, operation)
        else:
            paths.setdefault(route.path, {})[route.method.lower()] = _described(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Urja",
            "version": version("urja"),
            "summary": "Service points, consumers, meters, readings and payments",
            "description": (
                "Instants are ISO 8601 with an offset, amounts are in minor units of the currency beside them, energy is in Wh, gas in litres. "
                "Unknown fields and parameters are refused."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{"key": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in ROUTES)],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token that `urja token new` has created.",
                }
            },
            "schemas": components,
        },
    }


def _types() -> list[object]:
    answers = [route.answer for route in ROUTES]
    bodies = [route.body for route in ROUTES if route.body not in (None, Operation)]
    return list(dict.fromkeys([*answers, *bodies, *by_request(), ProblemDocument]))


def _ref(described: object) -> dict[str, object]:
    (found,), _ = msgspec.json.schema_components([described], ref_template=_REF)
    return found


def _described(route: Route) -> dict[str, object]:
    about: dict[str, object] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.act is not None:
        about["description"] = _who(route.act, *route.further)
        about["x-scope"] = str(route.act)
    if route.body is not None:
        about["requestBody"] = _body(route.body)
    return about


def _operation(route: Route, operation: type[Operation]) -> dict[str, object]:
    act = write_scope(operation.kind())
    return {
        "operationId": operation.kind(),
        "tags": [route.tag],
        "summary": summary_of(operation),
        "description": _who(act),
        "x-scope": act,
        "parameters": _parameters(route),
        "requestBody": _body(operation),
        "responses": _responses(route),
    }


def _who(act: str, *further: str) -> str:
    roles = [role for role in roles_allowed(act) if all(may(role, one) for one in further)]
    scopes = ", ".join(f"`{one}`" for one in (act, *further))
    return f"For {', '.join(roles)}; {'scopes' if further else 'scope'} {scopes}."


def _body(described: object) -> dict[str, object]:
    content = {"schema": _ref(described), "example": example_of(described)}
    return {"required": True, "content": {"application/json": content}}


def _parameters(route: Route) -> list[dict[str, object]]:
    parameters: list[dict[str, object]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 0} if kind is int else {"type": "string"},
            "example": 1 if kind is int else _PARTS[name],
        }
        for name, kind in route.named_parts
        if name != "kind"
    ]
    parameters += parameters_of_query.described(route.query)
    headers = {
        "Idempotency-Key": route.needs_key,
        "If-Match": route.needs_version,
        "If-None-Match": route.tagged,
    }
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": name != "If-None-Match",
            "description": _HEADERS[name][0],
            "schema": _HEADERS[name][1],
            "example": _HEADERS[name][2],
        }
        for name, asked in headers.items()
        if asked
    ]
    return parameters


def _responses(route: Route) -> dict[str, object]:
    content = {"application/json": {"schema": _ref(route.answer), "example": example_of(route.answer)}}
    responses: JsonObject = {"200": {"description": route.summary, "content": content}}
    if route.tagged:
        responses["200"]["headers"] = {"ETag": {"schema": {"type": "string"}}}
        responses["304"] = {"description": "Not modified"}
    if route.accepted:
        responses["202"] = {
            "description": "Accepted",
            "headers": {name: {"schema": {"type": "string"}} for name in ("Location", "Retry-After")},
            "content": content,
        }
    by_status: dict[int, list[str]] = {}
    for kind in (*_EVERYWHERE, *route.statuses):
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(KINDS[kind].title for kind in kinds),
            **({"headers": {"Retry-After": {"schema": {"type": "integer"}}}} if status in _LATER else {}),
            "content": {
                "application/problem+json": {"schema": _ref(ProblemDocument), "example": _problem(kinds[0])}
            },
        }
    return responses


def _problem(kind: str) -> dict[str, object]:
    about = KINDS[kind]
    return {
        "type": f"{PREFIX}/#{kind}",
        "title": about.title,
        "status": about.status,
        "detail": "what stands against this very request",
        "instance": f"{PREFIX}/service-points",
        "remedy": about.remedy,
    }
