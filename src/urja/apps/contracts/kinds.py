"""Payment and metering modes, and agreements with their terms as values."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import TextChoices


class PaymentMode(TextChoices):
    """Whether a supply is paid for in advance."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"


class MeteringMode(TextChoices):
    """Whether exported energy is counted separately."""

    FORWARD = "forward"
    NET = "net"


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of an agreement, for a time."""

    valid_from: datetime
    valid_to: datetime | None
    tariff_code: str
    """Code of its tariff."""
    sanctioned_load_w: int
    """Sanctioned load in W."""
    category: str
    """Consumer category, which selects the policy where `policy` is empty."""
    policy: str
    """Code of a policy that applies whatever the category; mostly empty."""
    payment_mode: str
    converted_at: datetime | None
    """When the supply became prepaid; None where it always was, or is not."""
    metering_mode: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who pays for a service point, for a time, with all its terms in their order."""

    all_terms: tuple[Terms, ...]
    id: int
    service_point_id: int
    account_id: int
    customer_id: int | None
    valid_from: datetime
    valid_to: datetime | None
    billing_day: int | None
    """First day of its billing periods, 1 to 28; None where its tariff says so."""
    follows_at: datetime | None
    """When the agreement before it at its service point ended; None for the first."""

    def terms_at(self, at: datetime) -> Terms:
        """Return the terms at an instant: before the agreement its first, after it its last."""
        begun = [terms for terms in self.all_terms if terms.valid_from <= at]
        return begun[-1] if begun else self.all_terms[0]
