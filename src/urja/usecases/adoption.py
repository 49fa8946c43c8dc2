"""A meter that is on a wall already comes into the system, with its supply and its consumer, in one go.

This is how a whole town or an old system's stock is taken over: what it says of the past is believed. It does not count as
commissioned: what the meter pushes is billed only once it has passed a call (`commissioning`).
A new connection goes its way step by step instead (`connections`).
"""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime

from django.db import transaction

from urja.apps.assets.kinds import DeviceRole
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.books.operations import open_account
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.identity.kinds import AccessRole
from urja.apps.identity.models import AccountAccess
from urja.apps.identity.queries.identities import staff_address_faults, user_of
from urja.apps.journal.operation import Doing, UseCase, next_id
from urja.apps.network.kinds import PremiseKind, Purpose
from urja.apps.network.models import Premise, ServicePoint
from urja.apps.people.models import Person
from urja.base.ids import BUCKETS, bucket_of
from urja.core.calendar import local_day
from urja.usecases import network
from urja.usecases.arriving import make_user, person_of
from urja.usecases.errors import AlreadyAdopted, MeterConflict, TransformerConflict
from urja.usecases.kinds import meters
from urja.usecases.outside import credit, read_register
from urja.usecases.performing import perform
from urja.usecases.terms import policy_faults, zone


class Hanging(meters.Hanging, UseCase):
    def faults(self, doing: Doing) -> Iterator[str]:  # noqa: ARG002
        """A meter that is known has raised before; see `adopt_meter`."""
        yield from ()

    def carry_out(self, doing: Doing) -> None:
        place, device = self._hang(doing, DeviceRole.SOURCE)
        doing.outcome |= {"service_point_id": place.id, "device_id": device.id}

    def _hang(self, doing: Doing, role: DeviceRole) -> tuple[ServicePoint, Device]:
        """Premise, service point and meter with its first register read."""
        bucket = secrets.randbelow(BUCKETS) if self.bucket is None else self.bucket
        place = self._make_supply(doing, bucket, role)
        device = self._make_device(doing, bucket)
        DevicePeriod.objects.create(
            id=next_id(bucket),
            service_point=place,
            device=device,
            role=role,
            valid_from=self.valid_from,
            taken_over_at=self.valid_from,
            **doing.stamp,
        )
        read_register(doing, place, device, self.valid_from, self.register_wh)
        doing.service_point_id = place.id
        return place, device

    def _make_supply(self, doing: Doing, bucket: int, role: DeviceRole) -> ServicePoint:
        own = role == DeviceRole.SOURCE
        premise = Premise.objects.create(
            id=next_id(bucket),
            name=self.premise_name,
            kind=PremiseKind.NETWORK if own else PremiseKind.HOUSE,
            **doing.stamp,
        )
        place = ServicePoint.objects.create(
            id=next_id(bucket),
            premise=premise,
            purpose=Purpose.TRANSFORMER if own else Purpose.CONSUMER,
            consumer_number=self.consumer_number or self.serial,
            **doing.stamp,
        )
        if self.transformer is not None:
            network.place(doing, place, _transformer(self.transformer), self.valid_from)
        return place

    def _make_device(self, doing: Doing, bucket: int) -> Device:
        return Device.objects.create(
            id=next_id(bucket),
            serial=self.serial,
            system_title=self.system_title,
            device_type=self.device_type,
            load_switch=self.load_switch,
            wrapped_guek=self.wrapped_guek,
            wrapped_gak=self.wrapped_gak,
            wrapped_hls_secret=self.wrapped_hls_secret,
            wrapped_master=self.wrapped_master,
            address=self.address,
            interval_s=self.interval_s,
            max_power_w=self.max_power_w,
            **doing.stamp,
        )


class Adoption(meters.Adoption, Hanging):
    def faults(self, doing: Doing) -> Iterator[str]:
        yield from super().faults(doing)
        yield from staff_address_faults(self.email)
        if self.policy:
            day = local_day(self.valid_from, zone())
            yield from policy_faults(self.policy, self.category, day, self.currency)

    def carry_out(self, doing: Doing) -> None:
        place, device = self._hang(doing, DeviceRole.BILLING)
        person = _person(self, doing, bucket_of(place.id))
        agreement = self._agree(doing, place, person)
        AccountAccess.objects.create(
            id=next_id(bucket_of(place.id)),
            person=person,
            account_id=agreement.account_id,
            role=AccessRole.OWNER,
            **doing.stamp,
        )
        if self.credit_minor:
            credit(
                doing,
                agreement.account_id,
                self.credit_minor,
                "opening-credit",
                f"opening-credit:{agreement.id}",
            )
        doing.outcome |= {
            "premise_id": place.premise_id,
            "service_point_id": place.id,
            "device_id": device.id,
            "agreement_id": agreement.id,
            "account_id": agreement.account_id,
            "user_id": person.user_id,
        }

    def _agree(self, doing: Doing, place: ServicePoint, person: Person) -> Agreement:
        bucket = bucket_of(place.id)
        account = open_account(bucket=bucket, currency=self.currency, opened_at=self.valid_from)
        agreement = Agreement.objects.create(
            id=next_id(bucket),
            service_point=place,
            account=account,
            customer=person,
            billing_day=self.billing_day,
            valid_from=self.valid_from,
            **doing.stamp,
        )
        AgreementTerms.objects.create(
            id=next_id(bucket),
            agreement=agreement,
            tariff_code=self.tariff_code,
            sanctioned_load_w=self.sanctioned_load_w,
            category=self.category,
            policy=self.policy,
            converted_at=self.converted_at,
            valid_from=self.valid_from,
            **doing.stamp,
        )
        return agreement


@dataclass(frozen=True, slots=True)
class Adopted:
    """The keys of what an adoption made."""

    premise_id: int
    service_point_id: int
    device_id: int
    agreement_id: int
    account_id: int
    user_id: int


def adopt_meter(adoption: Adoption, *, recorded_at: datetime, actor: str) -> Adopted:
    """Make a premise with its supply, meter, agreement, account, access and opening credit, or nothing.

    Raises AlreadyAdopted where this meter is there, MeterConflict where its serial number or system title is
    another's, TransformerConflict where there is no such transformer.
    """
    with transaction.atomic():
        _refuse_known(adoption)
        made = perform(adoption, recorded_at=recorded_at, actor=actor).outcome
        return Adopted(*(made[field.name] for field in fields(Adopted)))


def hang_network_meter(meter: Hanging, *, recorded_at: datetime, actor: str) -> DevicePeriod:
    """A meter of the network's own, such as a transformer's. Raises as `adopt_meter` does."""
    with transaction.atomic():
        _refuse_known(meter)
        made = perform(meter, recorded_at=recorded_at, actor=actor).outcome
        return DevicePeriod.objects.get(
            service_point_id=made["service_point_id"], device_id=made["device_id"]
        )


def _refuse_known(adoption: Hanging) -> None:
    by_serial = Device.objects.filter(serial=adoption.serial).first()
    by_title = Device.objects.filter(system_title=adoption.system_title).first()
    if by_serial is None and by_title is None:
        return
    if by_serial == by_title:
        raise AlreadyAdopted(f"meter {adoption.serial} is adopted already")
    if by_serial is not None:
        raise MeterConflict(
            f"meter {adoption.serial} is known with system title {bytes(by_serial.system_title).hex()}, "
            f"not {adoption.system_title.hex()}"
        )
    raise MeterConflict(f"system title {adoption.system_title.hex()} is that of meter {by_title}")


def _transformer(code: str) -> network.Node:
    found = network.transformer(code)
    if found is None:
        raise TransformerConflict(f"there is no transformer {code}")
    return found


def _person(adoption: Adoption, doing: Doing, bucket: int) -> Person:
    """The person of an e-mail address, with whom they sign in; made where nobody has it."""
    known = person_of(adoption.email)
    if known is not None:
        return known
    email = adoption.email.strip().lower()
    user = user_of(email)
    return Person.objects.create(
        id=next_id(bucket),
        user_id=make_user(email, adoption.person_name, doing) if user is None else user.pk,
        name=adoption.person_name,
        email=email,
        phone=re.sub(r"[\s()-]", "", adoption.phone) if adoption.phone else None,
        language=adoption.language,
        **doing.stamp,
    )
