"""Meters, their keys, installations, seals and configuration."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from urja.apps.assets.kinds import ConfigurationItem, DeviceRole, Stock
from urja.apps.journal.periods import Period, Recorded, ends_after_it_begins, one_at_a_time, same
from urja.apps.network.kinds import Commodity


class Device(Recorded):
    """A meter: what the head end needs to communicate with it, and what its readings are validated by.

    Keys are wrapped (RFC 3394) before they are stored; the key-encryption key is not in the database.
    """

    id = models.BigIntegerField(primary_key=True)
    serial = models.CharField(max_length=32, unique=True)
    system_title = models.BinaryField(max_length=8, unique=True)
    """8 bytes, unique worldwide (IEC 62056-5-3)."""
    device_type = models.CharField(max_length=64)
    commodity = models.CharField(
        max_length=16, choices=Commodity, default=Commodity.ELECTRICITY, db_default=Commodity.ELECTRICITY
    )
    """What it measures, as its type says: it is installed only at a service point that supplies the same."""
    wrapped_guek = models.BinaryField(max_length=24)
    """Global unicast encryption key, wrapped: 16 bytes and 8 of RFC 3394."""
    wrapped_gak = models.BinaryField(max_length=24)
    """Global authentication key, wrapped."""
    wrapped_hls_secret = models.BinaryField(max_length=24, null=True)
    """Wrapped secret of the utility association, for a type with HLS mechanism 2."""
    wrapped_master = models.BinaryField(max_length=24, null=True)
    """Wrapped master key, with which new keys are wrapped for the meter. None: its keys cannot be changed."""
    address = models.CharField(max_length=80, null=True)  # noqa: DJ001 - none is not an empty address
    """Where the head end reaches a meter that does not dial out (`urja.base.meter_address`); none where it dials out.
    """
    sim = models.CharField(max_length=22, null=True, unique=True)  # noqa: DJ001 - none is not an empty number
    """ICCID of its SIM; none where it has no SIM."""
    firmware = models.CharField(max_length=64, blank=True, default="", db_default="")
    nameplate = models.JSONField(default=dict, db_default={})
    """Manufacturer, year, rating and category as read from the meter (IS 15959)."""
    stock = models.CharField(
        max_length=16, choices=Stock, default=Stock.INSTALLED, db_default=Stock.INSTALLED
    )
    held_by = models.CharField(max_length=100, blank=True, default="", db_default="")
    """The store or the fitter that holds it while it is not installed."""
    interval_s = models.IntegerField()
    """Length of its load profile's intervals, in seconds."""
    max_power_w = models.IntegerField()
    """The most that the meter can carry, in W. An interval above it is not a measurement."""
    load_switch = models.BooleanField(default=True, db_default=True)
    """Whether it has a relay that can disconnect.

    A meter on current transformers has none; a person operates a switch beside it.
    """
    clock_offset_s = models.IntegerField(null=True)
    """Offset of its clock from UTC all year, in seconds east; None where it follows the utility's local time."""
    forward_only = models.BooleanField(default=False, db_default=False)
    """Whether it counts exported energy as imported: it cannot be used for a net-metered agreement."""

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(interval_s__in=[900, 1800, 3600]), name="assets_interval"),
            models.CheckConstraint(
                condition=Q(clock_offset_s=None) | Q(clock_offset_s__range=(-43_200, 50_400)),
                name="assets_clock_offset",
            ),
            models.CheckConstraint(condition=Q(max_power_w__gt=0), name="assets_max_power"),
        ]

    def __str__(self) -> str:
        return self.serial


class NewKeys(models.Model):
    """New keys of a meter that are not proven yet; `Device` holds the keys before.

    The meter may have taken them already, so the row stays until it has proven them, and no other keys replace them.
    """

    device = models.OneToOneField(Device, on_delete=models.PROTECT, primary_key=True, related_name="new_keys")
    number = models.BigIntegerField()
    """Number of the command by which a head end made them."""
    wrapped_guek = models.BinaryField(max_length=24)
    wrapped_gak = models.BinaryField(max_length=24)
    wrapped_hls_secret = models.BinaryField(max_length=24, null=True)
    seal = models.BinaryField(max_length=32)
    """The head end's seal over the keys, the command's number and the meter, 32 bytes."""
    made_at = models.DateTimeField()

    class Meta:
        db_table = "assets_new_keys"

    def __str__(self) -> str:
        return f"new keys {self.number} of device {self.device_id}"


class DevicePeriod(Period):
    """The installation of a device at a service point in a role, for a period. Billed only once it is in service.

    It comes into service by a commissioning call that it passes (`commissioned_at`), or was in service before it came
    here (`taken_over_at`). In the second case its registers are billed as read by people or pulled, and its pushes
    count only once it is commissioned as well.
    """

    id = models.BigIntegerField(primary_key=True)
    service_point = models.ForeignKey(
        "network.ServicePoint", on_delete=models.PROTECT, related_name="device_periods"
    )
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="periods")
    role = models.SmallIntegerField(choices=DeviceRole)
    ratio_primary = models.IntegerField(default=1, db_default=1)
    ratio_secondary = models.IntegerField(default=1, db_default=1)
    """Transformer ratio that the meter does not apply itself.

    Energy is what the meter counts times primary, divided by secondary.
    """
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
        """When it came into service, or None. The same as the database function `in_service_at`."""
        return self.taken_over_at or self.commissioned_at


class Seal(Recorded):
    """A numbered seal on a device."""

    id = models.BigIntegerField(primary_key=True)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="seals")
    number = models.CharField(max_length=32, unique=True)
    place = models.CharField(max_length=32, blank=True, default="")
    """Where it is applied, such as `terminal cover` or `meter box`."""
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
    """One configuration item of a device: the desired value, and the actual one as last reported."""

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
    """A device's entry in the broker's key-value store: due to be written while `version` is greater.

    Two counters instead of a log of changes: a reader of a log by position would miss the transaction that took its
    number early and committed late.
    """

    device = models.OneToOneField(Device, primary_key=True, on_delete=models.PROTECT)
    version = models.BigIntegerField(default=1)
    """Version of the entry as the registry has it."""
    projected_version = models.BigIntegerField(default=0)
    """Version that was last written to the store."""
    digest = models.BinaryField(db_default=b"")
    """Digest of the entry that was last written (`urja.stream.bucket_contents`); empty before the first."""

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
