"""Commissioning: an installed meter is called, and put into service once it has passed every check.

`Commission` requests the call; the pipeline's stage `commission` makes it (`urja.apps.commissioning`) and, where
every check has passed, performs `RecordCommissioning`, from which on the meter bills. A failed call names the check
and the remedy; it is requested again.
"""

from collections.abc import Iterator

from urja.apps.assets import configuration
from urja.apps.assets.kinds import ConfigurationItem
from urja.apps.assets.models import DevicePeriod
from urja.apps.commissioning.kinds import UNFINISHED
from urja.apps.commissioning.models import Call, PushLayout
from urja.apps.commissioning.operations import reported_pushes
from urja.apps.contracts.kinds import PaymentMode
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.supply.models import Hold
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.usecases.agreements_in_force import agreement_at, configure_meter, net_faults
from urja.usecases.kinds import meters
from urja.usecases.kinds.registers import known_register
from urja.usecases.meter_exchange import first_billed_at
from urja.usecases.register_reads import unit_faults
from urja.usecases.side_effects import read_register


class Commission(meters.Commission, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if self.payment_mode and self.payment_mode not in PaymentMode:
            yield say(
                "a meter's payment mode is {choices}, not {payment_mode}",
                choices=" or ".join(mode.value for mode in PaymentMode),
                payment_mode=repr(self.payment_mode),
            )
        period = _current_installation(self.serial)
        if period is None:
            yield say("meter {serial} is not installed: install_meter first", serial=self.serial)
            return
        if period.commissioned_at is not None and not self.again:
            yield say(
                "meter {serial} is in service since {commissioned_at}; set again to call it nevertheless",
                serial=self.serial,
                commissioned_at=period.commissioned_at.isoformat(),
            )
        if Call.objects.filter(device_period_id=period.id, state__in=UNFINISHED).exists():
            yield say("meter {serial} is being called: wait for the result", serial=self.serial)
        agreement = agreement_at(period.service_point, execution.recorded_at)
        if agreement is not None:
            yield from net_faults(
                period.device, period.service_point, agreement.terms_at(execution.recorded_at).metering_mode
            )
        if self.relay_test:
            yield from self._test_faults(period, agreement)

    def _test_faults(self, period: DevicePeriod, agreement: Agreement | None) -> Iterator[str]:
        if not period.device.load_switch:
            yield say("meter {serial} has no relay to test", serial=self.serial)
        if agreement is not None:
            yield say(
                "a consumer is supplied at {service_point}: commissioning does not disconnect them for a relay test",
                service_point=period.service_point,
            )
        if Hold.objects.filter(service_point=period.service_point, released_at=None).exists():
            yield say(
                "{service_point} is kept disconnected by a hold: a relay test would reconnect it",
                service_point=period.service_point,
            )

    def carry_out(self, execution: Execution) -> None:
        period = _current_installation(self.serial)
        assert period is not None, "its absence is a fault"
        agreement = agreement_at(period.service_point, execution.recorded_at)
        agreed = "" if agreement is None else agreement.terms_at(execution.recorded_at).payment_mode
        call = Call.objects.create(
            id=next_id(bucket_of(period.service_point_id)),
            device_id=period.device_id,
            service_point_id=period.service_point_id,
            device_period_id=period.id,
            asked_at=execution.recorded_at,
            actor=execution.actor,
            relay_test=self.relay_test,
            payment_mode=self.payment_mode or agreed,
        )
        execution.service_point_id = period.service_point_id
        execution.outcome |= {"call_id": call.id, "device_period_id": period.id}


class RecordCommissioning(meters.RecordCommissioning, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        call = Call.objects.filter(id=self.call_id, state__in=UNFINISHED).first()
        if call is None:
            yield say("call {call} is not in progress", call=self.call_id)
            return
        period = DevicePeriod.objects.filter(id=call.device_period_id, valid_to=None).first()
        if period is None:
            yield say("the meter of call {call} was removed", call=self.call_id)
        else:
            yield from unit_faults(
                call.service_point.commodity, self.register_wh, self.register_l, needed=True
            )

    def carry_out(self, execution: Execution) -> None:
        call = Call.objects.get(id=self.call_id)
        period = DevicePeriod.objects.select_related("device", "service_point").get(id=call.device_period_id)
        read_register(execution, period.service_point, period.device, self.read_at, known_register(self))
        if period.commissioned_at is None:
            # The past of a meter that was taken over is billed by other reads: its pushes count from here on.
            taken_over = period.taken_over_at is not None
            since = self.read_at if taken_over else first_billed_at(period, self.read_at)
            execution.change(period, commissioned_at=since)
        if period.device.firmware != self.firmware:
            execution.change(period.device, firmware=self.firmware)
        # From here on its pushes are decoded by the layout that the meter reported in the call.
        PushLayout.objects.create(
            id=next_id(bucket_of(period.device_id)),
            device_id=period.device_id,
            call=call,
            firmware=self.firmware,
            read_at=self.read_at,
            pushes=reported_pushes(call),
        )
        execution.reassess_from[period.service_point_id] = period.valid_from
        if call.payment_mode:
            configuration.record_actual(
                period.device_id,
                ConfigurationItem.PAYMENT_MODE,
                call.payment_mode,
                at=self.read_at,
                actor=execution.actor,
            )
        agreement = agreement_at(period.service_point, execution.recorded_at)
        if agreement is not None:
            configure_meter(execution, period.device_id, agreement)
        execution.service_point_id = period.service_point_id
        execution.outcome |= {"device_period_id": period.id, "device_id": period.device_id}


def _current_installation(serial: str) -> DevicePeriod | None:
    return (
        DevicePeriod.objects.filter(device__serial=serial, valid_to=None)
        .select_related("device", "service_point")
        .first()
    )
