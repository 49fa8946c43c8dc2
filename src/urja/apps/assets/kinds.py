"""States, roles and configuration items of devices, and the parts of their models that other apps use."""

from django.db.models import IntegerChoices, TextChoices


class Stock(TextChoices):
    """Where a device is between delivery and scrap. It has an open installation exactly while it is `installed`."""

    DELIVERED = "delivered"
    TESTED = "tested"
    ISSUED = "issued"
    """Handed to a fitter."""
    INSTALLED = "installed"
    REMOVED = "removed"
    SCRAPPED = "scrapped"


class DeviceRole(IntegerChoices):
    """What a device measures at its service point. Only the registers of a billing device are rated."""

    BILLING = 1
    CHECK = 2
    GENERATION = 3
    SOURCE = 4


class ConfigurationItem(TextChoices):
    """A setting of a meter that the utility decides. Desired and actual value may differ for a time."""

    PAYMENT_MODE = "payment_mode"
    METERING_MODE = "metering_mode"
    LOAD_LIMIT_W = "load_limit_w"
    BILLING_DAY = "billing_day"
