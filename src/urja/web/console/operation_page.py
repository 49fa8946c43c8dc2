"""An operation on a screen: what is asked for, what it would do, and that it is done.

    what is typed ─▶ a rehearsal (`journal_request`) ─▶ its effects in words ─▶ the request itself ─▶ done, or refused

Every step is a page with an address of its own, so that it can be loaded again, and nothing that was typed is lost:
the form is filled from the request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.identity.errors import NotAllowedError, OutOfAreaError
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read, write_scope
from urja.apps.journal import queries, requests as journal
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.queries import Requested
from urja.apps.overviews.queries import service_points
from urja.apps.overviews.queries.authorization import authorize
from urja.usecases.kinds import ALL, BY_KIND, Operation
from urja.usecases.kinds.decoding import decode
from urja.web.console import wording
from urja.web.console.effect_words import Effects, effects
from urja.web.console.fields import Input, form_values, inputs, parse_form
from urja.web.console.search_page import address_of

WAIT_S: Final = 3.0
"""So long a page waits for an answer before it says that the work is being done."""


@dataclass(frozen=True, slots=True)
class Choice:
    kind: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class OperationPage:
    kind: str
    title: str
    inputs: list[Input]
    faults: list[str]
    request: Requested | None
    state: str
    """`form`, `waiting`, `rehearsed`, `refused`, or `done`."""
    effects: Effects | None
    place: str
    """Where it leads once it is done."""
    job: int | None
    """The job of meters that it has made or changed."""
    instead: str
    """What corrects it where it is not undone; empty where it is."""


BY_PROGRAMS: Final = frozenset(
    {
        "upsert_from_system",
        "receive_devices",
        "record_commissioning",
        "record_dues_paid",
        "take_new_keys",
        "rewrap_keys",
    }
)
"""What files and other systems ask for, with more in it than anybody types."""


def choices(caller: Caller) -> list[Choice]:
    """What somebody may do somewhere, in the order of its words."""
    kinds = [operation.kind() for operation in ALL if operation_named(operation.kind(), caller) is not None]
    found = [
        Choice(kind, wording.operation(kind), reverse("console:operation", args=[kind])) for kind in kinds
    ]
    return sorted(found, key=lambda choice: choice.title)


def operations_elsewhere(caller: Caller) -> list[str]:
    """What has no form, for whoever might look for it here: why, and what is done instead."""
    said = []
    if caller.area(Read.STOCK) is not None:
        said.append(
            _(
                "Deliveries of meters come with keys, which no web server receives: use the command urja stock receive on the server. Meters are tested, issued and installed here."
            )
        )
    if caller.area(write_scope("upsert_from_system")) is not None:
        said.append(
            _(
                "Data owned by another system are changed there: it sends people, premises and service points by the API (upsert_from_system) or as a file (urja import)."
            )
        )
    return said


def operation_named(kind: str, caller: Caller) -> type[Operation] | None:
    """The operation of a name, where the caller may ask for it somewhere."""
    operation = None if kind in BY_PROGRAMS else BY_KIND.get(kind)
    return operation if operation is not None and caller.area(write_scope(kind)) is not None else None


def operations_with_field(field: str, caller: Caller) -> list[str]:
    """The operations that the caller may ask for somewhere and that have a field of a name."""
    kinds = [operation.kind() for operation in ALL if field in operation.__struct_fields__]
    return [kind for kind in kinds if operation_named(kind, caller) is not None]


def empty_form(operation: type[Operation], given: Mapping[str, str], now: datetime) -> OperationPage:
    """A form to begin with: filled with what the way here has said, and with now where an instant is asked for."""
    usual = form_values(operation, {name: now for name in _MOMENTS if name in operation.__struct_fields__})
    typed = {name: text for name, text in usual.items() if text} | {
        name: text for name, text in given.items() if name in operation.__struct_fields__
    }
    return _page(operation, inputs(operation, typed, {}), [], None)


_MOMENTS: Final = (
    "at",
    "installed_at",
    "removed_at",
    "connected_at",
    "moved_at",
    "moved_in_at",
    "moved_out_at",
    "closed_at",
)


def request_dry_run(
    operation: type[Operation], typed: Mapping[str, str], caller: Caller, now: datetime
) -> Requested | OperationPage:
    """Ask what it would do; the form again, with what is wrong, where it cannot be asked."""
    content, errors = parse_form(operation, typed)
    if errors:
        return _page(operation, inputs(operation, typed, errors), [_("Correct the marked fields.")], None)
    asked = allowed_operation(operation, content, caller, now)
    if not isinstance(asked, Operation):
        return _page(operation, inputs(operation, typed, {}), asked, None)
    return journal.submit(asked, actor=caller.actor, requested_at=now, rehearsal=True)


def allowed_operation(
    operation: type[Operation], content: Mapping[str, Any], caller: Caller, now: datetime
) -> Operation | list[str]:
    """The operation of plain values, where the caller may ask for it; otherwise what stands against it."""
    try:
        asked = decode(operation.kind(), content, BY_KIND)
        authorize(caller, asked, now)
    except RefusedError as refused:
        return refused.faults
    except NotAllowedError as error:
        return [error.says]
    except OutOfAreaError:
        return [_("Not found in your area.")]
    return asked


def carry_out(rehearsed: Requested, caller: Caller, now: datetime) -> Requested:
    """Ask for what was rehearsed, as it was; asked twice it is done once. Raises RefusedError, NotAllowedError and OutOfAreaError."""
    asked = decode(rehearsed.kind, rehearsed.content, BY_KIND)
    authorize(caller, asked, now)
    return journal.submit(
        asked, actor=caller.actor, requested_at=now, idempotency_key=f"console:{rehearsed.id}"
    )


def own_request(request_id: int, caller: Caller) -> Requested | None:
    """A request of the caller's; another's does not exist."""
    return queries.request_of(request_id, caller.actor)


def named_request(text: str, caller: Caller, field: str, about: int) -> Requested | None:
    """The caller's request that an address names, where a field of it names what the page is about."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        return None
    asked = own_request(int(text), caller)
    return asked if asked is not None and asked.content.get(field) == about else None


def page_of_request(request: Requested, caller: Caller) -> OperationPage:
    """What became of a request, with the form as it was typed."""
    operation = BY_KIND[request.kind]
    filled = inputs(operation, form_values(operation, request.content), {})
    return _page(
        operation, filled, list(request.faults), request, names=caller.area(Read.CONSUMER) is not None
    )


def _page(
    operation: type[Operation],
    filled: list[Input],
    faults: list[str],
    request: Requested | None,
    *,
    names: bool = False,
) -> OperationPage:
    state = "form" if request is None else _STATES[request.state, request.rehearsal]
    return OperationPage(
        kind=operation.kind(),
        title=wording.operation(operation.kind()),
        inputs=filled,
        faults=[wording.sentence(fault) for fault in faults],
        request=request,
        state=state,
        effects=effects(request.effects, names=names) if request and state in {"rehearsed", "done"} else None,
        place=_place(request) if request else "",
        job=_job(request) if state == "done" and request else None,
        instead="" if operation.undoable else wording.sentence(operation.instead),
    )


_STATES: Final[dict[tuple[Any, bool], str]] = {
    (RequestState.WAITING, True): "waiting",
    (RequestState.WAITING, False): "waiting",
    (RequestState.REFUSED, True): "refused",
    (RequestState.REFUSED, False): "refused",
    (RequestState.DONE, True): "rehearsed",
    (RequestState.DONE, False): "done",
}


def _job(request: Requested) -> int | None:
    done = queries.operation(request.operation_id)
    return None if done is None else done.outcome.get("job_id")


def _place(request: Requested) -> str:
    """The page of the connection that it was about, where it named one that there is."""
    number = request.content.get("consumer_number")
    return address_of(number) if number and service_points.exists(number) else ""
