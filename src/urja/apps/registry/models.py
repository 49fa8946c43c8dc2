"""Premises, service points, devices, agreements and the people who may see them.

Periods are half-open, `[valid_from, valid_to)`, with an empty upper bound while they last. That two of them do
not overlap is the database's to say, also between two transactions that do not see each other: exclusion
constraints on `int8range(id, id, '[]')`, which the core GiST operator classes index, so that no extension is
needed. Keys carry the bucket of their premise in the upper bits (`urja.base.ids`).
"""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary
from django.db import models
from django.db.models import F, Func, Q, Value

from urja.apps.ledger.models import Account
from urja.base.ids import bucket_of


def _same(field: str, function: str = "int8range") -> tuple[Func, str]:
    """The rows whose `field` is equal, in words that core GiST can index."""
    return Func(F(field), F(field), Value("[]"), function=function), "&&"


_OVERLAPPING = (
    Func(
        F("valid_from"),
        F("valid_to"),
        RangeBoundary(),
        function="tstzrange",
        output_field=DateTimeRangeField(),
    ),
    "&&",
)


def _ends_after_it_begins(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")), name=f"{name}_ends_after_it_begins"
    )


class Recorded(models.Model):
    """When, by the business clock, a row was written and by whom (a user's name, a command, a stage)."""

    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)

    class Meta:
        abstract = True


class Premise(Recorded):
    """A place that is supplied. Its bucket is drawn once and inherited by everything that hangs on it."""

    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=200)

    class Meta:
        db_table = "registry_premise"

    def __str__(self) -> str:
        return self.name

    @property
    def bucket(self) -> int:
        return bucket_of(self.id)


class Commodity(models.TextChoices):
    """What flows through a service point."""

    ELECTRICITY = "electricity"
    GAS = "gas"


class Transformer(Recorded):
    """A distribution transformer: what is switched is bounded and staggered per transformer."""

    id = models.BigIntegerField(primary_key=True)
    code = models.CharField(max_length=32, unique=True)
    feeder = models.CharField(max_length=32)
    name = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "registry_transformer"

    def __str__(self) -> str:
        return self.code


class ServicePoint(Recorded):
    """A connection. The consumer number belongs to it, not to the person who lives behind it."""

    id = models.BigIntegerField(primary_key=True)
    premise = models.ForeignKey(Premise, on_delete=models.PROTECT, related_name="service_points")
    transformer = models.ForeignKey(
        Transformer, on_delete=models.PROTECT, null=True, related_name="service_points"
    )
    commodity = models.CharField(max_length=16, choices=Commodity, default=Commodity.ELECTRICITY)
    consumer_number = models.CharField(max_length=32, unique=True)

    class Meta:
        db_table = "registry_service_point"

    def __str__(self) -> str:
        return self.consumer_number


class Device(Recorded):
    """A meter: what its head end must know to talk to it, and what its readings are judged by.

    Keys are wrapped (RFC 3394) before they come here; the key that wraps them is not in the database.
    """

    id = models.BigIntegerField(primary_key=True)
    serial = models.CharField(max_length=32, unique=True)
    system_title = models.BinaryField(max_length=8, unique=True)
    device_type = models.CharField(max_length=64)
    wrapped_guek = models.BinaryField(max_length=24)
    wrapped_gak = models.BinaryField(max_length=24)
    address = models.CharField(max_length=80, null=True)  # noqa: DJ001 - none is not an empty address
    """`host:port` of a meter that listens; none where the meter dials out."""
    interval_s = models.IntegerField()
    max_power_w = models.IntegerField()
    """What the meter can carry; a block above it is no measurement."""
    load_switch = models.BooleanField(default=True, db_default=True)
    """Whether it can be told to cut; one on current transformers cannot, and a person switches beside it."""

    class Meta:
        db_table = "registry_device"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(interval_s__in=[900, 1800, 3600]), name="registry_interval"),
            models.CheckConstraint(condition=Q(max_power_w__gt=0), name="registry_max_power"),
        ]

    def __str__(self) -> str:
        return self.serial


class DeviceRole(models.IntegerChoices):
    """What a device measures at its service point. Only a billing device's registers are rated."""

    BILLING = 1
    CHECK = 2
    GENERATION = 3
    SOURCE = 4


class DevicePeriod(Recorded):
    """A device at a service point in a role, for a time."""

    id = models.BigIntegerField(primary_key=True)
    service_point = models.ForeignKey(ServicePoint, on_delete=models.PROTECT, related_name="device_periods")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="periods")
    role = models.SmallIntegerField(choices=DeviceRole)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        db_table = "registry_device_period"
        constraints: ClassVar = [
            _ends_after_it_begins("registry_device_period"),
            ExclusionConstraint(
                name="registry_one_device_per_role",
                expressions=[_same("service_point"), _same("role", "int4range"), _OVERLAPPING],
            ),
            ExclusionConstraint(
                name="registry_device_in_one_place", expressions=[_same("device"), _OVERLAPPING]
            ),
        ]

    def __str__(self) -> str:
        return f"device {self.device_id} at {self.service_point_id} from {self.valid_from}"


class Agreement(Recorded):
    """A supply agreement: who pays for a service point, under which tariff, for a time.

    Every interval a person sees goes through it, so a new tenant never sees the old one's life.
    """

    id = models.BigIntegerField(primary_key=True)
    service_point = models.ForeignKey(ServicePoint, on_delete=models.PROTECT, related_name="agreements")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="agreements")
    tariff_code = models.CharField(max_length=64)
    sanctioned_load_w = models.IntegerField()
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        db_table = "registry_agreement"
        constraints: ClassVar = [
            _ends_after_it_begins("registry_agreement"),
            models.CheckConstraint(condition=Q(sanctioned_load_w__gt=0), name="registry_sanctioned_load"),
            ExclusionConstraint(
                name="registry_one_agreement", expressions=[_same("service_point"), _OVERLAPPING]
            ),
        ]

    def __str__(self) -> str:
        return f"agreement {self.id} from {self.valid_from}"


PHONE = r"^\+?[0-9]{8,15}$"
"""What a telephone number looks like."""


class AccessRole(models.TextChoices):
    """What a person is to an account."""

    OWNER = "owner"
    MEMBER = "member"


class AccountAccess(Recorded):
    """A person who may see an account, and the language they are written to in."""

    id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="accesses")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="accesses")
    role = models.CharField(max_length=16, choices=AccessRole)
    language = models.CharField(max_length=8, default="en")
    phone = models.CharField(max_length=16, null=True)  # noqa: DJ001 - none is not an empty number
    """Where messages go, digits with an optional plus before them; none where nobody has given one."""

    class Meta:
        db_table = "registry_account_access"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(phone=None) | Q(phone__regex=PHONE), name="registry_phone_is_a_number"
            ),
            models.UniqueConstraint(fields=["user", "account"], name="registry_one_access"),
        ]

    def __str__(self) -> str:
        return f"{self.role} of account {self.account_id}"


class Projection(models.Model):
    """A device whose entry in the broker's key-value store must follow: due while `version` is ahead.

    Two counters instead of a log of changes: a log read by position misses the transaction that took its
    number early and committed late.
    """

    device = models.OneToOneField(Device, primary_key=True, on_delete=models.PROTECT)
    version = models.BigIntegerField(default=1)
    projected_version = models.BigIntegerField(default=0)

    class Meta:
        db_table = "registry_projection"
        indexes: ClassVar = [
            models.Index(
                fields=["device"],
                condition=Q(version__gt=F("projected_version")),
                name="registry_projection_due",
            ),
        ]

    def __str__(self) -> str:
        return f"projection of device {self.device_id}"
