"""Views of a service point's readings. Access is decided in `access`."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.web.console.access import refusal, render_page, requires
from urja.web.console.readings_page import readings_page
from urja.web.console.service_point_page import service_point_of
from urja.web.console.views import private
from urja.web.shared.clock import business_now


@require_safe
@private
@requires(Read.LOAD_CURVE)
def readings(request: HttpRequest, caller: Caller, consumer_number: str) -> HttpResponse:
    """Show the intervals of a service point on a local day; 404 outside the caller's area."""
    now = business_now()
    place = service_point_of(consumer_number, caller, Read.LOAD_CURVE, now)
    if place is None:
        raise refusal(request)
    page = readings_page(place, caller, request.GET.get("day", ""), now)
    return render_page(request, caller, "console/readings.html", {"page": page})
