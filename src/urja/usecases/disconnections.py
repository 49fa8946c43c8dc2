"""Temporary and permanent disconnection of a supply, its reconnection, and reopening."""

from collections.abc import Iterator
from datetime import datetime

from urja.apps.assets.kinds import DeviceRole
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.network.models import ServicePoint
from urja.apps.supply.models import HELD_BY_HAND, Hold, Order, OrderAction
from urja.apps.work.kinds import WorkOrderKind
from urja.base.sentences import say
from urja.core.policy import ENDED, HOLDS, VACANT
from urja.usecases import side_effects
from urja.usecases.agreement_lifecycle import (
    agreement_split_faults,
    billing_period_at,
    end_agreement,
    ending_faults,
    newest_agreement,
    request_settlement,
    transfer_faults,
)
from urja.usecases.kinds import connections
from urja.usecases.kinds.registers import register_of
from urja.usecases.last_reads import last_read_faults, record_last_read
from urja.usecases.meter_installation import end_installation, future_faults
from urja.usecases.protection import protections
from urja.usecases.register_reads import unit_faults
from urja.usecases.service_points import no_service_point_fault, service_point_of
from urja.usecases.work_orders import close_finished_order, open_order


class DisconnectTemporarily(connections.DisconnectTemporarily, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _reason_faults(self.reason)
        if not self.note.strip():
            yield say("give a reason")
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
            return
        if self.reason in _held(service_point):
            yield say(
                "{service_point} is disconnected for {reason} already",
                service_point=service_point,
                reason=self.reason,
            )
        yield from _protection_faults(service_point, self.reason, execution.recorded_at)

    def carry_out(self, execution: Execution) -> None:
        service_point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        side_effects.hold(execution, service_point.id, self.reason, self.note)
        execution.service_point_id = service_point.id


class Reconnect(connections.Reconnect, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        yield from _reason_faults(self.reason)
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
            return
        held = _held(service_point)
        if self.reason in HELD_BY_HAND and self.reason not in held:
            others = (
                say("; it is disconnected for {choices}", choices=", ".join(sorted(held))) if held else ""
            )
            yield say(
                "{service_point} is not disconnected for {reason}{others}",
                service_point=service_point,
                reason=self.reason,
                others=others,
            )

    def carry_out(self, execution: Execution) -> None:
        service_point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        side_effects.release(execution, service_point.id, self.reason, self.note)
        execution.service_point_id = service_point.id


class DisconnectPermanently(connections.DisconnectPermanently, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from future_faults(execution, self.at)
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
            return
        if service_point.disconnected_at is not None:
            yield say(
                "{service_point} is permanently disconnected since {disconnected_at}",
                service_point=service_point,
                disconnected_at=service_point.disconnected_at.isoformat(),
            )
        agreement = newest_agreement(service_point)
        if agreement is not None and agreement.valid_to is None:
            yield from ending_faults(service_point, agreement, self.at)
            yield from transfer_faults(agreement, self.transfer_to, consented=self.consented)
        elif agreement is not None and agreement.valid_to is not None and agreement.valid_to > self.at:
            yield say(
                "the agreement at {service_point} ended only on {valid_to}: give a later instant",
                service_point=service_point,
                valid_to=agreement.valid_to.isoformat(),
            )
        period = billing_period_at(service_point, self.at)
        yield from unit_faults(service_point.commodity, self.register_wh, self.register_l)
        if not self.estimated:
            yield from agreement_split_faults(service_point, self.at, register_of(self))
        elif not self.meter_removed:
            yield say("an installed meter can be read: an estimate is only for a removed meter")
        elif period is not None:
            yield from last_read_faults(period, self.at, register_of(self), estimated=True)
        if self.meter_removed and (period is None or period.valid_to is not None):
            yield say(
                "no billing meter is installed at {service_point}: set meter_removed = false",
                service_point=service_point,
            )
        elif self.meter_removed and period is not None and period.valid_from >= self.at:
            yield say(
                "meter {device} was installed there only on {valid_from}",
                device=period.device,
                valid_from=period.valid_from.isoformat(),
            )

    def carry_out(self, execution: Execution) -> None:
        service_point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        agreement, period = newest_agreement(service_point), billing_period_at(service_point, self.at)
        if period is not None:
            record_last_read(execution, period, self.at, register_of(self), estimated=self.estimated)
        if agreement is not None and agreement.valid_to is None:
            end_agreement(execution, agreement, self.at)
            request_settlement(execution, agreement, self.at, self.transfer_to)
        execution.change(service_point, disconnected_at=self.at)
        side_effects.hold(execution, service_point.id, ENDED, "the service point is permanently disconnected")
        if self.meter_removed and period is not None:
            end_installation(execution, period, self.at)
            close_finished_order(
                execution,
                service_point,
                WorkOrderKind.DISCONNECT_BY_HAND,
                self.at,
                register=register_of(self),
            )
        elif service_point.device_periods.filter(role=DeviceRole.BILLING, valid_to=None).exists():
            order = open_order(
                execution,
                WorkOrderKind.DISCONNECT_BY_HAND,
                service_point,
                {"note": self.note or "remove the meter: the service point is permanently disconnected"},
                device_id=period.device_id if period is not None else None,
            )
            execution.outcome["work_order_id"] = order.id
        execution.service_point_id = service_point.id
        execution.outcome["service_point_id"] = service_point.id


class ReopenServicePoint(connections.ReopenServicePoint, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.note.strip():
            yield say("give a reason")
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
        elif service_point.disconnected_at is None:
            yield say("{service_point} is not permanently disconnected", service_point=service_point)

    def carry_out(self, execution: Execution) -> None:
        service_point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        execution.change(service_point, disconnected_at=None)
        side_effects.hold(execution, service_point.id, VACANT, "there is no agreement")
        side_effects.release(execution, service_point.id, ENDED, "the service point is open again")
        execution.service_point_id = service_point.id
        if not service_point.device_periods.filter(role=DeviceRole.BILLING, valid_to=None).exists():
            order = open_order(execution, WorkOrderKind.INSTALL, service_point, {"note": self.note})
            execution.outcome["work_order_id"] = order.id


def _reason_faults(reason: str) -> Iterator[str]:
    if reason not in HELD_BY_HAND:
        yield say(
            "{reason} is no reason to disconnect a supply by hand: choose {choices}",
            reason=repr(reason),
            choices=", ".join(HELD_BY_HAND),
        )


def _protection_faults(service_point: ServicePoint, reason: str, at: datetime) -> Iterator[str]:
    """Protected consumers are disconnected only for reasons that protection does not cover; `decide` checks orders
    from elsewhere.
    """
    if reason not in HELD_BY_HAND or not HOLDS[reason].bound:
        return
    for protection in protections(service_point.consumer_number, at):
        yield say(
            "the consumer of {service_point} is protected ({kind}) and cannot be disconnected for {reason}, only for {choices}",
            service_point=service_point,
            kind=protection.kind,
            reason=reason,
            choices=", ".join(one for one in HELD_BY_HAND if not HOLDS[one].bound),
        )


def _held(service_point: ServicePoint) -> set[str]:
    """Return the reasons of holds on a supply, with those that are ordered and not applied yet."""
    held = set(
        Hold.objects.filter(service_point=service_point, released_at=None).values_list("reason", flat=True)
    )
    for action, reason in (
        Order.objects.filter(service_point=service_point, applied_at=None)
        .order_by("id")
        .values_list("action", "hold")
    ):
        held = held | {reason} if action == OrderAction.HOLD else held - {reason}
    return held
