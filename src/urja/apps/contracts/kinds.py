"""How supply is paid for and metered, and what other apps see of an agreement."""

from datetime import datetime
from typing import Protocol

from django.db.models import TextChoices


class PaymentMode(TextChoices):
    PREPAID = "prepaid"
    POSTPAID = "postpaid"


class MeteringMode(TextChoices):
    """Whether energy that flows back is counted for itself."""

    FORWARD = "forward"
    NET = "net"


class Terms(Protocol):
    """On which terms an agreement holds, for a time (`models.AgreementTerms`)."""

    valid_from: datetime
    valid_to: datetime | None
    tariff_code: str
    sanctioned_load_w: int
    category: str
    policy: str
    payment_mode: str
    converted_at: datetime | None
    metering_mode: str


class Agreement(Protocol):
    """Who pays for a service point, for a time (`models.Agreement`)."""

    id: int
    service_point_id: int
    account_id: int
    customer_id: int | None
    valid_from: datetime
    valid_to: datetime | None
    billing_day: int | None
    all_terms: tuple[Terms, ...]
    follows_at: datetime | None

    def terms_at(self, at: datetime) -> Terms:
        """The terms at an instant; before the agreement its first, after it its last."""
