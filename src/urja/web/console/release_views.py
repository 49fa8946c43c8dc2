"""Views of held disconnections. They record requests and authenticators' answers; the head end verifies them."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from urja.apps.commands import requests
from urja.apps.commands.kinds import OPEN_RELEASES
from urja.apps.commands.queries import releases
from urja.apps.identity.queries.access import Caller
from urja.web.console import release_page as pages
from urja.web.console.access import for_staff, render_page, sees_everything
from urja.web.console.approval_page import assertion_of
from urja.web.console.views import private
from urja.web.shared.clock import business_now


@require_http_methods(["GET", "HEAD", "POST"])
@private
@for_staff(sees_everything)
def held_cuts(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Show held disconnections and releases; posted, request a release."""
    now, faults = business_now(), []
    if request.method == "POST":
        assert caller.user_id is not None
        asked = pages.request_release(request.POST.dict(), caller.user_id, now)
        if not isinstance(asked, list):
            return redirect("console:held-cuts")
        faults = asked
    context = {"page": pages.release_page(caller, now, faults)}
    return render_page(request, caller, "console/held_cuts.html", context, status=422 if faults else 200)


@require_POST
@private
@for_staff(sees_everything)
def answer(request: HttpRequest, caller: Caller, release_id: str) -> HttpResponse:
    """Record the reader's approval of a release by passkey, or its cancellation."""
    state = releases.state_of(release_id)
    if state is None:
        raise Http404
    assert caller.user_id is not None
    if state not in OPEN_RELEASES:
        return redirect("console:held-cuts")
    if "cancel" in request.POST:
        requests.cancel_release(release_id, caller.user_id, business_now())
        return redirect("console:held-cuts")
    given = assertion_of(request.POST.dict())
    if given is None:
        return HttpResponseBadRequest("that is no answer of a passkey")
    requests.answer_release(release_id, caller.user_id, given, business_now())
    return redirect("console:held-cuts")
