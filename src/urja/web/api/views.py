"""From an HTTP request to a route's answer: token, limit, role, parameters; every refusal is a problem document.

There are no cookies here, so that there is nothing to forge a request with: who has a session may read the balance of
their own account with it, and nothing else.
"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from urja.apps.identity.errors import NotAllowedError
from urja.apps.identity.queries import tokens
from urja.apps.identity.queries.access import Area, Caller, caller_of_token, caller_of_user
from urja.apps.identity.queries.tokens import TokenRow
from urja.apps.identity.requests import record_token_use
from urja.base.sentences import in_english
from urja.base.storable import faults_of
from urja.base.untyped_values import JsonObject
from urja.web.api import operating, parameters
from urja.web.api.limits import Limits
from urja.web.api.problems import BASE, ProblemError, not_allowed
from urja.web.api.routes import Ask, Route
from urja.web.api.tags import encoded, has_weak, tag_of
from urja.web.shared import errors, metrics
from urja.web.shared.clock import business_now
from urja.web.shared.errors import RETRY_AFTER_S

log = structlog.get_logger()

LARGEST: Final = 1024 * 1024
"""Bytes of a body."""
USE_NOTED: Final = timedelta(minutes=1)
"""The last use of a token is stored to the minute: a write a request would be one too many."""

LIMITS = Limits()


def view_of(routes: Sequence[Route]) -> Callable[..., HttpResponse]:
    """The view of one address: its routes by method."""
    by_method = {route.method: route for route in routes}
    if "GET" in by_method:
        by_method["HEAD"] = by_method["GET"]

    @csrf_exempt
    def view(request: HttpRequest, **parts: object) -> HttpResponse:
        try:
            return _served(_route(by_method, request), request, parts)
        except NotAllowedError as error:
            metrics.REFUSED.inc()
            log.warning("access refused", path=request.path, why=str(error))
            return ProblemError("forbidden", str(error)).response(request.path)
        except ProblemError as problem:
            return problem.response(request.path)
        except (OperationalError, InterfaceError) as error:
            return _away(request, error)

    return view


def _away(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    log.warning("database away", path=request.path, error=str(error).strip())
    away = {"Retry-After": str(RETRY_AFTER_S)}
    return ProblemError("unavailable", "the database does not answer", headers=away).response(request.path)


@csrf_exempt
def missing(request: HttpRequest, **_parts: object) -> HttpResponse:
    """Answer 404 for every unknown address below `/api/`."""
    return ProblemError(
        "not-found", f"{request.path} is not an address of this API; /api/v1/ describes all addresses"
    ).response(request.path)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 for an address that no part of the site has: a problem below `/api/`, else a page."""
    return missing(request) if request.path.startswith("/api/") else errors.not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 while the database is away: a problem below the API's base, else a page."""
    if not request.path.startswith(BASE):
        return errors.server_error(request)
    error = sys.exception()
    if errors.database_is_away(error):
        return _away(request, error)
    correlation = structlog.contextvars.get_contextvars()["correlation"]
    return ProblemError(
        "internal-error",
        f"the server failed, and has logged why under {correlation}",
        correlation=correlation,
    ).response(request.path)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 for a request that is refused before its view: a problem below the API's base, else a page."""
    if not request.path.startswith(BASE):
        return errors.bad_request(request, exception)
    other_host = isinstance(exception, DisallowedHost)
    what = "the header Host names a site that is not this one" if other_host else "the request cannot be read"
    return ProblemError("bad-request", what).response(request.path)


def _route(by_method: dict[str, Route], request: HttpRequest) -> Route:
    route = by_method.get(request.method or "")
    if route is None:
        raise not_allowed(request.method, by_method)
    return route


def _served(route: Route, request: HttpRequest, parts: JsonObject) -> HttpResponse:
    if "\0" in request.path:
        raise ProblemError("not-found", "the address contains the character NUL")
    now = business_now()
    caller, token = _caller(route, request, now)
    act = operating.act_of(parts["kind"]) if route.act == operating.ANY else route.act
    area = caller.must(act) if act is not None else Area()
    for further in route.further:
        caller.must(further)
    ask = Ask(
        route=route,
        request=request,
        caller=caller,
        token=token,
        area=area,
        now=now,
        query=_query(route, request),
        parts=parts,
        body=_body(request) if route.body is not None else b"",
    )
    if route.needs_version and "If-Match" not in request.headers:
        raise ProblemError(
            "precondition-required", "the header If-Match is missing: read the object and send its ETag"
        )
    return _response(ask, route.handler(ask))


def _response(ask: Ask, answer: object) -> HttpResponse:
    # What a session reads is left on no device, which others may use after the person.
    kept = "private, no-cache" if ask.token is not None else "private, no-store"
    headers = {"Cache-Control": kept, "Vary": "Authorization, Cookie", **ask.answer_headers}
    if ask.route.tagged:
        headers["ETag"] = tag_of(answer)
        if has_weak(ask.request.headers.get("If-None-Match", ""), headers["ETag"]):
            return HttpResponse(status=304, headers=headers)
    return HttpResponse(encoded(answer), status=ask.status, content_type="application/json", headers=headers)


# -- who asks ------------------------------------------------------------------------------------------------------


def _caller(route: Route, request: HttpRequest, now: datetime) -> tuple[Caller, TokenRow | None]:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if not scheme and route.own_session and request.user.is_authenticated:
        return caller_of_user(request.user.pk, now), None
    if not scheme:
        raise ProblemError("unauthenticated", "the request has no token")
    if scheme.lower() != "bearer":
        raise ProblemError("unauthenticated", f"send the token as Authorization: Bearer, not {scheme}")
    token = _token(text.strip())
    wait_s = LIMITS.take(token.id, token.per_minute, time.monotonic())
    if wait_s:
        raise ProblemError(
            "too-many-requests",
            f"this token is limited to {token.per_minute} requests a minute: try again in {wait_s} s",
            headers={"Retry-After": str(wait_s)},
        )
    return caller_of_token(token, now), token


def _token(text: str) -> TokenRow:
    token = tokens.token_of(text)
    wall = datetime.now(UTC)
    if token is None:
        log.warning("token refused", why="unknown")
        raise ProblemError("unauthenticated", "the token is not known")
    if token.revoked_at is not None:
        why = f"token {token.prefix} was revoked on {token.revoked_at:%Y-%m-%d}"
    elif token.expires_at <= wall:
        why = f"token {token.prefix} expired on {token.expires_at:%Y-%m-%d}"
    elif token.user is not None and not token.user.is_active:
        why = f"the user of token {token.prefix} may no longer sign in"
    else:
        if token.last_used_at is None or wall - token.last_used_at >= USE_NOTED:
            record_token_use(token.id, wall)
        return token
    log.warning("token refused", why=why)
    raise ProblemError("unauthenticated", f"{why}: use another token")


# -- what is asked -------------------------------------------------------------------------------------------------


def _query(route: Route, request: HttpRequest) -> Any:
    given = {}
    for name, values in request.GET.lists():
        if len(values) > 1:
            raise ProblemError("bad-request", f"{name} is given {len(values)} times; once is enough")
        given[name] = values[0]
    faults = list(parameters.faults_of(route.query, given))
    query = None if faults else msgspec.convert(given, route.query, strict=False)
    if faults := faults or in_english(faults_of(query)):
        raise ProblemError("bad-request", f"invalid parameters: {'; '.join(faults)}", faults=faults)
    return query


def _body(request: HttpRequest) -> bytes:
    if request.content_type != "application/json":
        raise ProblemError(
            "unsupported-media-type",
            f"the content type is {request.content_type or 'missing'}, not application/json",
        )
    try:
        body = request.body
    except RequestDataTooBig:
        raise ProblemError("too-large", f"the body may have {LARGEST} bytes at most") from None
    if len(body) > LARGEST:
        raise ProblemError("too-large", f"the body may have {LARGEST} bytes at most, not {len(body)}")
    return body
