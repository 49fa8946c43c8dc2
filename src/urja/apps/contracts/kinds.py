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
    in_service_at: datetime | None
    """When the supply of its service point first came into service (`assets.supply_in_service`); None before that."""

    @property
    def charged_from(self) -> datetime | None:
        """The instant from which it is charged: its beginning, or when its supply came into service where that was
        later.

        None where the supply has not come into service during the agreement.
        """
        if self.in_service_at is None or (self.valid_to is not None and self.in_service_at >= self.valid_to):
            return None
        return max(self.valid_from, self.in_service_at)

    def is_supplied(self, at: datetime) -> bool:
        """Return whether its supply has come into service by an instant (UTC).

        Before that, nothing is charged to it, and no notice, disconnection or work order is begun for it.
        """
        return self.charged_from is not None and self.charged_from <= at

    def terms_at(self, at: datetime) -> Terms:
        """Return the terms at an instant: before the agreement its first, after it its last."""
        begun = [terms for terms in self.all_terms if terms.valid_from <= at]
        return begun[-1] if begun else self.all_terms[0]
