"""Work orders: opened, assigned, withdrawn, and closed with a result.

The orders themselves are in `urja.apps.work`; here each step is guarded and recorded, and what was read or done at
the meter (a register, seals) is stored in its own tables. An order to install, exchange or remove a meter is closed
by that operation (`close_finished_order`).
"""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q

from urja.apps.assets import configuration
from urja.apps.assets.kinds import ConfigurationItem
from urja.apps.assets.models import Device, DevicePeriod, Seal
from urja.apps.identity.models import Employment
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.network.models import ServicePoint
from urja.apps.work import operations as work, queries as orders
from urja.apps.work.kinds import WorkOrderKind
from urja.apps.work.models import WorkOrder
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.core.rating import Commodity
from urja.usecases.kinds import work_orders
from urja.usecases.kinds.registers import register_of
from urja.usecases.register_reads import read_faults, unit_faults
from urja.usecases.service_points import no_service_point_fault
from urja.usecases.side_effects import read_register


class OpenWorkOrder(work_orders.OpenWorkOrder, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if self.kind_of_work not in work_orders.BY_PEOPLE:
            kinds = ", ".join(kind.value for kind in work_orders.BY_PEOPLE)
            yield say(
                "there is no kind of work {kind_of_work}: choose {kinds}",
                kind_of_work=repr(self.kind_of_work),
                kinds=kinds,
            )
        if not self.note.strip():
            yield say("state what is to be done")
        service_point = ServicePoint.objects.filter(consumer_number=self.consumer_number).first()
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
        elif self.kind_of_work in work_orders.BY_PEOPLE:
            known = orders.unfinished_at(service_point.id, WorkOrderKind(self.kind_of_work))
            if known is not None:
                yield say(
                    "work order {known} ({kind}) is open there already", known=known.id, kind=known.kind
                )

    def carry_out(self, execution: Execution) -> None:
        service_point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        period = (
            DevicePeriod.objects.filter(service_point=service_point, valid_to=None).order_by("role").first()
        )
        order = open_order(
            execution,
            WorkOrderKind(self.kind_of_work),
            service_point,
            {"note": self.note},
            device_id=None if period is None else period.device_id,
            due_at=self.due_at,
        )
        _told(execution, order)


class AssignWorkOrder(work_orders.AssignWorkOrder, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _faults_of(self.work_order_id)
        if _employed(self.email, execution.recorded_at) is None:
            yield say(
                "no member of staff has the address {email}: add one with urja staff add", email=self.email
            )

    def carry_out(self, execution: Execution) -> None:
        user_id = _employed(self.email, execution.recorded_at)
        assert user_id is not None, "its absence is a fault"
        work.assign(self.work_order_id, user_id)
        _told(execution, WorkOrder.objects.get(id=self.work_order_id))


class WithdrawWorkOrder(work_orders.WithdrawWorkOrder, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        yield from _faults_of(self.work_order_id)
        if not self.reason.strip():
            yield say("give a reason for the withdrawal")

    def carry_out(self, execution: Execution) -> None:
        work.withdraw(self.work_order_id, execution.recorded_at, self.reason)
        _told(execution, WorkOrder.objects.get(id=self.work_order_id))


class CloseWorkOrder(work_orders.CloseWorkOrder, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _faults_of(self.work_order_id)
        if not self.note.strip():
            yield say("state what was found and done")
        if self.closed_at > execution.recorded_at:
            yield say("{closed_at} is in the future", closed_at=self.closed_at.isoformat())
        order = (
            WorkOrder.objects.filter(id=self.work_order_id).select_related("device", "service_point").first()
        )
        if order is None:
            return
        if order.kind in work_orders.BY_OPERATION:
            yield say(
                "work order {order} ({kind}) is closed by the operation {operation}",
                order=order.id,
                kind=order.kind,
                operation=work_orders.BY_OPERATION[WorkOrderKind(order.kind)],
            )
        if self.closed_at < order.opened_at:
            yield say(
                "work order {order} was opened only at {opened_at}: give a later instant",
                order=order.id,
                opened_at=order.opened_at.isoformat(),
            )
        yield from photo_faults(order, self.photos)
        if order.device is not None:
            yield from seal_faults(order.device, self.seals, self.removed_seals)
            yield from unit_faults(order.service_point.commodity, self.register_wh, self.register_l)
            if (register := register_of(self)) is not None:
                yield from read_faults(order.service_point_id, order.device, self.closed_at, register)
        elif register_of(self) is not None or self.seals or self.removed_seals:
            yield say("work order {order} has no meter: leave register and seals out", order=order.id)

    def carry_out(self, execution: Execution) -> None:
        order = WorkOrder.objects.select_related("device", "service_point").get(id=self.work_order_id)
        if order.device is not None:
            record_seals(execution, order.device, self.closed_at, self.seals, self.removed_seals)
            if (register := register_of(self)) is not None:
                read_register(execution, order.service_point, order.device, self.closed_at, register)
            if order.kind == WorkOrderKind.CONFIGURE and "item" in order.asked:
                item = ConfigurationItem(order.asked["item"])
                configuration.record_actual(
                    order.device.id, item, order.asked["value"], at=self.closed_at, actor=execution.actor
                )
        _close(execution, order, self.closed_at, self.note, register_of(self), self.seals, self.photos)
        _told(execution, order)


def open_order(
    execution: Execution,
    kind: WorkOrderKind,
    service_point: ServicePoint,
    asked: dict[str, object],
    *,
    device_id: int | None = None,
    due_at: datetime | None = None,
) -> WorkOrder:
    """Open a work order for an operation; undoing the operation withdraws it."""
    return work.open_order(
        kind,
        service_point_id=service_point.id,
        device_id=device_id,
        opened_at=execution.recorded_at,
        asked=asked,
        due_at=due_at,
        operation_id=execution.id,
    )


def close_finished_order(
    execution: Execution,
    service_point: ServicePoint,
    kind: WorkOrderKind,
    at: datetime,
    *,
    register: int | None = None,
    seals: tuple[str, ...] = (),
    photos: tuple[int, ...] = (),
) -> None:
    """Close the unfinished work order of a kind at a service point, which this operation has carried out; there may
    be none.
    """
    order = orders.unfinished_at(service_point.id, kind)
    if order is not None:
        _close(execution, order, at, result_text(kind), register, seals, photos)
        execution.outcome["work_order_id"] = order.id


def result_text(kind: WorkOrderKind) -> str:
    """Return the result of an order that an operation has carried out."""
    return {
        WorkOrderKind.INSTALL: "the meter was installed",
        WorkOrderKind.EXCHANGE: "the meter was exchanged",
        WorkOrderKind.DISCONNECT_BY_HAND: "the meter was removed",
    }[kind]


def photo_faults(order: WorkOrder | None, photos: tuple[int, ...]) -> Iterator[str]:
    """Yield photographs that were not recorded for a work order."""
    known = {photo.id for photo in orders.photos_of(order.id)} if order is not None and photos else set()
    for number in photos:
        if number not in known:
            yield say("photo {number} was not recorded for this work order", number=number)


def seal_faults(
    device: Device | None, put_on: tuple[str, ...], taken_off: tuple[str, ...] = ()
) -> Iterator[str]:
    """Yield seals that are on another meter, or not on this one."""
    for number in put_on:
        if not 0 < len(number) <= 32:
            yield say("a seal's number has 1 to 32 characters, not {count}", count=len(number))
        elif (known := Seal.objects.filter(number=number).select_related("device").first()) is not None:
            yield say(
                "seal {number} was put on meter {device} at {applied_at} already: each number is used once",
                number=number,
                device=known.device,
                applied_at=known.applied_at.isoformat(),
            )
    if len(set(put_on)) != len(put_on):
        yield say("a seal number is given twice")
    for number in taken_off:
        if not Seal.objects.filter(number=number, device=device, removed_at=None).exists():
            yield say("seal {number} is not on meter {device}", number=number, device=device)


def record_seals(
    execution: Execution,
    device: Device,
    at: datetime,
    put_on: tuple[str, ...],
    taken_off: tuple[str, ...] = (),
) -> None:
    """Record the seals that were put on and removed."""
    for seal in Seal.objects.filter(number__in=taken_off, device=device, removed_at=None):
        execution.change(seal, removed_at=max(at, seal.applied_at))
    for number in put_on:
        Seal.objects.create(
            id=next_id(bucket_of(device.id)), device=device, number=number, applied_at=at, **execution.stamp
        )


def _close(
    execution: Execution,
    order: WorkOrder,
    at: datetime,
    note: str,
    register: int | None,
    seals: tuple[str, ...],
    photos: tuple[int, ...],
) -> None:
    result = {
        "note": note,
        "register_l" if order.service_point.commodity == Commodity.GAS else "register_wh": register,
        "seals": list(seals),
        "photos": list(photos),
        "actor": execution.actor,
        "operation_id": execution.id,
    }
    work.close(order.id, max(at, order.opened_at), result)


def _faults_of(work_order_id: int) -> Iterator[str]:
    """Yield why a work order cannot be changed; the order is locked until the transaction ends."""
    order = WorkOrder.objects.select_for_update(no_key=True).filter(id=work_order_id).first()
    if order is None:
        yield say("there is no work order {work_order_id}", work_order_id=work_order_id)
    elif not order.unfinished:
        assert order.closed_at is not None, "an order that has ended says when"
        yield say(
            "work order {order} is {state} since {closed_at}",
            order=order.id,
            state=order.state,
            closed_at=order.closed_at.isoformat(),
        )


def _employed(email: str, at: datetime) -> int | None:
    """Return the user number of a member of staff, or None."""
    held = Employment.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at), user__email=email.strip().lower(), valid_from__lte=at
    )
    return held.values_list("user_id", flat=True).first()


def _told(execution: Execution, order: WorkOrder) -> None:
    execution.service_point_id = order.service_point_id
    execution.outcome["work_order_id"] = order.id
