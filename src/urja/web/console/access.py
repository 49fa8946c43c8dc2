"""Access to the console: staff only, each page by the table of roles and within the caller's area.

Other users get 404, as for a page that does not exist.
"""

from collections.abc import Callable
from functools import wraps
from typing import Final

import structlog
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.accounts import has_account
from urja.apps.identity.queries.roles import Read, Role, write_scope
from urja.base.untyped_values import JsonObject
from urja.usecases.kinds import ALL
from urja.web.shared import metrics, second_factor, sign_in
from urja.web.shared.colleague import colleague

log = structlog.get_logger()

type View = Callable[..., HttpResponseBase]


def _everywhere(read: Read) -> Callable[[Caller], bool]:
    """Return a predicate: whether a caller may make this read for the whole utility."""

    def sees(caller: Caller) -> bool:
        area = caller.area(read)
        return area is not None and area.everywhere

    return sees


sees_everything: Final = _everywhere(Read.OVERVIEW)
"""Whether a caller may see the overview of the whole utility."""
sees_settlements: Final = _everywhere(Read.SETTLEMENTS)
"""Whether a caller may see settlements of the whole utility."""
sees_sign_ins: Final = _everywhere(Read.PERSONAL_READS)
"""Whether a caller may see sign-ins and failed attempts; an auditor's read, like the log of personal reads."""


_WRITING: Final = [write_scope(operation.kind()) for operation in ALL]


def may_request_operations(caller: Caller) -> bool:
    """Whether a caller may request, and therefore approve, any operation."""
    return any(map(caller.area, _WRITING))


WITHOUT_FRESH_FACTOR: Final = frozenset(
    {
        "assign_work_order",
        "cancel_meter_job",
        "close_work_order",
        "commission",
        "install_meter",
        "issue_device",
        "move_service_point",
        "move_node",
        "new_connection",
        "note_difference",
        "open_work_order",
        "read_meters",
        "return_device",
        "set_up_society",
        # Within a drawer that was opened by passkey: a queue would stop at each one.
        "take_receipt",
        "test_device",
        "withdraw_work_order",
    }
)
"""Operations that change neither money nor supply, and receipts; they do not ask for the second factor again."""


def fresh_factor_redirect(request: HttpRequest, kind: str, next_path: str) -> HttpResponse | None:
    """Return a redirect to the second factor if the operation needs a fresh one, else None."""
    return (
        None
        if kind in WITHOUT_FRESH_FACTOR
        else second_factor.demanded(request, next_path=next_path, fresh=True)
    )


PAGES: Final[list[tuple[str, Promise, Callable[[Caller], bool]]]] = [
    ("console", _("Control room"), sees_everything),
    ("search", _("Search"), lambda caller: caller.area(Read.DEVICE) is not None),
    ("trees", _("Network"), lambda caller: caller.area(Read.DEVICE) is not None),
    ("societies", _("Societies"), lambda caller: caller.area(Read.TOTALS) is not None),
    ("counter", _("Counter"), lambda caller: caller.area(Read.COUNTER) is not None),
    ("payments", _("Payments"), sees_settlements),
    ("work", _("Work orders"), lambda caller: caller.area(Read.WORK_ORDERS) is not None),
    ("meter-jobs", _("Meter jobs"), lambda caller: caller.area(Read.METER_JOBS) is not None),
    ("mode-changes", _("Payment modes"), lambda caller: caller.area(Read.MODE_CHANGES) is not None),
    ("operations", _("Operations"), may_request_operations),
    ("approvals", _("Approvals"), may_request_operations),
    ("held-cuts", _("Held disconnections"), sees_everything),
    ("sign-ins", _("Sign-ins"), sees_sign_ins),
]
"""The console's pages in menu order: URL name, label, and whether a caller may open it."""

_UNDER: Final = {
    name: entry
    for entry, names in {
        "search": ("connection", "entry", "statement", "readings"),
        "trees": ("node",),
        "societies": ("society", "society-money"),
        "counter": ("drawer", "receipt", "deposits", "deposit"),
        "payments": (
            "difference",
            "opening-balances",
            "charge-reviews",
            "subsidy-claims",
            "bank",
            "reconciliation",
            "bank-claim",
        ),
        "work": ("work-order",),
        "meter-jobs": ("meter-job",),
        "mode-changes": ("mode-change",),
        "operations": ("operation", "request", "sheets", "sheet"),
        "approvals": ("approval", "passkeys"),
    }.items()
    for name in names
}
"""Pages that are no menu entry: URL name, and that of the entry which the menu marks for them."""


def for_staff(may: Callable[[Caller], bool]) -> Callable[[View], View]:
    """Return a decorator for staff pages: the view gets the `Caller` as its second argument.

    Visitors who are not signed in are redirected to sign in. A caller for whom `may` is false gets 404, and the
    refusal is logged.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            caller = colleague(request.user)
            if caller is None or not may(caller):
                # 404 rather than 403: the answer must not tell whether the page or record exists.
                raise refusal(request)
            if sign_in.by_mobile(request):
                # Hired since: a code by SMS opens no page of staff. Who is signed in would be led back here.
                logout(request)
                return redirect_to_login(request.get_full_path())
            sign_in.limit_session(request)
            if may_request_operations(caller):
                first = second_factor.demanded(request, next_path=request.get_full_path())
                if first is not None:
                    return first
            return view(request, caller, *args, **kwargs)

        return login_required(guarded)

    return guard


def requires(act: str) -> Callable[[View], View]:
    """Return a decorator for pages that need an act in at least one area."""
    return for_staff(lambda caller: caller.area(act) is not None)


def refusal(request: HttpRequest) -> Http404:
    """Count and log a refused access and return the 404 to raise, which says no more than for a missing page."""
    metrics.REFUSED.inc()
    log.warning("access refused", user=request.user.pk, path=request.path)
    return Http404()


def first_page(caller: Caller) -> str | None:
    """Return the URL name of the first page the caller may open, or None."""
    if caller.roles == [Role.CASHIER]:
        return "counter"
    return next((name for name, _label, may in PAGES if may(caller)), None)


def render_page(
    request: HttpRequest, caller: Caller, template: str, context: JsonObject, status: int = 200
) -> HttpResponse:
    """Render a console page with its menu: each entry has its address, label, and `aria-current` where it is marked."""
    shown = request.resolver_match.url_name if request.resolver_match else None
    marks = {_UNDER.get(shown or "", ""): "true", shown: "page"}
    nav = [
        (reverse(f"console:{name}"), label, marks.get(name, "")) for name, label, may in PAGES if may(caller)
    ]
    at_home = has_account(caller.user_id) if caller.user_id is not None else False
    return render(request, template, {**context, "nav": nav, "at_home": at_home}, status=status)
