"""The pipeline's answer to a request that the web has recorded.

The operation and its answer are one transaction: if the process dies in between nothing has happened, and the next
run takes the same request again.
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from urja.apps.journal.errors import RefusedError
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.models import Request
from urja.apps.journal.requests import ANSWERED
from urja.base.sentences import say

log = structlog.get_logger()


def answer(request: Request, now: datetime, act: Callable[[], None]) -> None:
    """Run `act`, which decides a request's state, store the outcome and notify those who wait for it.

    Within a transaction; `now` is business time in UTC. Where `act` raises RefusedError, or fails by a fault of the
    program, its changes are rolled back and the request is refused. Errors of the database connection are raised
    again.
    """
    try:
        with transaction.atomic():
            act()
    except RefusedError as refused:
        request.state, request.faults = RequestState.REFUSED, refused.faults
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # A request that always fails would block all later ones. It is refused, and the log has the error for an operator.
        log.exception("request failed", request=request.id, kind=request.kind)
        request.state = RequestState.REFUSED
        request.faults = [
            say(
                "the operation failed because of an internal error: report request {number}",
                number=request.id,
            )
        ]
    request.answered_at = None if request.state == RequestState.APPROVAL else now
    request.save(update_fields=["state", "faults", "operation_id", "effects", "answered_at"])
    with connection.cursor() as cursor:
        # PostgreSQL delivers it at the commit: a listener never reads a request before its answer is visible.
        cursor.execute("SELECT pg_notify(%s, %s)", [ANSWERED, str(request.id)])
