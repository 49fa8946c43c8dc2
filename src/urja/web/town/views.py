"""Views of the demo town. They exist only in a demonstration, and only for requests from its own machine."""

from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from time import monotonic
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag, urlencode
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from urja.web.shared.clock import business_now
from urja.web.shared.health_views import is_local
from urja.web.shared.recent import Recent
from urja.web.town import control, house_page, town_page
from urja.web.town.actions import ACTIONS, Action, of_scope

_DRAWN_FOR_S: Final = 1.0
"""Seconds for which a rendered part is cached, so that the number of viewers does not multiply the requests."""
_DISPLAY_TURN_S: Final = 3.0
_REFRESH_S: Final = 5
_CACHED_PARTS: Final = 200

type View = Callable[..., HttpResponse]


def demo_only(view: View) -> View:
    """Return a view that answers 404 outside a demonstration and to other machines."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not (settings.URJA_DEMO and is_local(request)):
            raise Http404
        return view(request, *args, **kwargs)

    return cache_control(private=True, no_store=True)(guarded)


@demo_only
@require_safe
def town(request: HttpRequest) -> HttpResponse:
    """Show the whole town; with `every` the page reloads itself, for browsers without JavaScript."""
    html, tag = _render_once(
        "town", lambda: ("town/live.html", {"page": town_page.town(business_now())}), request
    )
    context = {
        "live": html,
        "tag": tag,
        "feeders": town_page.feeder_names(business_now()),
        "of_feeder": of_scope("feeder"),
        "of_town": of_scope("town"),
        "done": _done(request),
        "refresh_s": _refresh_s(request),
        "every_s": _REFRESH_S,
    }
    return render(request, "town/town.html", context)


@demo_only
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Return the live part of the town, or 304 if it has not changed."""
    return _live_response(
        request,
        *_render_once("town", lambda: ("town/live.html", {"page": town_page.town(business_now())}), request),
        "town/live_frame.html",
        reverse("town:live"),
    )


@demo_only
@require_safe
def house(request: HttpRequest, serial: str) -> HttpResponse:
    """Show a house: its meter's display, history and buttons."""
    head = house_page.house_head(serial, business_now())
    if head is None:
        raise Http404
    html, tag = _render_once(serial, lambda: _house_part(serial), request)
    context = {
        "head": head,
        "live": html,
        "tag": tag,
        "display": house_page.display(serial, _turn()),
        "of_house": of_scope("house", relay=head.load_switch, kind=head.kind),
        "done": _done(request),
        "refresh_s": _refresh_s(request),
        "every_s": _REFRESH_S,
    }
    return render(request, "town/house.html", context)


@demo_only
@require_safe
def house_live(request: HttpRequest, serial: str) -> HttpResponse:
    """The part of a house's page that moves."""
    html, tag = _render_once(serial, lambda: _house_part(serial), request)
    return _live_response(
        request, html, tag, "town/live_frame.html", reverse("town:house-live", args=[serial])
    )


def _house_part(serial: str) -> tuple[str, dict[str, object]]:
    page = house_page.house(serial, business_now())
    if page is None:
        raise Http404
    return "town/house_live.html", {"page": page}


@demo_only
@require_safe
def house_display(request: HttpRequest, serial: str) -> HttpResponse:
    """Return the meter's display, on its current page."""
    return render(
        request, "town/display.html", {"display": house_page.display(serial, _turn()), "serial": serial}
    )


def _turn() -> int:
    return int(monotonic() / _DISPLAY_TURN_S)


@demo_only
@require_POST
def do(request: HttpRequest) -> HttpResponse:
    """Carry out a button and redirect to its page, which shows what to expect."""
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None:
        raise Http404
    target = request.POST.get("target", "")
    back = reverse("town:house", args=[target]) if _of_a_house(action, target) else reverse("town:town")
    try:
        action.act(target)
    except control.ControlError as error:
        return redirect(f"{back}?{urlencode({'refused': str(error)[:200]})}")
    return redirect(f"{back}?{urlencode({'done': action.key, 'target': target})}")


def _of_a_house(action: Action, target: str) -> bool:
    """Whether the button belongs to a house. Raises Http404 if the house is unknown."""
    if action.scope != "house":
        return False
    if house_page.house_head(target, business_now()) is None:
        raise Http404
    return True


@demo_only
def decode(request: HttpRequest) -> HttpResponse:
    """Decode a pasted DLMS frame into a readable tree."""
    frame = request.POST.get("frame", "").strip()
    context: dict[str, object] = {"frame": frame}
    if frame:
        try:
            context |= control.request("decode", frame=frame)
        except control.ControlError as error:
            context["refused"] = str(error)
    return render(request, "town/decode.html", context)


# -- drawing -----------------------------------------------------------------------------------------------


def _render_once(
    name: str, part: Callable[[], tuple[str, dict[str, object]]], request: HttpRequest
) -> tuple[SafeString, str]:
    """Return a live part and its ETag, rendered at most once a second per language for all viewers."""
    key = f"{name} {get_language()}"
    kept = _rendered.get(key)
    if kept is None or monotonic() - kept[0] > _DRAWN_FOR_S:
        template, context = part()
        html = render_to_string(template, context, request)
        kept = _rendered[key] = (monotonic(), html, sha256(html.encode()).hexdigest()[:20])
    return kept[1], kept[2]


_rendered: Recent[tuple[float, SafeString, str]] = Recent(_CACHED_PARTS)


def _live_response(
    request: HttpRequest, html: SafeString, tag: str, frame: str, address: str
) -> HttpResponse:
    unchanged = get_conditional_response(request, etag=quote_etag(tag))
    if unchanged is not None:
        return unchanged
    response = render(request, frame, {"live": html, "tag": tag, "address": address})
    response["ETag"] = quote_etag(tag)
    return response


def _done(request: HttpRequest) -> dict[str, str] | None:
    """Return the texts of the button just pressed, or why it was refused; None without one."""
    if refused := request.GET.get("refused"):
        return {"refused": _("Not carried out: %(why)s") % {"why": refused}}
    action = ACTIONS.get(request.GET.get("done", ""))
    if action is None:
        return None
    return {
        "done": str(action.done) % {"target": request.GET.get("target", "")},
        "next": str(action.next),
        "holds": str(action.holds),
    }


def _refresh_s(request: HttpRequest) -> int:
    return _REFRESH_S if request.GET.get("every") == str(_REFRESH_S) else 0
