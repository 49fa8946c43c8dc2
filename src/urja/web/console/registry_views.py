"""What the console's pages of the registry answer. They are made in modules of their own, access is decided in `access`."""

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from urja.apps.lifeline import Before
from urja.apps.registry.access import Caller
from urja.apps.registry.models import Agreement, Node
from urja.apps.registry.roles import Read
from urja.web.console import society_page
from urja.web.console.access import refused, show, who_may
from urja.web.console.as_of_page import FIELDS, as_of_page
from urja.web.console.connection_page import card_of, connection_page, place_of
from urja.web.console.search_page import search_page
from urja.web.console.trees_page import node_page, trees_page, when
from urja.web.console.views import private
from urja.web.portal.clock import business_now
from urja.web.portal.entry_page import entry_page


@require_safe
@private
@who_may(Read.DEVICE)
def search(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Look for a connection, a person or a meter."""
    page = search_page(request.GET.get("q", ""), caller, business_now())
    return show(request, caller, "console/search.html", {"page": page})


@require_safe
@private
@who_may(Read.DEVICE)
def connection(request: HttpRequest, caller: Caller, consumer_number: str) -> HttpResponse:
    """All about a connection; one elsewhere does not exist."""
    now = business_now()
    place = place_of(consumer_number, caller, Read.DEVICE, now)
    if place is None:
        raise refused(request)
    if any(request.GET.get(name) is not None for name in FIELDS):
        then = as_of_page(place, caller, request.GET.dict(), now)
        status = 422 if then.form.errors else 200
        return show(request, caller, "console/as_of.html", {"page": then}, status=status)
    before = _before(request.GET.get("before", ""))
    page = connection_page(place, caller, now, request.GET.get("kind", ""), before)
    return show(request, caller, "console/connection.html", {"page": page})


def _before(text: str) -> Before | None:
    """Where a page of the line of time begins; nonsense is the newest one."""
    at, _space, key = text.replace("\0", "").partition(" ")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        return None
    return Before(instant, key) if instant.tzinfo is not None and key else None


@require_safe
@private
@who_may(Read.LEDGER)
def entry(
    request: HttpRequest, caller: Caller, account_id: int, seq: int, consumer_number: str
) -> HttpResponse:
    """The arithmetic of a posting, as its consumer sees it."""
    place = place_of(consumer_number, caller, Read.LEDGER, business_now())
    if place is None or not Agreement.objects.filter(service_point=place, account_id=account_id).exists():
        raise refused(request)
    page = entry_page(card_of(place, account_id), seq)
    if page is None:
        raise refused(request)
    return render(request, "portal/entry.html", {"page": page})


@require_safe
@private
@who_may(Read.DEVICE)
def trees(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The roots of administration and grid."""
    now = business_now()
    page = trees_page(caller, when(request.GET.get("at", ""), now), now)
    return show(request, caller, "console/trees.html", {"page": page})


@require_safe
@private
@who_may(Read.DEVICE)
def node(request: HttpRequest, caller: Caller, level: str, code: str) -> HttpResponse:
    """A node of either tree and what hangs under it."""
    now = business_now()
    found = Node.objects.filter(level=level, code=code).first()
    if found is None:
        raise Http404
    after = request.GET.get("after", "").replace("\0", "")
    page = node_page(found, caller, when(request.GET.get("at", ""), now), now, after)
    if page is None:
        raise refused(request)
    return show(request, caller, "console/node.html", {"page": page})


@require_safe
@private
@who_may(Read.TOTALS)
def societies(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The societies of an area; the one, where there is one."""
    found = society_page.societies(caller, business_now())
    if len(found) == 1:
        return redirect(found[0].href)
    return show(request, caller, "console/societies.html", {"societies": found})


@require_safe
@private
@who_may(Read.TOTALS)
def society(request: HttpRequest, caller: Caller, premise_id: int) -> HttpResponse:
    """A society by month, in totals."""
    now = business_now()
    premise = society_page.society_of(premise_id, caller, now)
    if premise is None:
        raise refused(request)
    month = society_page.month_of(request.GET.get("month", ""), now)
    page = society_page.society_page(premise, month, now)
    return show(request, caller, "console/society.html", {"page": page})
