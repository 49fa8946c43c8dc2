"""Take over an installed meter with its service point and its consumer, in one operation.

Whole towns and the stock of older systems are taken over this way: what the operation says of the past is believed.
The meter does not count as commissioned: its pushes are billed only once it has passed a call (`commissioning`). A
new connection takes its steps one by one instead (`connections`).
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from django.db import transaction

from urja.apps.assets.kinds import DeviceRole, Stock
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.local_zone import local_zone
from urja.apps.meter_types.queries import commodity_of
from urja.apps.network.kinds import PremiseKind, Purpose
from urja.apps.network.models import Premise, ServicePoint
from urja.base.ids import BUCKETS, bucket_of
from urja.base.sentences import say
from urja.core.calendar import local_day
from urja.usecases import network
from urja.usecases.connections import NewConnection
from urja.usecases.errors import AlreadyAdoptedError, MeterConflictError, TransformerConflictError
from urja.usecases.kinds import agreements, meters
from urja.usecases.kinds.registers import known_register, register_of
from urja.usecases.kinds.stock import Delivered
from urja.usecases.meter_installation import record_installation, relay_faults
from urja.usecases.move_in_and_out import MoveIn
from urja.usecases.operation_execution import perform
from urja.usecases.premises import premises_of
from urja.usecases.register_reads import register_faults, unit_faults
from urja.usecases.stock import make_devices
from urja.usecases.terms import policy_faults


class InstallNetworkMeter(meters.InstallNetworkMeter, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        """A known meter is refused earlier, with an error of its own: see `adopt_meter`."""
        connection = self._connection(DeviceRole.SOURCE)
        yield from connection.word_faults(execution)
        yield from connection.placement_faults(execution)
        if self.premise_code and not premises_of([self.premise_code]):
            yield say("there is no premise {premise_code}", premise_code=self.premise_code)
        measured = commodity_of(self.device_type)
        yield from unit_faults(measured, self.register_wh, self.register_l, needed=True)
        yield from register_faults(measured, register_of(self) or 0)

    def carry_out(self, execution: Execution) -> None:
        service_point, device = self._install(execution, DeviceRole.SOURCE)
        execution.outcome |= {"service_point_id": service_point.id, "device_id": device.id}

    def _connection(self, role: DeviceRole) -> NewConnection:
        own = role == DeviceRole.SOURCE
        return NewConnection(
            consumer_number=self.consumer_number or self.serial,
            connected_at=self.valid_from,
            commodity=commodity_of(self.device_type),
            premise_name=self.premise_name,
            premise_kind=PremiseKind.NETWORK if own else PremiseKind.HOUSE,
            purpose=Purpose.TRANSFORMER if own else Purpose.CONSUMER,
            grid=f"transformer {self.transformer}" if self.transformer is not None else "",
        )

    def _install(self, execution: Execution, role: DeviceRole) -> tuple[ServicePoint, Device]:
        """Create premise, service point and meter with its first register read."""
        connection = self._connection(role)
        premise = self._premise(execution, connection)
        bucket = bucket_of(premise.id)
        service_point = connection.connect(execution, premise)
        delivered = Delivered(**{name: getattr(self, name) for name in _DELIVERED})
        [device] = make_devices(execution, [delivered], stock=Stock.INSTALLED, held_by="", bucket=bucket)
        record_installation(execution, service_point, device, role, self.valid_from, known_register(self))
        return service_point, device

    def _premise(self, execution: Execution, connection: NewConnection) -> Premise:
        if self.premise_code:
            return premises_of([self.premise_code])[self.premise_code]
        bucket = secrets.randbelow(BUCKETS) if self.bucket is None else self.bucket
        return Premise.objects.create(
            id=next_id(bucket), name=self.premise_name, kind=connection.premise_kind, **execution.stamp
        )


_DELIVERED = sorted({*Delivered.__struct_fields__} & {*meters.InstallNetworkMeter.__struct_fields__})


class Adoption(meters.Adoption, InstallNetworkMeter):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from super().faults(execution)
        yield from relay_faults(self.device_type, load_switch=self.load_switch)
        move_in = self._move_in()
        yield from move_in.person_faults(execution)
        yield from move_in.terms_faults()
        yield from move_in.commodity_faults(execution, self._connection(DeviceRole.BILLING).commodity)
        if self.policy:
            day = local_day(self.valid_from, local_zone())
            yield from policy_faults(self.policy, self.category, day, self.currency)

    def _move_in(self) -> MoveIn:
        return MoveIn(
            consumer_number=self.consumer_number or self.serial,
            at=self.valid_from,
            name=self.person_name,
            **{name: getattr(self, name) for name in _MOVING_IN},
        )

    def carry_out(self, execution: Execution) -> None:
        service_point, device = self._install(execution, DeviceRole.BILLING)
        agreement = self._move_in().begin_at(execution, service_point, converted_at=self.converted_at)
        consumer = agreement.customer
        execution.outcome = {
            "premise_id": service_point.premise_id,
            "service_point_id": service_point.id,
            "device_id": device.id,
            "agreement_id": agreement.id,
            "account_id": agreement.account_id,
            "user_id": None if consumer is None else consumer.user_id,
        }


_MOVING_IN = sorted(
    {*meters.Adoption.__struct_fields__}
    & {*agreements.MoveIn.__struct_fields__} - {"consumer_number", "register_wh", "register_l"}
)


@dataclass(frozen=True, slots=True)
class Adopted:
    """Keys of the rows that an adoption created."""

    premise_id: int
    service_point_id: int
    device_id: int
    agreement_id: int
    account_id: int
    user_id: int


def adopt_meter(adoption: Adoption, *, recorded_at: datetime, actor: str) -> Adopted:
    """Create premise, service point, meter, agreement, account, access and opening credit, all or none.

    Raises AlreadyAdoptedError where this meter is adopted already, MeterConflictError where its serial number or
    system title belongs to another meter, TransformerConflictError where there is no such transformer, RefusedError
    with every other fault.
    """
    with transaction.atomic():
        _refuse_known(adoption)
        made = perform(adoption, recorded_at=recorded_at, actor=actor).outcome
        return Adopted(*(made[field.name] for field in fields(Adopted)))


def install_network_meter(meter: InstallNetworkMeter, *, recorded_at: datetime, actor: str) -> DevicePeriod:
    """Install a meter of the network, such as a transformer's. Raises as `adopt_meter` does."""
    with transaction.atomic():
        _refuse_known(meter)
        made = perform(meter, recorded_at=recorded_at, actor=actor).outcome
        return DevicePeriod.objects.get(
            service_point_id=made["service_point_id"], device_id=made["device_id"]
        )


def _refuse_known(adoption: InstallNetworkMeter) -> None:
    if adoption.transformer is not None and network.transformer(adoption.transformer) is None:
        raise TransformerConflictError(f"there is no transformer {adoption.transformer}")
    by_serial = Device.objects.filter(serial=adoption.serial).first()
    by_title = Device.objects.filter(system_title=adoption.system_title).first()
    if by_serial is None and by_title is None:
        return
    if by_serial == by_title:
        raise AlreadyAdoptedError(f"meter {adoption.serial} is adopted already")
    if by_serial is not None:
        raise MeterConflictError(
            f"meter {adoption.serial} is known with system title {bytes(by_serial.system_title).hex()}, "
            f"not {adoption.system_title.hex()}"
        )
    raise MeterConflictError(f"system title {adoption.system_title.hex()} is that of meter {by_title}")
