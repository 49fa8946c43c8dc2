"""How supply is paid for and metered, and what other apps see of an agreement."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import TextChoices


class PaymentMode(TextChoices):
    PREPAID = "prepaid"
    POSTPAID = "postpaid"


class MeteringMode(TextChoices):
    """Whether energy that flows back is counted for itself."""

    FORWARD = "forward"
    NET = "net"


@dataclass(frozen=True, slots=True)
class Terms:
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


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who pays for a service point, for a time (`models.Agreement`), with all its terms in their order."""

    all_terms: tuple[Terms, ...]
    id: int
    service_point_id: int
    account_id: int
    customer_id: int | None
    valid_from: datetime
    valid_to: datetime | None
    billing_day: int | None
    follows_at: datetime | None
    """When the agreement before it at its service point ended."""

    def terms_at(self, at: datetime) -> Terms:
        """The terms at an instant; before the agreement its first, after it its last."""
        begun = [terms for terms in self.all_terms if terms.valid_from <= at]
        return begun[-1] if begun else self.all_terms[0]
