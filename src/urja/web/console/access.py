"""Who may look at the console: whoever works here, each page as the table of roles says and as far as their area.

To anybody else it does not exist.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import structlog
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.accounts import has_account
from urja.apps.identity.queries.roles import Read, write_scope
from urja.usecases.kinds import ALL
from urja.web.shared import metrics, second_factor, sign_in
from urja.web.shared.colleague import colleague

log = structlog.get_logger()

type View = Callable[..., HttpResponse]


def _everywhere(read: Read) -> Callable[[Caller], bool]:
    """Whether somebody may read that of the whole utility."""

    def sees(caller: Caller) -> bool:
        area = caller.area(read)
        return area is not None and area.everywhere

    return sees


sees_everything: Final = _everywhere(Read.OVERVIEW)
"""The whole utility at one look."""
sees_settlements: Final = _everywhere(Read.SETTLEMENTS)
"""The money of the whole utility."""
sees_sign_ins: Final = _everywhere(Read.PERSONAL_READS)
"""Who signed in and who tried to: a book of whoever audits, as that of who has read whose personal data."""


_WRITING: Final = [write_scope(operation.kind()) for operation in ALL]


def may_request_operations(caller: Caller) -> bool:
    """Whether somebody may do anything here, and so approve something."""
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
        "test_device",
        "withdraw_work_order",
    }
)
"""Operations that move neither money nor supply: they are asked for without giving the second factor once more."""


def fresh_factor_redirect(request: HttpRequest, kind: str, next_path: str) -> HttpResponse | None:
    """The way to the second factor where an operation needs it anew; None where it was given just now."""
    return (
        None
        if kind in WITHOUT_FRESH_FACTOR
        else second_factor.demanded(request, next_path=next_path, fresh=True)
    )


PAGES: Final[list[tuple[str, Promise, Callable[[Caller], bool]]]] = [
    ("console", _("Control room"), sees_everything),
    ("search", _("Search"), lambda caller: caller.area(Read.DEVICE) is not None),
    ("trees", _("Network and areas"), lambda caller: caller.area(Read.DEVICE) is not None),
    ("societies", _("Societies"), lambda caller: caller.area(Read.TOTALS) is not None),
    ("payments", _("Payments"), sees_settlements),
    ("work", _("Work orders"), lambda caller: caller.area(Read.WORK_ORDERS) is not None),
    ("meter-jobs", _("Meter jobs"), lambda caller: caller.area(Read.METER_JOBS) is not None),
    ("operations", _("Operations"), may_request_operations),
    ("approvals", _("Approvals"), may_request_operations),
    ("held-cuts", _("Held disconnections"), sees_everything),
    ("sign-ins", _("Sign-ins"), sees_sign_ins),
]
"""The console's pages in their order, and who finds them."""


def for_staff(may: Callable[[Caller], bool]) -> Callable[[View], View]:
    """A page of whoever works here and may: the caller comes second.

    Strangers are asked to sign in; who may not gets what a missing page gives, and it is logged.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            caller = colleague(request.user)
            if caller is None or not may(caller):
                raise refusal(request)
            sign_in.limit_session(request)
            if may_request_operations(caller):
                first = second_factor.demanded(request, next_path=request.get_full_path())
                if first is not None:
                    return first
            return view(request, caller, *args, **kwargs)

        return login_required(guarded)

    return guard


def requires(act: str) -> Callable[[View], View]:
    """A page of whoever may do something somewhere."""
    return for_staff(lambda caller: caller.area(act) is not None)


def refusal(request: HttpRequest) -> Http404:
    """Counted and logged, and no more said than of a page that is not there."""
    metrics.REFUSED.inc()
    log.warning("access refused", user=request.user.pk, path=request.path)
    return Http404()


def first_page(caller: Caller) -> str | None:
    """Where somebody who works here begins; None where no page is for them."""
    return next((name for name, _label, may in PAGES if may(caller)), None)


def render_page(
    request: HttpRequest, caller: Caller, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A page of the console with the way to the others."""
    nav = [(f"console:{name}", label) for name, label, may in PAGES if may(caller)]
    at_home = has_account(caller.user_id) if caller.user_id is not None else False
    return render(request, template, {**context, "nav": nav, "at_home": at_home}, status=status)
