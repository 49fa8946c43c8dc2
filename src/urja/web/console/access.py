"""Who may look at the console: whoever is in the control room. To anybody else it does not exist."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from urja.web.console.operations import CONTROL_ROOM
from urja.web.portal import metrics

log = structlog.get_logger()

type View = Callable[..., HttpResponse]


def employed(user: Any) -> bool:
    """Whether a signed-in person works in the control room."""
    return bool(user.groups.filter(name=CONTROL_ROOM).exists())


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
