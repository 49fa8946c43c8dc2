"""Requests that the web has recorded: performed or run dry, and answered.

The pipeline's side of `urja.apps.journal.requests`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from urja.apps.journal.answers import answer
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.models import AuditEntry, Request
from urja.apps.overviews.queries import authorization
from urja.base.sentences import Sentence, to_plain
from urja.usecases.dry_run import Effects, dry_run_effects
from urja.usecases.kinds.decoding import decode
from urja.usecases.operations import BY_KIND, UseCase, changes_of, perform


class ApprovalCheck(NamedTuple):
    """Checks before a request is performed (`urja.apps.approvals`)."""

    holds: Callable[[Request, UseCase, datetime], bool]
    """Returns whether a request has to wait for approval. Raises RefusedError where it cannot be approved."""
    foresees: Callable[[Request, UseCase, Effects, datetime], list[Sentence]]
    """Returns why a request of a dry run would have to wait; empty where it would not."""


def answer_next(now: datetime, approval_check: ApprovalCheck) -> Request | None:
    """Answer the oldest pending request and return it, or None where none is pending.

    Several pipelines at once take different requests, in the order of their numbers.
    """
    with transaction.atomic():
        waiting = Request.objects.filter(state=RequestState.WAITING).order_by("id")
        # Without SKIP LOCKED: a second pipeline waits for the first and then takes the next one, which keeps the order.
        request = waiting.select_for_update().first()
        if request is None:
            return None
        answer(request, now, lambda: _carry_out(request, now, approval_check))
    return request


def _carry_out(request: Request, now: datetime, approval_check: ApprovalCheck) -> None:
    operation = permitted_operation(request, now)
    if request.dry_run:
        found = dry_run_effects(operation, recorded_at=now, actor=request.actor)
        request.effects = found.to_builtins()
        if why := approval_check.foresees(request, operation, found, now):
            request.effects["approval"] = [to_plain(sentence) for sentence in why]
        request.state = RequestState.DONE
    elif not _is_done(request) and approval_check.holds(request, operation, now):
        request.state = RequestState.APPROVAL
    else:
        perform_request(request, operation, now)


def permitted_operation(request: Request, now: datetime) -> UseCase:
    """Return the operation of a request where its actor may perform it. Raises RefusedError."""
    operation = decode(request.kind, request.content, BY_KIND)
    fault = authorization.refusal_for_actor(request.actor, operation, now)
    if fault is not None:
        raise RefusedError([fault])
    return operation


def perform_request(request: Request, operation: UseCase, now: datetime) -> None:
    """Perform a request's operation, once. Raises RefusedError."""
    entry = perform(operation, recorded_at=now, actor=request.actor, idempotency_key=_key(request))
    request.operation_id = entry.id
    request.effects = {"changes": [change.to_json() for change in changes_of(entry.id)]}
    request.state = RequestState.DONE


def _key(request: Request) -> str:
    return f"request:{request.id}"


def _is_done(request: Request) -> bool:
    """Return whether it was performed already and its answer was lost: it is answered again."""
    return AuditEntry.objects.filter(idempotency_key=_key(request)).exists()
