"""Views of work orders; they work on a phone and without JavaScript."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.journal.queries import Requested
from urja.apps.overviews.queries.registry import WorkOrderRow
from urja.apps.work import queries as orders
from urja.web.console import work_page as pages
from urja.web.console.access import refusal, render_page, requires
from urja.web.console.own_requests import Outcome, back_with, outcome_of
from urja.web.console.views import private
from urja.web.shared.clock import business_now


@require_safe
@private
@requires(Read.WORK_ORDERS)
def work(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List the work orders."""
    page = pages.work_page(caller, request.GET.get("which", ""), business_now())
    return render_page(request, caller, "console/work.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@private
@requires(Read.WORK_ORDERS)
def order(request: HttpRequest, caller: Caller, order_id: int) -> HttpResponse:
    """Show an order; posted, submit its closing."""
    found = _order(request, caller, order_id)
    if request.method == "POST":
        return _close(request, caller, found)
    outcome = outcome_of(request, caller, "work_order_id", found.id)
    if not isinstance(outcome, Outcome):
        return outcome
    typed = pages.refused_form(outcome.refused) if outcome.refused else None
    page = pages.order_page(found, caller, business_now(), typed, waiting=outcome.waiting)
    return render_page(request, caller, "console/order.html", {"page": page})


@require_POST
@private
@requires(Read.WORK_ORDERS)
def photograph(request: HttpRequest, caller: Caller, order_id: int) -> HttpResponse:
    """Store photographs without closing the order."""
    found = _order(request, caller, order_id)
    now = business_now()
    if not pages.order_page(found, caller, now).may_photograph:
        raise refusal(request)
    faults = pages.keep_photos(found, request.FILES.getlist("photo"), caller, now)
    if faults:
        page = pages.order_page(found, caller, now, pages.CloseForm(faults=tuple(faults)))
        return render_page(request, caller, "console/order.html", {"page": page}, status=422)
    return redirect(f"{reverse('console:work-order', args=[found.id])}#photos")


@require_safe
@private
@requires(Read.WORK_ORDERS)
def photo(request: HttpRequest, caller: Caller, photo_id: int) -> HttpResponse:
    """Return a photograph, with the content type of its bytes."""
    found = orders.photo(photo_id)
    if found is None:
        raise Http404
    _order(request, caller, found.work_order_id)
    return HttpResponse(bytes(found.content), content_type=found.kind)


def _order(request: HttpRequest, caller: Caller, order_id: int) -> WorkOrderRow:
    found = pages.order_of(order_id, caller, business_now())
    if found is None:
        raise refusal(request)
    return found


def _close(request: HttpRequest, caller: Caller, found: WorkOrderRow) -> HttpResponse:
    now = business_now()
    if pages.order_page(found, caller, now).close is None:
        raise refusal(request)
    # Photographs are stored first: a form that is refused must not lose what was taken on site.
    faults = pages.keep_photos(found, request.FILES.getlist("photo"), caller, now)
    asked = pages.close_order(
        found, request.POST.dict(), request.POST.getlist("removed_seals"), faults, caller, now
    )
    if isinstance(asked, Requested):
        return back_with(asked, reverse("console:work-order", args=[found.id]))
    page = pages.order_page(found, caller, now, asked)
    return render_page(request, caller, "console/order.html", {"page": page}, status=422)
