"""Views of operations. They record requests; the pipeline stage `register` carries them out."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from urja.apps.identity.errors import NotAllowedError, OutOfAreaError
from urja.apps.identity.queries.access import Caller
from urja.apps.journal import requests
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.queries import Requested
from urja.web.console import operation_page as pages
from urja.web.console.access import for_staff, fresh_factor_redirect, refusal, render_page
from urja.web.console.sheets_page import may_load
from urja.web.console.views import private
from urja.web.shared.clock import business_now

TEMPLATE = "console/operation.html"


@require_safe
@private
@for_staff(lambda caller: bool(pages.choices(caller)))
def operations(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List the operations that the caller may request."""
    return render_page(
        request,
        caller,
        "console/operations.html",
        {
            "choices": pages.choices(caller),
            "elsewhere": pages.operations_elsewhere(caller),
            "sheets": may_load(caller),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(lambda _caller: True)
def operation(request: HttpRequest, caller: Caller, kind: str) -> HttpResponse:
    """Show an operation's form; posted, submit a dry run."""
    known = pages.operation_named(kind, caller)
    if known is None:
        raise refusal(request)
    now = business_now()
    if request.method != "POST":
        return render_page(
            request, caller, TEMPLATE, {"page": pages.empty_form(known, request.GET.dict(), now)}
        )
    found = pages.request_dry_run(known, request.POST.dict(), caller, now)
    if isinstance(found, Requested):
        return _redirect_to_request(found)
    return render_page(request, caller, TEMPLATE, {"page": found}, status=422)


def _redirect_to_request(asked: Requested) -> HttpResponse:
    """Redirect to the page of a request, after waiting at most `WAIT_S` for its answer."""
    if asked.state == RequestState.WAITING:
        requests.wait_for(asked.id, pages.WAIT_S)
    return redirect(reverse("console:request", args=[asked.id]))


@require_safe
@private
@for_staff(lambda _caller: True)
def answer(request: HttpRequest, caller: Caller, request_id: int) -> HttpResponse:
    """Show what a request would change or has changed, or why it was refused."""
    asked = pages.own_request(request_id, caller)
    if asked is None:
        raise Http404
    if asked.state == RequestState.APPROVAL:
        return redirect("console:approval", asked.id)
    return render_page(request, caller, TEMPLATE, {"page": pages.page_of_request(asked, caller)})


@require_POST
@private
@for_staff(lambda _caller: True)
def do(request: HttpRequest, caller: Caller, request_id: int) -> HttpResponse:
    """Submit the operation of a dry run."""
    calculated = pages.own_request(request_id, caller)
    if calculated is None or not calculated.dry_run or calculated.state != RequestState.DONE:
        raise Http404
    shown = reverse("console:request", args=[calculated.id])
    first = fresh_factor_redirect(request, calculated.kind, shown)
    if first is not None:
        return first
    try:
        asked = pages.carry_out(calculated, caller, business_now())
    except (RefusedError, NotAllowedError, OutOfAreaError) as error:
        # What the dry run allowed is not allowed any more: rights may have changed meanwhile.
        raise refusal(request) from error
    return _redirect_to_request(asked)
