"""What a meter is told to be and what it says it is: a difference is a command, or somebody's way there.

Operations say what is wanted (`desire`); terms that were agreed for a later day are wanted when that day has come
(`take_effect`); the pipeline's stage `configure` sends what is wanted and notes what the meter has confirmed.
"""

from datetime import datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from urja.apps.assets.kinds import ConfigurationItem, DeviceRole
from urja.apps.assets.models import Configuration, DevicePeriod
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.rulebook.queries import tariffs
from urja.base.ids import bucket_of, compose_id
from urja.core.calendar import local_day

OF_TERMS = (ConfigurationItem.PAYMENT_MODE, ConfigurationItem.METERING_MODE, ConfigurationItem.LOAD_LIMIT_W)
"""Items whose value an agreement's terms say."""


def wanted(terms: AgreementTerms, item: ConfigurationItem) -> str:
    """What terms want of the meter that is billed by them."""
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
    """The day of the month on which an agreement's billing periods begin: its own, else its tariff's.

    None where it has none of its own and no version of the tariff is in force.
    """
    if agreement.billing_day is not None:
        return str(agreement.billing_day)
    tariff = tariffs.in_force(
        agreement.terms_at(at).tariff_code, local_day(at, ZoneInfo(settings.URJA_TIMEZONE))
    )
    return None if tariff is None else str(tariff.period_starts_on)


def last_said(device_id: int, item: ConfigurationItem) -> str | None:
    """What a device was told last to be, or says that it is; none where neither is known."""
    row = Configuration.objects.filter(device_id=device_id, item=item).first()
    return None if row is None else row.desired or row.actual


def billing_device(service_point_id: int, at: datetime) -> int | None:
    """The device that is billed at a service point at an instant."""
    return (
        DevicePeriod.objects.filter(
            service_point_id=service_point_id, role=DeviceRole.BILLING, valid_from__lte=at
        )
        .exclude(valid_to__lte=at)
        .values_list("device_id", flat=True)
        .first()
    )


def desire(
    device_id: int, item: ConfigurationItem, value: str | None, *, at: datetime, actor: str
) -> str | None:
    """Let a device be told; what was wanted of it before. `None` is no wish."""
    made = {"desired": value, "desired_at": at, "recorded_at": at, "actor": actor}
    with transaction.atomic():
        row = Configuration.objects.select_for_update().filter(device_id=device_id, item=item).first()
        if row is None:
            Configuration.objects.create(id=_next_id(device_id), device_id=device_id, item=item, **made)
            return None
        before = row.desired
        if before != value:
            Configuration.objects.filter(id=row.id).update(**made)
        return before


def found(device_id: int, item: ConfigurationItem, value: str, *, at: datetime, actor: str) -> None:
    """Note what a device says it is."""
    updated = Configuration.objects.filter(device_id=device_id, item=item).update(actual=value, actual_at=at)
    if not updated:
        Configuration.objects.create(
            id=_next_id(device_id),
            device_id=device_id,
            item=item,
            actual=value,
            actual_at=at,
            recorded_at=at,
            actor=actor,
        )


def take_effect(since: datetime, now: datetime, actor: str) -> int:
    """Let meters be told of terms that have begun after `since` and by `now`; how many wishes that were.

    The first terms of an agreement change nothing: its meter was told when it was commissioned.
    """
    begun = (
        AgreementTerms.objects.filter(valid_from__gt=since, valid_from__lte=now)
        .filter(Q(valid_to=None) | Q(valid_to__gt=now), valid_from__gt=F("agreement__valid_from"))
        .select_related("agreement")
        .order_by("id")
    )
    wishes = 0
    for terms in begun:
        before = AgreementTerms.objects.get(agreement_id=terms.agreement_id, valid_to=terms.valid_from)
        device_id = billing_device(terms.agreement.service_point_id, now)
        if device_id is None:
            continue
        for item in OF_TERMS:
            value = wanted(terms, item)
            if value != wanted(before, item) and desire(device_id, item, value, at=now, actor=actor) != value:
                wishes += 1
    return wishes


def _next_id(device_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('registry_number')")
        return compose_id(bucket_of(device_id), int(cursor.fetchone()[0]))
