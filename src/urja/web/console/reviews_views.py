"""The view of charge reviews."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from urja.apps.identity.queries.access import Caller
from urja.web.console.access import for_staff, render_page, sees_settlements
from urja.web.console.reviews_page import reviews_page
from urja.web.console.views import private
from urja.web.shared.clock import business_now


@require_safe
@private
@for_staff(sees_settlements)
def reviews(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List the charges that are reviewed, and those that were not made because they are too old."""
    page = reviews_page(caller, business_now())
    return render_page(request, caller, "console/charge_reviews.html", {"page": page})
