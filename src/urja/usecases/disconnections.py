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
from urja.usecases.last_reads import last_read_faults, record_last_read
from urja.usecases.meter_installation import end_installation, future_faults
from urja.usecases.protection import protections
from urja.usecases.service_points import no_service_point_fault, service_point_of
from urja.usecases.work_orders import close_finished_order, open_order


class DisconnectTemporarily(connections.DisconnectTemporarily, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _reason_faults(self.reason)
        if not self.note.strip():
            yield say("say why")
        place = service_point_of(self.consumer_number)
        if place is None:
            yield no_service_point_fault(self.consumer_number)
            return
        if self.reason in _held(place):
            yield say("{place} is held off for {reason} already", place=place, reason=self.reason)
        yield from _protection_faults(place, self.reason, execution.recorded_at)

    def carry_out(self, execution: Execution) -> None:
        place = ServicePoint.objects.get(consumer_number=self.consumer_number)
        side_effects.hold(execution, place.id, self.reason, self.note)
        execution.service_point_id = place.id


class Reconnect(connections.Reconnect, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002
        yield from _reason_faults(self.reason)
        place = service_point_of(self.consumer_number)
        if place is None:
            yield no_service_point_fault(self.consumer_number)
            return
        held = _held(place)
        if self.reason in HELD_BY_HAND and self.reason not in held:
            others = say("; it is held off for {choices}", choices=", ".join(sorted(held))) if held else ""
            yield say(
                "{place} is not held off for {reason}{others}", place=place, reason=self.reason, others=others
            )

    def carry_out(self, execution: Execution) -> None:
        place = ServicePoint.objects.get(consumer_number=self.consumer_number)
        side_effects.release(execution, place.id, self.reason, self.note)
        execution.service_point_id = place.id


class DisconnectPermanently(connections.DisconnectPermanently, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from future_faults(execution, self.at)
        place = service_point_of(self.consumer_number)
        if place is None:
            yield no_service_point_fault(self.consumer_number)
            return
        if place.disconnected_at is not None:
            yield say(
                "{place} is permanently disconnected since {disconnected_at}",
                place=place,
                disconnected_at=place.disconnected_at.isoformat(),
            )
        agreement = newest_agreement(place)
        if agreement is not None and agreement.valid_to is None:
            yield from ending_faults(place, agreement, self.at)
            yield from transfer_faults(agreement, self.transfer_to, consented=self.consented)
        elif agreement is not None and agreement.valid_to is not None and agreement.valid_to > self.at:
            yield say(
                "the agreement at {place} ended only on {valid_to}",
                place=place,
                valid_to=agreement.valid_to.isoformat(),
            )
        period = billing_period_at(place, self.at)
        if not self.estimated:
            yield from agreement_split_faults(place, self.at, self.register_wh)
        elif not self.meter_removed:
            yield say(
                "a meter that still hangs there can be read: an estimate is for one that was taken away"
            )
        elif period is not None:
            yield from last_read_faults(period, self.at, self.register_wh, estimated=True)
        if self.meter_removed and (period is None or period.valid_to is not None):
            yield say("no billing meter hangs at {place} that could have been taken away", place=place)
        elif self.meter_removed and period is not None and period.valid_from >= self.at:
            yield say(
                "meter {device} hangs there only since {valid_from}",
                device=period.device,
                valid_from=period.valid_from.isoformat(),
            )

    def carry_out(self, execution: Execution) -> None:
        place = ServicePoint.objects.get(consumer_number=self.consumer_number)
        agreement, period = newest_agreement(place), billing_period_at(place, self.at)
        if period is not None:
            record_last_read(execution, period, self.at, self.register_wh, estimated=self.estimated)
        if agreement is not None and agreement.valid_to is None:
            end_agreement(execution, agreement, self.at)
            request_settlement(execution, agreement, self.at, self.transfer_to)
        execution.change(place, disconnected_at=self.at)
        side_effects.hold(execution, place.id, ENDED, "the connection has ended")
        if self.meter_removed and period is not None:
            end_installation(execution, period, self.at)
            close_finished_order(
                execution, place, WorkOrderKind.DISCONNECT_BY_HAND, self.at, register_wh=self.register_wh
            )
        elif place.device_periods.filter(role=DeviceRole.BILLING, valid_to=None).exists():
            order = open_order(
                execution,
                WorkOrderKind.DISCONNECT_BY_HAND,
                place,
                {"note": self.note or "take the meter away: the connection has ended"},
                device_id=period.device_id if period is not None else None,
            )
            execution.outcome["work_order_id"] = order.id
        execution.service_point_id = place.id
        execution.outcome["service_point_id"] = place.id


class ReopenServicePoint(connections.ReopenServicePoint, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002
        if not self.note.strip():
            yield say("say why")
        place = service_point_of(self.consumer_number)
        if place is None:
            yield no_service_point_fault(self.consumer_number)
        elif place.disconnected_at is None:
            yield say("{place} is not permanently disconnected", place=place)

    def carry_out(self, execution: Execution) -> None:
        place = ServicePoint.objects.get(consumer_number=self.consumer_number)
        execution.change(place, disconnected_at=None)
        side_effects.hold(execution, place.id, VACANT, "nobody has an agreement")
        side_effects.release(execution, place.id, ENDED, "the connection is opened again")
        execution.service_point_id = place.id
        if not place.device_periods.filter(role=DeviceRole.BILLING, valid_to=None).exists():
            order = open_order(execution, WorkOrderKind.INSTALL, place, {"note": self.note})
            execution.outcome["work_order_id"] = order.id


def _reason_faults(reason: str) -> Iterator[str]:
    if reason not in HELD_BY_HAND:
        yield say(
            "nobody holds a supply off by hand for {reason}; known: {choices}",
            reason=repr(reason),
            choices=", ".join(HELD_BY_HAND),
        )


def _protection_faults(place: ServicePoint, reason: str, at: datetime) -> Iterator[str]:
    """Protected consumers are disconnected only for reasons that protection does not cover; `decide` checks orders
    from elsewhere.
    """
    if reason not in HELD_BY_HAND or not HOLDS[reason].bound:
        return
    for protection in protections(place.consumer_number, at):
        yield say(
            "the customer of {place} is protected ({kind}): nothing is disconnected for {reason}, but for {choices}",
            place=place,
            kind=protection.kind,
            reason=reason,
            choices=", ".join(one for one in HELD_BY_HAND if not HOLDS[one].bound),
        )


def _held(place: ServicePoint) -> set[str]:
    """Return the reasons of holds on a supply, with those that are ordered and not applied yet."""
    held = set(Hold.objects.filter(service_point=place, released_at=None).values_list("reason", flat=True))
    for action, reason in (
        Order.objects.filter(service_point=place, applied_at=None)
        .order_by("id")
        .values_list("action", "hold")
    ):
        held = held | {reason} if action == OrderAction.HOLD else held - {reason}
    return held
