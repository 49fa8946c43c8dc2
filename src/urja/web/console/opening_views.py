"""Views of opening balances that wait for their sign-off."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from urja.apps.billing import queries as billing
from urja.apps.identity.queries.access import Caller
from urja.web.console.access import for_staff, render_page
from urja.web.console.opening_page import may_sign_off, opening_page
from urja.web.console.views import private
from urja.web.shared.clock import business_now


@require_safe
@private
@for_staff(may_sign_off)
def balances(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List the opening balances to sign off."""
    return render_page(
        request, caller, "console/opening_balances.html", {"page": opening_page(business_now())}
    )


@require_safe
@private
@for_staff(may_sign_off)
def balances_file(request: HttpRequest, caller: Caller) -> HttpResponse:  # noqa: ARG001 - the signature is shared
    """Return the same list as CSV."""
    text = billing.opening_balances_csv(billing.unsigned_opening_balances(business_now()))
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="opening-balances.csv"'
    return answer
