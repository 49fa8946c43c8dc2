"""Views of the counter. They record requests; the pipeline carries them out."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from urja.apps.counter import queries as counter
from urja.apps.identity.queries.access import Caller
from urja.apps.journal import requests
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.queries import Requested
from urja.usecases.kinds.counter import CloseDrawer, DepositTakings, OpenDrawer, TakeReceipt
from urja.web.console import counter_page as pages, deposit_pages, operation_page
from urja.web.console.access import for_staff, fresh_factor_redirect, refusal, render_page
from urja.web.console.receipt_page import receipt_page
from urja.web.console.views import private
from urja.web.shared.clock import business_now


def _answered(asked: Requested) -> None:
    if asked.state == RequestState.WAITING:
        requests.wait_for(asked.id, operation_page.WAIT_S)


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(pages.may_see)
def desk(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Show the caller's drawer; posted, open one or take a payment into it."""
    now = business_now()
    if request.method == "POST":
        kind = OpenDrawer.kind() if request.POST.get("kind") == OpenDrawer.kind() else TakeReceipt.kind()
        first = fresh_factor_redirect(request, kind, reverse("console:counter"))
        if first is not None:
            return first
        typed = request.POST.dict()
        found = pages.submit_typed(kind, typed, caller, now)
        if isinstance(found, Requested):
            _answered(found)
            return redirect(f"{reverse('console:counter')}?request={found.id}")
        faults, errors = found
        page = pages.counter_page(caller, now, typed, errors=errors, faults=faults)
        return render_page(request, caller, "console/counter.html", {"page": page}, status=422)
    asked = pages.request_of(request.GET.get("request", ""), caller)
    if asked is not None and asked.state == RequestState.APPROVAL:
        return redirect("console:approval", asked.id)
    receipt = None if asked is None else pages.outcome_of(asked, "receipt_id")
    if receipt is not None:
        return redirect("console:receipt", receipt)
    refused = asked if asked is not None and asked.state == RequestState.REFUSED else None
    page = pages.counter_page(
        caller,
        now,
        pages.typed_of(refused) if refused else request.GET.dict(),
        faults=refused.faults if refused else (),
        waiting=asked is not None and asked.state == RequestState.WAITING,
    )
    return render_page(request, caller, "console/counter.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(pages.may_see)
def drawer(request: HttpRequest, caller: Caller, drawer_id: int) -> HttpResponse:
    """Show one drawer; posted, close it with its count."""
    row = pages.drawer_of(drawer_id, caller)
    if row is None:
        raise Http404
    now, here = business_now(), reverse("console:drawer", args=[drawer_id])
    if request.method == "POST":
        first = fresh_factor_redirect(request, CloseDrawer.kind(), here)
        if first is not None:
            return first
        typed = request.POST.dict()
        content = pages.counted(typed, drawer_id)
        found = (
            content
            if isinstance(content, list)
            else pages.submit(CloseDrawer, content, typed.get("key", ""), caller, now)
        )
        if isinstance(found, Requested):
            _answered(found)
            return redirect(f"{here}?request={found.id}")
        page = pages.drawer_page(row, caller, now, typed=typed, faults=found)
        return render_page(request, caller, "console/drawer.html", {"page": page}, status=422)
    asked = pages.request_of(request.GET.get("request", ""), caller)
    if asked is not None and asked.content.get("drawer_id") != drawer_id:
        asked = None
    refused = asked if asked is not None and asked.state == RequestState.REFUSED else None
    page = pages.drawer_page(
        row,
        caller,
        now,
        typed=pages.typed_count(refused) if refused else {},
        faults=refused.faults if refused else (),
        waiting=asked is not None and asked.state == RequestState.WAITING,
    )
    return render_page(request, caller, "console/drawer.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(pages.sees_all)
def deposits(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Show takings that are not at the bank, and slips; posted, record a slip."""
    now, here = business_now(), reverse("console:deposits")
    if request.method == "POST":
        first = fresh_factor_redirect(request, DepositTakings.kind(), here)
        if first is not None:
            return first
        typed = request.POST.dict()
        content = deposit_pages.slip_content(typed)
        found = (
            content
            if isinstance(content, list)
            else pages.submit(DepositTakings, content, typed.get("key", ""), caller, now)
        )
        if isinstance(found, Requested):
            _answered(found)
            return redirect(f"{here}?request={found.id}")
        page = deposit_pages.deposits_page(caller, now, typed=typed, faults=found)
        return render_page(request, caller, "console/deposits.html", {"page": page}, status=422)
    asked = pages.request_of(request.GET.get("request", ""), caller)
    slip = None if asked is None else pages.outcome_of(asked, "deposit_id")
    if slip is not None:
        return redirect("console:deposit", slip)
    refused = asked if asked is not None and asked.state == RequestState.REFUSED else None
    page = deposit_pages.deposits_page(
        caller,
        now,
        typed=deposit_pages.typed_slip(refused) if refused else {},
        faults=refused.faults if refused else (),
        waiting=asked is not None and asked.state == RequestState.WAITING,
    )
    return render_page(request, caller, "console/deposits.html", {"page": page})


@require_safe
@private
@for_staff(pages.sees_all)
def deposit(request: HttpRequest, caller: Caller, deposit_id: int) -> HttpResponse:
    """Show a deposit slip, to print."""
    slip = counter.deposit(deposit_id)
    if slip is None:
        raise Http404
    return render_page(request, caller, "console/deposit.html", {"page": deposit_pages.slip_page(slip)})


@require_safe
@private
@for_staff(pages.may_see)
def receipt(request: HttpRequest, caller: Caller, receipt_id: int) -> HttpResponse:
    """Show a receipt, to print; 404 outside the caller's area."""
    row = counter.receipt(receipt_id)
    page = None if row is None else receipt_page(row, caller, business_now(), request.GET.get("language", ""))
    if page is None:
        raise refusal(request)
    return render_page(request, caller, "console/receipt.html", {"page": page})
