"""Move-in, move-out and transfer of ownership: who pays changes at an instant, exactly to the Wh.

The register must be known at that instant: read by a person, or by the meter itself at the end of an interval or day.
The former consumer keeps an account with its postings up to then and sees nothing later; the new one sees nothing
earlier: everything that a consumer sees is selected by an agreement.
"""

from collections.abc import Iterator
from datetime import date, datetime

from urja.apps.billing.kinds import FinalWay
from urja.apps.contracts.kinds import MeteringMode, PaymentMode
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.local_zone import local_zone
from urja.apps.network.kinds import Purpose
from urja.apps.network.models import ServicePoint
from urja.apps.rulebook.queries import tariffs
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.core.calendar import local_day
from urja.core.policy import VACANT
from urja.usecases import deposits, side_effects
from urja.usecases.agreement_lifecycle import (
    IncomingConsumer,
    agreement_split_faults,
    begin_agreement,
    billing_day_faults,
    billing_period_at,
    consent_faults,
    end_agreement,
    ending_faults,
    meter_faults,
    newest_agreement,
    record_boundary_read,
    request_settlement,
    transfer_faults,
)
from urja.usecases.agreements_in_force import load_faults
from urja.usecases.kinds import agreements
from urja.usecases.kinds.amounts import opening_faults
from urja.usecases.kinds.registers import register_of
from urja.usecases.meter_installation import future_faults
from urja.usecases.register_reads import split_faults, unit_faults
from urja.usecases.service_points import no_service_point_fault, service_point_of, service_points_of
from urja.usecases.terms import (
    KEPT_TERMS,
    commodity_faults,
    common_area_faults,
    other_term_faults,
    other_terms_of,
    own_day_faults,
    policy_faults,
    tariff_in_force_faults,
    unstated_term_faults,
)


class MoveIn(agreements.MoveIn, IncomingConsumer):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from self.arrival_faults(execution)
        service_point = execution.find(service_points_of, self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
        else:
            yield from self._service_point_faults(execution, service_point)

    def arrival_faults(self, execution: Execution) -> Iterator[str]:
        """Yield what is wrong with the consumer, the instant and the terms, wherever it is."""
        yield from future_faults(execution, self.at)
        yield from self.person_faults(execution)
        yield from self.terms_faults()
        yield from self._rule_faults(execution)

    def _service_point_faults(self, execution: Execution, service_point: ServicePoint) -> Iterator[str]:
        yield from purpose_faults(service_point.consumer_number, service_point.purpose)
        yield from self.commodity_faults(execution, service_point.commodity)
        if service_point.disconnected_at is not None:
            yield say(
                "service point {service_point} is permanently disconnected: reopen_service_point first",
                service_point=service_point,
            )
        newest = newest_agreement(service_point)
        if newest is not None and (newest.valid_to is None or newest.valid_to > self.at):
            until = (
                ""
                if newest.valid_to is None
                else say(" until {valid_to}", valid_to=newest.valid_to.isoformat())
            )
            yield say(
                "{service_point} has an agreement{until}: its consumer must move out first",
                service_point=service_point,
                until=until,
            )
        period = billing_period_at(service_point, self.at)
        if period is None and execution.takes_over:
            return
        meter = list(meter_faults(service_point, self.at, self.metering_mode))
        yield from meter
        if not meter and period is not None:
            yield from unit_faults(service_point.commodity, self.register_wh, self.register_l)
            yield from split_faults(service_point.id, period.device, self.at, register_of(self))
            yield from load_faults(period.device, self.sanctioned_load_w)

    def terms_faults(self) -> Iterator[str]:
        """Yield terms that no agreement can have."""
        if self.sanctioned_load_w <= 0:
            yield say(
                "a sanctioned load must be more than 0 W, not {sanctioned_load_w} W",
                sanctioned_load_w=self.sanctioned_load_w,
            )
        yield from other_term_faults(self)
        if self.payment_mode not in PaymentMode.values:
            yield say(
                "the payment mode is {choices}, not {payment_mode}",
                choices=" or ".join(PaymentMode.values),
                payment_mode=repr(self.payment_mode),
            )
        if self.metering_mode not in MeteringMode.values:
            yield say(
                "the metering mode is {choices}, not {metering_mode}",
                choices=" or ".join(MeteringMode.values),
                metering_mode=repr(self.metering_mode),
            )
        yield from opening_faults(self.credit_minor, self.deposit_minor)
        if self.deposit_minor and self.payment_mode == PaymentMode.PREPAID:
            yield say(
                "a prepaid supply needs no security deposit (Electricity Act 2003, section 47(5)): leave it out"
            )
        yield from billing_day_faults(self.billing_day)
        begins_on = local_day(self.at, local_zone())
        if self.bill_from is not None and self.bill_from < begins_on:
            yield say(
                "fixed charges cannot begin on {bill_from}, before the agreement, which begins on {begins_on}",
                bill_from=self.bill_from,
                begins_on=begins_on,
            )

    def commodity_faults(self, execution: Execution, commodity: str) -> Iterator[str]:
        """Yield why the tariff cannot bill a service point of a commodity."""
        yield from execution.find(_commodity_faults, (self.tariff_code, commodity)) or ()

    def _rule_faults(self, execution: Execution) -> Iterator[str]:
        """Yield why no tariff or policy would apply."""
        # A supply taken over was rated by the older system so far: a tariff is needed from now on only.
        day = local_day(execution.recorded_at if execution.takes_over else self.at, local_zone())
        yield from execution.find(_tariff_faults, (self.tariff_code, day, self.currency)) or ()
        if self.billing_day is not None:
            yield from own_day_faults(self.billing_day, tariffs.in_force(self.tariff_code, day))
        stated = tuple(other_terms_of(self))
        yield from execution.find(_unstated_term_faults, (self.tariff_code, day, stated)) or ()
        service_point = execution.find(service_points_of, self.consumer_number)
        if service_point is not None:
            asked = self.tariff_code, day, service_point.id
            yield from execution.find(_common_area_faults, asked) or ()
        if self.policy:
            yield from execution.find(_policy_faults, (self.policy, self.category, day, self.currency)) or ()

    def carry_out(self, execution: Execution) -> None:
        service_point = execution.find(service_points_of, self.consumer_number)
        assert service_point is not None, "its absence is a fault"
        self.begin_at(execution, service_point)
        side_effects.release(execution, service_point.id, VACANT, "a consumer has moved in")

    def begin_at(
        self,
        execution: Execution,
        service_point: ServicePoint,
        *,
        converted_at: datetime | None = None,
        **more: object,
    ) -> Agreement:
        """Begin the agreement at a service point and return it; `more` are columns of a new person."""
        record_boundary_read(execution, service_point, self.at, register_of(self))
        terms = {
            "tariff_code": self.tariff_code,
            "sanctioned_load_w": self.sanctioned_load_w,
            "category": self.category,
            "policy": self.policy,
            "payment_mode": self.payment_mode,
            "metering_mode": self.metering_mode,
            "converted_at": converted_at,
            **other_terms_of(self),
        }
        person = self.the_person(execution, bucket_of(service_point.id), **more)
        agreement = begin_agreement(
            execution,
            service_point,
            self.at,
            person,
            self.currency,
            terms,
            billing_day=self.billing_day,
            bill_from=self.bill_from,
        )
        _open_with(execution, agreement, self.at, self.credit_minor, self.deposit_minor)
        return agreement


def _tariff_faults(asked: list[tuple[str, date, str]]) -> dict[tuple[str, date, str], list[str]]:
    return {one: list(tariff_in_force_faults(*one)) for one in asked}


def _unstated_term_faults(
    asked: list[tuple[str, date, tuple[str, ...]]],
) -> dict[tuple[str, date, tuple[str, ...]], list[str]]:
    return {one: list(unstated_term_faults(*one)) for one in asked}


def _common_area_faults(
    asked: list[tuple[str, date, int]],
) -> dict[tuple[str, date, int], list[str]]:
    return {one: list(common_area_faults(*one)) for one in asked}


def _commodity_faults(asked: list[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    return {one: list(commodity_faults(*one)) for one in asked}


def _policy_faults(asked: list[tuple[str, str, date, str]]) -> dict[tuple[str, str, date, str], list[str]]:
    return {one: list(policy_faults(*one)) for one in asked}


def purpose_faults(service_point: str, purpose: str) -> Iterator[str]:
    """Yield why a service point can have no agreement at all."""
    if purpose != Purpose.CONSUMER:
        yield say(
            "service point {service_point} has the purpose {purpose}: only consumers' service points have agreements",
            service_point=service_point,
            purpose=purpose,
        )


class MoveOut(agreements.MoveOut, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from future_faults(execution, self.at)
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
            return
        agreement = newest_agreement(service_point)
        yield from ending_faults(service_point, agreement, self.at)
        yield from unit_faults(service_point.commodity, self.register_wh, self.register_l)
        yield from agreement_split_faults(service_point, self.at, register_of(self))
        if agreement is not None:
            yield from transfer_faults(agreement, self.transfer_to, consented=self.consented)

    def carry_out(self, execution: Execution) -> None:
        service_point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        agreement = newest_agreement(service_point)
        assert agreement is not None, "its absence is a fault"
        record_boundary_read(execution, service_point, self.at, register_of(self))
        end_agreement(execution, agreement, self.at)
        request_settlement(execution, agreement, self.at, self.transfer_to)
        if self.hold_vacant:
            side_effects.hold(execution, service_point.id, VACANT, "there is no agreement")


class TransferOwnership(agreements.TransferOwnership, IncomingConsumer):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from future_faults(execution, self.at)
        yield from self.person_faults(execution)
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
            return
        agreement = newest_agreement(service_point)
        yield from ending_faults(service_point, agreement, self.at)
        yield from unit_faults(service_point.commodity, self.register_wh, self.register_l)
        yield from agreement_split_faults(service_point, self.at, register_of(self))
        if min(self.credit_minor, self.deposit_minor) < 0:
            yield say("neither an opening credit nor a security deposit can be negative")
        yield from billing_day_faults(self.billing_day)
        if self.remaining == FinalWay.TRANSFER.value:
            yield from consent_faults(consented=self.consented)
        if agreement is not None and self.policy:
            yield from policy_faults(
                self.policy, "", local_day(self.at, local_zone()), agreement.account.currency
            )
        if agreement is not None:
            kept = agreement.terms_at(self.at).tariff_code
            yield from commodity_faults(kept, service_point.commodity)
            if self.billing_day is not None:
                yield from own_day_faults(
                    self.billing_day, tariffs.in_force(kept, local_day(self.at, local_zone()))
                )
        if agreement is not None and any(terms.valid_from > self.at for terms in agreement.all_terms):
            yield say(
                "other terms are agreed for a later day: undo those first, then agree them with the new owner"
            )

    def carry_out(self, execution: Execution) -> None:
        service_point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        before = newest_agreement(service_point)
        assert before is not None, "its absence is a fault"
        terms = before.terms_at(self.at)
        kept = {name: getattr(terms, name) for name in KEPT_TERMS}
        if self.policy is not None:
            kept["policy"] = self.policy
        record_boundary_read(execution, service_point, self.at, register_of(self))
        end_agreement(execution, before, self.at)
        person = self.the_person(execution, bucket_of(service_point.id))
        agreement = begin_agreement(
            execution,
            service_point,
            self.at,
            person,
            before.account.currency,
            kept,
            billing_day=before.billing_day if self.billing_day is None else self.billing_day,
        )
        request_settlement(
            execution,
            before,
            self.at,
            agreement.account_id if self.remaining == FinalWay.TRANSFER.value else None,
        )
        _open_with(execution, agreement, self.at, self.credit_minor, self.deposit_minor)


def _open_with(
    execution: Execution, agreement: Agreement, at: datetime, credit_minor: int, deposit_minor: int
) -> None:
    if credit_minor:
        key = f"opening-credit:{agreement.id}"
        side_effects.credit(execution, agreement.account_id, credit_minor, "opening-credit", key)
    if deposit_minor:
        execution.outcome["deposit_id"] = deposits.hold(execution, agreement.id, deposit_minor, at).id
