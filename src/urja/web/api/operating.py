"""The writing side of the API: what is asked for is recorded, and waited for a moment.

The web can change nothing in the registry. It looks whether the caller may, and records the request; the pipeline's
stage `register` judges once more, does it, and says what became of it (`urja.usecases.requests`).
"""

import json
import re
from collections import Counter
from typing import Final

import msgspec

from urja.apps.identity.errors import OutOfAreaError
from urja.apps.identity.queries.roles import write_scope
from urja.apps.journal import queries, requests as journal
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.queries import Requested
from urja.apps.overviews.queries import authorization
from urja.apps.people.queries import version_of
from urja.base.sentences import in_english
from urja.usecases.kinds import BY_KIND, Operation
from urja.usecases.kinds.decoding import decode, fault_of
from urja.usecases.kinds.people import CorrectConsumer
from urja.web.api import operation_answers, people_answers, resources
from urja.web.api.lists import local, refused
from urja.web.api.problems import ProblemError
from urja.web.api.routes import Ask, Query
from urja.web.api.tags import has_strong, tag_of

WAIT_S: Final = 3.0
"""So long an answer is waited for; after it the request is an address to ask."""

KEY: Final = re.compile(r"[A-Za-z0-9._:-]{1,60}")


class OperationQuery(Query, frozen=True, kw_only=True):
    dry_run: bool = False
    """Only say what it would do; nothing changes."""


ANY: Final = "write:*"
"""Of the route of all operations: which of the table's rows it is says the kind."""


def act_of(kind: str) -> str:
    """The row of the table for an operation; raises a problem where there is none."""
    return write_scope(kind_of(kind).kind())


def kind_of(kind: str) -> type[Operation]:
    """Return the operation of a name; raises ProblemError where there is none."""
    known = BY_KIND.get(kind)
    if known is None:
        raise ProblemError(
            "not-found", f"there is no operation {kind!r}; GET /api/v1/operations lists all kinds"
        )
    return known


def operate(ask: Ask) -> operation_answers.OperationRequest:
    """Request an operation."""
    known = kind_of(ask.parts["kind"])
    return ask_for(ask, decoded(ask, known), dry_run=ask.query.dry_run)


def decoded(ask: Ask, known: type[Operation]) -> Operation:
    """Return the operation in a body; raises ProblemError with every fault of the content."""
    content = _plain(ask.body)
    try:
        return decode(known.kind(), content, BY_KIND)
    except RefusedError as error:
        raise ProblemError(
            "invalid",
            f"the content is not valid for {known.kind()}: {error}",
            faults=in_english(error.faults),
        ) from None


def _plain(body: bytes) -> object:
    try:
        plain = msgspec.json.decode(body)
        # Only for its keys: msgspec takes the last of two without a word.
        json.loads(body, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError("bad-request", f"the body is not JSON: {error}") from None
    except RecursionError:
        raise ProblemError("bad-request", "the body is not JSON: it is nested too deep") from None
    return plain


def _once(pairs: list[tuple[str, object]]) -> None:
    """Refuse an object that has a key twice. Raises ProblemError that names it."""
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ProblemError("bad-request", f"{key!r} is given {times} times in one object; once is enough")


def ask_for(ask: Ask, operation: Operation, *, dry_run: bool = False) -> operation_answers.OperationRequest:
    """Authorize an operation, record the request and wait for its outcome. Raises ProblemError where it is refused."""
    key = stored_key(ask)
    try:
        authorization.authorize(ask.caller, operation, ask.now)
    except OutOfAreaError:
        refused(ask)
        raise ask.missing("what the content names") from None
    try:
        request = journal.submit(
            operation,
            actor=ask.caller.actor,
            requested_at=ask.now,
            dry_run=dry_run,
            idempotency_key=key,
        )
    except RefusedError:
        raise ProblemError(
            "idempotency-key-reused",
            f"the Idempotency-Key {idempotency_key(ask)} was used for another request of yours",
        ) from None
    return _answer(ask, journal.wait_for(request.id, WAIT_S))


def idempotency_key(ask: Ask) -> str:
    """Return the header `Idempotency-Key`; raises ProblemError where it is missing or not a word."""
    key = ask.request.headers.get("Idempotency-Key", "")
    if not key:
        raise ProblemError(
            "idempotency-key-missing", "the header Idempotency-Key is missing: choose a key for this request"
        )
    if not KEY.fullmatch(key):
        raise ProblemError("bad-request", "an Idempotency-Key has 1 to 60 letters, digits and . _ : -")
    return key


def stored_key(ask: Ask) -> str:
    """Return the key under which a request is recorded: each caller chooses keys of its own. Raises as `idempotency_key`."""
    return f"{ask.caller.actor}/{idempotency_key(ask)}"


_UNANSWERED: Final = (RequestState.WAITING, RequestState.APPROVAL)
"""To be asked again later; what waits for passkeys is approved on the console."""


def _answer(ask: Ask, request: Requested) -> operation_answers.OperationRequest:
    if request.state == RequestState.REFUSED:
        raise ProblemError(
            "refused", "; ".join(request.faults), faults=in_english(request.faults), request_id=request.id
        )
    if request.state in _UNANSWERED:
        ask.status = 202
        ask.answer_headers |= {"Location": f"/api/v1/requests/{request.id}", "Retry-After": "1"}
    return request_of(request)


def request(ask: Ask) -> operation_answers.OperationRequest:
    """What has become of a request of one's own."""
    found = queries.request_of(ask.parts["id"], ask.caller.actor)
    if found is None:
        raise ask.missing(f"request {ask.parts['id']}")
    if found.state in _UNANSWERED:
        ask.answer_headers["Retry-After"] = "1"
    return request_of(found)


def request_of(found: Requested) -> operation_answers.OperationRequest:
    done = queries.operation(found.operation_id)
    return operation_answers.OperationRequest(
        id=found.id,
        kind=found.kind,
        state=found.state,
        dry_run=found.dry_run,
        requested_at=local(found.requested_at),
        answered_at=local(found.answered_at),
        faults=in_english(found.faults),
        operation_id=found.operation_id,
        outcome={} if done is None else done.outcome,
        effects=found.effects,
    )


def correct(ask: Ask) -> operation_answers.OperationRequest:
    """Request `correct_consumer`, in the form of a change to a consumer that was read.

    Raises ProblemError where the consumer has changed since, and for a correction that is not valid.
    """
    person = resources.person_of(ask)
    earlier = queries.request_under(stored_key(ask))
    # A repeat comes with the ETag of before the correction, which the correction itself has made old.
    if earlier is None and not has_strong(
        ask.request.headers.get("If-Match", ""), tag_of(resources.consumer_of(person))
    ):
        raise ProblemError(
            "precondition-failed", f"consumer {person.id} has changed since the version in If-Match"
        )
    try:
        given = msgspec.convert(_plain(ask.body), people_answers.Correction)
    except msgspec.ValidationError as error:
        fault = fault_of(error)
        raise ProblemError("invalid", f"the correction is not valid: {fault}", faults=[fault]) from None
    corrected = CorrectConsumer(
        consumer_id=person.id,
        version=version_of(person) if earlier is None else earlier.content.get("version", ""),
        **{
            name: value
            for name in given.__struct_fields__
            if (value := getattr(given, name)) is not msgspec.UNSET
        },
    )
    return ask_for(ask, corrected)
