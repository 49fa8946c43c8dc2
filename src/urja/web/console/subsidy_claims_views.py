"""Views of the claims of subsidies: a month's page, and the same as a CSV file."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from urja.apps.identity.queries.access import Caller
from urja.apps.overviews.queries import subsidy_claims
from urja.web.console import subsidy_claims_page as pages
from urja.web.console.access import for_staff, render_page, sees_settlements
from urja.web.console.society_page import month_of
from urja.web.console.views import private
from urja.web.shared.clock import business_now, zone


@require_safe
@private
@for_staff(sees_settlements)
def claim(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Show the claim of a month."""
    now = business_now()
    page = pages.claim_page(month_of(request.GET.get("month", ""), now), now)
    recorded_in = caller.area("write:record_subsidy_payment")
    # What a body pays belongs to no area: who is limited to one is refused.
    context = {"page": page, "may_record": recorded_in is not None and recorded_in.everywhere}
    return render_page(request, caller, "console/subsidy_claim.html", context)


@require_safe
@private
@for_staff(sees_settlements)
def claim_file(request: HttpRequest, _caller: Caller) -> HttpResponse:
    """Return the claim of a month as a CSV file."""
    now = business_now()
    found = subsidy_claims.claim(month_of(request.GET.get("month", ""), now), now, zone())
    answer = HttpResponse(subsidy_claims.csv_of(found), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="subsidy-claim-{found.month:%Y-%m}.csv"'
    return answer
