"""Meters: what they are, where they hang, what they were told to be, and what has sealed them."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from urja.apps.assets.kinds import ConfigurationItem, DeviceRole, Stock
from urja.apps.journal.periods import Period, Recorded, ends_after_it_begins, one_at_a_time, same


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
    wrapped_hls_secret = models.BinaryField(max_length=24, null=True)
    """The secret of the utility association, for a type of HLS mechanism 2; wrapped like the keys."""
    wrapped_master = models.BinaryField(max_length=24, null=True)
    """Wraps new keys on their way to the meter; none where it is not known, and its keys cannot be changed."""
    address = models.CharField(max_length=80, null=True)  # noqa: DJ001 - none is not an empty address
    """Where a meter is that does not dial (`urja.base.meter_address`); none where it dials out."""
    sim = models.CharField(max_length=22, null=True, unique=True)  # noqa: DJ001 - none is not an empty number
    """ICCID of its SIM; none where it has none."""
    firmware = models.CharField(max_length=64, blank=True, default="", db_default="")
    nameplate = models.JSONField(default=dict, db_default={})
    """What the meter says of itself (IS 15959: manufacturer, year, rating, category), as read."""
    stock = models.CharField(
        max_length=16, choices=Stock, default=Stock.INSTALLED, db_default=Stock.INSTALLED
    )
    held_by = models.CharField(max_length=100, blank=True, default="", db_default="")
    """The store or fitter that has it while it hangs nowhere."""
    interval_s = models.IntegerField()
    max_power_w = models.IntegerField()
    """What the meter can carry; a block above it is no measurement."""
    load_switch = models.BooleanField(default=True, db_default=True)
    """Whether it can be told to cut; one on current transformers cannot, and a person switches beside it."""
    forward_only = models.BooleanField(default=False, db_default=False)
    """Whether it counts energy that flows back as energy drawn: no meter for a net-metered agreement."""

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(interval_s__in=[900, 1800, 3600]), name="assets_interval"),
            models.CheckConstraint(condition=Q(max_power_w__gt=0), name="assets_max_power"),
        ]

    def __str__(self) -> str:
        return self.serial


class NewKeys(models.Model):
    """Keys that a meter is being given. It may have taken them, so they stay until it has proven them, and no others are
    put in their place; `Device` has those before.
    """

    device = models.OneToOneField(Device, on_delete=models.PROTECT, primary_key=True, related_name="new_keys")
    number = models.BigIntegerField()
    """Of the command by which a head end has made them."""
    wrapped_guek = models.BinaryField(max_length=24)
    wrapped_gak = models.BinaryField(max_length=24)
    wrapped_hls_secret = models.BinaryField(max_length=24, null=True)
    seal = models.BinaryField(max_length=32)
    """The head end's, over the keys and the meter that they are for."""
    made_at = models.DateTimeField()

    class Meta:
        db_table = "assets_new_keys"

    def __str__(self) -> str:
        return f"new keys {self.number} of device {self.device_id}"


class DevicePeriod(Period):
    """A device at a service point in a role, for a time. Nothing is billed before it is in service.

    It is put into service by a call that it passes (`commissioned_at`), or was in service elsewhere before it was known
    here (`taken_over_at`): then its register is believed as people read it and as it is pulled, and what it pushes counts
    only once it is commissioned too.
    """

    id = models.BigIntegerField(primary_key=True)
    service_point = models.ForeignKey(
        "network.ServicePoint", on_delete=models.PROTECT, related_name="device_periods"
    )
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="periods")
    role = models.SmallIntegerField(choices=DeviceRole)
    ratio_primary = models.IntegerField(default=1, db_default=1)
    ratio_secondary = models.IntegerField(default=1, db_default=1)
    """CT and PT ratio that the meter does not apply itself: energy is primary / secondary of what it counts."""
    commissioned_at = models.DateTimeField(null=True)
    taken_over_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "assets_device_period"
        constraints: ClassVar = [
            ends_after_it_begins("assets_device_period"),
            models.CheckConstraint(
                condition=Q(ratio_primary__gt=0, ratio_secondary__gt=0), name="assets_ratio"
            ),
            one_at_a_time("assets_one_device_per_role", same("service_point"), same("role", "int4range")),
            one_at_a_time("assets_device_in_one_place", same("device")),
        ]

    def __str__(self) -> str:
        return f"device {self.device_id} at {self.service_point_id} from {self.valid_from}"

    @property
    def in_service_at(self) -> datetime | None:
        """From when on it is billed by; statements have the function `in_service_at`."""
        return self.taken_over_at or self.commissioned_at


class Seal(Recorded):
    """A seal on a device."""

    id = models.BigIntegerField(primary_key=True)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="seals")
    number = models.CharField(max_length=32, unique=True)
    place = models.CharField(max_length=32, blank=True, default="")
    """`terminal cover`, `meter box` ..."""
    applied_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(removed_at=None) | Q(removed_at__gte=F("applied_at")), name="assets_seal_times"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Configuration(Recorded):
    """One item of a device's configuration, as it should be and as it was last seen."""

    id = models.BigIntegerField(primary_key=True)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="configuration")
    item = models.CharField(max_length=16, choices=ConfigurationItem)
    desired = models.CharField(max_length=64, null=True)  # noqa: DJ001 - none is no wish
    desired_at = models.DateTimeField(null=True)
    actual = models.CharField(max_length=64, null=True)  # noqa: DJ001 - none was not read
    actual_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["device", "item"], name="assets_one_configuration"),
        ]

    def __str__(self) -> str:
        return f"{self.item} of device {self.device_id}"


class Projection(models.Model):
    """A device whose entry in the broker's key-value store must follow: due while `version` is ahead.

    Two counters instead of a log of changes: a log read by position misses the transaction that took its
    number early and committed late.
    """

    device = models.OneToOneField(Device, primary_key=True, on_delete=models.PROTECT)
    version = models.BigIntegerField(default=1)
    projected_version = models.BigIntegerField(default=0)
    digest = models.BinaryField(db_default=b"")
    """Of the entry that was last written (`urja.stream.contents`); empty before."""

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["device"],
                condition=Q(version__gt=F("projected_version")),
                name="assets_projection_due",
            ),
        ]

    def __str__(self) -> str:
        return f"projection of device {self.device_id}"
