"""The pipeline's answer to a request that the web has recorded.

What is done for a request and its answer are one transaction: killed in between, nothing has happened, and the next run
takes the same request up again.
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
    """Let `act` decide a request's state, write down what became of it, and tell those who wait for it.

    Within a transaction; what `act` has done before it raised Refused, or by a mistake of ours, is taken back.
    """
    try:
        with transaction.atomic():
            act()
    except RefusedError as refused:
        request.state, request.faults = RequestState.REFUSED, refused.faults
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # One request must not keep all others waiting for ever: it is set aside, and somebody looks at the log.
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
        cursor.execute("SELECT pg_notify(%s, %s)", [ANSWERED, str(request.id)])
