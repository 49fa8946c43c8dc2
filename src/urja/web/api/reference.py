"""What the API says of itself: openapi.json, and the same as a page for people. Neither needs a key."""

import re
from collections.abc import Callable
from functools import wraps
from html import escape

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt

from urja.apps.identity.queries.roles import TABLE, Role, may
from urja.base.untyped_values import JsonObject
from urja.web.api import openapi
from urja.web.api.problems import KINDS, not_allowed
from urja.web.api.tags import tag_of

type View = Callable[[HttpRequest], HttpResponse]


def _only_read(view: View) -> View:
    """Let an answer be kept for an hour, and answer other methods than GET and HEAD with a problem."""
    kept = cache_control(public=True, max_age=3600)(view)

    @csrf_exempt
    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            return kept(request)
        return not_allowed(request.method, ("GET", "HEAD")).response(request.path)

    return answered


@_only_read
def document(request: HttpRequest) -> HttpResponse:
    """The OpenAPI description."""
    described = openapi.document()
    tag = tag_of(described)
    unchanged = get_conditional_response(request, etag=tag)
    if unchanged is not None:
        return unchanged
    return HttpResponse(
        msgspec.json.format(msgspec.json.encode(described), indent=1),
        content_type="application/json",
        headers={"ETag": tag},
    )


@_only_read
def page(request: HttpRequest) -> HttpResponse:
    """The reference: every route with its parameters, body and answer; refusals; who may what."""
    described = openapi.document()
    context = {
        "info": described["info"],
        "prefix": openapi.PREFIX,
        "groups": _groups(described),
        "schemas": [
            _schema(name, about) for name, about in sorted(described["components"]["schemas"].items())
        ],
        "kinds": [{"name": name, "kind": kind} for name, kind in KINDS.items()],
        "roles": [role.value.replace("_", " ") for role in Role],
        "acts": [{"name": str(act), "cells": [may(role, act) for role in Role]} for act in TABLE],
    }
    return render(request, "api/reference.html", context)


def _groups(described: JsonObject) -> list[JsonObject]:
    return [{"name": tag["name"], "routes": [*_routes(described, tag["name"])]} for tag in described["tags"]]


def _routes(described: JsonObject, tag: str) -> list[JsonObject]:
    found = []
    for path, methods in described["paths"].items():
        for method, about in methods.items():
            if tag not in about["tags"]:
                continue
            body = about.get("requestBody", {}).get("content", {}).get("application/json")
            answer = about["responses"]["200"]["content"]["application/json"]
            found.append(
                {
                    "id": about["operationId"],
                    "method": method.upper(),
                    "path": path,
                    "about": about,
                    "said": [_marked(about[text]) for text in ("summary", "description") if about.get(text)],
                    "parameters": [
                        {**one, "description": _marked(one.get("description", ""))}
                        for one in about.get("parameters", [])
                    ],
                    "body": body and {"name": _name(body["schema"]), "example": _shown(body["example"])},
                    "answer": {"name": _name(answer["schema"]), "example": _shown(answer["example"])},
                }
            )
    return found


def _schema(name: str, about: JsonObject) -> JsonObject:
    needed = about.get("required", [])
    return {
        "name": name,
        "description": _marked(about.get("description", "")),
        "fields": [
            {
                "name": field,
                "type": _type(kind),
                "needed": field in needed,
                "description": _marked(kind.get("description", "")),
            }
            for field, kind in about.get("properties", {}).items()
        ],
    }


def _type(about: JsonObject) -> str:
    """A schema in a few words."""
    if "$ref" in about:
        return _name(about)
    if "anyOf" in about:
        return " or ".join(_type(one) for one in about["anyOf"])
    if about.get("type") == "array":
        return f"list of {_type(about.get('items', {}))}"
    words = [str(about.get("format") or about.get("type") or "anything")]
    if "enum" in about:
        words = [" or ".join(str(value) for value in about["enum"])]
    return " ".join(words)


def _marked(text: str) -> SafeString:
    """What stands in backticks as code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))  # noqa: S308 - escaped


def _name(schema: JsonObject) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _shown(example: object) -> str:
    return msgspec.json.format(msgspec.json.encode(example), indent=2).decode()
