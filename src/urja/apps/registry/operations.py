"""The writing side of the registry. Every operation is one transaction and takes its time and actor as given."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction

from urja.apps.ledger.operations import open_account, request_credit
from urja.apps.readings.operations import open_accrual, record_installation
from urja.apps.registry.errors import (
    AlreadyAdopted,
    MeterConflict,
    NoOpenPeriod,
    PeriodOverlap,
    TransformerConflict,
)
from urja.apps.registry.models import (
    AccessRole,
    AccountAccess,
    Agreement,
    Commodity,
    Device,
    DevicePeriod,
    DeviceRole,
    Premise,
    ServicePoint,
    Transformer,
)
from urja.base.ids import BUCKETS, bucket_of, compose_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Hanging:
    """A meter and the place where it hangs. Keys are wrapped already; instants are aware."""

    serial: str
    system_title: bytes
    device_type: str
    interval_s: int
    max_power_w: int
    wrapped_guek: bytes
    wrapped_gak: bytes
    register_wh: int
    """The import register as read at `valid_from`: what is metered here begins from it."""
    valid_from: datetime
    premise_name: str
    consumer_number: str = ""
    """Empty: the meter's serial number."""
    address: str | None = None
    """`host:port` of a meter that listens."""
    transformer: str | None = None
    """Code of a transformer that is there already."""
    load_switch: bool = True
    """Whether the meter can cut the supply, as its type says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption(Hanging):
    """Everything that one new supply needs: a meter on a wall, and an agreement with a person."""

    premise_name: str = ""
    """Empty: the person's name."""
    tariff_code: str
    sanctioned_load_w: int
    person_name: str
    email: str
    currency: str = "INR"
    credit_minor: int = 0
    language: str = "en"
    phone: str | None = None
    """Where the person's messages go."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """The keys of what an adoption made."""

    premise_id: int
    service_point_id: int
    device_id: int
    agreement_id: int
    account_id: int
    user_id: int


def adopt_meter(
    adoption: Adoption, *, recorded_at: datetime, actor: str, bucket: int | None = None
) -> Adopted:
    """Make a premise with its supply, meter, agreement, account, access and opening credit, or nothing.

    `bucket` is drawn unless given. Raises AlreadyAdopted where this meter is there, MeterConflict where its
    serial number or system title is another's, TransformerConflict where there is no such transformer.
    """
    drawn = secrets.randbelow(BUCKETS) if bucket is None else bucket
    stamp = {"recorded_at": recorded_at, "actor": actor}
    with transaction.atomic():
        place, device = _hang(adoption, adoption.premise_name or adoption.person_name, drawn, stamp)
        agreement = _make_agreement(adoption, place, stamp)
        with connection.cursor() as cursor:
            open_accrual(cursor, agreement.id, adoption.valid_from, settings.URJA_TIMEZONE)
        user_id = _give_access(adoption, agreement.account_id, stamp)
        if adoption.credit_minor:
            request_credit(
                account_id=agreement.account_id,
                amount_minor=adoption.credit_minor,
                kind="opening-credit",
                idempotency_key=f"opening-credit:{agreement.id}",
                requested_at=recorded_at,
            )
    return Adopted(place.premise_id, place.id, device.id, agreement.id, agreement.account_id, user_id)


def hang_network_meter(
    meter: Hanging, *, recorded_at: datetime, actor: str, bucket: int | None = None
) -> DevicePeriod:
    """A meter of the network's own, such as a transformer's: a service point without any agreement.

    Raises as `adopt_meter` does.
    """
    drawn = secrets.randbelow(BUCKETS) if bucket is None else bucket
    with transaction.atomic():
        place, device = _hang(
            meter, meter.premise_name, drawn, {"recorded_at": recorded_at, "actor": actor}, DeviceRole.SOURCE
        )
        return DevicePeriod.objects.get(service_point=place, device=device)


def _hang(
    meter: Hanging, premise_name: str, bucket: int, stamp: dict, role: DeviceRole = DeviceRole.BILLING
) -> tuple[ServicePoint, Device]:
    """Premise, service point and meter with its first register read."""
    _refuse_known(meter)
    place = _make_supply(meter, premise_name, bucket, stamp)
    device = _make_device(meter, bucket, stamp)
    install_device(device, place, role, meter.valid_from, **stamp)
    with connection.cursor() as cursor:
        record_installation(
            cursor,
            service_point_id=place.id,
            device_id=device.id,
            read_at=meter.valid_from,
            import_wh=meter.register_wh,
            recorded_at=stamp["recorded_at"],
        )
    return place, device


def install_device(
    device: Device,
    service_point: ServicePoint,
    role: DeviceRole,
    valid_from: datetime,
    *,
    recorded_at: datetime,
    actor: str,
) -> DevicePeriod:
    """Put a device at a service point; raises PeriodOverlap where place or device is taken."""
    try:
        with transaction.atomic():
            period = DevicePeriod.objects.create(
                id=_next_id(bucket_of(service_point.id)),
                service_point=service_point,
                device=device,
                role=role,
                valid_from=valid_from,
                recorded_at=recorded_at,
                actor=actor,
            )
            _changed(device.id)
    except IntegrityError as error:
        raise PeriodOverlap(
            f"meter {device.serial} at {service_point.consumer_number} from {valid_from}: "
            "the meter is somewhere else then, or another one is in its place"
        ) from error
    return period


def end_device_period(device_id: int, ended_at: datetime) -> DevicePeriod:
    """Take a device away at `ended_at`; raises NoOpenPeriod where it is nowhere."""
    with transaction.atomic():
        period = DevicePeriod.objects.select_for_update().filter(device_id=device_id, valid_to=None).first()
        if period is None or ended_at <= period.valid_from:
            raise NoOpenPeriod(f"device {device_id} has no period that could end at {ended_at}")
        period.valid_to = ended_at
        period.save(update_fields=["valid_to"])
        _changed(device_id)
    return period


def put_up_transformer(
    code: str, *, feeder: str, name: str = "", recorded_at: datetime, actor: str
) -> Transformer:
    """A transformer by its code; the one that is there, where it is there on the same feeder.

    Raises TransformerConflict where the code is known on another feeder.
    """
    made = Transformer(
        id=_next_number(), code=code, feeder=feeder, name=name, recorded_at=recorded_at, actor=actor
    )
    Transformer.objects.bulk_create([made], ignore_conflicts=True)
    known = Transformer.objects.get(code=code)
    if known.feeder != feeder:
        raise TransformerConflict(f"transformer {code} hangs on feeder {known.feeder}, not on {feeder}")
    return known


def project_all_again() -> int:
    """Let the key-value store be written anew, as after its loss; the number of devices."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_projection SET version = greatest(version, projected_version) + 1")
        return cursor.rowcount


def _next_id(bucket: int) -> int:
    return compose_id(bucket, _next_number())


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('registry_number')")
        return int(cursor.fetchone()[0])


def _bump_revision() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_revision SET revision = revision + 1")


def _changed(device_id: int) -> None:
    """Tell ingest and projection, in the transaction of the change."""
    _bump_revision()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO registry_projection (device_id, version, projected_version) VALUES (%s, 1, 0)"
            " ON CONFLICT (device_id) DO UPDATE SET version = registry_projection.version + 1",
            [device_id],
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


def _make_supply(adoption: Hanging, premise_name: str, bucket: int, stamp: dict) -> ServicePoint:
    premise = Premise.objects.create(id=_next_id(bucket), name=premise_name, **stamp)
    return ServicePoint.objects.create(
        id=_next_id(bucket),
        premise=premise,
        transformer=_transformer(adoption.transformer),
        commodity=Commodity.ELECTRICITY,
        consumer_number=adoption.consumer_number or adoption.serial,
        **stamp,
    )


def _transformer(code: str | None) -> Transformer | None:
    if code is None:
        return None
    found = Transformer.objects.filter(code=code).first()
    if found is None:
        raise TransformerConflict(f"there is no transformer {code}")
    return found


def _make_device(adoption: Hanging, bucket: int, stamp: dict) -> Device:
    return Device.objects.create(
        id=_next_id(bucket),
        serial=adoption.serial,
        system_title=adoption.system_title,
        device_type=adoption.device_type,
        load_switch=adoption.load_switch,
        wrapped_guek=adoption.wrapped_guek,
        wrapped_gak=adoption.wrapped_gak,
        address=adoption.address,
        interval_s=adoption.interval_s,
        max_power_w=adoption.max_power_w,
        **stamp,
    )


def _make_agreement(adoption: Adoption, service_point: ServicePoint, stamp: dict) -> Agreement:
    bucket = bucket_of(service_point.id)
    account = open_account(bucket=bucket, currency=adoption.currency, opened_at=adoption.valid_from)
    return Agreement.objects.create(
        id=_next_id(bucket),
        service_point=service_point,
        account=account,
        tariff_code=adoption.tariff_code,
        sanctioned_load_w=adoption.sanctioned_load_w,
        valid_from=adoption.valid_from,
        **stamp,
    )


def _give_access(adoption: Adoption, account_id: int, stamp: dict) -> int:
    users = get_user_model()
    email = adoption.email.strip().lower()
    user = users.objects.filter(email=email).order_by("id").first()
    if user is None:
        user = users(
            username=email, email=email, first_name=adoption.person_name, date_joined=stamp["recorded_at"]
        )
        # People sign in by a code; there is no password to guess.
        user.set_unusable_password()
        user.save()
    AccountAccess.objects.create(
        id=_next_id(bucket_of(account_id)),
        user=user,
        account_id=account_id,
        role=AccessRole.OWNER,
        language=adoption.language,
        # As people write it: 98123 45678, 98123-45678.
        phone=re.sub(r"[\s()-]", "", adoption.phone) if adoption.phone else None,
        **stamp,
    )
    return user.id
