"""Addresses of the API, from its table of routes."""

import re
from itertools import groupby

from django.urls import URLPattern, path, re_path

import urja.web.shared.url_converters  # noqa: F401 - registers <key:...>
from urja.web.api import reference
from urja.web.api.routes import Route
from urja.web.api.table import ROUTES
from urja.web.api.views import missing, view_of

app_name = "api"


def _pattern(routes: list[Route]) -> URLPattern:
    kinds = {name: "key" if kind is int else "slug" for name, kind in routes[0].parts}
    converted = re.sub(r"\{(\w+)\}", lambda part: f"<{kinds[part[1]]}:{part[1]}>", routes[0].path)
    return path(converted.lstrip("/"), view_of(routes), name=routes[0].name)


def _by_path(route: Route) -> str:
    return route.path


urlpatterns = [
    path("", reference.page, name="reference"),
    path("openapi.json", reference.document, name="openapi"),
    *(_pattern(list(routes)) for _path, routes in groupby(sorted(ROUTES, key=_by_path), key=_by_path)),
    re_path(r"^.*$", missing, name="missing"),
]
