"""Requests that the web has recorded are performed or rehearsed, and answered.

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
    """What stands before an operation is performed (`urja.apps.approvals`)."""

    holds: Callable[[Request, UseCase, datetime], bool]
    """Whether a request has to wait for approval; raises RefusedError where it cannot get one."""
    foresees: Callable[[Request, UseCase, Effects, datetime], list[Sentence]]
    """Why a request that is rehearsed would have to wait; empty where it would not."""


def answer_next(now: datetime, gate: ApprovalCheck) -> Request | None:
    """Carry out the oldest request that waits, and say what became of it; none where none waits.

    Of several who do this at once each takes another request, and in the order of their numbers.
    """
    with transaction.atomic():
        waiting = Request.objects.filter(state=RequestState.WAITING).order_by("id")
        request = waiting.select_for_update().first()
        if request is None:
            return None
        answer(request, now, lambda: _carry_out(request, now, gate))
    return request


def _carry_out(request: Request, now: datetime, gate: ApprovalCheck) -> None:
    operation = permitted_operation(request, now)
    if request.rehearsal:
        found = dry_run_effects(operation, recorded_at=now, actor=request.actor)
        request.effects = found.to_builtins()
        if why := gate.foresees(request, operation, found, now):
            request.effects["approval"] = [to_plain(sentence) for sentence in why]
        request.state = RequestState.DONE
    elif not _is_done(request) and gate.holds(request, operation, now):
        request.state = RequestState.APPROVAL
    else:
        perform_request(request, operation, now)


def permitted_operation(request: Request, now: datetime) -> UseCase:
    """The operation of a request, where its actor may have it done; raises RefusedError."""
    operation = decode(request.kind, request.content, BY_KIND)
    fault = authorization.refusal_for_actor(request.actor, operation, now)
    if fault is not None:
        raise RefusedError([fault])
    return operation


def perform_request(request: Request, operation: UseCase, now: datetime) -> None:
    """Do what a request asks for, once; raises RefusedError."""
    entry = perform(operation, recorded_at=now, actor=request.actor, idempotency_key=_key(request))
    request.operation_id = entry.id
    request.effects = {"changes": [change.to_json() for change in changes_of(entry.id)]}
    request.state = RequestState.DONE


def _key(request: Request) -> str:
    return f"request:{request.id}"


def _is_done(request: Request) -> bool:
    """Whether it was performed already and its answer was lost: it is answered again."""
    return AuditEntry.objects.filter(idempotency_key=_key(request)).exists()
