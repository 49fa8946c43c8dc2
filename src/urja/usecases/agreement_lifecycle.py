"""Begin and end agreements: what move-in, move-out, transfer of ownership and disconnection share."""

import re
from collections.abc import Iterator
from datetime import date, datetime

from urja.apps.assets.kinds import DeviceRole
from urja.apps.assets.models import DevicePeriod
from urja.apps.billing.agreement_periods import last_day
from urja.apps.billing.kinds import FinalWay
from urja.apps.billing.models import FinalSettlement
from urja.apps.books.kinds import AccountKind
from urja.apps.books.models import Account
from urja.apps.books.operations import open_account
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.identity.kinds import AccessRole
from urja.apps.identity.models import AccountAccess
from urja.apps.identity.queries.identities import staff_user_faults, users_of
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.network.models import ServicePoint
from urja.apps.people.models import PHONE, Person
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.usecases import deposits, side_effects
from urja.usecases.agreements_in_force import configure_meter, net_faults
from urja.usecases.instalments import end_plans
from urja.usecases.kinds import agreements
from urja.usecases.people import (
    identity_faults,
    language_faults,
    make_user,
    make_user_of_number,
    no_person_fault,
)
from urja.usecases.register_reads import split_faults


class IncomingConsumer(agreements.IncomingConsumer, UseCase):
    def person_faults(self, execution: Execution) -> Iterator[str]:
        """Yield what is wrong with how the consumer is identified."""
        if self.consumer_id is not None:
            if not Person.objects.filter(id=self.consumer_id, nameless_at=None).exists():
                yield no_person_fault(self.consumer_id)
            return
        if self.email:
            yield from identity_faults(
                self.email, self.name, known=execution.find(people_of, self._email) is not None
            )
            if (user := execution.find(users_of, self._email)) is not None:
                yield from staff_user_faults(user, self.email)
        else:
            if not self.phone and not execution.takes_over:
                yield say("give an e-mail address or a mobile number: the consumer signs in with it")
            if not self.name.strip():
                yield say("give the name of a new person")
        if self.phone is not None and not re.fullmatch(PHONE, _number(self.phone)):
            yield say("{phone} is not a telephone number of 8 to 15 digits", phone=repr(self.phone))
        yield from language_faults(self.language)

    @property
    def _email(self) -> str:
        return self.email.strip().lower()

    def the_person(self, execution: Execution, bucket: int, **more: object) -> Person:
        """Return the consumer, created where no person is known by the address; `more` are columns of a new person."""
        if self.consumer_id is not None:
            return Person.objects.get(id=self.consumer_id)
        email = self._email
        known = execution.find(people_of, email) if email else None
        if known is not None:
            return known
        person_id, user_id = next_id(bucket), None
        if email:
            user = execution.find(users_of, email)
            user_id = make_user(email, self.name, execution) if user is None else user.pk
        elif self.phone:
            user_id = make_user_of_number(person_id, self.name, execution)
        person = Person.objects.create(
            id=person_id,
            user_id=user_id,
            name=self.name,
            email=email,
            phone=_number(self.phone) if self.phone else None,
            language=self.language,
            **more,
            **execution.stamp,
        )
        if email:
            execution.made(people_of, email, person)
            execution.found.get(users_of, {}).pop(email, None)
        return person


def people_of(emails: list[str]) -> dict[str, Person]:
    """Return the people who sign in with e-mail addresses (in small letters), by address."""
    users = {user.pk: email for email, user in users_of(emails).items()}
    return {users[person.user_id]: person for person in Person.objects.filter(user_id__in=users)}


def person_of(email: str) -> Person | None:
    """Return the person who signs in with an address, or None."""
    return people_of([email.strip().lower()]).get(email.strip().lower())


def _number(phone: str) -> str:
    return re.sub(r"[\s()-]", "", phone)


# -- service points ----------------------------------------------------------------------------------------------------


def billing_period_at(service_point: ServicePoint, at: datetime) -> DevicePeriod | None:
    """Return the installation of the billing meter at an instant (UTC); at the end of its time it still counts."""
    return (
        DevicePeriod.objects.filter(service_point=service_point, role=DeviceRole.BILLING, valid_from__lte=at)
        .exclude(valid_to__lt=at)
        .select_related("device")
        .order_by("valid_from")
        .last()
    )


def meter_faults(service_point: ServicePoint, at: datetime, metering_mode: str) -> Iterator[str]:
    """Yield why the meter at a service point cannot supply a consumer from an instant (UTC) on."""
    period = billing_period_at(service_point, at)
    if period is None or period.valid_to is not None:
        yield say(
            "no billing meter is installed at {service_point}: install_meter, then commission",
            service_point=service_point,
        )
    elif period.in_service_at is None:
        yield say("meter {device} is not in service: commission it first", device=period.device)
    elif period.in_service_at > at:
        yield say(
            "meter {device} is in service only from {commissioned_at}",
            device=period.device,
            commissioned_at=period.in_service_at.isoformat(),
        )
    else:
        yield from net_faults(period.device, service_point, metering_mode)


# -- agreements ------------------------------------------------------------------------------------------------


def billing_day_faults(billing_day: int | None) -> Iterator[str]:
    """Yield why billing periods cannot begin on a day of the month."""
    if billing_day is not None and not 1 <= billing_day <= 28:
        yield say(
            "billing periods begin on a day from 1 to 28 of a month, not on {billing_day}: leave it out for the tariff's day",
            billing_day=billing_day,
        )


def begin_agreement(
    execution: Execution,
    service_point: ServicePoint,
    at: datetime,
    customer: Person,
    currency: str,
    terms: dict[str, object],
    *,
    billing_day: int | None,
    bill_from: date | None = None,
) -> Agreement:
    """Create an agreement with account, terms and access, and configure the meter for it.

    `currency` is an ISO 4217 code; `terms` are the columns of its first terms.
    """
    bucket = bucket_of(service_point.id)
    account = open_account(bucket=bucket, currency=currency, opened_at=at)
    agreement = Agreement.objects.create(
        id=next_id(bucket),
        service_point=service_point,
        account=account,
        customer=customer,
        billing_day=billing_day,
        bill_from=bill_from,
        valid_from=at,
        **execution.stamp,
    )
    AgreementTerms.objects.create(
        id=next_id(bucket), agreement=agreement, valid_from=at, **terms, **execution.stamp
    )
    AccountAccess.objects.create(
        id=next_id(bucket), person=customer, account=account, role=AccessRole.OWNER, **execution.stamp
    )
    # A service point that this operation creates has no meter yet.
    period = None if service_point.operation_id == execution.id else billing_period_at(service_point, at)
    if period is not None and period.valid_to is None:
        configure_meter(execution, period.device_id, agreement)
    execution.service_point_id = service_point.id
    execution.outcome |= {
        "service_point_id": service_point.id,
        "agreement_id": agreement.id,
        "account_id": account.id,
        "consumer_id": customer.id,
        "user_id": customer.user_id,
    }
    return agreement


def end_agreement(execution: Execution, agreement: Agreement, at: datetime) -> None:
    """End an agreement and its terms; terms that were agreed for later are deleted."""
    for terms in reversed(agreement.all_terms):
        if terms.valid_from >= at:
            terms.delete()
        elif terms.valid_to is None or terms.valid_to > at:
            execution.change(terms, valid_to=at)
    end_plans(execution, agreement.account_id, at)
    execution.change(agreement, valid_to=at)
    execution.service_point_id = agreement.service_point_id
    execution.outcome |= {
        "service_point_id": agreement.service_point_id,
        "ended_agreement_id": agreement.id,
        "ended_account_id": agreement.account_id,
    }


def request_settlement(
    execution: Execution, agreement: Agreement, at: datetime, to_account_id: int | None
) -> None:
    """Request the final settlement: the remaining balance is refunded or transferred once every day up to `at` is
    charged.

    A security deposit pays the arrears first; its remainder is credited to the balance, and settled with it. One that is
    not due yet is withdrawn.
    """
    deposits.settle(execution, agreement)
    FinalSettlement.objects.create(
        id=next_id(bucket_of(agreement.id)),
        agreement_id=agreement.id,
        account_id=agreement.account_id,
        last_day=last_day(at),
        way=FinalWay.REFUND if to_account_id is None else FinalWay.TRANSFER,
        to_account_id=to_account_id,
        asked_at=execution.recorded_at,
        operation_id=execution.id,
    )


def transfer_faults(agreement: Agreement, to_account_id: int | None, *, consented: bool) -> Iterator[str]:
    """Yield why the remaining balance of an agreement cannot be transferred to an account."""
    if to_account_id is None:
        return
    target = Account.objects.filter(id=to_account_id, kind=AccountKind.CONSUMER).first()
    if target is None:
        yield say("there is no account {to_account_id}", to_account_id=to_account_id)
    elif target.id == agreement.account_id:
        yield say(
            "account {to_account_id} is the one being closed: name another account",
            to_account_id=to_account_id,
        )
    elif target.currency != agreement.account.currency:
        yield say(
            "account {to_account_id} is in {other_currency}, this one in {currency}",
            to_account_id=to_account_id,
            other_currency=target.currency,
            currency=agreement.account.currency,
        )
    elif not Agreement.objects.filter(account=target, valid_to=None).exists():
        yield say(
            "account {to_account_id} has no current agreement: name another account",
            to_account_id=to_account_id,
        )
    yield from consent_faults(consented=consented)


def consent_faults(*, consented: bool) -> Iterator[str]:
    """Yield that the consumer's consent is missing."""
    if not consented:
        yield say("a transfer needs the consent of the consumer who paid: obtain it, then set consented")


def record_boundary_read(
    execution: Execution, service_point: ServicePoint, at: datetime, register: int | None
) -> None:
    """Store the billing meter's register, in Wh or litres, where it was read for the beginning or end of an agreement."""
    period = None if register is None else billing_period_at(service_point, at)
    if register is not None and period is not None:
        side_effects.read_register(execution, service_point, period.device, at, register)


def agreement_split_faults(service_point: ServicePoint, at: datetime, register: int | None) -> Iterator[str]:
    """Yield why energy cannot be divided at an instant (UTC) at a service point; without a meter there is none to divide."""
    period = billing_period_at(service_point, at)
    if period is not None:
        yield from split_faults(service_point.id, period.device, at, register)
    elif register is not None:
        yield say(
            "no billing meter is installed at {service_point}: leave the register out",
            service_point=service_point,
        )


def ending_faults(service_point: ServicePoint, agreement: Agreement | None, at: datetime) -> Iterator[str]:
    """Yield why an agreement cannot end at an instant (UTC)."""
    if agreement is None:
        yield say(
            "there is no agreement at {service_point} at {at}", service_point=service_point, at=at.isoformat()
        )
    elif at <= agreement.valid_from:
        yield say(
            "the agreement at {service_point} began only on {valid_from}",
            service_point=service_point,
            valid_from=agreement.valid_from.isoformat(),
        )
    elif agreement.valid_to is not None:
        yield say(
            "the agreement at {service_point} ended on {valid_to} already",
            service_point=service_point,
            valid_to=agreement.valid_to.isoformat(),
        )


def newest_agreement(service_point: ServicePoint) -> Agreement | None:
    """Return the newest agreement at a service point, ended or not, or None."""
    return Agreement.objects.filter(service_point=service_point).order_by("-valid_from").first()
