"""Forms of operations: dry run, effects, and the request itself.

    typed fields ─▶ dry run (`journal_request`) ─▶ effects in words ─▶ the request itself ─▶ done, or refused

Every step is a page with an address of its own, so that it can be loaded again, and nothing that was typed is lost:
the form is filled from the request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

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
from urja.base.untyped_values import JsonMapping
from urja.usecases.kinds import ALL, BY_KIND, Operation
from urja.usecases.kinds.decoding import decode
from urja.web.console import wording
from urja.web.console.effect_words import Effects, effects
from urja.web.console.fields import REGISTER, Input, form_values, inputs, parse_form
from urja.web.console.search_page import address_of

WAIT_S: Final = 3.0
"""Seconds for which a page waits for an answer before it shows that the request is in progress."""


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
    """`form`, `waiting`, `dry_run`, `refused`, or `done`."""
    effects: Effects | None
    place: str
    """Address of the service point, shown once the operation is done."""
    job: int | None
    """Id of the meter job that it created or changed."""
    mode_change: int | None
    """Id of the change of payment modes that it created or stopped."""
    instead: str
    """How to correct the operation if it cannot be undone; else empty."""


BY_PROGRAMS: Final = frozenset(
    {
        "upsert_from_system",
        "receive_devices",
        "record_commissioning",
        "record_dues_paid",
        "charge_deposit",
        "take_new_keys",
        "rewrap_keys",
        "load_statement",
    }
)
"""Operations of files and other systems; they have no form because their content is not typed by people."""


def choices(caller: Caller) -> list[Choice]:
    """Return the operations that the caller may request in some area, sorted by title."""
    kinds = [operation.kind() for operation in ALL if operation_named(operation.kind(), caller) is not None]
    found = [
        Choice(kind, wording.operation(kind), reverse("console:operation", args=[kind])) for kind in kinds
    ]
    return sorted(found, key=lambda choice: choice.title)


def operations_elsewhere(caller: Caller) -> list[str]:
    """Return sentences about operations without a form: why, and what to use instead."""
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
    """Return an operation class by kind, or None if the caller may not request it in any area."""
    operation = None if kind in BY_PROGRAMS else BY_KIND.get(kind)
    return operation if operation is not None and caller.area(write_scope(kind)) is not None else None


def operations_with_field(field: str, caller: Caller) -> list[str]:
    """Return the operations that the caller may request in some area and that have this field."""
    kinds = [operation.kind() for operation in ALL if field in operation.__struct_fields__]
    return [kind for kind in kinds if operation_named(kind, caller) is not None]


def empty_form(operation: type[Operation], given: Mapping[str, str], now: datetime) -> OperationPage:
    """Return an empty form: filled from the address's parameters, instants with now."""
    usual = form_values(operation, {name: now for name in _MOMENTS if name in operation.__struct_fields__})
    typed = {name: text for name, text in usual.items() if text} | {
        name: text for name, text in given.items() if name in operation.__struct_fields__
    }
    return _page(operation, _inputs(operation, typed, {}), [], None)


def _inputs(operation: type[Operation], typed: Mapping[str, str], errors: Mapping[str, str]) -> list[Input]:
    commodity = ""
    if any(REGISTER.fullmatch(name) for name in operation.__struct_fields__):
        serial = typed.get("serial") or typed.get("new_serial") or ""
        commodity = service_points.commodity_of(typed.get("consumer_number", ""), serial)
    return inputs(operation, typed, errors, commodity)


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
    """Submit a dry run; return the form again with its errors if the fields cannot be parsed."""
    content, errors = parse_form(operation, typed)
    if errors:
        return _page(operation, _inputs(operation, typed, errors), [_("Correct the marked fields.")], None)
    asked = allowed_operation(operation, content, caller, now)
    if not isinstance(asked, Operation):
        return _page(operation, _inputs(operation, typed, {}), asked, None)
    return journal.submit(asked, actor=caller.actor, requested_at=now, dry_run=True)


def allowed_operation(
    operation: type[Operation], content: JsonMapping, caller: Caller, now: datetime
) -> Operation | list[str]:
    """Return the operation of plain values, or the reasons why the caller may not request it."""
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


def carry_out(dry_run: Requested, caller: Caller, now: datetime) -> Requested:
    """Submit the operation of a dry run unchanged; repeated, it is carried out once.

    Raises RefusedError, NotAllowedError and OutOfAreaError.
    """
    asked = decode(dry_run.kind, dry_run.content, BY_KIND)
    # The caller's rights may have changed since the dry run.
    authorize(caller, asked, now)
    # The key is the dry run's: a second press of the button or a reloaded page finds the first request again.
    return journal.submit(
        asked, actor=caller.actor, requested_at=now, idempotency_key=f"console:{dry_run.id}"
    )


def own_request(request_id: int, caller: Caller) -> Requested | None:
    """Return the caller's own request, or None; other callers' requests are not shown."""
    return queries.request_of(request_id, caller.actor)


def named_request(text: str, caller: Caller, field: str, about: int) -> Requested | None:
    """Return the caller's request named in an address, if its field names the page's subject."""
    # `isdecimal` accepts digits of every script; 18 digits always fit the 64-bit key of a request.
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        return None
    asked = own_request(int(text), caller)
    return asked if asked is not None and asked.content.get(field) == about else None


def page_of_request(request: Requested, caller: Caller) -> OperationPage:
    """Return the page of a request: its state and effects, with the form as it was typed."""
    operation = BY_KIND[request.kind]
    filled = _inputs(operation, form_values(operation, request.content), {})
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
    state = "form" if request is None else _STATES[request.state, request.dry_run]
    return OperationPage(
        kind=operation.kind(),
        title=wording.operation(operation.kind()),
        inputs=filled,
        faults=[wording.sentence(fault) for fault in faults],
        request=request,
        state=state,
        effects=effects(request.effects, names=names) if request and state in {"dry_run", "done"} else None,
        place=_place(request) if request else "",
        job=_made(request, "job_id") if state == "done" and request else None,
        mode_change=_made(request, "mode_change_id") if state == "done" and request else None,
        instead="" if operation.undoable else wording.sentence(operation.instead),
    )


_STATES: Final[dict[tuple[object, bool], str]] = {
    (RequestState.WAITING, True): "waiting",
    (RequestState.WAITING, False): "waiting",
    (RequestState.REFUSED, True): "refused",
    (RequestState.REFUSED, False): "refused",
    (RequestState.DONE, True): "dry_run",
    (RequestState.DONE, False): "done",
}


def _made(request: Requested, what: str) -> int | None:
    done = queries.operation(request.operation_id)
    return None if done is None else done.outcome.get(what)


def _place(request: Requested) -> str:
    """Return the address of the service point it was about, or an empty string."""
    number = request.content.get("consumer_number")
    return address_of(number) if number and service_points.exists(number) else ""
