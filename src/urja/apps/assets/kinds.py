"""What devices are and what is said of them, and what other apps see of one and of its time at a service point."""

from datetime import datetime
from typing import Protocol

from django.db.models import IntegerChoices, TextChoices


class Stock(TextChoices):
    """Where a device is in its life. It hangs somewhere exactly while it is installed."""

    DELIVERED = "delivered"
    TESTED = "tested"
    ISSUED = "issued"
    """In the hands of a fitter."""
    INSTALLED = "installed"
    REMOVED = "removed"
    SCRAPPED = "scrapped"


class DeviceRole(IntegerChoices):
    """What a device measures at its service point. Only a billing device's registers are rated."""

    BILLING = 1
    CHECK = 2
    GENERATION = 3
    SOURCE = 4


class ConfigurationItem(TextChoices):
    """What a meter is told to be. What it is may differ: then a command or a person has to go there."""

    PAYMENT_MODE = "payment_mode"
    METERING_MODE = "metering_mode"
    LOAD_LIMIT_W = "load_limit_w"
    BILLING_DAY = "billing_day"


class Device(Protocol):
    """A meter (`models.Device`)."""

    id: int
    serial: str
    device_type: str
    firmware: str
    max_power_w: int


class DevicePeriod(Protocol):
    """A device at a service point in a role, for a time (`models.DevicePeriod`)."""

    id: int
    device_id: int
    service_point_id: int
    role: int
    valid_from: datetime
    valid_to: datetime | None
    commissioned_at: datetime | None
