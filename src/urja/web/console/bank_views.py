"""Views of the society's bank account: statements to load, claims to decide."""

from base64 import b64decode
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from urja.apps.bank import queries as bank
from urja.apps.bank.errors import BankError
from urja.apps.bank.queries import ClaimRow
from urja.apps.identity.queries.access import Caller
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.queries import Requested
from urja.base.sentences import say
from urja.core.statements import LARGEST_BYTES
from urja.usecases.kinds.bank import DecideClaim, LoadStatement, ReverseClaim
from urja.web.console import bank_page as pages, reconciliation_page
from urja.web.console.access import for_staff, fresh_factor_redirect, refusal, render_page, sees_settlements
from urja.web.console.operation_page import own_request
from urja.web.console.own_requests import Outcome, back_with, outcome_of
from urja.web.console.views import private
from urja.web.shared.clock import business_now

BANK: Final = "console/bank.html"
CLAIM: Final = "console/claim.html"


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(sees_settlements)
def statements(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List statements, unclaimed payments and claims; posted, store a file and request that it is loaded."""
    if request.method == "POST":
        return _uploaded(request, caller)
    asked = _load_named(request.GET.get("request", ""), caller)
    if asked is not None and asked.state == RequestState.APPROVAL:
        return redirect("console:approval", asked.id)
    refused = asked is not None and asked.state == RequestState.REFUSED
    page = pages.bank_page(
        caller,
        business_now(),
        waiting=asked is not None and asked.state == RequestState.WAITING,
        faults=asked.faults if asked is not None and refused else (),
    )
    return render_page(request, caller, BANK, {"page": page})


def _load_named(text: str, caller: Caller) -> Requested | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        return None
    asked = own_request(int(text), caller)
    return asked if asked is not None and asked.kind == LoadStatement.kind() else None


def _uploaded(request: HttpRequest, caller: Caller) -> HttpResponse:
    first = fresh_factor_redirect(request, LoadStatement.kind(), reverse("console:bank"))
    if first is not None:
        return first
    if not pages.may(caller, LoadStatement):
        raise refusal(request)
    now, (file_name, body) = business_now(), _file_of(request)
    chosen, opening = request.POST.get("account", ""), request.POST.get("opening", "")
    account = next((one for one in bank.society_accounts() if str(one.id) == chosen), None)
    asked: Requested | list[str]
    if body is None or account is None:
        asked = [say("choose the account and the file of its statement")]
    elif len(body) > LARGEST_BYTES:
        asked = [say("the file is empty, or larger than 4 MiB: export a shorter period")]
    else:
        named = pages.named_columns(account, body, request.POST)
        if isinstance(named, pages.ColumnsView):
            return render_page(
                request,
                caller,
                "console/bank_columns.html",
                {"page": named, "account": account, "opening": opening, "file_name": file_name},
                status=422,
            )
        try:
            asked = pages.request_load(account, file_name, body, named, opening, caller, now)
        except BankError as error:
            asked = [error.args[0]]
    if isinstance(asked, Requested):
        return back_with(asked, reverse("console:bank"))
    page = pages.bank_page(caller, now, opening=opening, faults=asked)
    return render_page(request, caller, BANK, {"page": page}, status=422)


def _file_of(request: HttpRequest) -> tuple[str, bytes | None]:
    """Return name and bytes of the uploaded file, or of the one that the form of its columns carries."""
    file = request.FILES.get("file")
    if file is not None:
        return file.name or "", file.read(LARGEST_BYTES + 1)
    try:
        return request.POST.get("file_name", ""), b64decode(request.POST["carried"], validate=True)
    except (KeyError, ValueError):
        return "", None


@require_safe
@private
@for_staff(sees_settlements)
def reconciliation(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Show where everything that was taken is, and what does not fit."""
    return render_page(request, caller, "console/reconciliation.html", {"page": reconciliation_page.page()})


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(sees_settlements)
def claim(request: HttpRequest, caller: Caller, claim_id: int) -> HttpResponse:
    """Show one claim; posted, decide it or take its credit back."""
    found = bank.claim(claim_id)
    if found is None:
        raise Http404
    if request.method == "POST":
        return _decided(request, caller, found)
    outcome = outcome_of(request, caller, "claim_id", found.id)
    if not isinstance(outcome, Outcome):
        return outcome
    page = pages.claim_page(
        found,
        caller,
        business_now(),
        reason=str(outcome.refused.content.get("reason", "")) if outcome.refused else "",
        faults=outcome.faults,
        waiting=outcome.waiting,
    )
    return render_page(request, caller, CLAIM, {"page": page})


def _decided(request: HttpRequest, caller: Caller, found: ClaimRow) -> HttpResponse:
    operation = ReverseClaim if "reverse" in request.POST else DecideClaim
    first = fresh_factor_redirect(request, operation.kind(), pages.address_of(found.id))
    if first is not None:
        return first
    if not pages.may(caller, operation):
        raise refusal(request)
    now, form = business_now(), request.POST.dict()
    asked = pages.request_decision(found, {name: str(value) for name, value in form.items()}, caller, now)
    if isinstance(asked, Requested):
        return back_with(asked, pages.address_of(found.id))
    page = pages.claim_page(found, caller, now, reason=str(form.get("reason", "")), faults=asked)
    return render_page(request, caller, CLAIM, {"page": page}, status=422)
