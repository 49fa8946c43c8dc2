"""What devices are and what is said of them."""

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
