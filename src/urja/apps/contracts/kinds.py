"""How supply is paid for and metered."""

from django.db.models import TextChoices


class PaymentMode(TextChoices):
    PREPAID = "prepaid"
    POSTPAID = "postpaid"


class MeteringMode(TextChoices):
    """Whether energy that flows back is counted for itself."""

    FORWARD = "forward"
    NET = "net"
