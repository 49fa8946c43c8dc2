"""Error pages: plain, in the reader's language, and for a broken server in both, without the database."""

import sys
from urllib.parse import urlsplit, urlunsplit

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from urja.web.shared.colleague import employed

RETRY_AFTER_S = 15


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    return _refused(request, "404", 404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    return _refused(request, "400", 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    return _refused(request, "403", 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """A form sent without its token: an old tab, mostly; its page is offered again."""
    return _refused(request, "form_expired", 403, again=_page_before(request))


def _page_before(request: HttpRequest) -> str:
    """The page of ours that a request says to come from, without its host; empty where it says none or another site's."""
    said = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(said, {request.get_host()}, require_https=request.is_secure()):
        return ""
    parts = urlsplit(said)
    # One slash alone: two would name another host.
    return urlunsplit(("", "", "/" + parts.path.lstrip("/"), parts.query, ""))


def _refused(request: HttpRequest, page: str, status: int, again: str = "") -> HttpResponse:
    # A request that is refused before the session is read, as one for an unknown host, has no user.
    user = getattr(request, "user", None)
    staff = user is not None and employed(user)
    return render(request, f"shared/errors/{page}.html", {"staff": staff, "again": again}, status=status)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 with a clear page when what failed is the way to the database."""
    if database_is_away(sys.exception()):
        response = render(request, "shared/errors/503.html", status=503)
        response["Retry-After"] = str(RETRY_AFTER_S)
        return response
    return render(request, "shared/errors/500.html", status=500)


def database_is_away(error: BaseException | None) -> bool:
    """Return whether an error is that of the way to the database, or follows from one."""
    while error is not None:
        if isinstance(error, OperationalError | InterfaceError):
            return True
        error = error.__cause__ or error.__context__
    return False
