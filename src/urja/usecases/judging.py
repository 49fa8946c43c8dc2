"""Whether a caller may have an operation done: the role of the caller, and where the things are that it names."""

# ruff: noqa: S611  (statements are constants of this package; values travel as parameters)

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from django.db.models import Q
from django.db.models.expressions import RawSQL

from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.contracts.models import Agreement
from urja.apps.identity.errors import NotAllowed, OutOfArea
from urja.apps.identity.queries.access import Area, Caller, caller_of
from urja.apps.identity.queries.roles import writing
from urja.apps.journal.models import AuditEntry
from urja.apps.journal.operation import Operation
from urja.apps.meter_jobs.models import Task
from urja.apps.network.kinds import Tree
from urja.apps.network.models import Node, Premise, ServicePoint
from urja.apps.network.nodes import node_named, places_under
from urja.apps.overviews.queries.areas import (
    NODES_UNDER,
    Reach,
    agreements,
    devices,
    holds_premise,
    lies_in,
    people,
    places,
)
from urja.apps.people.models import Person
from urja.apps.work.models import WorkOrder
from urja.base.sentences import say


def judge(caller: Caller, operation: Operation, at: datetime) -> None:
    """Raise NotAllowed where no role of the caller may do it, OutOfArea where the things it names are elsewhere.

    Who is limited to an area must name something in it and nothing outside; what hangs nowhere, such as a meter in
    stock, is neither. An operation that names no thing there is, is for who may everywhere.
    """
    area = caller.must(writing(operation.kind()))
    if area.everywhere:
        return
    inside = [said for said in _where(operation, area, at) if said is not None]
    if not inside or not all(inside):
        raise OutOfArea


def fault_of_actor(actor: str, operation: Operation, at: datetime) -> str | None:
    """What stands against somebody's request, as `judge` says it, by what they are at an instant."""
    caller = caller_of(actor, at)
    if caller is None:
        return say("{actor} is nobody here, or nobody any more", actor=actor or "whoever asked")
    try:
        judge(caller, operation, at)
    except NotAllowed as error:
        return error.says
    except OutOfArea:
        return say("what it names is outside of the area of whoever asked")
    return None


type _Where = Callable[[Any, Area, datetime], bool | None]
"""Whether the thing of a natural key is in an area; None where it is nowhere."""


def _where(operation: Operation, area: Area, at: datetime) -> Iterator[bool | None]:
    for name in operation.__struct_fields__:
        value = getattr(operation, name)
        if name in LISTS and value:
            yield LISTS[name](value, area, at)
        elif name in NAMES and value not in (None, "", msgspec.UNSET):
            for key in value if isinstance(value, list | tuple) else (value,):
                yield NAMES[name](key, area, at)


def _connection(number: str, area: Area, at: datetime) -> bool | None:
    return lies_in(ServicePoint.objects.filter(consumer_number=number), places(area, at))


def _device(serial: str, area: Area, at: datetime) -> bool | None:
    hanging = DevicePeriod.objects.filter(valid_to=None).values("device_id")
    return lies_in(Device.objects.filter(serial=serial, id__in=hanging), devices(area, at))


def _person(person_id: int, area: Area, at: datetime) -> bool | None:
    """Who has no supply anywhere is nowhere."""
    known = Person.objects.filter(Q(agreements__isnull=False) | Q(accesses__isnull=False), id=person_id)
    return lies_in(known, people(area, at))


def _account(account_id: int, area: Area, at: datetime) -> bool | None:
    return lies_in(Agreement.objects.filter(account_id=account_id), agreements(area, at))


def _premise(named: str, area: Area, at: datetime) -> bool | None:
    premise = Premise.objects.filter(code=named).first()
    return None if premise is None else holds_premise(area, premise.id, at)


def _node(words: str, area: Area, at: datetime) -> bool | None:
    level, _, code = words.partition(" ")
    nodes = Node.objects.filter(tree=Tree.ADMINISTRATION, level=level, code=code)
    return lies_in(nodes, Q(id__in=RawSQL(NODES_UNDER, [list(area.nodes), at, at])))


def _work_order(order_id: int, area: Area, at: datetime) -> bool | None:
    return lies_in(WorkOrder.objects.filter(id=order_id), places(area, at, "service_point_id"))


def _entry(entry_id: int, area: Area, at: datetime) -> bool | None:
    return lies_in(AuditEntry.objects.filter(id=entry_id), places(area, at, "service_point_id"))


def _job(job_id: int, area: Area, at: datetime) -> bool | None:
    return _holds(
        area,
        at,
        Task.objects.filter(job_id=job_id, service_point_id__isnull=False).values_list(
            "service_point_id", flat=True
        ),
    )


def _under(words: str, area: Area, at: datetime) -> bool | None:
    """Whether all that is under a node of either tree is in an area; None where nothing is."""
    node = node_named(words)
    return None if node is None else _holds(area, at, places_under(node, at))


def _meters(names: Sequence[str], area: Area, at: datetime) -> bool | None:
    """Whether all the meters of a list are in an area; of thousands at once."""
    wanted = [name.strip() for name in names]
    hanging = DevicePeriod.objects.filter(device__serial__in=wanted, valid_to=None)
    numbered = ServicePoint.objects.filter(consumer_number__in=wanted)
    return _holds(
        area,
        at,
        [*hanging.values_list("service_point_id", flat=True), *numbered.values_list("id", flat=True)],
    )


def _holds(area: Area, at: datetime, service_point_ids: Iterable[int]) -> bool | None:
    """Whether service points are all in an area of the staff's; None where there are none."""
    ids = set(service_point_ids)
    return Reach.of(area, at).within(ids) == ids if ids else None


NAMES: Final[dict[str, _Where]] = {
    "consumer_number": _connection,
    "serial": _device,
    "new_serial": _device,
    "serial_a": _device,
    "serial_b": _device,
    "consumer_id": _person,
    "transfer_to": _account,
    "premise_code": _premise,
    "part_of": _premise,
    "administration": _node,
    "node": _node,
    "parent": _node,
    "work_order_id": _work_order,
    "entry_id": _entry,
    "job_id": _job,
    "under": _under,
}
"""Fields of operations that name a thing which is somewhere."""


LISTS: Final[dict[str, _Where]] = {"meters": _meters}
"""Fields with thousands of such names, which are looked up together."""
