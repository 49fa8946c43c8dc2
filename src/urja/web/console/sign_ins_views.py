"""The view of the sign-in log."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from urja.apps.identity.queries.access import Caller
from urja.web.console.access import for_staff, render_page, sees_sign_ins
from urja.web.console.sign_ins_page import sign_ins_page
from urja.web.console.views import private
from urja.web.shared.clock import zone


@require_safe
@private
@for_staff(sees_sign_ins)
def sign_ins(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Show sign-ins and failures, newest first.

    Their times are real time, also in a demonstration whose clock runs faster.
    """
    before = request.GET.get("before", "")
    page = sign_ins_page(
        datetime.now(UTC).astimezone(zone()),
        request.GET.get("network", "")[:45],
        int(before) if before.isdecimal() and len(before) < 19 else None,
    )
    return render_page(request, caller, "console/sign_ins.html", {"page": page})
