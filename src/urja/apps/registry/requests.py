"""Operations that are asked for through the web, which records them and does nothing itself.

    ask ─▶ registry_request ─▶ the stage `register` performs or rehearses it ─▶ wait_for hears of it
                                  └─▶ waits for approval ─▶ the stage `approve` performs it (`urja.apps.approvals`)

`ask` is the web's, `answer_next` the stage's, which judges once more whether whoever asked may. Whatever is done for a request and the answer that says so are one
transaction: killed in between, nothing has happened, and the next run takes the same request up again.
"""

import re
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from urja.apps.partial_insert import insert
from urja.apps.registry import access
from urja.apps.registry.effects import Effects, effects
from urja.apps.registry.errors import Refused
from urja.apps.registry.models import AuditEntry, Request, RequestState
from urja.apps.registry.operations import BY_KIND, Operation, changes_of, perform
from urja.apps.registry.operations.doing import next_number
from urja.base.sentences import Sentence, say, to_plain
from urja.base.storable import faults_of

log = structlog.get_logger()

ANSWERED: Final = "registry_answered"
"""Channel on which the number of an answered request is told."""


def ask(
    operation: Operation,
    *,
    actor: str,
    requested_at: datetime,
    rehearsal: bool = False,
    idempotency_key: str | None = None,
) -> Request:
    """Record that an operation is asked for.

    A key that was used before gives the request that stands under it; raises Refused where that was for something
    else.
    """
    values = {
        "id": next_number(),
        "kind": operation.kind(),
        "content": operation.plain(),
        "rehearsal": rehearsal,
        "actor": actor,
        "requested_at": requested_at,
        "idempotency_key": idempotency_key,
    }
    asked = Request(**values)
    insert(Request, ignore_conflicts=idempotency_key is not None, **values)
    if idempotency_key is None:
        return asked
    known = Request.objects.get(idempotency_key=idempotency_key)
    same = (known.kind, known.content, known.rehearsal, known.actor)
    if same != (asked.kind, asked.content, asked.rehearsal, asked.actor):
        raise Refused(
            [
                say(
                    "the key {idempotency_key} was used for another request ({known})",
                    idempotency_key=idempotency_key,
                    known=known.id,
                )
            ]
        )
    return known


def wait_for(request_id: int, timeout_s: float) -> Request:
    """The request once it is answered, or as it is when the time is over. Not within a transaction."""
    assert not connection.in_atomic_block, "a notification comes after the transaction"
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {ANSWERED}")
        try:
            found = Request.objects.get(id=request_id)
            if found.state == RequestState.WAITING and connection.connection is not None:
                with closing(connection.connection.notifies(timeout=timeout_s)) as told:
                    next((one for one in told if one.payload == str(request_id)), None)
                found.refresh_from_db()
        finally:
            cursor.execute(f"UNLISTEN {ANSWERED}")
    return found


class Gate(NamedTuple):
    """What stands before an operation is performed (`urja.apps.approvals`)."""

    holds: Callable[[Request, Operation, datetime], bool]
    """Whether a request has to wait for approval; raises Refused where it cannot get one."""
    foresees: Callable[[Request, Operation, Effects, datetime], list[Sentence]]
    """Why a request that is rehearsed would have to wait; empty where it would not."""


def answer_next(now: datetime, gate: Gate) -> Request | None:
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


def answer(request: Request, now: datetime, act: Callable[[], None]) -> None:
    """Let `act` decide a request's state, write down what became of it, and tell those who wait for it.

    Within a transaction; what `act` has done before it raised Refused, or by a mistake of ours, is taken back.
    """
    try:
        with transaction.atomic():
            act()
    except Refused as refused:
        request.state, request.faults = RequestState.REFUSED, refused.faults
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # One request must not keep all others waiting for ever: it is set aside, and somebody looks at the log.
        log.exception("request failed", request=request.id, kind=request.kind)
        request.state = RequestState.REFUSED
        request.faults = [
            say(
                "it cannot be done because of a mistake in Urja itself: request {number}",
                number=request.id,
            )
        ]
    request.answered_at = None if request.state == RequestState.APPROVAL else now
    request.save(update_fields=["state", "faults", "operation_id", "effects", "answered_at"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [ANSWERED, str(request.id)])


def _carry_out(request: Request, now: datetime, gate: Gate) -> None:
    operation = judged(request, now)
    if request.rehearsal:
        found = effects(operation, recorded_at=now, actor=request.actor)
        request.effects = found.to_builtins()
        if why := gate.foresees(request, operation, found, now):
            request.effects["approval"] = [to_plain(sentence) for sentence in why]
        request.state = RequestState.DONE
    elif not _is_done(request) and gate.holds(request, operation, now):
        request.state = RequestState.APPROVAL
    else:
        perform_request(request, operation, now)


def judged(request: Request, now: datetime) -> Operation:
    """The operation of a request, where its actor may have it done; raises Refused."""
    operation = decode(request.kind, request.content)
    fault = access.fault_of_actor(request.actor, operation, now)
    if fault is not None:
        raise Refused([fault])
    return operation


def perform_request(request: Request, operation: Operation, now: datetime) -> None:
    """Do what a request asks for, once; raises Refused."""
    entry = perform(operation, recorded_at=now, actor=request.actor, idempotency_key=_key(request))
    request.operation_id = entry.id
    request.effects = {"changes": [change.to_json() for change in changes_of(entry.id)]}
    request.state = RequestState.DONE


def _key(request: Request) -> str:
    return f"request:{request.id}"


def _is_done(request: Request) -> bool:
    """Whether it was performed already and its answer was lost: it is answered again."""
    return AuditEntry.objects.filter(idempotency_key=_key(request)).exists()


def decode(kind: str, content: Any) -> Operation:
    """The operation of a name from plain values; raises Refused with the name of the field that is wrong."""
    known = BY_KIND.get(kind)
    if known is None:
        raise Refused([say("there is no operation {kind}", kind=repr(kind))])
    try:
        operation = msgspec.convert(content, known)
    except msgspec.ValidationError as error:
        raise Refused([_fault(str(error))]) from error
    if faults := list(faults_of(operation)):
        raise Refused(faults)
    return operation


_AT: Final = re.compile(r"(?P<what>.*) - at `\$\.?(?P<field>[^`]*)`", re.DOTALL)


def _fault(text: str) -> str:
    """Msgspec's own words, with the field first: it names fields and types, never a value."""
    at = _AT.fullmatch(text)
    return f"{at['field']}: {at['what']}" if at and at["field"] else (at["what"] if at else text)
