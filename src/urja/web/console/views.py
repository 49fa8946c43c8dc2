"""Views of the control room. Its content comes from `pages`, access is decided in `access`."""

from datetime import datetime
from hashlib import sha256
from time import monotonic
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from urja.apps.identity.queries.access import Caller
from urja.web.console import pages
from urja.web.console.access import first_page, for_staff, refusal, render_page, sees_everything
from urja.web.shared.clock import business_now
from urja.web.shared.recent import Recent

_DRAWN_FOR_S: Final = 5.0
"""Seconds for which a rendered page is cached, so that the number of viewers does not multiply the queries."""

private = cache_control(private=True, no_store=True)


@require_safe
@private
@for_staff(lambda _caller: True)
def console(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Show the control room; callers without the overview are redirected to their first page."""
    if not sees_everything(caller):
        begins = first_page(caller)
        if begins is None:
            raise refusal(request)
        return redirect(f"console:{begins}")
    live, tag = _drawn_once(request, business_now())
    return render_page(request, caller, "console/console.html", {"live": live, "tag": tag})


@require_safe
@private
@for_staff(sees_everything)
def live(request: HttpRequest, _caller: Caller) -> HttpResponse:
    """Return the live part of the page, or 304 if it has not changed."""
    html, tag = _drawn_once(request, business_now())
    unchanged = get_conditional_response(request, etag=quote_etag(tag))
    if unchanged is not None:
        return unchanged
    response = render(request, "console/live_frame.html", {"live": html, "tag": tag})
    response["ETag"] = quote_etag(tag)
    return response


def _drawn_once(request: HttpRequest, now: datetime) -> tuple[SafeString, str]:
    # Every caller of this page sees the whole utility, so one rendering per language serves all of them.
    key = str(get_language())
    kept = _drawn.get(key)
    if kept is None or monotonic() - kept[0] > _DRAWN_FOR_S:
        html = render_to_string("console/live.html", {"page": pages.console(now)}, request)
        kept = _drawn[key] = (monotonic(), html, sha256(html.encode()).hexdigest()[:20])
    return kept[1], kept[2]


_drawn: Recent[tuple[float, SafeString, str]] = Recent(8)
