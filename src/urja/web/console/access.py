"""Who may look at the console: whoever the table of roles lets, everywhere. To anybody else it does not exist."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from urja.apps.registry.access import caller_of_user
from urja.apps.registry.roles import Read
from urja.web.portal import metrics
from urja.web.portal.clock import business_now

log = structlog.get_logger()

type View = Callable[..., HttpResponse]


def employed(user: Any) -> bool:
    """Whether a signed-in person may see the whole utility at one look."""
    area = caller_of_user(user.pk, business_now()).area(Read.OVERVIEW)
    return area is not None and area.everywhere


def in_the_control_room(view: View) -> View:
    """Strangers are asked to sign in; who has no role gets what a missing page gives, and it is logged."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not employed(request.user):
            metrics.REFUSED.inc()
            log.warning("access refused", user=request.user.pk, path=request.path)
            raise Http404
        return view(request, *args, **kwargs)

    return login_required(guarded)
