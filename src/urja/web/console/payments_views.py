"""Views of payments: open differences, and one difference to note and close."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from urja.apps.identity.queries.access import Caller
from urja.apps.journal.queries import Requested
from urja.apps.payments import queries as payments
from urja.web.console import payments_page as pages
from urja.web.console.access import for_staff, fresh_factor_redirect, refusal, render_page, sees_settlements
from urja.web.console.opening_page import may_sign_off
from urja.web.console.own_requests import Outcome, back_with, outcome_of
from urja.web.console.views import private
from urja.web.shared.clock import business_now

TEMPLATE = "console/difference.html"


@require_safe
@private
@for_staff(sees_settlements)
def settlements(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List settlements and differences."""
    page = {"page": pages.payments_page(business_now()), "opening": may_sign_off(caller)}
    return render_page(request, caller, "console/payments.html", page)


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(sees_settlements)
def difference(request: HttpRequest, caller: Caller, difference_id: int) -> HttpResponse:
    """Show one difference; posted, add a note or close it."""
    found = payments.difference(difference_id)
    if found is None:
        raise Http404
    if request.method == "POST":
        return _said(request, caller, found)
    outcome = outcome_of(request, caller, "difference_id", found.id)
    if not isinstance(outcome, Outcome):
        return outcome
    page = pages.difference_page(
        found,
        caller,
        business_now(),
        text=pages.typed_of(outcome.refused) if outcome.refused else "",
        faults=outcome.faults,
        waiting=outcome.waiting,
    )
    return render_page(request, caller, TEMPLATE, {"page": page})


def _said(request: HttpRequest, caller: Caller, found: payments.DifferenceRow) -> HttpResponse:
    kind = "close_difference" if "close" in request.POST else "note_difference"
    first = fresh_factor_redirect(request, kind, pages.address_of(found.id))
    if first is not None:
        return first
    now, text = business_now(), request.POST.get("text", "")
    if not pages.may_write(caller):
        raise refusal(request)
    asked = pages.request_change(found, text, caller, now, closing="close" in request.POST)
    if isinstance(asked, Requested):
        return back_with(asked, pages.address_of(found.id))
    page = pages.difference_page(found, caller, now, text=text, faults=asked)
    return render_page(request, caller, TEMPLATE, {"page": page}, status=422)
