"""Views of changes of payment modes. They are ordered and stopped as operations."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.web.console import mode_changes_page as pages
from urja.web.console.access import refusal, render_page, requires
from urja.web.console.row_progress import number_of
from urja.web.console.views import private
from urja.web.shared.clock import business_now


@require_safe
@private
@requires(Read.MODE_CHANGES)
def orders(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List the orders, newest first."""
    page = pages.orders_page(caller, business_now(), number_of(request.GET.get("before", "")))
    return render_page(request, caller, "console/mode_changes.html", {"page": page})


@require_safe
@private
@requires(Read.MODE_CHANGES)
def order(request: HttpRequest, caller: Caller, order_id: int) -> HttpResponse:
    """Show an order with its supplies; the page reloads while the order is in progress."""
    chosen = request.GET.get("state", "")
    page = pages.order_page(order_id, caller, business_now(), chosen, number_of(request.GET.get("after", "")))
    if page is None:
        raise refusal(request)
    return render_page(request, caller, "console/mode_change.html", {"page": page})


@require_safe
@private
@requires(Read.MODE_CHANGES)
def report(request: HttpRequest, caller: Caller, order_id: int) -> HttpResponseBase:
    """Send all supplies of an order, with what became of each, as a CSV file, line by line."""
    found = pages.report(order_id, caller, business_now())
    if found is None:
        raise refusal(request)
    answer = StreamingHttpResponse(found, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="mode-change-{order_id}.csv"'
    return answer
