"""Views of a society's money, and its month-end sheet as Excel and CSV."""

from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.overviews.queries.registry import PremiseRow
from urja.web.console import society_money_page as pages
from urja.web.console.access import refusal, render_page, requires
from urja.web.console.society_page import month_of
from urja.web.console.views import private
from urja.web.shared.clock import business_now

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_safe
@private
@requires(Read.SOCIETY_MONEY)
def money(request: HttpRequest, caller: Caller, premise_id: int) -> HttpResponse:
    """Show a society's collections of a month, low balances, dues and receipts."""
    now = business_now()
    premise, month = _asked(request, caller, premise_id)
    limit = pages.limit_of(request.GET.get("below", ""))
    page = pages.society_money_page(premise, month, limit, caller, now)
    return render_page(
        request, caller, "console/society_money.html", {"page": page, "premise_id": premise_id}
    )


@require_safe
@private
@requires(Read.SOCIETY_MONEY)
def sheet(request: HttpRequest, caller: Caller, premise_id: int, form: str) -> HttpResponse:
    """Return the month-end sheet of a whole month as a file; 404 while the month is not over."""
    now = business_now()
    premise, month = _asked(request, caller, premise_id)
    if form not in {"xlsx", "csv"} or not pages.is_over(month, now):
        raise Http404
    rows = pages.sheet_rows(premise, month, caller, now)
    if form == "xlsx":
        answer = HttpResponse(pages.excel_of(rows), content_type=EXCEL)
    else:
        answer = HttpResponse(pages.csv_of(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="society-{premise_id}-{month:%Y-%m}.{form}"'
    return answer


def _asked(request: HttpRequest, caller: Caller, premise_id: int) -> tuple[PremiseRow, date]:
    now = business_now()
    premise = pages.premise_of(premise_id, caller, now)
    if premise is None:
        raise refusal(request)
    return premise, month_of(request.GET.get("month", ""), now)
