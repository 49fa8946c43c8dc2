"""Requests for operations, as the web records them; it carries out nothing.

    submit ─▶ journal_request ─▶ the stage `register` carries it out, or dry-runs it ─▶ wait_for returns the answer
                                    └─▶ needs approval ─▶ the stage `approve` carries it out (`urja.apps.approvals`)

The stage's side, `urja.usecases.requests`, checks again whether the actor may.
"""

from contextlib import closing
from datetime import datetime
from typing import Final

from django.db import connection

from urja.apps.journal.errors import RefusedError
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.models import Request
from urja.apps.journal.operation import Operation, next_number
from urja.apps.journal.queries import Requested, requested
from urja.apps.partial_insert import insert
from urja.base.sentences import say

ANSWERED: Final = "journal_answered"
"""PostgreSQL channel with the number of each answered request."""


def submit(
    operation: Operation,
    *,
    actor: str,
    requested_at: datetime,
    dry_run: bool = False,
    idempotency_key: str | None = None,
) -> Requested:
    """Record a request for an operation and return it.

    A key that was used before returns the request recorded under it. Raises RefusedError where that was another
    request.
    """
    values = {
        "id": next_number(),
        "kind": operation.kind(),
        "content": operation.plain(),
        "dry_run": dry_run,
        "actor": actor,
        "requested_at": requested_at,
        "idempotency_key": idempotency_key,
    }
    asked = Request(**values)
    insert(Request, ignore_conflicts=idempotency_key is not None, **values)
    if idempotency_key is None:
        return requested(asked)
    known = Request.objects.get(idempotency_key=idempotency_key)
    same = (known.kind, known.content, known.dry_run, known.actor)
    if same != (asked.kind, asked.content, asked.dry_run, asked.actor):
        raise RefusedError(
            [
                say(
                    "the key {idempotency_key} was used for another request ({known})",
                    idempotency_key=idempotency_key,
                    known=known.id,
                )
            ]
        )
    return requested(known)


def wait_for(request_id: int, timeout_s: float) -> Requested:
    """Return a request once it is answered, or as it is after `timeout_s` seconds of the wall clock.

    Not within a transaction: the notification arrives after the commit. Raises Request.DoesNotExist.
    """
    assert not connection.in_atomic_block, "a notification comes after the transaction"
    with connection.cursor() as cursor:
        # Before the request is read: an answer between the two would be missed otherwise.
        cursor.execute(f"LISTEN {ANSWERED}")
        try:
            found = Request.objects.get(id=request_id)
            if found.state == RequestState.WAITING and connection.connection is not None:
                with closing(connection.connection.notifies(timeout=timeout_s)) as told:
                    next((one for one in told if one.payload == str(request_id)), None)
                found.refresh_from_db()
        finally:
            cursor.execute(f"UNLISTEN {ANSWERED}")
    return requested(found)
