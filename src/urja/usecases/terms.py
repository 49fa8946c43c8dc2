"""Changes of an agreement's terms: load, tariff, category, policy; from a local midnight on, past or future.

Charges of past days are corrected by new entries at the next close; the meter is configured by its desired
configuration.
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Q

from urja.apps.assets.configuration import billing_device
from urja.apps.assets.kinds import ConfigurationItem
from urja.apps.assets.models import Device
from urja.apps.billing.queries import closed_through
from urja.apps.contracts import meter_configuration
from urja.apps.contracts.kinds import OTHER_TERMS
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.determinants.common_places import common_areas_above
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.local_zone import local_zone
from urja.apps.network.models import ServicePoint
from urja.apps.rulebook.queries import tariffs
from urja.apps.rulebook.queries.policies import policy_book
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.core.rating import Tariff, period_of
from urja.usecases import side_effects
from urja.usecases.agreements_in_force import load_faults
from urja.usecases.kinds import agreements
from urja.usecases.service_points import no_service_point_fault

STATED_TERMS: Final = (
    "tariff_code",
    "sanctioned_load_w",
    "category",
    "policy",
    "payment_mode",
    "metering_mode",
    *OTHER_TERMS,
)
"""Names of the terms that are agreed with a consumer."""
KEPT_TERMS: Final = (*STATED_TERMS, "converted_at")
"""Names of what further terms of an agreement, and those of the next owner, go on with."""


class ChangeOfTerms(agreements.ChangeOfTerms, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        agreement = self.agreement()
        if agreement is None:
            yield self._no_agreement()
            return
        later = [terms for terms in agreement.all_terms if terms.valid_from > self.begins(agreement)]
        if later:
            yield say(
                "other terms follow on {day} ({tariff_code}, {sanctioned_load_w} W, {payment_mode}): undo those first, then agree both in order",
                day=_day(later[0].valid_from),
                tariff_code=later[0].tariff_code,
                sanctioned_load_w=later[0].sanctioned_load_w,
                payment_mode=later[0].payment_mode,
            )
            return
        before = agreement.terms_at(self.begins(agreement))
        yield from commodity_faults(
            str(self.values().get("tariff_code", before.tariff_code)), agreement.service_point.commodity
        )
        yield from self.faults_of(agreement, before)

    def values(self) -> dict[str, object]:
        """Return the new values of the columns that change."""
        raise NotImplementedError

    def faults_of(self, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
        """Yield why an agreement cannot have these terms."""
        raise NotImplementedError

    def agreement(self) -> Agreement | None:
        """Return the agreement in force when the change takes effect, or None."""
        first, end = (
            midnight(self.effective_on, local_zone()),
            midnight(self.effective_on + ONE_DAY, local_zone()),
        )
        # An agreement that begins during the day changes from its beginning; one that ended before the day does not.
        return (
            Agreement.objects.filter(
                Q(valid_to=None) | Q(valid_to__gt=first),
                service_point__consumer_number=self.consumer_number,
                valid_from__lt=end,
            )
            .select_related("account", "service_point")
            .order_by("-valid_from")
            .first()
        )

    def begins(self, agreement: Agreement) -> datetime:
        """Return the instant (UTC) from which on the new terms apply."""
        return max(midnight(self.effective_on, local_zone()), agreement.valid_from)

    def carry_out(self, execution: Execution) -> None:
        agreement = self.agreement()
        assert agreement is not None, "its absence is a fault"
        change_terms(execution, agreement, self.begins(agreement), self.values())
        execution.service_point_id = agreement.service_point_id
        execution.outcome |= {"agreement_id": agreement.id, "account_id": agreement.account_id}

    def _faults_if_same(self, before: AgreementTerms) -> Iterator[str]:
        values = self.values()
        if all(getattr(before, name) == value for name, value in values.items()):
            shown = ", ".join(f"{name} {value}" for name, value in values.items())
            yield say(
                "nothing changes: the terms on {effective_on} are {shown} already",
                effective_on=self.effective_on,
                shown=shown,
            )

    def _no_agreement(self) -> str:
        if not ServicePoint.objects.filter(consumer_number=self.consumer_number).exists():
            return no_service_point_fault(self.consumer_number)
        first = (
            Agreement.objects.filter(
                service_point__consumer_number=self.consumer_number,
                valid_from__gte=midnight(self.effective_on, local_zone()),
            )
            .order_by("valid_from")
            .values_list("valid_from", flat=True)
            .first()
        )
        begins = say("; the next one begins on {day}", day=_day(first)) if first else ""
        return say(
            "service point {consumer_number} has no agreement on {effective_on}{begins}",
            consumer_number=self.consumer_number,
            effective_on=self.effective_on,
            begins=begins,
        )


class ChangeLoad(agreements.ChangeLoad, ChangeOfTerms):
    def values(self) -> dict[str, object]:
        return {"sanctioned_load_w": self.sanctioned_load_w, **other_terms_of(self)}

    def faults_of(self, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
        yield from self._faults_if_same(before)
        if self.sanctioned_load_w <= 0:
            yield say(
                "a sanctioned load must be more than 0 W, not {sanctioned_load_w} W",
                sanctioned_load_w=self.sanctioned_load_w,
            )
        yield from other_term_faults(self)
        device_id = billing_device(agreement.service_point_id, self.begins(agreement))
        device = None if device_id is None else Device.objects.filter(id=device_id).first()
        if device is not None:
            yield from load_faults(device, self.sanctioned_load_w)


def other_terms_of(stated: agreements.ChangeLoad | agreements.MoveIn) -> dict[str, object]:
    """Return what an operation states besides the sanctioned load in W: loads in W and VA, the carpet area."""
    return {name: value for name in OTHER_TERMS if (value := getattr(stated, name)) is not None}


def stated_terms(terms: AgreementTerms) -> tuple[str, ...]:
    """Return the names of the loads and areas (`OTHER_TERMS`) that an agreement's terms state."""
    return tuple(name for name in OTHER_TERMS if getattr(terms, name) is not None)


def other_term_faults(stated: agreements.ChangeLoad | agreements.MoveIn) -> Iterator[str]:
    """Yield why a load or an area that an operation states cannot be one."""
    for name, value in other_terms_of(stated).items():
        if not isinstance(value, int) or not 0 < value < 2**31:
            yield say("{name} must be more than 0, not {load}", name=name, load=value)


class ChangeCategory(agreements.ChangeCategory, ChangeOfTerms):
    def values(self) -> dict[str, object]:
        category = {} if self.category is None else {"category": self.category}
        return {"tariff_code": self.tariff_code, **category}

    def faults_of(self, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
        yield from self._faults_if_same(before)
        yield from tariff_faults(
            self.tariff_code, local_day(self.begins(agreement), local_zone()), agreement, before
        )


class ChangePolicy(agreements.ChangePolicy, ChangeOfTerms):
    def values(self) -> dict[str, object]:
        return {"policy": self.policy}

    def faults_of(self, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
        if not self.reason.strip():
            yield say("give a reason")
        if self.policy or before.policy:
            yield from self._faults_if_same(before)
        else:
            yield say(
                "nothing changes: service point {consumer_number} has no policy of its own on {effective_on}",
                consumer_number=self.consumer_number,
                effective_on=self.effective_on,
            )
        day = local_day(self.begins(agreement), local_zone())
        yield from policy_faults(self.policy, before.category, day, agreement.account.currency)


def policy_faults(own: str, category: str, day: date, currency: str) -> Iterator[str]:
    """Yield why no policy would apply to a supply on a day: its own where it has one, otherwise the one of its
    category.
    """
    policies = policy_book()
    code = policies.code_for(own, category)
    if code is None:
        return  # No policy is loaded at all: no supply is disconnected for credit.
    policy = policies.in_force(code, day)
    if policy is not None and policy.currency != currency:
        yield say(
            "policy {code} is in {priced_in}, the account is in {currency}",
            code=code,
            priced_in=policy.currency,
            currency=currency,
        )
    elif policy is None and code in policies.versions:
        yield say(
            "policy {code} is in force only from {first} on, not on {day}",
            code=code,
            first=policies.versions[code][0].valid_from,
            day=day,
        )
    elif policy is None:
        yield say("there is no policy {code}: load it first (urja policy load)", code=repr(code))


def tariff_in_force_faults(code: str, day: date, currency: str) -> Iterator[str]:
    """Yield why a tariff cannot bill an account of a currency on a day."""
    tariff = tariffs.in_force(code, day)
    if tariff is None:
        yield say(
            "no version of tariff {code} is in force on {day}: load it first (urja tariff load)",
            code=repr(code),
            day=day,
        )
    elif tariff.currency != currency:
        yield say(
            "tariff {code} is in {priced_in}, the account is in {currency}",
            code=code,
            priced_in=tariff.currency,
            currency=currency,
        )


def unstated_term_faults(code: str, day: date, stated: Collection[str]) -> Iterator[str]:
    """Yield why terms that state these loads and areas (`OTHER_TERMS`) cannot be rated by a tariff from a day on."""
    tariff = tariffs.in_force(code, day)
    if tariff is None:
        return
    names = [f"{load}_load_{'va' if apparent else 'w'}" for load, apparent in sorted(tariff.loads)]
    if any(share == "area" for _, share in tariff.commons):
        names.append("carpet_area_dm2")
    for name in names:
        if name not in stated:
            yield say(
                "tariff {code} goes by {name}, which the terms do not state: state it first",
                code=code,
                name=name,
            )


def common_area_faults(code: str, day: date, service_point_id: int) -> Iterator[str]:
    """Yield why a service point has no share of common areas that its tariff prices."""
    tariff = tariffs.in_force(code, day)
    if tariff is not None and tariff.commons and not common_areas_above([service_point_id]):
        yield say(
            "tariff {code} shares common areas, and the service point is in no premise that has one: connect one there first (new_connection, purpose common_area)",
            code=code,
        )


def commodity_faults(code: str, commodity: str) -> Iterator[str]:
    """Yield why a tariff cannot bill a service point of a commodity."""
    priced = tariffs.commodity_of(code)
    if priced is not None and priced != commodity:
        yield say(
            "tariff {code} is for {priced}, the service point supplies {commodity}: choose a tariff for {commodity}",
            code=code,
            priced=priced,
            commodity=commodity,
        )


def tariff_faults(code: str, day: date, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
    """Yield why an agreement cannot be rated by a tariff from a day on, instead of by the terms before.

    An agreement with a billing day of its own keeps it, whatever day the tariff has.
    """
    yield from tariff_in_force_faults(code, day, agreement.account.currency)
    yield from unstated_term_faults(code, day, stated_terms(before))
    yield from common_area_faults(code, day, agreement.service_point_id)
    yield from _bank_faults(code, day, agreement)
    tariff, own = tariffs.in_force(code, day), tariffs.in_force(before.tariff_code, day)
    if tariff is None or own is None:
        return
    yield from own_day_faults(agreement.billing_day, tariff)
    if tariff.cycle != own.cycle:
        yield from _period_faults(tariff, day, agreement, before)
    elif agreement.billing_day is None and own.period_starts_on != tariff.period_starts_on:
        yield say(
            "billing periods of {tariff_code} begin on day {day} of a month, those of {code} on day {other_day}: choose a tariff with the same day",
            tariff_code=before.tariff_code,
            day=own.period_starts_on,
            code=code,
            other_day=tariff.period_starts_on,
        )


def own_day_faults(billing_day: int | None, tariff: Tariff | None) -> Iterator[str]:
    """Yield why an agreement with a billing day of its own (None for none) cannot have a tariff.

    The day moves periods of months. Banks of several months settle in the month in which the tariff's own periods end.
    """
    if billing_day is None or tariff is None or tariff.cycle.months == 1:
        return
    settles = tariff.net_metering is not None and tariff.net_metering.settlement_month is not None
    if not tariff.cycle.months or settles:
        yield say(
            "tariff {code} says on which days its billing periods begin: an agreement with it has no billing day of its own",
            code=tariff.code,
        )


_SEARCHED: Final = 3 * 366
"""Days in which a day is searched that begins a period of two tariffs: periods of months and of days meet seldom."""


def _period_faults(tariff: Tariff, day: date, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
    """Yield why a tariff with other billing periods than those of the terms before cannot begin on a day.

    No period is cut, and none that is charged becomes another one.
    """
    closed = closed_through([agreement.id]).get(agreement.id)
    if closed is not None and closed >= day:
        yield say(
            "billing periods of {tariff_code} and {code} differ, and {last} is charged: let the change begin later",
            tariff_code=before.tariff_code,
            code=tariff.code,
            last=closed,
        )
        return
    if day <= local_day(agreement.valid_from, local_zone()):
        return
    # Of terms that begin on this day and are replaced, the ones before decide.
    code = agreement.terms_at(midnight(day, local_zone()) - timedelta.resolution).tariff_code
    own = tariffs.in_force(code, day - ONE_DAY)
    if own is None or _begins_both(own, tariff, day, agreement):
        return
    later = (day + n * ONE_DAY for n in range(1, _SEARCHED))
    found = next((each for each in later if _begins_both(own, tariff, each, agreement)), None)
    if found is None:
        yield say(
            "no day begins a billing period of both {tariff_code} and {code}: choose a tariff with the same periods",
            tariff_code=code,
            code=tariff.code,
        )
    else:
        yield say(
            "a change from {tariff_code} to {code} on {day} would cut a billing period: let it begin on {found}",
            tariff_code=code,
            code=tariff.code,
            day=day,
            found=found,
        )


def _begins_both(one: Tariff, other: Tariff, day: date, agreement: Agreement) -> bool:
    """Return whether a local day begins a billing period of both tariffs."""
    return all(
        period_of(day, each.cycle, agreement.billing_day or each.period_starts_on).first == day
        for each in (one, other)
    )


def _bank_faults(code: str, day: date, agreement: Agreement) -> Iterator[str]:
    """Yield why a tariff would leave units of the agreement behind, which nothing would use or settle any more.

    The first day after a settlement leaves none, nor does the agreement's first day: then no bank was ever filled.
    """
    if day <= local_day(agreement.valid_from, local_zone()):
        return
    last = day - ONE_DAY
    before = agreement.terms_at(midnight(day, local_zone()) - timedelta.resolution).tariff_code
    tariff, own = tariffs.in_force(code, day), tariffs.in_force(before, last)
    if tariff is None or own is None or own.net_metering is None or own.banks.keys() <= tariff.banks.keys():
        return
    begins = _begins_both(own, own, day, agreement)
    if not (begins and last.month == own.net_metering.settlement_month):
        yield say(
            "{tariff_code} banks units that {code} does not take on: change it on the first day after their settlement, or end the agreement and begin a new one",
            tariff_code=before,
            code=code,
        )


def change_terms(execution: Execution, agreement: Agreement, at: datetime, values: dict[str, object]) -> None:
    """Change an agreement's last terms from an instant (UTC) on; its meter is configured where that instant has come."""
    current = agreement.terms_at(at)
    if current.valid_from == at:
        execution.change(current, **values)
    else:
        until = current.valid_to
        kept = {name: getattr(current, name) for name in KEPT_TERMS}
        execution.change(current, valid_to=at)
        current = AgreementTerms.objects.create(
            id=next_id(bucket_of(agreement.id)),
            agreement=agreement,
            valid_from=at,
            valid_to=until,
            **(kept | values),
            **execution.stamp,
        )
    if at <= execution.recorded_at and (current.valid_to is None or current.valid_to > execution.recorded_at):
        configure_changed_items(execution, agreement.service_point_id, current, values)


_SAYS = {
    "payment_mode": ConfigurationItem.PAYMENT_MODE,
    "metering_mode": ConfigurationItem.METERING_MODE,
    "sanctioned_load_w": ConfigurationItem.LOAD_LIMIT_W,
}


def configure_changed_items(
    execution: Execution, service_point_id: int, terms: AgreementTerms, changed: dict[str, object]
) -> None:
    """Request the configuration of the billing meter by its terms, as far as they have changed."""
    device_id = billing_device(service_point_id, execution.recorded_at)
    if device_id is not None:
        for item in (_SAYS[name] for name in changed if name in _SAYS):
            side_effects.desire(execution, device_id, item, meter_configuration.wanted_value(terms, item))


def _day(at: datetime) -> date:
    return local_day(at, local_zone())
