"""Views of service points, nodes, societies and search. Access is decided in `access`."""

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.overviews.queries.history import PageStart
from urja.apps.overviews.queries.premises import premise as premise_of
from urja.apps.overviews.queries.service_points import was_paid_by
from urja.apps.statements import queries as statements
from urja.base.storable import is_in_calendar
from urja.web.console import society_page
from urja.web.console.access import for_staff, refusal, render_page, requires
from urja.web.console.as_of_form import FIELDS
from urja.web.console.as_of_page import as_of_page
from urja.web.console.letter_page import letter_page, letters_page, may_print
from urja.web.console.network_page import network_page, node_page, when
from urja.web.console.search_page import search_page
from urja.web.console.service_point_page import account_card, service_point_of, service_point_page
from urja.web.console.society_money_page import may_see_money
from urja.web.console.views import private
from urja.web.shared.clock import business_now
from urja.web.shared.entry_page import entry_page
from urja.web.shared.statement_page import statement_page


@require_safe
@private
@requires(Read.DEVICE)
def search(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Search service points, people and meters."""
    page = search_page(request.GET.dict(), caller, business_now())
    return render_page(request, caller, "console/search.html", {"page": page})


@require_safe
@private
@requires(Read.DEVICE)
def connection(request: HttpRequest, caller: Caller, consumer_number: str) -> HttpResponse:
    """Show a service point; 404 outside the caller's area."""
    now = business_now()
    place = service_point_of(consumer_number, caller, Read.DEVICE, now)
    if place is None:
        raise refusal(request)
    if any(request.GET.get(name) is not None for name in FIELDS):
        then = as_of_page(place, caller, request.GET.dict(), now)
        return render_page(request, caller, "console/as_of.html", {"page": then}, status=then.form.status)
    before = _before(request.GET.get("before", ""))
    page = service_point_page(place, caller, now, request.GET.get("kind", ""), before)
    return render_page(request, caller, "console/connection.html", {"page": page})


@require_safe
@private
@for_staff(may_print)
def letter(request: HttpRequest, caller: Caller, consumer_number: str) -> HttpResponse:
    """Show the letter with a service point's unserved disconnection notices, to print; 404 where there is none."""
    now = business_now()
    place = service_point_of(consumer_number, caller, Read.CONSUMER, now)
    if place is None or service_point_of(consumer_number, caller, Read.AGREEMENT, now) is None:
        raise refusal(request)
    page = letter_page(place, caller, now)
    if page is None:
        raise Http404
    return render_page(request, caller, "console/letter.html", {"page": page})


@require_safe
@private
@for_staff(may_print)
def society_letters(request: HttpRequest, caller: Caller, premise_id: int) -> HttpResponse:
    """Show the letters of a society to print, one sheet a supply; 404 outside the caller's area."""
    premise = premise_of(premise_id)
    page = letters_page(premise, caller, business_now()) if premise is not None else None
    if page is None:
        raise refusal(request)
    return render_page(request, caller, "console/letters.html", {"page": page})


def _before(text: str) -> PageStart | None:
    """Parse the history's cursor; an invalid one gives the newest page."""
    at, _space, key = text.partition(" ")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        return None
    return PageStart(instant, key) if instant.tzinfo is not None and is_in_calendar(instant) and key else None


@require_safe
@private
@requires(Read.LEDGER)
def entry(
    request: HttpRequest, caller: Caller, account_id: int, seq: int, consumer_number: str
) -> HttpResponse:
    """Show the calculation of an entry, as its consumer sees it."""
    place = service_point_of(consumer_number, caller, Read.LEDGER, business_now())
    if place is None or not was_paid_by(place.id, account_id):
        raise refusal(request)
    page = entry_page(account_card(place, account_id), seq)
    if page is None:
        raise refusal(request)
    return render(request, "shared/entry.html", {"page": page})


@require_safe
@private
@requires(Read.LEDGER)
def statement(
    request: HttpRequest, caller: Caller, account_id: int, series: int, number: int, consumer_number: str
) -> HttpResponse:
    """Show a statement of account, as its consumer sees it."""
    place = service_point_of(consumer_number, caller, Read.LEDGER, business_now())
    if place is None or not was_paid_by(place.id, account_id):
        raise refusal(request)
    found = statements.statement(account_id, f"{series}-{number}")
    if found is None:
        raise refusal(request)
    card = account_card(place, account_id)
    context = {"page": statement_page(card, found), "back": card.href, "back_title": card.title}
    return render(request, "shared/statement.html", context)


@require_safe
@private
@requires(Read.DEVICE)
def trees(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Show the roots of administration and grid."""
    now = business_now()
    at = when(request.GET.dict(), now)
    page = network_page(caller, at, now)
    return render_page(request, caller, "console/trees.html", {"page": page}, status=at.form.status)


@require_safe
@private
@requires(Read.DEVICE)
def node(request: HttpRequest, caller: Caller, level: str, code: str) -> HttpResponse:
    """Show a node of either tree with the nodes and service points under it."""
    now = business_now()
    at = when(request.GET.dict(), now)
    page = node_page(level, code, caller, at, now, request.GET.get("after", ""))
    if page is None:
        raise refusal(request)
    return render_page(request, caller, "console/node.html", {"page": page}, status=at.form.status)


@require_safe
@private
@requires(Read.TOTALS)
def societies(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List the societies of the caller's area; redirect if there is only one and the caller sets none up."""
    found = society_page.societies(caller, business_now())
    set_up = society_page.set_up_address(caller)
    if len(found) == 1 and not set_up:
        return redirect(found[0].href)
    return render_page(request, caller, "console/societies.html", {"societies": found, "set_up": set_up})


@require_safe
@private
@requires(Read.TOTALS)
def society(request: HttpRequest, caller: Caller, premise_id: int) -> HttpResponse:
    """Show a society's consumption by month."""
    now = business_now()
    premise = society_page.society_of(premise_id, caller, now)
    if premise is None:
        raise refusal(request)
    month = society_page.month_of(request.GET.get("month", ""), now)
    page = society_page.society_page(premise, month, now)
    letters = reverse("console:society-letters", args=[premise_id]) if may_print(caller) else ""
    money = reverse("console:society-money", args=[premise_id]) if may_see_money(caller) else ""
    shown = {"page": page, "letters": letters, "money": money}
    return render_page(request, caller, "console/society.html", shown)
