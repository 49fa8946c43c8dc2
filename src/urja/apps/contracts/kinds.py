"""Payment and metering modes, and agreements with their terms as values."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db.models import TextChoices


class PaymentMode(TextChoices):
    """Whether a supply is paid for in advance."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"


OTHER_LOADS: Final = ("sanctioned_load_va", "contracted_load_w", "contracted_load_va")
"""Names of the loads that terms may state besides the sanctioned load in W."""
OTHER_TERMS: Final = (*OTHER_LOADS, "carpet_area_dm2")
"""Names of all integers above zero that terms may state."""


class ModeChangeState(TextChoices):
    """State of an agreement in an order that changes payment modes. Each but the first is final."""

    WAITING = "waiting"
    """Its turn has not come: the order can still be stopped for it."""
    DONE = "done"
    REFUSED = "refused"
    """It could not be in the order, or could not be converted when its turn came."""
    LEFT = "left"
    """The order was stopped before its turn; it keeps the payment mode that it has."""


class MeteringMode(TextChoices):
    """Whether exported energy is counted separately."""

    FORWARD = "forward"
    NET = "net"


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of an agreement, for a period."""

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
    sanctioned_load_va: int | None = None
    """Sanctioned load in VA; None where it is not stated, as for the contracted load in W and VA."""
    contracted_load_w: int | None = None
    contracted_load_va: int | None = None
    carpet_area_dm2: int | None = None
    """Carpet area in hundredths of a square metre, by which common areas may be shared; None where it is not stated."""

    @property
    def other_loads(self) -> dict[str, int]:
        """The loads that are stated besides the sanctioned load in W, by their names, in W and VA."""
        return {name: load for name in OTHER_LOADS if (load := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Agreement:
    """The payer for a service point over a period, with all terms in their order."""

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
    bill_from: date | None = None
    """Local day from which it has fixed charges although its supply may not be in service yet; None for none."""
    bill_from_at: datetime | None = None
    """Local midnight of that day."""
    commodity: str = "electricity"
    """What its service point supplies. Amounts that bill it are in Wh of electricity or in litres of gas."""

    @property
    def charged_from(self) -> datetime | None:
        """The instant from which it is charged: when its supply came into service or its fixed charges began, whichever
        was earlier, and not before its own beginning.

        None where neither was during the agreement. Energy is charged only from when the supply is in service.
        """
        begun = [at for at in (self.in_service_at, self.bill_from_at) if at is not None]
        return self._within(min(begun, default=None))

    def is_supplied(self, at: datetime) -> bool:
        """Return whether its supply has come into service by an instant (UTC).

        Before that, no energy is charged to it, and no notice, disconnection or work order is begun for it.
        """
        supplied_from = self._within(self.in_service_at)
        return supplied_from is not None and supplied_from <= at

    def has_ended(self, at: datetime) -> bool:
        """Return whether it is over at an instant (UTC)."""
        return self.valid_to is not None and self.valid_to <= at

    def _within(self, at: datetime | None) -> datetime | None:
        """Return an instant, not before the agreement; None where it is not before its end."""
        if at is None or (self.valid_to is not None and at >= self.valid_to):
            return None
        return max(self.valid_from, at)

    def terms_at(self, at: datetime) -> Terms:
        """Return the terms at an instant (UTC): before the agreement its first, after it its last."""
        begun = [terms for terms in self.all_terms if terms.valid_from <= at]
        return begun[-1] if begun else self.all_terms[0]
