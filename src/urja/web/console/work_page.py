"""Work orders, for fitters with a phone: the list, and one order from its location to its result."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read, write_scope
from urja.apps.identity.requests import record_personal_reads
from urja.apps.journal import requests
from urja.apps.journal.queries import Requested
from urja.apps.network.kinds import Commodity
from urja.apps.notices import queries as notices
from urja.apps.overviews.queries import service_points, work_orders
from urja.apps.overviews.queries.registry import WorkOrderRow
from urja.apps.work import queries as orders, requests as work
from urja.apps.work.errors import PhotoError
from urja.apps.work.kinds import WorkOrderKind
from urja.base.untyped_values import JsonMapping
from urja.core.policy import Reason
from urja.usecases.kinds import Operation
from urja.usecases.kinds.meters import CorrectLastRead
from urja.usecases.kinds.registers import one_of
from urja.usecases.kinds.work_orders import BY_OPERATION, CloseWorkOrder
from urja.web.console import wording
from urja.web.console.actor_names import names_of
from urja.web.console.fields import parse_form
from urja.web.console.operation_page import Choice, allowed_operation
from urja.web.console.search_page import address_of
from urja.web.console.service_point_page import geo_uri
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats, notice_words
from urja.web.shared.clock import zone

MOST_ORDERS: Final = 100


@dataclass(frozen=True, slots=True)
class OrderCard:
    what: str
    where: str
    detail: str
    late: bool
    mine: bool
    href: str


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    href: str
    chosen: bool
    count: int


@dataclass(frozen=True, slots=True)
class WorkPage:
    tabs: list[Tab]
    orders: list[OrderCard]
    more: bool


@dataclass(frozen=True, slots=True)
class PhotoView:
    href: str
    taken: str


@dataclass(frozen=True, slots=True)
class CloseForm:
    """The form that closes an order; refused, it has the typed values and their errors."""

    note: str = ""
    register: str = ""
    seals: str = ""
    removed: frozenset[str] = frozenset()
    errors: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderPage:
    id: int
    what: str
    state: str
    unfinished: bool
    place: str
    address: str
    number: str
    connection: str
    """Address of the service point; empty if the caller may not open it."""
    geo: str
    people: list[str]
    asked: list[str]
    opened: str
    due: str
    late: bool
    assignee: str
    meter: list[str]
    serial: str
    unit: str
    """Of the meter's register."""
    register: str
    """Name of the field for it."""
    seals: list[str]
    photos: list[PhotoView]
    result: list[str]
    warnings: list[str]
    """Of gas that escapes: who was warned, and whether it arrived."""
    waiting: bool
    close: CloseForm | None
    """The closing form; None if the caller may not close the order."""
    by: Choice | None
    """The operation that does the work and closes the order, such as an exchange."""
    others: list[Choice]
    may_photograph: bool


def work_page(caller: Caller, which: str, now: datetime) -> WorkPage:
    """Return the caller's orders, the open ones in their area, or those closed last."""
    area, user = caller.must(Read.WORK_ORDERS), caller.user_id
    shelves = {"mine": _("Mine"), "open": _("All open"), "done": _("Done")}
    counts = {shelf: work_orders.count(shelf, area, user, now) for shelf in ("mine", "open")}
    if which not in shelves:
        which = "mine" if counts["mine"] else "open"
    shown = work_orders.orders(which, area, user, now, MOST_ORDERS + 1)
    return WorkPage(
        tabs=[
            Tab(label, f"?which={shelf}", shelf == which, counts.get(shelf, 0))
            for shelf, label in shelves.items()
        ],
        orders=[_card(order, caller, now) for order in shown[:MOST_ORDERS]],
        more=len(shown) > MOST_ORDERS,
    )


def order_of(order_id: int, caller: Caller, now: datetime) -> WorkOrderRow | None:
    """Return an order in the caller's area, or None."""
    return work_orders.order(order_id, caller.must(Read.WORK_ORDERS), caller.user_id, now)


def _card(order: WorkOrderRow, caller: Caller, now: datetime) -> OrderCard:
    place = order.service_point
    return OrderCard(
        what=wording.work(order.kind),
        where=wording.service_point_name(place.premise.name, place.consumer_number),
        detail=" · ".join(
            filter(
                None,
                (
                    place.premise.address,
                    order.device.serial if order.device else place.consumer_number,
                    _ended(order, now) or _due(order, now) or _opened(order, now),
                ),
            )
        ),
        late=_late(order, now),
        mine=order.assignee_id == caller.user_id,
        href=reverse("console:work-order", args=[order.id]),
    )


def _opened(order: WorkOrderRow, now: datetime) -> str:
    return _("since %(moment)s") % {"moment": moment_of(order.opened_at, now)}


def _due(order: WorkOrderRow, now: datetime) -> str:
    return _("due %(moment)s") % {"moment": moment_of(order.due_at, now)} if order.due_at else ""


def _ended(order: WorkOrderRow, now: datetime) -> str:
    if order.closed_at is None:
        return ""
    return _("%(state)s %(moment)s") % {
        "state": wording.work_state(order.state),
        "moment": moment_of(order.closed_at, now),
    }


def _late(order: WorkOrderRow, now: datetime) -> bool:
    return order.closed_at is None and order.due_at is not None and order.due_at < now


# -- one order -----------------------------------------------------------------------------------------------


def order_page(
    order: WorkOrderRow,
    caller: Caller,
    now: datetime,
    typed: CloseForm | None = None,
    *,
    waiting: bool = False,
) -> OrderPage:
    """Return the page of an order: location, people, meter, seals, photographs, and the closing form."""
    place, premise, device = order.service_point, order.service_point.premise, order.device
    seals = [] if order.device_id is None else service_points.seals([order.device_id])
    by = _by(order, caller)
    may_close = order.unfinished and by is None and caller.area(write_scope("close_work_order")) is not None
    return OrderPage(
        id=order.id,
        what=wording.work(order.kind),
        state=wording.work_state(order.state),
        unfinished=order.unfinished,
        place=wording.service_point_name(premise.name, place.consumer_number),
        address=" ".join(filter(None, (premise.address, premise.pin_code))),
        number=place.consumer_number,
        connection=address_of(place.consumer_number) if caller.area(Read.DEVICE) is not None else "",
        geo=geo_uri(premise),
        people=_people(order, caller, now),
        asked=_asked(order.asked),
        opened=_opened(order, now),
        due=_due(order, now),
        late=_late(order, now),
        assignee=_assignee(order, caller),
        meter=[] if device is None else [name for name in (device.device_type, device.firmware) if name],
        serial="" if device is None else device.serial,
        unit=formats.billed_unit(place.commodity),
        register=_register_field(order),
        seals=[seal.number for seal in seals],
        photos=[
            PhotoView(reverse("console:photo", args=[photo.id]), moment_of(photo.recorded_at, now))
            for photo in orders.photos_of(order.id)
        ],
        result=_result(order, now),
        warnings=_warnings(order, now),
        waiting=waiting,
        close=(typed or CloseForm()) if may_close else None,
        by=by,
        others=_others(order, caller),
        may_photograph=order.unfinished and (may_close or by is not None),
    )


def _people(order: WorkOrderRow, caller: Caller, now: datetime) -> list[str]:
    """Return the present consumers with their telephone numbers, and record the read."""
    if caller.area(Read.CONSUMER) is None or not order.unfinished:
        return []
    found = service_points.people_with_access(order.service_point_id, now)
    record_personal_reads(caller, [person.id for person in found], "console work order", now)
    return [" · ".join(filter(None, (person.name, person.phone))) for person in found]


def _asked(asked: JsonMapping) -> list[str]:
    lines = []
    if "reason" in asked:
        lines.append(wording.past_reason(Reason.from_json(asked["reason"])))
    if asked.get("note"):
        lines.append(asked["note"])
    if asked.get("code", 0) < 0:  # what the head end tells of a meter, not the meter of itself
        lines.append(wording.event(str(asked["code"])))
    if "unmetered_since" in asked:
        since = datetime.fromisoformat(asked["unmetered_since"]).astimezone(zone())
        lines.append(
            _(
                "No billing meter has been installed since %(day)s although an agreement is in force: consumption is not metered."
            )
            % {"day": formats.day(since.date())}
        )
    if "unread_since" in asked:
        gone_at = datetime.fromisoformat(asked["unread_since"]).astimezone(zone())
        lines.append(
            _(
                "The meter was removed on %(day)s without a register read: its last consumption is not charged, and the account is not settled. Read its register in the store or the laboratory; if it can no longer be read, have it estimated."
            )
            % {"day": formats.day(gone_at.date())}
        )
    if "switch_found" in asked:
        lines.append(
            _("The data were restored from a backup, and the relay was found closed where it should be open.")
            if asked["switch_found"] == "on"
            else _(
                "The data were restored from a backup, and the relay was found open. The reason is not known: find it "
                "out before the supply is reconnected."
            )
        )
    if "item" in asked:
        item, value = wording.configuration(asked["item"]), wording.configuration(str(asked["value"]))
        lines.append(_("Set %(item)s to %(value)s") % {"item": item, "value": value})
    return lines


def _warnings(order: WorkOrderRow, now: datetime) -> list[str]:
    """Return who was warned of the danger of an order, and what became of each warning."""
    if order.kind != WorkOrderKind.GAS_ESCAPES:
        return []
    found = notices.of_work_order(order.id)
    actors = names_of([f"user {one.staff_id}" for one in found if one.staff_id is not None])
    return [
        _("%(who)s: %(state)s")
        % {
            "who": _("Consumer") if one.staff_id is None else actors.get(f"user {one.staff_id}", ""),
            "state": view.state,
        }
        for one, view in zip(found, notice_words.views(found, now), strict=True)
    ]


def _assignee(order: WorkOrderRow, caller: Caller) -> str:
    if order.assignee_id is None:
        return ""
    if order.assignee_id == caller.user_id:
        return _("assigned to you")
    actor = f"user {order.assignee_id}"
    return names_of([actor]).get(actor, "")


def _result(order: WorkOrderRow, now: datetime) -> list[str]:
    if order.unfinished:
        return []
    result = order.result
    lines = [_ended(order, now), result.get("note") or result.get("withdrawn") or ""]
    register = one_of(result.get("register_wh"), result.get("register_l"))
    if register is not None:
        lines.append(
            _("register %(amount)s") % {"amount": formats.billed(register, order.service_point.commodity)}
        )
    if result.get("seals"):
        lines.append(_("seals %(numbers)s") % {"numbers": ", ".join(result["seals"])})
    return [line for line in lines if line]


_PREFILLED: Final = {
    "install_meter": ("consumer_number", "photos"),
    "exchange_meter": ("consumer_number",),
    "remove_meter": ("serial",),
    "correct_last_read": ("serial",),
}


def _by(order: WorkOrderRow, caller: Caller) -> Choice | None:
    kind = BY_OPERATION.get(WorkOrderKind(order.kind))
    if "unread_since" in order.asked:
        kind = CorrectLastRead.kind()
    if kind is None or not order.unfinished or caller.area(write_scope(kind)) is None:
        return None
    known = {
        "consumer_number": order.service_point.consumer_number,
        "serial": order.device.serial if order.device else "",
        "photos": ", ".join(str(photo.id) for photo in orders.photos_of(order.id)),
    }
    return _choice(kind, {name: known[name] for name in _PREFILLED[kind] if known[name]})


def _others(order: WorkOrderRow, caller: Caller) -> list[Choice]:
    """Return the dispatcher's operations for an order: assign and withdraw."""
    if not order.unfinished:
        return []
    kinds = ("assign_work_order", "withdraw_work_order")
    return [
        _choice(kind, {"work_order_id": str(order.id)})
        for kind in kinds
        if caller.area(write_scope(kind)) is not None
    ]


def _choice(kind: str, given: Mapping[str, str]) -> Choice:
    return Choice(
        kind, wording.operation(kind), f"{reverse('console:operation', args=[kind])}?{urlencode(given)}"
    )


# -- done ----------------------------------------------------------------------------------------------------


def keep_photos(order: WorkOrderRow, files: Iterable[Any], caller: Caller, now: datetime) -> list[str]:
    """Store the photographs of an order; return errors for files that are no images."""
    faults = []
    for file in files:
        try:
            work.add_photo(order.id, file.read(), recorded_at=now, actor=caller.actor)
        except PhotoError as error:
            faults.append(f"{file.name}: {error}")
    return faults


def close_order(
    order: WorkOrderRow,
    typed: Mapping[str, str],
    removed: Iterable[str],
    faults: list[str],
    caller: Caller,
    now: datetime,
) -> Requested | CloseForm:
    """Submit the closing of an order; return the form with its errors if it is invalid.

    `faults` are the errors of the photographs sent along.
    """
    removed = frozenset(removed)
    fields = {
        "work_order_id": str(order.id),
        "closed_at": now.isoformat(),
        "note": typed.get("note", ""),
        _register_field(order): typed.get(_register_field(order), ""),
        "seals": typed.get("seals", ""),
        "removed_seals": ",".join(sorted(removed)),
        "photos": ",".join(str(photo.id) for photo in orders.photos_of(order.id)),
    }
    content, errors = parse_form(CloseWorkOrder, fields)
    errors = {"register" if name == _register_field(order) else name: said for name, said in errors.items()}
    form = CloseForm(fields["note"], fields[_register_field(order)], fields["seals"], removed, errors)
    if errors or faults:
        return _faulty(form, faults)
    asked = allowed_operation(CloseWorkOrder, content, caller, now)
    if not isinstance(asked, Operation):
        return _faulty(form, asked)
    return requests.submit(asked, actor=caller.actor, requested_at=now)


def _register_field(order: WorkOrderRow) -> str:
    """Return the field of the closing for the register: which of both, the commodity says."""
    return "register_l" if order.service_point.commodity == Commodity.GAS else "register_wh"


def _faulty(form: CloseForm, faults: Iterable[str]) -> CloseForm:
    return CloseForm(form.note, form.register, form.seals, form.removed, form.errors, _said(faults))


def _said(faults: Iterable[str]) -> tuple[str, ...]:
    return tuple(wording.sentence(fault) for fault in faults)


def refused_form(request: Requested) -> CloseForm:
    """Return the closing form of a refused request, with the reasons."""
    content = request.content
    register = one_of(content.get("register_wh"), content.get("register_l"))
    return CloseForm(
        note=content["note"],
        register="" if register is None else formats.kilowatt_hours(register).replace(",", ""),
        seals=", ".join(content.get("seals", [])),
        removed=frozenset(content.get("removed_seals", [])),
        faults=_said(request.faults),
    )
