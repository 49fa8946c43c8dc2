"""Views of approvals and passkeys. They record authenticators' answers; the pipeline verifies them."""

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from urja.apps.approvals import queries, requests
from urja.apps.approvals.kinds import OPEN_STATES
from urja.apps.approvals.queries import Approval
from urja.apps.identity.queries.access import Caller
from urja.web.console import approval_page as pages
from urja.web.console.access import for_staff, may_request_operations, render_page
from urja.web.console.views import private
from urja.web.shared.clock import business_now


@require_safe
@private
@for_staff(may_request_operations)
def approvals(request: HttpRequest, caller: Caller) -> HttpResponse:
    """List the operations that wait for approval."""
    context = {"lines": pages.waiting_operations(caller, business_now())}
    return render_page(request, caller, "console/approvals.html", context)


@require_safe
@private
@for_staff(may_request_operations)
def approval(request: HttpRequest, caller: Caller, request_id: int) -> HttpResponse:
    """Show one operation, with the challenge for the reader's passkey while it is pending."""
    page = pages.approval_page(_seen(request_id, caller), caller, business_now())
    return render_page(request, caller, "console/approval.html", {"page": page})


@require_POST
@private
@for_staff(may_request_operations)
def approve(request: HttpRequest, caller: Caller, request_id: int) -> HttpResponse:
    """Record the reader's approval by passkey, or a request to cancel the operation."""
    one = _seen(request_id, caller)
    if one.state not in OPEN_STATES:
        return redirect("console:approval", request_id)
    assert caller.user_id is not None
    if "cancel" in request.POST:
        requests.cancel(request_id, caller.user_id, now=business_now())
        return redirect("console:approval", request_id)
    answer = pages.assertion_of(request.POST.dict())
    if answer is None:
        return HttpResponseBadRequest("that is no answer of a passkey")
    requests.approve(request_id, caller.user_id, answer, now=business_now())
    return redirect("console:approval", request_id)


def _seen(request_id: int, caller: Caller) -> Approval:
    one = queries.approval_of(request_id)
    if one is None or not pages.may_see(one, caller, business_now()):
        raise Http404
    return one


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(may_request_operations)
def own_passkeys(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Show the reader's passkeys; a posted code starts an enrolment, a posted attestation ends it."""
    now, posted = business_now(), request.POST.dict()
    if "attestation" in posted:
        made = pages.registration_of(posted)
        if made is None:
            return HttpResponseBadRequest("that is no passkey")
        assert request.user.pk is not None, "staff are signed in"
        name = posted.get("name", "").strip()[: pages.NAME_LENGTH]
        requests.enrol(request.user.pk, name, made, now=now)
        return redirect("console:passkeys")
    code = posted.get("code", "").strip()[:100]
    assert isinstance(request.user, User), "staff are signed in"
    page = pages.passkeys_page(request.user, request.get_host(), now, code)
    return render_page(
        request, caller, "console/passkeys.html", {"page": page, "name": posted.get("name", "")}
    )
