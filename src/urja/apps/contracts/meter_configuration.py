"""The meter configuration that an agreement's terms require; later terms require it from the day they begin."""

from datetime import datetime
from typing import assert_never

from django.db.models import F, Q

from urja.apps.assets.configuration import billing_device, set_desired
from urja.apps.assets.kinds import ConfigurationItem
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.queries import tariffs
from urja.core.calendar import local_day

OF_TERMS = (ConfigurationItem.PAYMENT_MODE, ConfigurationItem.METERING_MODE, ConfigurationItem.LOAD_LIMIT_W)
"""Items whose value follows from an agreement's terms."""


def wanted_value(terms: AgreementTerms, item: ConfigurationItem) -> str:
    """Return the value of an item that terms require of the billing meter; raises ValueError for the billing day."""
    match item:
        case ConfigurationItem.PAYMENT_MODE:
            return terms.payment_mode
        case ConfigurationItem.METERING_MODE:
            return terms.metering_mode
        case ConfigurationItem.LOAD_LIMIT_W:
            return str(terms.sanctioned_load_w)
        case ConfigurationItem.BILLING_DAY:
            raise ValueError("no terms say on which day a meter closes its billing period")
        case _:
            assert_never(item)


def billing_day(agreement: Agreement, at: datetime) -> str | None:
    """Return the day of the month on which an agreement's billing periods begin: its own, else its tariff's.

    None where it has none of its own and no version of the tariff is in force.
    """
    if agreement.billing_day is not None:
        return str(agreement.billing_day)
    tariff = tariffs.in_force(agreement.terms_at(at).tariff_code, local_day(at, local_zone()))
    return None if tariff is None else str(tariff.period_starts_on)


def apply_begun_terms(since: datetime, now: datetime, actor: str) -> int:
    """Set the meter configuration that terms require which began after `since` and by `now` (business time, UTC).

    Returns how many items changed. The first terms of an agreement change nothing: its meter was configured when it
    was commissioned.
    """
    begun = (
        AgreementTerms.objects.filter(valid_from__gt=since, valid_from__lte=now)
        .filter(Q(valid_to=None) | Q(valid_to__gt=now), valid_from__gt=F("agreement__valid_from"))
        .select_related("agreement")
        .order_by("id")
    )
    changed = 0
    for terms in begun:
        before = AgreementTerms.objects.get(agreement_id=terms.agreement_id, valid_to=terms.valid_from)
        device_id = billing_device(terms.agreement.service_point_id, now)
        if device_id is None:
            continue
        for item in OF_TERMS:
            value = wanted_value(terms, item)
            if (
                value != wanted_value(before, item)
                and set_desired(device_id, item, value, at=now, actor=actor) != value
            ):
                changed += 1
    return changed
