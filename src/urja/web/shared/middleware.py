"""What every request passes: a correlation id, a measurement, a header that gives up device rights, the session's user, the cookie against
forged forms.
"""

import itertools
import secrets
import time
from collections.abc import Callable
from time import perf_counter

import structlog
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.functional import SimpleLazyObject

from urja.base.ids import format_correlation, new_correlation
from urja.web.shared import metrics, sign_in

type Handler = Callable[[HttpRequest], HttpResponse]

_DEVICE_RIGHTS = ", ".join(
    f"{right}=()" for right in ("camera", "geolocation", "microphone", "payment", "usb")
)


def correlated(get_response: Handler) -> Handler:
    """Give each request a correlation id, which all lines that are logged of it have."""

    def handle(request: HttpRequest) -> HttpResponse:
        correlation = new_correlation(time.time_ns() // 1_000_000, secrets.randbits(21))
        with structlog.contextvars.bound_contextvars(correlation=format_correlation(correlation)):
            return get_response(request)

    return handle


def measured(get_response: Handler) -> Handler:
    """Count and time each request under the name of its view, never under its path: paths carry accounts."""

    def handle(request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = get_response(request)
        match = request.resolver_match
        metrics.observe(
            view=match.view_name if match and match.view_name else "none",
            status=response.status_code,
            seconds=perf_counter() - started,
        )
        return response

    return handle


class WithoutNul:
    """Refuse a request whose address or form has the character NUL: PostgreSQL cannot even look for it.

    Callbacks and the API, which prove themselves by other means than a form's token, look at their bodies themselves.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., object], *_arguments: object) -> None:
        if getattr(view, "csrf_exempt", False):
            return
        values = itertools.chain(
            *(values for given in (request.GET, request.POST) for _, values in given.lists())
        )
        if any("\0" in value for value in (request.path, *values)):
            raise BadRequest("the character NUL is in the address or in the form")


def without_device_rights(get_response: Handler) -> Handler:
    """Tell the browser that no page here ever asks for a camera, a place or a microphone."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", _DEVICE_RIGHTS)
        return response

    return handle


class UserOfSession(AuthenticationMiddleware):
    """Django's own, but a session by SMS ends when its user is read and signs in by that number no longer.

    So a page that reads no user asks the database nothing, and answers while it is away.
    """

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _user_of(request))  # type: ignore[assignment] # lazily, as Django does


def _user_of(request: HttpRequest) -> AbstractBaseUser | AnonymousUser:
    if not hasattr(request, "_cached_user"):
        sign_in.end_by_mobile(request)
    return get_user(request)


class CsrfCookieOnce(CsrfViewMiddleware):
    """Django's own, but a browser that has the cookie is not sent it again with every page that has a form.

    It need not be renewed: it lives for a year, and each sign-in makes another one.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.META.get("CSRF_COOKIE") == request.COOKIES.get(settings.CSRF_COOKIE_NAME):
            return response
        return super().process_response(request, response)
