"""A consumer's statements of account: the list, one of them, and one as data."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from urja.apps.books.queries import currencies
from urja.apps.proofs import queries as proofs
from urja.apps.statements.queries import Statement, statement, statements_of
from urja.web.portal.access import account_or_404
from urja.web.portal.views import private, receipt_file
from urja.web.shared.clock import business_now
from urja.web.shared.statement_page import statement_item, statement_page


@require_safe
@private
@login_required
def statements(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the statements of an account, the newest period first."""
    card = account_or_404(request, account_id, business_now())
    currency = currencies([account_id])[account_id]
    shown = [statement_item(one, currency) for one in statements_of(account_id)]
    return render(request, "portal/statements.html", {"account": card, "statements": shown})


@require_safe
@private
@login_required
def one(request: HttpRequest, account_id: int, series: int, number: int) -> HttpResponse:
    """Show one statement; 404 where it is another account's."""
    card = account_or_404(request, account_id, business_now())
    found = _statement(account_id, series, number)
    context = {
        "page": statement_page(card, found),
        "back": reverse("portal:statements", args=[account_id]),
        "back_title": _("Statements of account"),
        "data": "data.json",
        "provable": proofs.is_statement_sealed(account_id, number),
    }
    return render(request, "shared/statement.html", context)


@require_safe
@private
@login_required
def data(request: HttpRequest, account_id: int, series: int, number: int) -> HttpResponse:
    """Return the content of a statement as it was stored, over which its hash was taken."""
    account_or_404(request, account_id, business_now())
    found = _statement(account_id, series, number)
    name = f"urja-statement-{found.summary.number}.json"
    return HttpResponse(
        found.text,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_safe
@private
@login_required
def proof(request: HttpRequest, account_id: int, series: int, number: int) -> HttpResponse:
    """Return a file that proves a statement, once its day is sealed."""
    account_or_404(request, account_id, business_now())
    found = _statement(account_id, series, number)
    receipt = proofs.statement_receipt(account_id, number)
    if receipt is None:
        raise Http404
    return receipt_file(receipt, f"urja-receipt-statement-{found.summary.number}.json")


def _statement(account_id: int, series: int, number: int) -> Statement:
    found = statement(account_id, f"{series}-{number}")
    if found is None:
        raise Http404
    return found
